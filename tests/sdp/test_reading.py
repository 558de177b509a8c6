"""SDP to descriptions: conformance area S2J, and the reading side of ICE and SEC."""

import pytest

from gateway.errors import PeerError
from gateway.sdp.history import SdpSession
from mappings.description import (
    Bandwidth,
    Candidate,
    Category,
    Codec,
    Crypto,
    Encryption,
    Feedback,
    FeedbackInterval,
    GatheringComplete,
    Group,
    HeaderExtension,
    Ice,
    Parameter,
    RawCandidate,
    RawUdp,
    RemoteCandidate,
    Source,
    SourceGroup,
)
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Role, Senders, Setup

from .said import AUDIO, DTLS, ICE, SHA, codec, dropped, medium, read, sdp

# Payload types.


@pytest.mark.conformance("S2J-01")
def test_a_fixed_payload_type_needs_no_rtpmap() -> None:
    assert medium("m=audio 9999 RTP/AVP 13").rtp.codecs == (Codec(id=13, name="CN", clockrate=8000),)


@pytest.mark.conformance("S2J-02")
def test_ptime_and_parameters_stand_with_the_payload_type() -> None:
    assert codec("a=rtpmap:96 speex/16000", "a=ptime:40", "a=fmtp:96 vbr=on;cng=on") == Codec(
        id=96,
        name="speex",
        clockrate=16000,
        ptime=40,
        parameters=(Parameter(name="vbr", value="on"), Parameter(name="cng", value="on")),
    )


@pytest.mark.conformance("S2J-03")
def test_opus_has_two_channels() -> None:
    assert codec("a=rtpmap:96 opus/48000/2").channels == 2
    assert codec("a=rtpmap:96 opus/48000").channels == 2  # RFC 7587 §7 knows no other


@pytest.mark.conformance("S2J-04")
def test_one_channel_is_left_out() -> None:
    assert codec("a=rtpmap:0 PCMU/8000/1", formats="0").channels is None


@pytest.mark.conformance("S2J-05")
@pytest.mark.parametrize("value", ["a=1;b=2", "a=1; b=2", "a=1;b=2;", " a=1 ; b=2 ", "a=1,b=2", "a=1, b=2", "a=1,b=2,"])
def test_format_parameters_are_separated_in_several_ways(value: str) -> None:
    found = codec("a=rtpmap:96 foo/8000", f"a=fmtp:96 {value}").parameters
    assert found == (Parameter(name="a", value="1"), Parameter(name="b", value="2"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "sprop-parameter-sets=Z0IACpZTBYmI,aMljiA==;x=1",
            [("sprop-parameter-sets", "Z0IACpZTBYmI,aMljiA=="), ("x", "1")],
        ),
        ("sprop-parameter-sets=Z0IACpZTBYmI,aMljiA==", [("sprop-parameter-sets", "Z0IACpZTBYmI,aMljiA==")]),
        ("mode-set=0,2,4,7", [("mode-set", "0,2,4,7")]),
        ("QCIF=2 CIF=3 MaxBR=1960", [("QCIF", "2 CIF=3 MaxBR=1960")]),
        ("a=1;a=2", [("a", "1"), ("a", "2")]),
    ],
)
def test_a_comma_or_a_blank_may_also_be_part_of_a_value(value: str, expected: list[tuple[str, str]]) -> None:
    found = codec("a=rtpmap:96 foo/90000", f"a=fmtp:96 {value}").parameters
    assert [(parameter.name, parameter.value) for parameter in found] == expected


@pytest.mark.conformance("S2J-06", "S2J-08")
@pytest.mark.parametrize("events", ["0-15", "0-15,66,70"])
def test_telephone_events_are_one_parameter(events: str) -> None:
    found = codec("a=rtpmap:101 telephone-event/8000", f"a=fmtp:101 {events}", formats="101").parameters
    assert found == (Parameter(name="events", value=events),)


@pytest.mark.conformance("S2J-07")
def test_telephone_event_without_events_has_the_usual_ones() -> None:
    found = codec("a=rtpmap:101 telephone-event/8000", formats="101").parameters
    assert found == (Parameter(name="events", value="0-15"),)


@pytest.mark.conformance("S2J-09")
@pytest.mark.parametrize("value", ["0/103", "0,103"])
def test_redundant_payload_types_are_one_parameter(value: str) -> None:
    found = codec("a=rtpmap:99 red/8000", f"a=fmtp:99 {value}", formats="99").parameters
    assert found == (Parameter(name="pt", value="0/103"),)


