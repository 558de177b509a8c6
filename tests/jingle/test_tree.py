"""Records and elements: liberal to read, exact to write."""

from xml.etree.ElementTree import Comment, Element, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.jingle import tree
from mappings.description import (
    Candidate,
    Codec,
    Encryption,
    Feedback,
    Fingerprint,
    GatheringComplete,
    HeaderExtension,
    Ice,
    Parameter,
    RawCandidate,
    RawUdp,
    Rtp,
    Source,
)
from mappings.record import MOST
from mappings.terms import CandidateType, Setup

ICE = "urn:xmpp:jingle:transports:ice-udp:1"
RTP = "urn:xmpp:jingle:apps:rtp:1"
HOST = Candidate(
    foundation="1", component=1, protocol="udp", priority=5, ip="192.0.2.1", port=5000, type=CandidateType.HOST
)


def ice(inside: str, namespace: str = ICE, attributes: str = "ufrag='u' pwd='p'") -> Ice:
    return tree.read(Ice, fromstring(f"<transport xmlns='{namespace}' {attributes}>{inside}</transport>"))


def rtp(inside: str, dropped: Dropped | None = None) -> Rtp:
    return tree.read(Rtp, fromstring(f"<description xmlns='{RTP}' media='audio'>{inside}</description>"), dropped)


@pytest.mark.conformance("J2S-21")
def test_children_come_in_any_order_and_unknown_ones_are_reported() -> None:
    dropped = Dropped()
    found = rtp(
        "<rtcp-mux/><unknown xmlns='urn:x'/><payload-type id='0' vendor='x'/><!-- a comment -->"
        "<encryption/><payload-type id='8'/>",
        dropped,
    )
    assert [codec.id for codec in found.codecs] == [0, 8]
    assert found.rtcp_mux is not None
    assert found.encryption is None
    assert dropped.names() == ("unknown", "payload-type@vendor")


def test_a_comment_is_no_element() -> None:
    element = Element(f"{{{RTP}}}description", {"media": "audio"})
    element.append(Comment("x"))
    dropped = Dropped()
    tree.read(Rtp, element, dropped)
    assert dropped.names() == ("comment",)


def test_an_attribute_in_a_namespace_is_passed_over() -> None:
    dropped = Dropped()
    rtp("<payload-type id='0' xml:lang='en'/>", dropped)
    assert dropped.names() == ()


@pytest.mark.parametrize("namespace", [ICE, "urn:xmpp:jingle:transports:ice:0", "urn:xmpp:jingle:transports:ice-udp:0"])
@pytest.mark.parametrize("own", ["", " xmlns='urn:xmpp:jingle:transports:ice:0'"])
def test_every_ice_is_read_as_ice_udp(namespace: str, own: str) -> None:
    if own and namespace.endswith("udp:0"):
        return
    found = ice(
        "<candidate component='1' foundation='1' ip='192.0.2.1' port='5000' priority='5' protocol='UDP' type='host'/>"
        f"<gathering-complete{own}/>",
        namespace,
    )
    assert found.candidates == (HOST,)
    if not namespace.endswith("udp:0"):
        assert found.gathering_complete == GatheringComplete()
    assert tree.write(found).tag == f"{{{ICE}}}transport"


def test_a_required_attribute_costs_its_record_and_another_only_itself() -> None:
    dropped = Dropped()
    found = rtp(
        "<payload-type/><payload-type id='x'/><payload-type id='200'/><payload-type id='8' ptime='soon'/>", dropped
    )
    assert found.codecs == (Codec(id=8, name="PCMA", clockrate=8000),)
    assert dropped.names() == ("payload-type", "payload-type@id", "payload-type@ptime")


def test_the_element_itself_must_be_readable() -> None:
    with pytest.raises(PeerError, match="<description/>: cannot read media") as refused:
        tree.read(Rtp, fromstring(f"<description xmlns='{RTP}'/>"))
    assert refused.value.condition == "bad-request"


@pytest.mark.parametrize("number", ["1_0", "+1", "１", "0x1", "", "9" * 5000, "1.0", "-1"])
def test_only_decimal_numbers_are_numbers(number: str) -> None:
    assert rtp(f"<payload-type id='{number}'/>").codecs == ()
    assert rtp("<payload-type id=' 8 '/>").codecs


@pytest.mark.conformance("ICE-04", "ICE-05")
@pytest.mark.parametrize(
    "wrong",
    [
        "priority='21149780477'",
        "priority='0'",
        "ip='host.example'",
        "ip='a.local'",
        "type='moon'",
        "port='65536'",
        "ip=''",
    ],
)
def test_a_candidate_that_cannot_be_used_is_left_out(wrong: str) -> None:
    name = wrong.partition("=")[0]
    given = {
        "component": "1",
        "foundation": "1",
        "ip": "192.0.2.1",
        "port": "1",
        "priority": "5",
        "protocol": "udp",
        "type": "host",
    }
    given.pop(name)
    attributes = " ".join(f"{key}='{value}'" for key, value in given.items())
    assert ice(f"<candidate {attributes} {wrong}/>").candidates == ()


