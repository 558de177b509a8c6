"""Contents and groups of a <jingle/>, both ways."""

import time
from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

import pytest

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.jingle import description
from mappings.description import Description, Encryption, Fingerprint, Group, Ice, Media, Parameter, RawUdp, Rtp, Source
from mappings.reasons import EndReason
from mappings.terms import Role, Senders, Setup
from tests.sdp.said import PCMU, audio, video

RTP = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'><payload-type id='0'/></description>"
RAW = "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'/>"
CANDIDATE = "<candidate component='1' foundation='1' ip='192.0.2.1' port='1' priority='5' protocol='udp' type='host'/>"


def content(inside: str = RTP + RAW, name: str = "audio", attributes: str = "creator='initiator'") -> str:
    return f"<content name='{name}' {attributes}>{inside}</content>"


def jingle(*children: str, action: str = "session-initiate") -> Element:
    return fromstring(f"<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='s'>{''.join(children)}</jingle>")


def read(*children: str, action: str = "session-initiate") -> Description:
    return description.read(jingle(*children, action=action))[0]


def refused(*children: str) -> PeerError:
    with pytest.raises(PeerError) as caught:
        read(*children)
    return caught.value


def ice(inside: str = "", attributes: str = "ufrag='u' pwd='p'") -> str:
    return f"<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' {attributes}>{inside}</transport>"


def dtls(setup: str) -> str:
    return ice(f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256'{setup}>AB</fingerprint>")


def test_a_content_is_a_medium() -> None:
    assert read(content()).media == (Media(name="audio", rtp=Rtp(media="audio", codecs=(PCMU,)), transport=RawUdp()),)


@pytest.mark.conformance("J2S-11")
def test_senders_and_creator_have_defaults() -> None:
    (medium,) = read(content(attributes="")).media
    assert (medium.senders, medium.creator) == (Senders.BOTH, Role.INITIATOR)
    (medium,) = read(content(attributes="creator='responder' senders='none' disposition='early-session'")).media
    assert (medium.senders, medium.creator, medium.disposition) == (Senders.NONE, Role.RESPONDER, "early-session")


@pytest.mark.conformance("JIN-21")
def test_groups_may_come_first() -> None:
    names = "<content name='a'/><content name='b'/>"
    group = f"<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>{names}</group>"
    found = read(group, content(name="a"), content(name="b"), "<reason><success/></reason>")
    assert found.groups == (Group(semantics="BUNDLE", names=("a", "b")),)


@pytest.mark.parametrize(
    "group",
    [
        "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='gone'/></group>",
        "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUN DLE'><content name='audio'/></group>",
    ],
)
def test_a_group_of_nobody_is_reported(group: str) -> None:
    found, dropped = description.read(jingle(content(), group))
    assert found.groups == ()
    assert dropped == ("group",)


@pytest.mark.conformance("JIN-04", "ICE-30")
@pytest.mark.parametrize(
    "inside",
    [
        content(RTP),
        content(RAW),
        content("<description xmlns='urn:xmpp:jingle:apps:rtp:1'><payload-type id='0'/></description>" + RAW),
        content(name=""),
        content(attributes="creator='me'"),
        content(attributes="senders='all'"),
        content(RTP + ice(CANDIDATE, "ufrag='u'")),
        content(RTP + ice(CANDIDATE, "")),
        "",
    ],
)
def test_a_broken_content_is_a_bad_request(inside: str) -> None:
    error = refused(inside)
    assert (error.condition, error.reason) == ("bad-request", EndReason.GENERAL_ERROR)


@pytest.mark.conformance("XS-19", "XS-20", "J2S-03", "SEC-05", "SEC-14")
@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/>" + RAW, EndReason.UNSUPPORTED_APPLICATIONS),
        (RTP.replace("audio", "text") + RAW, EndReason.UNSUPPORTED_APPLICATIONS),
        (RTP + "<transport xmlns='urn:xmpp:jingle:transports:s5b:1'/>", EndReason.UNSUPPORTED_TRANSPORTS),
        (RTP + dtls(" setup='holdconn'"), EndReason.UNSUPPORTED_TRANSPORTS),
        (RTP.replace("id='0'", "id='96'") + RAW, EndReason.INCOMPATIBLE_PARAMETERS),
        (
            RTP.replace(
                "</d", "<encryption required='1'><crypto tag='1' crypto-suite='X' key-params='k'/></encryption></d"
            )
            + RAW,
            EndReason.SECURITY_ERROR,
        ),
    ],
)
def test_a_content_that_cannot_be_used_has_its_reason(inside: str, reason: EndReason) -> None:
    assert refused(content(inside)).reason is reason
    found, dropped = description.read(jingle(content(inside, "other"), content()))
    assert [medium.name for medium in found.media] == ["audio"]
    assert "content" in dropped


@pytest.mark.conformance("JIN-26")
def test_of_alternatives_the_first_that_can_be_used_is_taken() -> None:
    stub = RTP + "<transport xmlns='urn:x'/>"
    found, dropped = description.read(jingle(content(stub), content(RTP + ice()), content(RTP + RAW)))
    assert [medium.transport for medium in found.media] == [Ice(ufrag="u", pwd="p")]
    assert dropped == ("content",)


def test_a_payload_type_comes_once() -> None:
    twice = RTP.replace("<payload-type id='0'/>", "<payload-type id='8'/><payload-type id='0'/><payload-type id='8'/>")
    found, dropped = description.read(jingle(content(twice + RAW)))
    assert [codec.id for codec in found.media[0].rtp.codecs] == [8, 0]
    assert dropped == ("payload-type",)