@pytest.mark.conformance("S2J-10")
def test_what_is_no_pair_is_a_nameless_parameter() -> None:
    assert codec("a=rtpmap:120 x/8000", "a=fmtp:120 foobar", formats="120").parameters == (Parameter(value="foobar"),)


def test_format_parameters_in_two_lines_are_one_list() -> None:
    found = codec("a=rtpmap:96 x/8000", "a=fmtp:96 a=1", "a=fmtp:96 b=2").parameters
    assert [parameter.name for parameter in found] == ["a", "b"]


def test_a_codec_whose_name_is_no_text_is_dropped() -> None:
    lines = ("m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-\udcdc\udcdcevent/8000")
    assert [one.id for one in medium(*lines).rtp.codecs] == [0]


def test_payload_types_that_nobody_can_know_are_dropped() -> None:
    lines = ("m=audio 4000 RTP/AVP 0 77 200 x 0", "a=rtpmap:33 x/1", "a=fmtp:44 y")
    assert [one.id for one in medium(*lines).rtp.codecs] == [0]
    assert dropped(*lines) == ("m= payload type",)


def test_a_clock_rate_that_contradicts_a_fixed_payload_type_is_not_believed() -> None:
    assert codec("a=rtpmap:9 G722/16000", formats="9").clockrate == 8000


def test_unreadable_times_are_dropped() -> None:
    assert codec("a=rtpmap:96 x/8000", "a=ptime:20.0").ptime == 20
    assert codec("a=rtpmap:96 x/8000", "a=ptime:soon").ptime is None
    assert dropped(AUDIO, "a=maxptime:0") == ("maxptime",)


# Direction.


@pytest.mark.conformance("S2J-11")
def test_without_a_direction_both_send() -> None:
    assert medium(AUDIO).senders is Senders.BOTH


@pytest.mark.conformance("S2J-12")
def test_the_head_may_say_the_direction() -> None:
    assert medium(AUDIO, head=["a=inactive"]).senders is Senders.NONE
    assert medium(AUDIO, "a=sendrecv", head=["a=inactive"]).senders is Senders.BOTH


@pytest.mark.conformance("S2J-13")
@pytest.mark.parametrize("by", Role)
def test_a_direction_is_its_authors(by: Role) -> None:
    assert medium(AUDIO, "a=sendonly", by=by).senders == by.value
    assert medium(AUDIO, "a=recvonly", by=by).senders == by.other.value


@pytest.mark.conformance("HLD-08")
@pytest.mark.parametrize(
    ("direction", "senders"),
    [
        ("sendrecv", Senders.INITIATOR),
        ("sendonly", Senders.INITIATOR),
        ("recvonly", Senders.NONE),
        ("inactive", Senders.NONE),
    ],
)
def test_the_zero_address_without_ice_is_hold(direction: str, senders: Senders) -> None:
    held = medium(AUDIO, "c=IN IP4 0.0.0.0", f"a={direction}")
    assert (held.senders, held.transport) == (senders, RawUdp())


@pytest.mark.conformance("ICE-10", "ICE-09")
def test_the_zero_address_with_ice_is_no_hold() -> None:
    for line in ("m=audio 9 RTP/AVP 0", AUDIO):
        found = medium(line, "c=IN IP4 0.0.0.0", *ICE)
        assert found.senders is Senders.BOTH
        assert found.transport == Ice(ufrag="8hhy", pwd="asd88fgpdd777uzjYhagZg")


# Bandwidth, rtcp, feedback, extensions.


@pytest.mark.conformance("S2J-14")
def test_bandwidth_of_a_medium() -> None:
    assert medium(AUDIO, "b=AS:128", "b=RS:0").rtp.bandwidth == (
        Bandwidth(type="AS", value="128"),
        Bandwidth(type="RS", value="0"),
    )


def test_bandwidth_of_the_session_is_the_only_mediums() -> None:
    assert medium(AUDIO, head=["b=AS:99"]).rtp.bandwidth == (Bandwidth(type="AS", value="99"),)
    assert dropped(AUDIO, AUDIO, head=["b=AS:99"]) == ("b=",)
    assert dropped(AUDIO, "b=AS:x") == ("b=",)


@pytest.mark.conformance("S2J-15")
def test_rtcp_mux() -> None:
    assert medium(AUDIO, "a=rtcp-mux").rtp.rtcp_mux is not None
    assert medium(AUDIO).rtp.rtcp_mux is None


