"""What rtpengine says is taken only where it is what was asked for: what it does not understand it answers with ok."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from gateway.errors import AnchorError
from gateway.media.anchor import Protection
from gateway.media.rtpengine import wording
from gateway.media.rtpengine.wording import PLAIN, Line, Wanted
from mappings.description import Codec, Ice, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Role

HEAD = ["v=0", "o=- 1 1 IN IP4 192.0.2.6", "s=-", "c=IN IP4 192.0.2.6", "t=0 0"]
AUDIO = ["m=audio 30000 RTP/AVP 0", "a=rtcp:30001"]
CANDIDATE = "a=candidate:x 1 UDP 2130706431 192.0.2.6 30000 typ host"
ICE = ["a=ice-ufrag:abcd", "a=ice-pwd:0123456789abcdef012345", CANDIDATE]
DTLS = ["a=fingerprint:sha-256 " + ":".join(["AB"] * 32), "a=setup:passive"]
KEY = "A" * 40
SDES = [f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"]
BARE = [f"a=crypto:1 NULL_HMAC_SHA1_80 inline:{KEY}"]
WEB = Wanted(ice=True, protection=Protection.DTLS, mux=True, feedback=True)
PCMU = Codec(id=0, name="PCMU", clockrate=8000)
OPUS = Codec(id=109, name="opus", clockrate=48000, channels=2)
LINES = (Line(kind="audio", said=None, codecs=(PCMU,)),)


def read(
    lines: Sequence[str],
    wanted: Wanted,
    *,
    streams: Sequence[Line] = LINES,
    made: Mapping[int, Sequence[Codec]] = {},
) -> wording.Transports:
    sdp = "\r\n".join([*HEAD, *lines, ""])
    return wording.read(sdp, streams, wanted, Role.INITIATOR, answer=False, made=made)


def test_what_was_asked_for_is_taken() -> None:
    (transport, encryption) = read(AUDIO, PLAIN)[0]
    assert isinstance(transport, RawUdp)
    assert [(one.ip, one.port) for one in transport.candidates] == [("192.0.2.6", 30000), ("192.0.2.6", 30001)]
    assert encryption is None
    web, _ = read(["m=audio 30000 UDP/TLS/RTP/SAVPF 0", "a=rtcp-mux", *ICE, *DTLS], WEB)[0]
    assert isinstance(web, Ice)
    assert web.gathering_complete is not None
    _, keys = read(["m=audio 30000 RTP/SAVP 0", *SDES], replace(PLAIN, protection=Protection.SDES))[0]
    assert keys is not None
    assert keys.required


@pytest.mark.parametrize(
    ("lines", "wanted", "complaint"),
    [
        ([*AUDIO, *ICE], PLAIN, "ICE is not as it was asked for"),
        ([*AUDIO, *DTLS], PLAIN, "DTLS is not as it was asked for"),
        ([*AUDIO, *DTLS], replace(WEB, ice=True), "ICE is not as it was asked for"),
        ([*AUDIO, *ICE], WEB, "DTLS is not as it was asked for"),
        ([*AUDIO, *ICE[:2], *DTLS], WEB, "ICE without a candidate"),
        (AUDIO, replace(PLAIN, protection=Protection.SDES), "SDES is not as it was asked for"),
        (
            ["m=audio 30000 RTP/SAVP 0", *BARE],
            replace(PLAIN, protection=Protection.SDES),
            "without a key that can be used",
        ),
        (["m=audio 30000 RTP/SAVP 0", *SDES], PLAIN, "SDES is not as it was asked for"),
        (["m=audio 0 RTP/AVP 0"], PLAIN, "no port for audio"),
        ([], PLAIN, "no m= line"),
        (["m=audio 30000 RTP/AVP"], PLAIN, "rtpengine: "),
    ],
)
def test_what_was_not_asked_for_is_refused(lines: list[str], wanted: Wanted, complaint: str) -> None:
    with pytest.raises(AnchorError, match=complaint) as refused:
        read(lines, wanted)
    assert (refused.value.reason, refused.value.status) == (EndReason.FAILED_TRANSPORT, 503)


@pytest.mark.parametrize("format_", ["m=audio 30000 RTP/AVP 0", "m=audio 30000 RTP/AVP 96"])
def test_a_format_that_it_does_not_make_or_under_another_number_is_refused(format_: str) -> None:
    with pytest.raises(AnchorError, match="does not make opus"):
        read([format_, "a=rtpmap:96 opus/48000/2"], PLAIN, made={0: (OPUS,)})
    read(["m=audio 30000 RTP/AVP 109", "a=rtpmap:109 opus/48000/2"], PLAIN, made={0: (OPUS,)})


def test_a_line_that_nobody_is_to_have_is_passed_over() -> None:
    both = (*LINES, Line(kind="video", said=None, codecs=(), live=False))
    assert set(read([*AUDIO, "m=video 0 RTP/AVP 0"], PLAIN, streams=both)) == {0}
