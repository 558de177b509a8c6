"""Defects of other gateways and translators that we do not have: one test a defect that a translation can show."""

from xml.etree.ElementTree import Element, fromstring

import pytest

from gateway.errors import PeerError
from gateway.jingle import description, tree
from gateway.sdp.history import SdpSession
from gateway.translate import jingle_to_sdp, sdp_to_jingle
from mappings.description import Ice
from mappings.reasons import BY_JINGLE, EndReason
from mappings.terms import Role, Senders
from tests.sdp.said import AUDIO, DTLS, ICE, audio, medium, offer, read, sdp

JINGLE = "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'>{}</jingle>"
CONTENT = (
    "<content creator='initiator' name='{}'>"
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>{}</description>"
    "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='abcd' pwd='abcdefghijklmnopqrstuv'>{}</transport>"
    "</content>"
)
HOST = (
    "<candidate component='{}' foundation='1' generation='3' id='a' ip='{}' port='5000' priority='9' protocol='udp'"
    " type='host'/>"
)
PCMU = "<payload-type id='0'/>"


def jingle(payload: str = PCMU, transport: str = "", name: str = "0") -> Element:
    return fromstring(JINGLE.format(CONTENT.format(name, payload, transport)))


def test_mongooseim_mixes_component_and_generation() -> None:
    text = jingle_to_sdp(jingle(transport=HOST.format(1, "192.0.2.1"))).text
    assert "a=candidate:1 1 UDP 9 192.0.2.1 5000 typ host generation 3\r\n" in text
    transport = description.read(sdp_to_jingle(text).element)[0].media[0].transport
    assert isinstance(transport, Ice)
    assert (transport.candidates[0].component, transport.candidates[0].generation) == (1, 3)


def test_mongooseim_writes_no_blank_before_the_port_and_credentials_before_the_line() -> None:
    lines = jingle_to_sdp(jingle()).text.splitlines()
    assert "m=audio 9 RTP/AVP 0" in lines
    assert lines.index("m=audio 9 RTP/AVP 0") < lines.index("a=ice-ufrag:abcd")


def test_mongooseim_loses_the_candidates_of_a_session_initiate() -> None:
    assert "192.0.2.7" in jingle_to_sdp(jingle(transport=HOST.format(1, "192.0.2.7"))).text


def test_mongooseim_fails_without_ice_dtls_or_direction() -> None:
    plain = medium(AUDIO)
    assert (plain.senders, plain.transport.fingerprints) == (Senders.BOTH, ())


def test_mongooseim_fails_at_fixed_payload_types() -> None:
    assert [codec.name for codec in medium("m=audio 4000 RTP/AVP 0 8 9").rtp.codecs] == ["PCMU", "PCMA", "G722"]


def test_mongooseim_reverses_the_lines_and_shares_their_codecs() -> None:
    found = read("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 one/8000", "m=audio 4002 RTP/AVP 96", "a=rtpmap:96 two/8000")
    assert [media.rtp.codecs[0].name for media in found.media] == ["one", "two"]


def test_mongooseim_takes_mid_0_for_a_codecs_attribute() -> None:
    found = read("m=audio 4000 RTP/AVP 0", "a=mid:0", head=["a=group:BUNDLE 0"])
    assert (found.media[0].name, found.groups[0].names) == ("0", ("0",))