@pytest.mark.conformance("S2J-16")
def test_rtcp_mux_only_leaves_no_second_component() -> None:
    lines = (AUDIO, "a=rtcp-mux", "a=rtcp-mux-only", "a=rtcp:4001")
    assert medium(*lines).rtp.rtcp_mux is not None
    assert medium(*lines).transport == RawUdp(candidates=(RawCandidate(ip="192.0.2.10", port=4000),))
    host = "a=candidate:1 {} UDP 1 192.0.2.10 4000 typ host"
    ice = medium(*lines[:-1], *ICE, host.format(1), host.format(2)).transport
    assert isinstance(ice, Ice)
    assert [candidate.component for candidate in ice.candidates] == [1]
    assert "rtcp-mux-only" in dropped(*lines)


def test_rtcp_has_its_own_address() -> None:
    transport = medium(AUDIO, "a=rtcp:53020 IN IP4 192.0.2.11").transport
    assert transport.candidates == (
        RawCandidate(ip="192.0.2.10", port=4000),
        RawCandidate(ip="192.0.2.11", port=53020, component=2),
    )
    assert dropped(AUDIO, "a=rtcp:x") == ("rtcp",)
    assert medium(AUDIO, "a=rtcp:9").transport == medium(AUDIO).transport


@pytest.mark.conformance("S2J-17")
def test_feedback_stands_with_its_payload_type_or_with_all() -> None:
    found = medium(
        "m=video 5000 RTP/AVPF 98 99",
        "a=rtpmap:98 H263-1998/90000",
        "a=rtpmap:99 H261/90000",
        "a=rtcp-fb:* nack",
        "a=rtcp-fb:98 nack rpsi",
        "a=rtcp-fb:98 trr-int 100",
        "a=rtcp-fb:* trr-int 5",
    ).rtp
    assert found.feedback == (Feedback(type="nack"),)
    assert found.feedback_interval == FeedbackInterval(value=5)
    assert found.codecs[0].feedback == (Feedback(type="nack", subtype="rpsi"),)
    assert found.codecs[0].feedback_interval == FeedbackInterval(value=100)
    assert found.codecs[1].feedback == ()


@pytest.mark.conformance("S2J-18")
def test_codec_control_messages_have_parameters() -> None:
    lines = ("m=video 5000 RTP/AVPF 97", "a=rtpmap:97 H264/90000", "a=rtcp-fb:97 ccm tmmbr smaxpr=120")
    assert medium(*lines).rtp.codecs[0].feedback == (
        Feedback(type="ccm", subtype="tmmbr", parameters=(Parameter(name="smaxpr", value="120"),)),
    )


def test_feedback_in_the_head_holds_for_every_medium() -> None:
    found = read(AUDIO, AUDIO, head=["a=rtcp-fb:* nack"]).media
    assert [media.rtp.feedback for media in found] == [(Feedback(type="nack"),)] * 2


@pytest.mark.conformance("S2J-19")
@pytest.mark.parametrize("by", Role)
def test_a_header_extension_has_direction_and_attributes(by: Role) -> None:
    extension = medium(AUDIO, "a=extmap:3/sendonly urn:x a=b c", by=by).rtp.extensions[0]
    attributes = (Parameter(name="a", value="b"), Parameter(name="c"))
    assert extension == HeaderExtension(id=3, uri="urn:x", senders=Senders(by.value), parameters=attributes)


def test_header_extensions_of_the_head_hold_for_every_medium() -> None:
    assert [len(media.rtp.extensions) for media in read(AUDIO, AUDIO, head=["a=extmap:1 urn:x"]).media] == [1, 1]
    assert dropped(AUDIO, "a=extmap:0 urn:x", "a=extmap:9999 urn:y") == ("extmap",)


@pytest.mark.conformance("S2J-20")
def test_extmap_allow_mixed_in_the_head_holds_for_every_medium() -> None:
    found = read(AUDIO, AUDIO, head=["a=extmap-allow-mixed"]).media
    assert all(media.rtp.extmap_allow_mixed is not None for media in found)


# Groups and sources.


@pytest.mark.conformance("S2J-21")
def test_groups_name_contents() -> None:
    lines = (AUDIO, "a=mid:voice", "m=video 5000 RTP/AVP 31", "a=mid:webcam")
    assert read(*lines, head=["a=group:LS voice webcam"]).groups == (Group(semantics="LS", names=("voice", "webcam")),)