@pytest.mark.parametrize(
    ("setup", "offered", "answered"),
    [
        ("", Setup.ACTPASS, Setup.ACTIVE),
        (" setup='actpass'", Setup.ACTPASS, Setup.ACTIVE),
        (" setup='active'", Setup.ACTIVE, Setup.ACTIVE),
        (" setup='passive'", Setup.PASSIVE, Setup.PASSIVE),
    ],
)
@pytest.mark.conformance("SEC-01", "SEC-02")
def test_the_dtls_role_of_an_offer_and_an_answer(setup: str, offered: Setup, answered: Setup) -> None:
    for action, expected in (("session-initiate", offered), ("session-accept", answered)):
        (medium,) = read(content(RTP + dtls(setup)), action=action).media
        assert medium.transport.fingerprints == (Fingerprint(hash="sha-256", value="AB", setup=expected),)


def test_unknown_children_are_reported() -> None:
    _, dropped = description.read(jingle(content(RTP + RAW + "<security/>"), "<muji xmlns='urn:x'/>"))
    assert dropped == ("security", "muji")


@pytest.mark.conformance("ICE-31")
@pytest.mark.parametrize(
    "children",
    [
        [content(RTP + ice(CANDIDATE.replace("port='1'", f"port='{n}'") * 100)) for n in range(60)],
        [content(RTP + ice("".join(CANDIDATE.replace("port='1'", f"port='{n + 1}'") for n in range(10_000))))],
        [content(RTP.replace("<payload-type id='0'/>", "<payload-type id='0'/>" * 10_000) + RAW)],
        [content(name=str(n)) for n in range(1000)],
        [
            content(),
            "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='LS'><content name='audio'/></group>" * 5000,
        ],
    ],
)
def test_reading_is_bounded(children: list[str]) -> None:
    element = jingle(*children)
    started = time.process_time()
    try:
        found = description.read(element)[0]
    except PeerError as error:
        assert error.condition == "policy-violation"  # noqa: PT017
        return
    assert time.process_time() - started < 1
    assert all(len(medium.transport.candidates) <= 128 for medium in found.media)


# Writing.


def test_contents_are_written_before_groups() -> None:
    groups = (Group(semantics="BUNDLE", names=("a", "b")),)
    elements = description.write(Description(media=(audio("a"), video("b")), groups=groups))
    assert [element.tag.rpartition("}")[2] for element in elements] == ["content", "content", "group"]
    assert [child.get("name") for child in elements[-1]] == ["a", "b"]
    assert elements[0].attrib == {"creator": "initiator", "name": "a"}
    assert [child.tag for child in elements[0]] == [
        "{urn:xmpp:jingle:apps:rtp:1}description",
        "{urn:xmpp:jingle:transports:raw-udp:1}transport",
    ]


def test_what_differs_from_the_defaults_is_written() -> None:
    medium = replace(audio(), senders=Senders.RESPONDER, creator=Role.RESPONDER, disposition="early-session")
    element = description.write_content(medium)
    assert element.attrib == {
        "creator": "responder", "name": "audio", "senders": "responder", "disposition": "early-session",
    }  # fmt: skip


def test_the_only_source_is_the_descriptions_ssrc() -> None:
    one = replace(audio(), rtp=replace(audio().rtp, sources=(Source(ssrc=5),)))
    assert description.write_content(one)[0].get("ssrc") == "5"
    two = replace(audio(), rtp=replace(audio().rtp, sources=(Source(ssrc=5), Source(ssrc=6))))
    assert description.write_content(two)[0].get("ssrc") is None
    assert description.read_content(description.write_content(one), Dropped(), answer=False).rtp == one.rtp


def test_a_transport_alone_is_written_as_in_its_content() -> None:
    transport = Ice(ufrag="u", pwd="p")
    assert description.write_transport(transport).attrib == {"ufrag": "u", "pwd": "p"}


def test_an_empty_encryption_is_none() -> None:
    assert read(content(RTP.replace("</d", "<encryption/></d") + RAW)).media[0].rtp.encryption is None
    zrtp = "<encryption><zrtp-hash xmlns='urn:xmpp:jingle:apps:rtp:zrtp:1' version='1.10'>ab</zrtp-hash></encryption>"
    required = read(content(RTP.replace("</d", f"{zrtp}</d") + RAW))
    assert isinstance(required.media[0].rtp.encryption, Encryption)


def test_a_groups_source_of_which_nothing_is_said_has_the_cname_of_the_others() -> None:
    # stanza's session-accept tells of the picture's source, and names that of its repetitions in the group alone.
    ssma = "urn:xmpp:jingle:apps:rtp:ssma:0"
    sources = (
        f"<source xmlns='{ssma}' ssrc='7'><parameter name='cname' value='c'/></source>"
        f"<ssrc-group xmlns='{ssma}' semantics='FID'><source ssrc='7'/><source ssrc='8'/></ssrc-group>"
        f"<ssrc-group xmlns='{ssma}' semantics='FID'><source ssrc='90'/><source ssrc='91'/></ssrc-group>"
    )
    (medium,) = read(content(RTP.replace("</description>", f"{sources}</description>") + RAW)).media
    cname = Parameter(name="cname", value="c")
    assert medium.rtp.sources == (Source(ssrc=7, parameters=(cname,)), Source(ssrc=8, parameters=(cname,)))