def test_what_jingle_leaves_open_is_settled() -> None:
    related = ice(
        "<candidate component='1' foundation='1' ip='[2001:db8::1]' port='1' priority='5' protocol='udp' type='srflx'"
        " generation='0' network='0'/>"
    ).candidates[0]
    assert (related.ip, related.rel_addr, related.rel_port) == ("2001:db8::1", "::", 9)
    assert (related.generation, related.network) == (None, None)


@pytest.mark.conformance("J2S-14")
def test_a_fingerprint_is_one_upper_case_word() -> None:
    found = ice(
        "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='SHA-256' setup='active'> ab:cd\n  :ef </fingerprint>"
    )
    assert found.fingerprints == (Fingerprint(hash="sha-256", value="AB:CD:EF", setup=Setup.ACTIVE),)


@pytest.mark.conformance("J2S-04", "J2S-05")
@pytest.mark.parametrize(
    ("payload", "codec"),
    [
        ("id='0' name='PCMU' clockrate='16000'", Codec(id=0, name="PCMU", clockrate=8000)),
        ("id='18'", Codec(id=18, name="G729", clockrate=8000)),
        ("id='10'", Codec(id=10, name="L16", clockrate=44100, channels=2)),
        ("id='9' name='g722' clockrate='16000' channels='1'", Codec(id=9, name="g722", clockrate=8000)),
        ("id='96' name='OPUS' clockrate='48000'", Codec(id=96, name="OPUS", clockrate=48000, channels=2)),
        ("id='96' name='iLBC'", Codec(id=96, name="iLBC", clockrate=8000)),
        ("id='96' name='unheard-of'", Codec(id=96, name="unheard-of", clockrate=8000)),
        ("id='3' name='mine' clockrate='1'", Codec(id=3, name="mine", clockrate=1)),
    ],
)
def test_a_payload_type_gets_what_is_known_of_it(payload: str, codec: Codec) -> None:
    assert rtp(f"<payload-type {payload}/>").codecs == (codec,)


@pytest.mark.conformance("J2S-03", "J2S-06")
@pytest.mark.parametrize("payload", ["id='96'", "id='200' name='x'", "id='96' name='a b'", "id='96' name='a/b'"])
def test_a_payload_type_that_sdp_cannot_say_is_dropped(payload: str) -> None:
    dropped = Dropped()
    assert rtp(f"<payload-type {payload}/>", dropped).codecs == ()
    assert "payload-type" in dropped.names()


@pytest.mark.parametrize(
    ("name", "inside", "parameter"),
    [
        ("red", "<parameter name='111/111'/>", Parameter(name="pt", value="111/111")),
        ("red", "<parameter name='pt' value='0,103'/>", Parameter(name="pt", value="0/103")),
        ("telephone-event", "<parameter name='dtmp_tones' value='0-16'/>", Parameter(name="events", value="0-16")),
        ("telephone-event", "<parameter name='' value='0-15'/>", Parameter(name="events", value="0-15")),
        ("telephone-event", "", Parameter(name="events", value="0-15")),
        ("x", "<parameter name='foobar'/>", Parameter(value="foobar")),
        ("x", "<parameter value='foobar'/>", Parameter(value="foobar")),
        ("x", "<parameter name=' a ' value=' b '/>", Parameter(name="a", value="b")),
    ],
)
def test_format_parameters_are_read_as_clients_write_them(name: str, inside: str, parameter: Parameter) -> None:
    found = rtp(f"<payload-type id='96' name='{name}' clockrate='8000'>{inside}</payload-type>")
    assert found.codecs[0].parameters == (parameter,)


@pytest.mark.parametrize("namespace", ["urn:xmpp:jingle:apps:rtp:rtcp-fb:0", RTP])
def test_a_parameter_is_in_its_parents_namespace_or_in_that_of_rtp(namespace: str) -> None:
    found = rtp(
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='tmmbr'>"
        f"<parameter xmlns='{namespace}' name='smaxpr' value='120'/></rtcp-fb>"
    )
    assert found.feedback == (
        Feedback(type="ccm", subtype="tmmbr", parameters=(Parameter(name="smaxpr", value="120"),)),
    )