def test_groups_name_only_what_is_there() -> None:
    lines = (AUDIO, "a=mid:a", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:d")
    assert read(*lines, head=["a=group:BUNDLE a d gone"]).groups == (Group(semantics="BUNDLE", names=("a",)),)
    assert "group" in dropped(*lines, head=["a=group:BUNDLE gone"])


@pytest.mark.conformance("S2J-22", "S2J-23")
def test_sources_are_grouped_by_number() -> None:
    found = medium(
        AUDIO, "a=ssrc:690 cname:QABscdPCZN6gbO0K", "a=ssrc:691 cname:x", "a=ssrc:690 msid:s t", "a=ssrc:1 foo",
        "a=ssrc-group:FID 690 691", "a=ssrc:x y", "a=ssrc:",
    ).rtp  # fmt: skip
    assert found.sources == (
        Source(
            ssrc=690,
            parameters=(Parameter(name="cname", value="QABscdPCZN6gbO0K"), Parameter(name="msid", value="s t")),
        ),
        Source(ssrc=691, parameters=(Parameter(name="cname", value="x"),)),
        Source(ssrc=1, parameters=(Parameter(name="foo"),)),
    )
    assert found.source_groups == (SourceGroup(semantics="FID", sources=(Source(ssrc=690), Source(ssrc=691))),)


def test_a_mediums_stream_is_its_sources() -> None:
    (source,) = medium(AUDIO, "a=msid:stream track", "a=ssrc:5 cname:x").rtp.sources
    assert source.parameters[-1] == Parameter(name="msid", value="stream track")
    assert dropped(AUDIO, "a=msid:stream track") == ("msid",)


# Protection.


@pytest.mark.conformance("S2J-24")
def test_sdes_keys_keep_the_blank_of_their_session_parameters() -> None:
    line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewky|2^20|1:4 KDR=1 UNENCRYPTED_SRTCP"
    found = medium("m=audio 4000 RTP/SAVP 0", line).rtp.encryption
    assert found == Encryption(
        required=True,
        crypto=(
            Crypto(
                tag=1,
                crypto_suite="AES_CM_128_HMAC_SHA1_80",
                key_params="inline:WVNfX19zZW1jdGwgKCkgewky|2^20|1:4",
                session_params="KDR=1 UNENCRYPTED_SRTCP",
            ),
        ),
    )


def test_sdes_keys_may_hold_every_base64_sign() -> None:
    found = medium("m=audio 4000 RTP/SAVP 0", "a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:a/b+c==").rtp.encryption
    assert found is not None
    assert found.crypto[0].key_params == "inline:a/b+c=="


def test_keys_under_a_plain_profile_are_opportunistic() -> None:
    found = medium(AUDIO, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a").rtp.encryption
    assert found is not None
    assert not found.required


@pytest.mark.conformance("SEC-14")
def test_unknown_suites_are_left_out_and_none_left_is_a_refusal() -> None:
    good, bad = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a", "a=crypto:2 ROT_13 inline:b"
    assert dropped("m=audio 4000 RTP/SAVP 0", bad, good) == ("crypto",)
    with pytest.raises(PeerError) as refused:
        read("m=audio 4000 RTP/SAVP 0", bad)
    assert (refused.value.status, refused.value.reason) == (488, EndReason.SECURITY_ERROR)


@pytest.mark.conformance("SEC-15")
def test_a_key_is_in_no_error_and_no_repr() -> None:
    secret = "inline:VGhpc0lzQVNlY3JldA"
    session = SdpSession(Role.RESPONDER, 1)
    with pytest.raises(PeerError) as refused:
        session.read_offer(sdp("m=audio 4000 RTP/SAVP 0", f"a=crypto:x AES_CM_128_HMAC_SHA1_80 {secret}"))
    assert secret not in refused.value.text
    found = medium("m=audio 4000 RTP/SAVP 0", f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {secret}", *ICE)
    assert secret not in repr(found)
    assert "asd88fgpdd777uzjYhagZg" not in repr(found)


@pytest.mark.conformance("S2J-25", "SEC-16")
def test_each_medium_has_its_own_zrtp_hash() -> None:
    found = read(AUDIO, "a=zrtp-hash:1.10 fe30", "m=audio 4002 RTP/AVP 0", "a=zrtp-hash:1.10 ab12").media
    values = [one.value for media in found if media.rtp.encryption for one in media.rtp.encryption.zrtp_hash]
    assert values == ["fe30", "ab12"]


@pytest.mark.conformance("S2J-26")
def test_categories_keep_their_order() -> None:
    assert medium(AUDIO, "a=content:slides,alt").rtp.categories == (Category(name="slides"), Category(name="alt"))


@pytest.mark.conformance("S2J-27")
def test_ice_and_dtls_of_the_head_hold_for_every_medium() -> None:
    lines = ("m=audio 9 UDP/TLS/RTP/SAVPF 0", "m=audio 9 UDP/TLS/RTP/SAVPF 8")
    for media in read(*lines, head=[*ICE, *DTLS]).media:
        assert isinstance(media.transport, Ice)
        assert media.transport.ufrag == "8hhy"
        assert [(one.value, one.setup) for one in media.transport.fingerprints] == [(SHA, Setup.ACTPASS)]


@pytest.mark.conformance("S2J-28", "ICE-22")
def test_credentials_of_a_medium_win() -> None:
    transport = medium("m=audio 9 RTP/AVP 0", "a=ice-ufrag:mine", head=ICE).transport
    assert isinstance(transport, Ice)
    assert (transport.ufrag, transport.pwd) == ("mine", "asd88fgpdd777uzjYhagZg")
    moved = medium("m=audio 9 RTP/AVP 0", *ICE).transport
    assert moved == medium("m=audio 9 RTP/AVP 0", head=ICE).transport


@pytest.mark.conformance("SEC-05")
def test_holdconn_is_refused() -> None:
    with pytest.raises(PeerError) as refused:
        read("m=audio 9 UDP/TLS/RTP/SAVP 0", *ICE, DTLS[0], "a=setup:holdconn")
    assert (refused.value.status, refused.value.reason) == (488, EndReason.UNSUPPORTED_TRANSPORTS)


@pytest.mark.conformance("SEC-06")
def test_the_best_known_fingerprint_is_first() -> None:
    lines = ("a=fingerprint:sha-1 AB:CD", "a=fingerprint:SHA-256 ab:cd:ef", "a=fingerprint:md2 xyz")
    transport = medium("m=audio 4000 UDP/TLS/RTP/SAVP 0", *lines, "a=setup:actpass").transport
    assert [(one.hash, one.value) for one in transport.fingerprints] == [("sha-256", "AB:CD:EF"), ("sha-1", "AB:CD")]


def test_dtls_without_a_role_is_actpass_in_an_offer() -> None:
    transport = medium("m=audio 4000 UDP/TLS/RTP/SAVP 0", DTLS[0]).transport
    assert transport.fingerprints[0].setup is Setup.ACTPASS


@pytest.mark.parametrize("profile", ["RTP/SAVPF", "RTP/AVP", "rtp/savpf"])
def test_a_fingerprint_is_taken_under_old_profiles(profile: str) -> None:
    assert medium(f"m=audio 4000 {profile} 0", *DTLS).transport.fingerprints


# Lines that stay, fall or are refused.


@pytest.mark.conformance("S2J-29")
def test_a_disabled_line_keeps_its_place() -> None:
    session = SdpSession(Role.RESPONDER, 1)
    lines = (AUDIO, "m=video 0 RTP/AVP 31", "m=audio 4002 RTP/AVP 8")
    found = session.read_offer(sdp(*lines))
    assert [media.name for media in found.media] == ["audio", "audio2"]
    answer = session.write_answer(found).splitlines()
    assert [line for line in answer if line.startswith("m=")] == [
        "m=audio 4000 RTP/AVP 0",
        "m=video 0 RTP/AVP 31",
        "m=audio 4002 RTP/AVP 8",
    ]


@pytest.mark.conformance("S2J-30")
def test_a_bundle_only_line_of_an_offer_is_there() -> None:
    lines = (
        "m=audio 9 UDP/TLS/RTP/SAVPF 0", *ICE, *DTLS, "a=mid:a", "a=rtcp-mux",
        "m=audio 0 UDP/TLS/RTP/SAVPF 8", "a=mid:b", "a=bundle-only",
    )  # fmt: skip
    first, second = read(*lines, head=["a=group:BUNDLE a b"]).media
    assert second.transport == first.transport
    assert second.rtp.rtcp_mux is not None
    (only,) = read(*lines[:-1]).media
    assert only.name == "a"


@pytest.mark.conformance("S2J-31")
def test_lines_without_a_mid_get_distinct_names_that_stay() -> None:
    session = SdpSession(Role.RESPONDER, 1)
    for version in (1, 2):
        text = sdp(AUDIO, "m=audio 4002 RTP/AVP 8", "m=video 4004 RTP/AVP 31", version=version)
        assert [media.name for media in session.read_offer(text).media] == ["audio", "audio1", "video"]


def test_a_made_name_is_nobody_elses_mid() -> None:
    assert [media.name for media in read(AUDIO, AUDIO, "a=mid:audio").media] == ["audio0", "audio"]


def test_a_mid_that_clients_cannot_take_gets_a_name() -> None:
    session = SdpSession(Role.RESPONDER, 1)
    found = session.read_offer(sdp(AUDIO, "a=mid:longer-than-sixteen-characters"))
    assert found.media[0].name == "audio"
    assert session.dropped == ("mid",)
    assert "a=mid:longer-than-sixteen-characters" in session.write_answer(found)


def test_two_lines_with_one_mid_get_two_names() -> None:
    assert [media.name for media in read(AUDIO, "a=mid:x", AUDIO, "a=mid:x").media] == ["x", "audio"]


@pytest.mark.conformance("S2J-32", "S2J-34")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \r\n", "\n\n"])
def test_any_line_end_and_unknown_lines_are_taken(end: str) -> None:
    text = sdp(AUDIO, "a=foo:bar", "y=1", "a=rtpmap:0   PCMU/8000", end=end).rstrip()
    session = SdpSession(Role.RESPONDER, 1)
    assert session.read_offer(text).media[0].rtp.codecs[0].id == 0
    assert session.dropped == ("foo",)


@pytest.mark.conformance("S2J-33")
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 400),
        (sdp(AUDIO).replace("v=0\r\n", ""), 400),
        (sdp(AUDIO).replace("v=0", "v=1"), 400),
        (sdp(AUDIO).replace("o=- 42 1 IN IP4 192.0.2.10\r\n", ""), 400),
        (sdp(AUDIO).replace("c=IN IP4 192.0.2.10\r\n", ""), 400),
        (sdp(AUDIO).replace("IN IP4 192.0.2.10\r\nt", "IN IP4 \x01\r\nt"), 400),
        (sdp(AUDIO, "c=NET IP4 192.0.2.1"), 400),
        (sdp(), 488),
        (sdp("m=audio -5 RTP/AVP 0"), 400),
        (sdp("m=audio 70000 RTP/AVP 0"), 400),
        (sdp("m=audio 5/x RTP/AVP 0"), 400),
        (sdp("m=audio 5"), 400),
        (sdp(AUDIO, "nonsense"), 400),
        (sdp(AUDIO) + "a=\0", 400),
        (sdp(*[AUDIO] * 1000), 488),
        (sdp(AUDIO, "a=x:" + "y" * 10_000_000), 413),
        (sdp("m=audio 0 RTP/AVP 0"), 488),
        (sdp("m=audio 4000 RTP/AVP 99"), 488),
    ],
)  # fmt: skip
def test_what_is_no_description_is_refused(text: str, status: int) -> None:
    with pytest.raises(PeerError) as refused:
        SdpSession(Role.RESPONDER, 1).read_offer(text)
    assert refused.value.status == status


