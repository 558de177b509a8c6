"""No description costs more time than its length: what is largest and nastiest is read or refused at once."""

import time

import pytest

from gateway.errors import PeerError
from gateway.sdp.history import SdpSession
from mappings.record import MOST
from mappings.terms import Role

from .said import AUDIO, ICE, sdp

MANY = 6000


@pytest.mark.conformance("S2J-33", "ICE-31", "S2J-27")
@pytest.mark.parametrize(
    "lines",
    [
        [f"a=candidate:{n} 1 udp 5 192.0.2.1 {n + 1} typ host" for n in range(MANY // 2)],
        [f"a=rtpmap:{n % 200} x{n}/8000" for n in range(MANY)],
        [f"a=fmtp:0 a{n}=1" for n in range(MANY)],
        ["a=fmtp:0 " + "a=1;" * MANY],
        ["a=fmtp:0 " + "a=1," * MANY],
        ["a=fmtp:0 " + ";" * 200_000],
        [f"a=ssrc:{n} cname:x" for n in range(MANY)],
        [f"a=ssrc:1 a{n}:x" for n in range(MANY)],
        ["a=ssrc-group:FID " + "1 " * 50_000],
        [f"a=extmap:{n % 255 + 1} urn:x{n}" for n in range(MANY)],
        ["a=rtcp-fb:* nack"] * MANY,
        ["a=rtcp-fb:* " + "x " * 100_000],
        ["a=content:" + "a," * 100_000],
        ["a=group:BUNDLE " + "a " * 100_000, *["a=mid:x"] * MANY],
        ["a=remote-candidates:" + "1 192.0.2.1 1 " * 10_000],
        [f"a=unknown{n}:x" for n in range(MANY)],
        ["a=crypto:1 AES_CM_128_HMAC_SHA1_80 " + "x" * 200_000],
        ["a=fingerprint:sha-256 " + "AB:" * 60_000],
        ["b=AS:1"] * MANY,
        ["a=" + ":" * 200_000],
        ["a=candidate:" + " " * 200_000],
        ["a=candidate:1 1 udp 5 192.0.2.1 9 typ host" + " x y" * 40_000],
        ["c=IN IP4 " + "1" * 200_000],
        ["a=rtcp:" + "1" * 200_000],
        ["a=ptime:" + "1" * 200_000],
        ["a=mid:" + "x" * 200_000],
    ],
)  # fmt: skip
def test_reading_is_bounded(lines: list[str]) -> None:
    started = time.process_time()
    session = SdpSession(Role.RESPONDER, 1)
    try:
        found = session.read_offer(sdp(AUDIO, *ICE, *lines))
    except PeerError:
        found = None
    assert time.process_time() - started < 1
    assert len(session.dropped) <= 64
    if found is not None:
        rtp = found.media[0].rtp
        assert all(
            len(several) <= MOST
            for several in (rtp.codecs, rtp.feedback, rtp.extensions, rtp.sources, rtp.source_groups, rtp.categories)
        )
        assert len(found.media[0].transport.candidates) <= MOST
        SdpSession(Role.INITIATOR, 1).write_offer(found)


def test_many_media_are_bounded() -> None:
    started = time.process_time()
    text = sdp(*[AUDIO] * 64, head=["a=group:LS " + " ".join(map(str, range(64)))])
    assert len(SdpSession(Role.RESPONDER, 1).read_offer(text).media) == 64
    assert time.process_time() - started < 1