def test_mongooseim_loses_format_parameters_after_a_blank() -> None:
    found = medium("m=audio 4000 RTP/AVP 111", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10; useinbandfec=1")
    assert [parameter.name for parameter in found.rtp.codecs[0].parameters] == ["minptime", "useinbandfec"]


def test_mongooseim_fails_at_feedback_of_three_words_and_for_all() -> None:
    found = medium(
        "m=video 1 RTP/AVPF 96", "a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 ccm tmmbr x=1", "a=rtcp-fb:* nack"
    ).rtp
    assert (found.codecs[0].feedback[0].subtype, found.feedback[0].type) == ("tmmbr", "nack")


def test_mongooseim_takes_initiator_for_sendonly_whoever_writes() -> None:
    for by, senders in ((Role.INITIATOR, Senders.INITIATOR), (Role.RESPONDER, Senders.RESPONDER)):
        assert medium(AUDIO, "a=sendonly", by=by).senders is senders


def test_mongooseim_invents_ports_and_profiles() -> None:
    lines = jingle_to_sdp(jingle()).text.splitlines()
    assert "m=audio 9 RTP/AVP 0" in lines
    assert "c=IN IP4 0.0.0.0" in lines


def test_sylkserver_rejects_keys_with_slash_or_equals() -> None:
    keys = medium("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a/b=|2^20|1:4").rtp.encryption
    assert keys is not None
    assert keys.crypto[0].key_params == "inline:a/b=|2^20|1:4"


def test_sylkserver_drops_ipv6_candidates() -> None:
    assert "2001:db8::5" in jingle_to_sdp(jingle(transport=HOST.format(1, "2001:db8::5"))).text


def test_sylkserver_shifts_the_lines_after_a_medium_that_cannot_cross() -> None:
    session = SdpSession(Role.RESPONDER, 1)
    found = session.read_offer(sdp("m=image 4002 udptl t38", AUDIO))
    lines = [line for line in session.write_answer(found).splitlines() if line.startswith("m=")]
    assert lines == ["m=image 0 udptl t38", AUDIO]


def test_yate_joins_both_user_names() -> None:
    lines = jingle_to_sdp(jingle()).text.splitlines()
    assert "a=ice-ufrag:abcd" in lines
    assert "a=ice-pwd:abcdefghijklmnopqrstuv" in lines


def test_yate_answers_hold_by_address_with_port_0() -> None:
    session = SdpSession(Role.RESPONDER, 1)
    session.read_offer(sdp(AUDIO, "c=IN IP4 0.0.0.0", "a=inactive"))
    answer = session.write_answer(offer(audio()))
    assert "m=audio 5000 RTP/AVP 0\r\n" in answer
    assert "a=inactive\r\n" in answer


@pytest.mark.parametrize("codec", ["m=audio 4000 RTP/AVP 18", "m=audio 0 RTP/AVP 0"])
def test_yate_is_up_without_a_common_codec(codec: str) -> None:
    session = SdpSession(Role.INITIATOR, 1)
    session.write_offer(offer(audio()))
    with pytest.raises(PeerError) as refused:
        session.read_answer(sdp(codec))
    assert refused.value.reason is EndReason.INCOMPATIBLE_PARAMETERS


def test_yate_accepts_a_protected_offer_without_a_fingerprint() -> None:
    session = SdpSession(Role.RESPONDER, 1)
    session.read_offer(sdp("m=audio 4000 UDP/TLS/RTP/SAVP 0", *ICE, *DTLS))
    with pytest.raises(PeerError) as refused:
        session.write_answer(offer(audio()))
    assert refused.value.reason is EndReason.SECURITY_ERROR


def test_chan_motif_reads_a_group_as_a_content() -> None:
    group = "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/></group>"
    found, _ = description.read(fromstring(JINGLE.format(group + CONTENT.format("0", PCMU, ""))))
    assert [media.name for media in found.media] == ["0"]


def test_dino_writes_reasons_with_underscores_and_refuses_senders_none() -> None:
    assert BY_JINGLE["failed_application"] is EndReason.FAILED_APPLICATION
    element = jingle()
    element[0].set("senders", "none")
    assert "a=inactive" in jingle_to_sdp(element).text


def test_aiortc_drops_the_direction_of_header_extensions() -> None:
    found = medium(AUDIO, "a=extmap:1/recvonly urn:x").rtp.extensions[0]
    assert found.senders is Senders.RESPONDER


def test_aiortc_writes_rtcp_mux_only_beside_rtcp() -> None:
    lines = jingle_to_sdp(jingle(PCMU + "<rtcp-mux/>")).text.splitlines()
    assert "a=rtcp-mux" in lines
    assert not any(line.startswith("a=rtcp:") for line in lines)


def test_stanza_keeps_only_the_first_source_and_no_generation() -> None:
    source = "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{}'><parameter name='cname' value='c'/></source>"
    text = jingle_to_sdp(jingle(PCMU + source.format(1) + source.format(2), HOST.format(1, "192.0.2.1"))).text
    assert "a=ssrc:1 cname:c\r\na=ssrc:2 cname:c\r\n" in text
    assert "generation 3" in text


def test_stanza_assumes_a_setup() -> None:
    bare = "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256'>AB</fingerprint>"
    assert "a=setup:actpass" in jingle_to_sdp(jingle(transport=bare)).text


def test_slixmpp_jingle_has_related_addresses_only_for_srflx() -> None:
    lines = [
        f"a=candidate:{kind} 1 udp 9 192.0.2.1 1 typ {kind} raddr 192.0.2.9 rport 4" for kind in ("prflx", "relay")
    ]
    transport = medium(AUDIO, *ICE, *lines).transport
    assert [one.get("rel-addr") for one in tree.write(transport)] == ["192.0.2.9"] * 2


def test_livekit_answers_sendonly_with_sendrecv() -> None:
    session = SdpSession(Role.RESPONDER, 1)
    session.read_offer(sdp(AUDIO, "a=sendonly"))
    assert "a=recvonly" in session.write_answer(offer(audio()))