def test_parameters_that_sdp_cannot_separate_are_left_out() -> None:
    found = rtp(
        "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='u'>"
        "<parameter name='a b'/><parameter name='c' value='d e'/><parameter name='f:1' value='g'/></rtp-hdrext>"
        "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1'><parameter name='x:y' value='z'/>"
        "<parameter name='label' value='a b'/></source>"
    )
    assert found.extensions == (HeaderExtension(id=1, uri="u", parameters=(Parameter(name="f:1", value="g"),)),)
    assert found.sources == (Source(ssrc=1, parameters=(Parameter(name="label", value="a b"),)),)


def test_sources_of_one_number_are_one() -> None:
    one = "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1'><parameter name='{}' value='x'/></source>"
    (source,) = rtp(one.format("cname") + one.format("msid")).sources
    assert [parameter.name for parameter in source.parameters] == ["cname", "msid"]


@pytest.mark.conformance("SEC-14")
def test_unknown_suites_are_left_out() -> None:
    found = rtp("<encryption required='1'><crypto tag='1' crypto-suite='ROT13' key-params='inline:x'/></encryption>")
    assert found.encryption == Encryption(required=True)


@pytest.mark.conformance("ICE-07")
def test_candidates_are_written_complete_with_ids_of_their_own() -> None:
    other = Candidate(
        foundation="abc+/", component=2, protocol="udp", priority=5, ip="192.0.2.1", port=5001, type=CandidateType.HOST
    )
    first, second = tree.write(Ice(ufrag="u", pwd="p", candidates=(HOST, other)))
    assert first.attrib == {
        "foundation": "1", "component": "1", "protocol": "udp", "priority": "5", "ip": "192.0.2.1", "port": "5000",
        "type": "host", "generation": "0", "network": "0", "id": first.get("id"),
    }  # fmt: skip
    assert first.get("id") != second.get("id")
    assert tree.write(Ice(candidates=(HOST,)))[0].get("id") == first.get("id")
    assert all(one.get("id", "").isidentifier() for one in (first, second))


@pytest.mark.conformance("ICE-02")
def test_a_foundation_is_a_number_for_clients_and_itself_for_translations() -> None:
    odd = Candidate(
        foundation="abc+/", component=1, protocol="udp", priority=5, ip="192.0.2.1", port=5001, type=CandidateType.HOST
    )
    ice = Ice(candidates=(odd, odd), gathering_complete=GatheringComplete())
    told = tree.write(ice)
    assert told[0].get("foundation", "").isdecimal()
    assert told[0].get("foundation") == told[1].get("foundation")
    assert len(told) == 2
    exact = tree.write(ice, exact=True)
    assert exact[0].get("foundation") == "abc+/"
    assert exact[2].tag == "{urn:xmpp:jingle:transports:ice:0}gathering-complete"


def test_the_end_of_candidates_is_not_told_to_clients() -> None:
    assert len(tree.write(Ice(gathering_complete=GatheringComplete()))) == 0
    assert len(tree.write(Ice(gathering_complete=GatheringComplete()), exact=True)) == 1


def test_an_id_of_the_peers_own_is_kept() -> None:
    raw = RawUdp(
        candidates=(RawCandidate(ip="192.0.2.1", port=5000, id="mine"), RawCandidate(ip="192.0.2.1", port=5002))
    )
    first, second = tree.write(raw)
    assert first.attrib == {"ip": "192.0.2.1", "port": "5000", "component": "1", "generation": "0", "id": "mine"}
    assert second.get("id", "").startswith("c")


def test_a_parameter_always_has_name_and_value_but_for_flags_of_sources() -> None:
    codec = Codec(id=96, name="x", clockrate=1, parameters=(Parameter(value="foobar"),))
    element = tree.write(
        Rtp(media="audio", codecs=(codec,), sources=(Source(ssrc=1, parameters=(Parameter(name="f"),)),))
    )
    parameters = [dict(one.attrib) for one in element.iter() if one.tag.endswith("}parameter")]
    assert parameters == [{"name": "", "value": "foobar"}, {"name": "f"}]
    assert "required" in tree.write(Rtp(media="audio", encryption=Encryption(required=True)))[0].attrib


def test_lists_have_an_end() -> None:
    dropped = Dropped()
    found = rtp("<payload-type id='0'/>" * 10_000, dropped)
    assert len(found.codecs) == MOST
    assert dropped.names() == ("payload-type",)


@given(st.text("<>/='\" aid0xmlns!-&;?[]CDATA", max_size=40))
def test_any_attribute_value_is_read_or_left_out(value: str) -> None:
    element = Element(f"{{{RTP}}}description", {"media": "audio", "ssrc": value})
    element.append(Element(f"{{{RTP}}}payload-type", dict.fromkeys(("id", "name", "clockrate", "channels"), value)))
    found = tree.read(Rtp, element, Dropped())
    assert tree.read(Rtp, fromstring(tostring(tree.write(found)))) == found
