"""Descriptions to SDP: conformance area J2S, and the writing side of ICE and SEC."""

from dataclasses import replace

import pytest

from gateway.errors import PeerError
from gateway.sdp.history import SdpSession
from gateway.sdp.text import join
from mappings.description import (
    Bandwidth,
    Candidate,
    Category,
    Codec,
    Crypto,
    Description,
    Encryption,
    Feedback,
    FeedbackInterval,
    Fingerprint,
    Group,
    Ice,
    Media,
    Parameter,
    RawCandidate,
    RawUdp,
    RtcpMux,
    Rtp,
    Source,
)
from mappings.terms import CandidateType, Role, Senders, Setup

from .said import PCMU, RAW, audio, media_lines, offer, video, write

SPEEX = Codec(id=96, name="speex", clockrate=16000)
FINGERPRINT = Fingerprint(hash="sha-256", value="AB:CD", setup=Setup.ACTPASS)


def rtp(**fields: object) -> Media:
    values: dict[str, object] = {"media": "audio", "codecs": (PCMU,), **fields}
    return Media(name="audio", rtp=Rtp(**values), transport=RAW)  # type: ignore[arg-type]


def candidate(
    port: int, kind: CandidateType = CandidateType.HOST, component: int = 1, ip: str = "192.0.2.1"
) -> Candidate:
    related = {} if kind is CandidateType.HOST else {"rel_addr": "192.0.2.1", "rel_port": 5000}
    return Candidate(
        foundation=str(port),
        component=component,
        protocol="udp",
        priority=1000 + port,
        ip=ip,
        port=port,
        type=kind,
        **related,  # type: ignore[arg-type]
    )


def ice(*candidates: Candidate) -> Ice:
    return Ice(ufrag="8hhy", pwd="asd88fgpdd777uzjYhagZg", candidates=candidates)


@pytest.mark.conformance("J2S-01", "J2S-12", "XS-01")
def test_a_plain_medium_is_written_in_this_order() -> None:
    assert write(audio("voice", SPEEX)) == [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 5000 RTP/AVP 96",
        "a=mid:voice",
        "a=sendrecv",
        "a=rtpmap:96 speex/16000",
    ]


@pytest.mark.conformance("J2S-02")
def test_payload_types_keep_their_order() -> None:
    codecs = [Codec(id=number, name="x", clockrate=8000) for number in (100, 8, 97, 0, 3)]
    assert "m=audio 5000 RTP/AVP 100 8 97 0 3" in write(audio("a", *codecs))


@pytest.mark.conformance("J2S-07")
def test_parameters_are_one_line() -> None:
    parameters = tuple(Parameter(name=name, value="1") for name in "abc")
    assert "a=fmtp:96 a=1;b=1;c=1" in write(audio("a", replace(SPEEX, parameters=parameters)))


@pytest.mark.parametrize(
    ("codec", "line"),
    [
        (Codec(id=101, name="telephone-event", parameters=(Parameter(name="events", value="0-15"),)), "101 0-15"),
        (Codec(id=99, name="RED", parameters=(Parameter(name="pt", value="0/8"),)), "99 0/8"),
        (Codec(id=96, name="x", parameters=(Parameter(value="foobar"),)), "96 foobar"),
        (Codec(id=96, name="x", parameters=(Parameter(name="a", value="1"), Parameter(value="b"))), "96 a=1;b"),
        (Codec(id=96, name="x", parameters=(Parameter(name="a"),)), "96 a"),
        (Codec(id=96, name="x", parameters=(Parameter(name="a", value=""),)), "96 a="),
    ],
)
def test_each_format_has_its_own_parameters(codec: Codec, line: str) -> None:
    assert f"a=fmtp:{line}" in write(audio("a", replace(codec, clockrate=8000)))


def test_times_are_said_once_a_medium() -> None:
    session = SdpSession(Role.INITIATOR, 1)
    lines = session.write_offer(
        offer(audio("a", SPEEX, replace(PCMU, ptime=20), replace(PCMU, id=8, ptime=40)))
    ).splitlines()
    assert [line for line in lines if "ptime" in line] == ["a=ptime:20"]
    assert session.dropped == ("payload-type@ptime",)