def test_an_unreadable_line_is_named() -> None:
    with pytest.raises(PeerError, match="sdp line 7: not a description's line — 'nonsense'"):
        SdpSession(Role.RESPONDER, 1).read_offer(sdp(AUDIO, "nonsense"))


@pytest.mark.conformance("S2J-35")
def test_a_host_name_is_an_address_without_ice() -> None:
    transport = medium(AUDIO, "c=IN IP4 host.example.com").transport
    assert transport == RawUdp(candidates=(RawCandidate(ip="host.example.com", port=4000),))


@pytest.mark.conformance("S2J-36")
@pytest.mark.parametrize("address", ["IP4 224.2.1.1/127", "IP4 233.252.0.1", "IP6 FF15::101", "IP4 192.0.2.1/127"])
def test_multicast_is_refused(address: str) -> None:
    with pytest.raises(PeerError) as refused:
        read(AUDIO, f"c=IN {address}")
    assert (refused.value.status, refused.value.reason) == (488, EndReason.UNSUPPORTED_TRANSPORTS)


@pytest.mark.parametrize(
    "line",
    [
        "m=image 4002 udptl t38",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "m=message 4002 TCP/MSRP *",
        "m=text 4002 RTP/AVP 98",
        "m=audio 4002 TCP/RTP/AVP 0",
        "m=audio 4002/2 RTP/AVP 0",
    ],
)
def test_media_that_cannot_cross_are_refused_in_their_place(line: str) -> None:
    session = SdpSession(Role.RESPONDER, 1)
    found = session.read_offer(sdp(line, AUDIO))
    assert [media.rtp.codecs[0].name for media in found.media] == ["PCMU"]
    assert session.dropped[-1] == f"m={line[2:].partition(' ')[0]}"
    refused, taken = (one for one in session.write_answer(found).splitlines() if one.startswith("m="))
    kind, _, rest = line.partition(" ")
    assert refused == f"{kind} 0 {rest.partition(' ')[2]}"
    assert taken == AUDIO