@pytest.mark.conformance("J2S-09")
@pytest.mark.parametrize("name", ["hold music", "ünï", "a\r\na=evil:1", "x" * 100, 'quote"d'])
def test_a_name_that_is_no_token_gets_a_mid_and_comes_back(name: str) -> None:
    session = SdpSession(Role.INITIATOR, 1)
    text = session.write_offer(Description(media=(audio(name),), groups=(Group(semantics="LS", names=(name,)),)))
    assert "\r\na=mid:m0\r\n" in text
    assert "\r\na=group:LS m0\r\n" in text
    answer = session.read_answer(text.replace("192.0.2.1", "192.0.2.2"))
    assert answer.media[0].name == name
    assert answer.groups[0].names == (name,)


@pytest.mark.conformance("J2S-10")
@pytest.mark.parametrize(
    ("senders", "initiator", "responder"),
    [
        (Senders.BOTH, "sendrecv", "sendrecv"),
        (Senders.INITIATOR, "sendonly", "recvonly"),
        (Senders.RESPONDER, "recvonly", "sendonly"),
        (Senders.NONE, "inactive", "inactive"),
    ],
)
def test_senders_are_written_from_the_authors_side(senders: Senders, initiator: str, responder: str) -> None:
    medium = replace(audio(), senders=senders)
    assert f"a={initiator}" in write(medium, role=Role.INITIATOR)
    assert f"a={responder}" in write(medium, role=Role.RESPONDER)


@pytest.mark.conformance("J2S-12")
@pytest.mark.parametrize(("user", "written"), [("juliet", "juliet"), ("two words", "-"), ("", "-"), ("a\r\nb", "-")])
def test_the_origin_names_the_user_if_it_is_a_token(user: str, written: str) -> None:
    text = SdpSession(Role.INITIATOR, 77, user=user, address="2001:db8::1").write_offer(offer(audio()))
    assert text.splitlines()[1] == f"o={written} 77 1 IN IP6 2001:db8::1"


# Profiles.


FEEDBACK = (Feedback(type="nack"),)
KEYS = Encryption(crypto=(Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="inline:a"),))


@pytest.mark.conformance("J2S-13", "J2S-15", "J2S-16", "J2S-17")
@pytest.mark.parametrize(
    ("medium", "profile"),
    [
        (rtp(), "RTP/AVP"),
        (rtp(feedback=FEEDBACK), "RTP/AVPF"),
        (rtp(feedback_interval=FeedbackInterval(value=0)), "RTP/AVPF"),
        (rtp(codecs=(replace(PCMU, feedback=FEEDBACK),)), "RTP/AVPF"),
        (rtp(codecs=(replace(PCMU, feedback_interval=FeedbackInterval(value=5)),)), "RTP/AVPF"),
        (rtp(encryption=KEYS), "RTP/SAVP"),
        (rtp(encryption=replace(KEYS, required=True)), "RTP/SAVP"),
        (rtp(encryption=KEYS, feedback=FEEDBACK), "RTP/SAVPF"),
        (replace(rtp(), transport=RawUdp(fingerprints=(FINGERPRINT,))), "UDP/TLS/RTP/SAVP"),
        (replace(rtp(feedback=FEEDBACK), transport=RawUdp(fingerprints=(FINGERPRINT,))), "UDP/TLS/RTP/SAVPF"),
        (replace(rtp(rtcp_mux=RtcpMux()), transport=Ice(fingerprints=(FINGERPRINT,))), "UDP/TLS/RTP/SAVPF"),
        (replace(rtp(), transport=Ice(fingerprints=(FINGERPRINT,))), "UDP/TLS/RTP/SAVP"),
        (replace(rtp(encryption=KEYS), transport=Ice(fingerprints=(FINGERPRINT,))), "RTP/SAVP"),
    ],
)
def test_the_profile_says_what_the_medium_has(medium: Media, profile: str) -> None:
    (line,) = media_lines("\n".join(write(medium)))
    assert line.split()[2] == profile


@pytest.mark.conformance("J2S-16", "J2S-17")
def test_feedback_lines() -> None:
    codec = replace(
        SPEEX, feedback=(Feedback(type="ccm", subtype="tmmbr", parameters=(Parameter(name="a", value="1"),)),)
    )
    lines = write(rtp(codecs=(codec,), feedback=FEEDBACK, feedback_interval=FeedbackInterval(value=0)))
    assert [line for line in lines if line.startswith("a=rtcp-fb")] == [
        "a=rtcp-fb:* nack",
        "a=rtcp-fb:* trr-int 0",
        "a=rtcp-fb:96 ccm tmmbr a=1",
    ]


@pytest.mark.conformance("J2S-13", "SEC-01")
def test_fingerprints_are_written_with_their_role() -> None:
    both = (FINGERPRINT, Fingerprint(hash="sha-1", value="12:34", setup=Setup.ACTPASS))
    lines = write(replace(audio(), transport=RawUdp(fingerprints=both)))
    assert [line for line in lines if "fingerprint" in line or "setup" in line] == [
        "a=fingerprint:sha-256 AB:CD",
        "a=fingerprint:sha-1 12:34",
        "a=setup:actpass",
    ]


@pytest.mark.conformance("J2S-22")
def test_every_bandwidth_has_its_line() -> None:
    lines = write(rtp(bandwidth=(Bandwidth(type="AS", value="80"), Bandwidth(type="RR", value="0"))))
    assert [line for line in lines if line.startswith("b=")] == ["b=AS:80", "b=RR:0"]


@pytest.mark.conformance("J2S-18")
def test_groups_are_written_with_mids_in_their_order() -> None:
    groups = (Group(semantics="BUNDLE", names=("webcam", "voice")),)
    text = SdpSession(Role.INITIATOR, 1).write_offer(
        Description(media=(audio("voice"), video("webcam")), groups=groups)
    )
    assert "a=group:BUNDLE webcam voice" in text
    assert "a=mid:voice" in text
    assert "a=mid:webcam" in text


def test_a_group_of_nobody_is_left_out() -> None:
    session = SdpSession(Role.INITIATOR, 1)
    groups = (Group(semantics="LS", names=("gone",)), Group(semantics="LS", names=("voice", "gone")))
    text = session.write_offer(Description(media=(audio("voice"),), groups=groups))
    assert [line for line in text.splitlines() if "group" in line] == ["a=group:LS voice"]
    assert session.dropped == ("group",)


@pytest.mark.conformance("J2S-20")
def test_a_sources_stream_is_said_of_the_medium_too() -> None:
    stream = Parameter(name="msid", value="s t")
    lines = write(rtp(sources=(Source(ssrc=5, parameters=(Parameter(name="cname", value="x"), stream)),)))
    assert lines[-3:] == ["a=msid:s t", "a=ssrc:5 cname:x", "a=ssrc:5 msid:s t"]
    other = Source(ssrc=6, parameters=(Parameter(name="msid", value="s u"), Parameter(name="flag")))
    lines = write(rtp(sources=(Source(ssrc=5, parameters=(stream,)), other)))
    assert lines[-3:] == ["a=ssrc:5 msid:s t", "a=ssrc:6 msid:s u", "a=ssrc:6 flag"]


def test_what_sdp_has_no_word_for_is_reported_by_name() -> None:
    session = SdpSession(Role.INITIATOR, 1)
    session.write_offer(offer(replace(rtp(ssrc=5, sources=(Source(ssrc=6),)), disposition="early-session")))
    assert session.dropped == ("source", "description@ssrc", "content@disposition")


def test_categories_are_one_line() -> None:
    assert "a=content:slides,alt" in write(rtp(categories=(Category(name="slides"), Category(name="alt"))))


# Addresses.


@pytest.mark.conformance("ICE-01")
def test_candidates_of_xep_0176_are_written_as_it_shows() -> None:
    host = replace(candidate(8998, ip="10.0.1.1"), foundation="1", priority=2130706431)
    reflexive = replace(
        candidate(45664, CandidateType.SRFLX, ip="192.0.2.3"),
        foundation="2",
        priority=1694498815,
        rel_addr="10.0.1.1",
        rel_port=8998,
    )
    assert [line for line in write(replace(audio(), transport=ice(host, reflexive))) if "candidate" in line] == [
        "a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host",
        "a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998",
    ]