# ICE.


@pytest.mark.conformance("ICE-02")
def test_a_candidate_keeps_its_foundation_and_attributes() -> None:
    line = "a=candidate:abc+/ 1 UDP 1 2001:db8::1 9001 typ host generation 0 network 1"
    transport = medium("m=audio 9 RTP/AVP 0", *ICE, line).transport
    assert transport.candidates == (
        Candidate(
            foundation="abc+/",
            component=1,
            protocol="udp",
            priority=1,
            ip="2001:db8::1",
            port=9001,
            type=CandidateType.HOST,
            network=1,
        ),
    )


@pytest.mark.conformance("ICE-04", "ICE-05")
@pytest.mark.parametrize(
    "line",
    [
        "1 1 UDP 21149780477 192.0.2.1 9000 typ host",
        "1 1 UDP 0 192.0.2.1 9000 typ host",
        "1 1 UDP 1 phone.example.com 9000 typ host",
        "1 1 UDP 1 0a1b2c3d.local 9000 typ host",
        "1 1 UDP 1 192.0.2.1 70000 typ host",
        "1 1 UDP 1 192.0.2.1 9000 typ moon",
        "1 0 UDP 1 192.0.2.1 9000 typ host",
        "1 300 UDP 1 192.0.2.1 9000 typ host",
        "1 1 UDP 1 192.0.2.999 9000 typ host",
        "1 1 UDP 1 192.0.2.1 9000 typ host generation",
        "1 1 UDP 1_0 192.0.2.1 9000 typ host",
        "garbage",
        "",
    ],
)
def test_a_candidate_that_cannot_be_used_is_left_out(line: str) -> None:
    good = "a=candidate:2 1 UDP 2 192.0.2.10 4000 typ host"
    transport = medium(AUDIO, *ICE, f"a=candidate:{line}", good).transport
    assert isinstance(transport, Ice)
    assert [candidate.foundation for candidate in transport.candidates] == ["2"]
    assert "candidate" in dropped(AUDIO, *ICE, f"a=candidate:{line}", good)


@pytest.mark.conformance("ICE-06")
def test_unknown_extensions_of_a_candidate_are_passed_over() -> None:
    line = "a=candidate:1 1 udp 5 192.0.2.10 4000 typ host network-id 3 generation 2 network-cost 10"
    transport = medium(AUDIO, *ICE, line).transport
    assert isinstance(transport, Ice)
    assert transport.candidates[0].generation == 2
    assert dropped(AUDIO, *ICE, line) == ("candidate network-id", "candidate network-cost")


def test_a_hidden_related_address_is_filled_in() -> None:
    lines = (
        "a=candidate:1 1 udp 5 192.0.2.10 4000 typ srflx",
        "a=candidate:2 1 udp 5 2001:db8::1 4000 typ relay raddr 2001:db8::2",
        "a=candidate:3 1 udp 5 192.0.2.10 4001 typ host raddr 192.0.2.1 rport 1",
    )
    transport = medium(AUDIO, *ICE, *lines).transport
    assert isinstance(transport, Ice)
    assert [(one.rel_addr, one.rel_port) for one in transport.candidates] == [("0.0.0.0", 9), ("::", 9), (None, None)]


def test_equal_candidates_are_one() -> None:
    line = "a=candidate:1 1 udp 5 192.0.2.10 4000 typ host"
    assert len(medium(AUDIO, *ICE, line, line).transport.candidates) == 1


@pytest.mark.conformance("ICE-17")
def test_the_end_of_candidates_may_stand_in_the_head() -> None:
    found = read("m=audio 9 RTP/AVP 0", "m=audio 9 RTP/AVP 8", head=[*ICE, "a=end-of-candidates"])
    for media in found.media:
        assert isinstance(media.transport, Ice)
        assert media.transport.gathering_complete == GatheringComplete()


def test_remote_candidates_are_read() -> None:
    transport = medium(AUDIO, *ICE, "a=remote-candidates:1 192.0.2.3 45664 2 192.0.2.3 45665").transport
    assert isinstance(transport, Ice)
    assert transport.remote_candidates == (
        RemoteCandidate(component=1, ip="192.0.2.3", port=45664),
        RemoteCandidate(component=2, ip="192.0.2.3", port=45665),
    )
    assert "remote-candidates" in dropped(AUDIO, *ICE, "a=remote-candidates:1 192.0.2.3")