@pytest.mark.conformance("ICE-03")
@pytest.mark.parametrize("foundation", ["with-dash", "x" * 40, "=", "a b"])
def test_a_foundation_that_sdp_cannot_say_is_renumbered(foundation: str) -> None:
    three = [
        replace(candidate(port), foundation=name) for port, name in ((1, foundation), (2, "other"), (3, foundation))
    ]
    lines = [line for line in write(replace(audio(), transport=ice(*three))) if "candidate" in line]
    first, second, third = (line.removeprefix("a=candidate:").split()[0] for line in lines)
    assert first == third != second == "other"
    assert first.isdigit()


@pytest.mark.conformance("ICE-08")
@pytest.mark.parametrize(
    ("candidates", "address", "port"),
    [
        ([candidate(5000), candidate(6000, CandidateType.SRFLX, ip="203.0.113.5")], "203.0.113.5", 6000),
        (
            [candidate(6000, CandidateType.SRFLX), candidate(7000, CandidateType.RELAY, ip="198.51.100.7")],
            "198.51.100.7",
            7000,
        ),
        ([candidate(5000), candidate(5002)], "192.0.2.1", 5002),
        ([candidate(5000, ip="2001:db8::1"), candidate(4000)], "192.0.2.1", 4000),
        ([candidate(7000, CandidateType.RELAY, ip="2001:db8::1")], "2001:db8::1", 7000),
        ([replace(candidate(7000), protocol="tcp"), candidate(4000)], "192.0.2.1", 4000),
    ],
)
def test_the_default_address_is_the_likeliest_candidate(candidates: list[Candidate], address: str, port: int) -> None:
    lines = write(replace(audio(), transport=ice(*candidates)))
    assert f"m=audio {port} RTP/AVP 0" in lines
    assert f"c=IN {'IP6' if ':' in address else 'IP4'} {address}" in lines
    assert any(f" {address} {port} typ " in line for line in lines)


def test_rtcp_has_the_address_of_the_second_component() -> None:
    both = ice(candidate(5000), candidate(5001, component=2))
    assert "a=rtcp:5001 IN IP4 192.0.2.1" in write(replace(audio(), transport=both))
    raw = RawUdp(candidates=(*RAW.candidates, RawCandidate(ip="192.0.2.2", port=5007, component=2)))
    assert "a=rtcp:5007 IN IP4 192.0.2.2" in write(replace(audio(), transport=raw))


@pytest.mark.conformance("ICE-09")
@pytest.mark.parametrize("transport", [ice(), ice(candidate(5001, component=2)), RawUdp()])
def test_without_a_candidate_the_address_is_none_yet(transport: Ice | RawUdp) -> None:
    lines = write(replace(audio(), transport=transport))
    assert "m=audio 9 RTP/AVP 0" in lines
    assert "c=IN IP4 0.0.0.0" in lines
    assert not any(line.startswith("a=rtcp:") for line in lines)
    assert "a=sendrecv" in lines


def test_the_head_has_the_first_address_and_others_stand_with_their_medium() -> None:
    elsewhere = replace(video(), transport=RawUdp(candidates=(RawCandidate(ip="2001:db8::9", port=6000),)))
    lines = write(audio(), elsewhere, replace(audio("b"), transport=ice()))
    assert [line for line in lines if line.startswith(("c=", "m="))] == [
        "c=IN IP4 192.0.2.1",
        "m=audio 5000 RTP/AVP 0",
        "m=video 6000 RTP/AVP 97",
        "c=IN IP6 2001:db8::9",
        "m=audio 9 RTP/AVP 0",
        "c=IN IP4 0.0.0.0",
    ]


def test_our_ice_options_are_our_own() -> None:
    session = SdpSession(Role.INITIATOR, 1, ice_options="trickle")
    assert "a=ice-options:trickle" in session.write_offer(offer(replace(audio(), transport=ice())))
    assert "ice-options" not in SdpSession(Role.INITIATOR, 1, ice_options="trickle").write_offer(offer(audio()))


@pytest.mark.conformance("J2S-08", "ROB-01")
@pytest.mark.parametrize("value", ["x\r\na=evil", "x\na=evil", "x\ra=evil", "x\0"])
def test_a_value_with_a_line_end_is_never_written(value: str) -> None:
    parameters = (Parameter(name="a", value=value),)
    with pytest.raises(PeerError, match="a value holds a line end"):
        write(audio("a", replace(SPEEX, parameters=parameters)))
    with pytest.raises(PeerError):
        join(["v=0", value])