@pytest.mark.conformance("ICE-26")
def test_a_mismatch_leaves_no_ice() -> None:
    lines = (AUDIO, *ICE, "a=candidate:1 1 udp 5 192.0.2.10 4000 typ host", "a=ice-mismatch")
    assert isinstance(medium(*lines).transport, RawUdp)
    assert dropped(*lines) == ("candidate", "ice-ufrag", "ice-mismatch")


def test_half_of_the_credentials_is_no_ice() -> None:
    assert isinstance(medium(AUDIO, ICE[0]).transport, RawUdp)


def test_a_default_address_that_is_no_candidate_is_reported() -> None:
    assert "c=" in dropped(AUDIO, *ICE, "a=candidate:1 1 udp 5 192.0.2.77 4000 typ host")


@pytest.mark.conformance("ICE-27")
def test_ice_lite_is_reported() -> None:
    assert dropped(AUDIO, head=["a=ice-lite", "a=ice-options:trickle"]) == ("ice-lite", "ice-options")


@pytest.mark.conformance("ICE-31")
def test_a_thousand_candidates_are_bounded() -> None:
    lines = [f"a=candidate:{n} 1 udp {n + 1} 192.0.2.10 {4000 + n} typ host" for n in range(1000)]
    assert len(medium(AUDIO, *ICE, *lines).transport.candidates) == 128
    assert "candidate" in dropped(AUDIO, *ICE, *lines)


def test_what_jingle_has_no_word_for_is_reported_by_name() -> None:
    lost = [
        "rtcp-rsize", "tls-id", "connection", "key-mgmt", "rid", "simulcast", "label", "imageattr", "framerate", "lang",
        "rtcp-xr", "source-filter", "curr", "acap", "silenceSupp", "ice-pacing", "x-vendor",
    ]  # fmt: skip
    assert list(dropped(AUDIO, *(f"a={name}:x" for name in lost))) == lost
    head = ["i=x", "u=x", "e=x", "p=x", "k=x", "a=tool:x"]
    assert dropped(AUDIO, head=head) == ("i=", "u=", "e=", "p=", "k=", "tool")


def test_unreadable_parts_are_dropped_by_name() -> None:
    lines = (
        AUDIO,
        *ICE,
        "a=candidate:1 1 udp 5 192.0.2.10 4000 typ host generation x",
        "a=ssrc:9",
        "a=ssrc-group:FID x",
    )
    assert dropped(*lines) == ("candidate generation", "ssrc", "ssrc-group")
    assert dropped(AUDIO, "a=rtcp-fb:* trr-int soon", "a=content:,sli des,") == ("rtcp-fb", "content")


def test_ice_needs_no_connection_line() -> None:
    text = sdp(AUDIO, *ICE).replace("c=IN IP4 192.0.2.10\r\n", "")
    (found,) = SdpSession(Role.RESPONDER, 1).read_offer(text).media
    assert found.transport == Ice(ufrag="8hhy", pwd="asd88fgpdd777uzjYhagZg")


def test_a_made_name_is_made_until_it_is_nobodys() -> None:
    names = [media.name for media in read(AUDIO, AUDIO, "a=mid:audio", AUDIO, "a=mid:audio0").media]
    assert names == ["audio0x", "audio", "audio0"]


@pytest.mark.parametrize("value", ["\x85", "\u2028", "a\u2028b", "\xa0"])
def test_signs_that_only_look_blank_separate_nothing_in_a_candidate(value: str) -> None:
    session = SdpSession(Role.RESPONDER, 1)
    line = f"a=candidate:1 1 udp 2130706431 192.0.2.20 30000 typ host network-cost {value} generation 3"
    (media,) = session.read_offer(sdp(AUDIO, *ICE, line)).media
    assert isinstance(media.transport, Ice)
    assert [(one.port, one.generation) for one in media.transport.candidates] == [(30000, 3)]
    assert "candidate network-cost" in session.dropped


@pytest.mark.parametrize("broken", ["a=ice-ufrag:ab cd", "a=ice-pwd:abcdefghijk lmnopqrstuvw", "a=ice-pwd:"])
def test_credentials_that_nobody_could_use_are_none(broken: str) -> None:
    session = SdpSession(Role.RESPONDER, 1)
    whole = ["a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv"]
    lines = [broken if line.partition(":")[0] == broken.partition(":")[0] else line for line in whole]
    found = session.read_offer(sdp(AUDIO, *lines))
    assert isinstance(found.media[0].transport, RawUdp)
    assert "ice-ufrag" in session.dropped
