"""Entity capabilities: the hashes of what an entity tells, in both ways of making them."""

from xml.etree.ElementTree import Element, SubElement, fromstring

import pytest
from hypothesis import given

from gateway.entity import caps, disco
from gateway.entity.caps import Caps
from gateway.entity.disco import Abilities, Identity, Info
from gateway.stanza import Stanza
from tests.entity.test_disco import COMPLEX, infos

SIMPLE = Info(
    (Identity(category="client", type="pc", name="Exodus 0.9.1"),),
    frozenset(
        {
            "http://jabber.org/protocol/caps",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc",
        }
    ),
)

SIMPLE_2 = Info(
    (Identity(category="client", type="mobile", name="BombusMod"),),
    frozenset(
        {
            "http://jabber.org/protocol/si",
            "http://jabber.org/protocol/bytestreams",
            "http://jabber.org/protocol/chatstates",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "urn:xmpp:ping",
            "jabber:iq:time",
            "jabber:iq:privacy",
            "jabber:iq:version",
            "http://jabber.org/protocol/rosterx",
            "urn:xmpp:time",
            "jabber:x:oob",
            "http://jabber.org/protocol/ibb",
            "http://jabber.org/protocol/si/profile/file-transfer",
            "urn:xmpp:receipts",
            "jabber:iq:roster",
            "jabber:iq:last",
        }
    ),
)

FEATURES_2 = """
    games:board http://jabber.org/protocol/activity http://jabber.org/protocol/activity+notify
    http://jabber.org/protocol/bytestreams http://jabber.org/protocol/chatstates http://jabber.org/protocol/commands
    http://jabber.org/protocol/disco#info http://jabber.org/protocol/disco#items http://jabber.org/protocol/evil
    http://jabber.org/protocol/feature-neg http://jabber.org/protocol/geoloc http://jabber.org/protocol/geoloc+notify
    http://jabber.org/protocol/ibb http://jabber.org/protocol/iqibb http://jabber.org/protocol/mood
    http://jabber.org/protocol/mood+notify http://jabber.org/protocol/rosterx http://jabber.org/protocol/si
    http://jabber.org/protocol/si/profile/file-transfer http://jabber.org/protocol/tune
    http://www.facebook.com/xmpp/messages http://www.xmpp.org/extensions/xep-0084.html#ns-metadata+notify
    jabber:iq:avatar jabber:iq:browse jabber:iq:dtcp jabber:iq:filexfer jabber:iq:ibb jabber:iq:inband jabber:iq:jidlink
    jabber:iq:last jabber:iq:oob jabber:iq:privacy jabber:iq:roster jabber:iq:time jabber:iq:version jabber:x:data
    jabber:x:event jabber:x:oob urn:xmpp:avatar:metadata+notify urn:xmpp:ping urn:xmpp:receipts urn:xmpp:time
"""


def complex_2() -> Info:
    """The second example of XEP-0390, read as from a client."""
    query = Element("{http://jabber.org/protocol/disco#info}query")
    for lang, name in (("en", "Tkabber"), ("ru", "Ткаббер")):
        attributes = {"category": "client", "type": "pc", "name": name}
        attributes["{http://www.w3.org/XML/1998/namespace}lang"] = lang
        SubElement(query, "{http://jabber.org/protocol/disco#info}identity", attributes)
    for feature in FEATURES_2.split():
        SubElement(query, "{http://jabber.org/protocol/disco#info}feature", {"var": feature})
    query.append(
        fromstring(
            "<x xmlns='jabber:x:data' type='result'>"
            "<field type='hidden' var='FORM_TYPE'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
            "<field var='software'><value>Tkabber</value></field>"
            "<field var='software_version'><value>0.11.1-svn-20111216-mod (Tcl/Tk 8.6b2)</value></field>"
            "<field var='os'><value>Windows</value></field><field var='os_version'><value>XP</value></field></x>"
        )
    )
    return disco.read(query)


@pytest.mark.conformance("COMP-09")
def test_the_simple_example_of_the_specification_has_its_hash() -> None:
    assert caps.ver(SIMPLE) == "QgayPKawpkPSDYmwT/WM94uAlu0="


@pytest.mark.conformance("COMP-09")
def test_the_complex_example_with_languages_and_a_form_has_its_hash() -> None:
    assert caps.ver(disco.read(fromstring(COMPLEX))) == "q07IKJEyjvHSyhy//CH0CxmKi8w="


@pytest.mark.parametrize(
    ("info", "sha2", "sha3"),
    [
        (SIMPLE_2, "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=", "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q="),
        (complex_2(), "u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY=", "XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg="),
    ],
    ids=["simple", "complex"],
)
def test_the_examples_of_the_later_specification_have_their_hashes(info: Info, sha2: str, sha3: str) -> None:
    assert (caps.digest(info, "sha-256"), caps.digest(info, "sha3-256")) == (sha2, sha3)


def shown(*children: Element) -> Stanza:
    """A presence."""
    return Stanza(kind="presence", sender="ana@example.net/desk", to="gw.example", children=children)


def test_our_presence_carries_both_and_is_read_as_what_it_is() -> None:
    info = disco.number(Abilities())
    old, *later = caps.ours(info)
    assert [one.algorithm for one in later] == ["sha-256", "sha3-256"]
    assert caps.read(shown(*caps.write(info))) == (later[1], old)


def test_of_the_hashes_the_one_that_can_be_verified_is_taken() -> None:
    info = disco.number(Abilities())
    old, new = caps.write(info)
    for one in new:
        one.set("algo", {"sha-256": "sha-256", "sha3-256": "blake2b-256"}[one.get("algo", "")])
    assert [one.algorithm for one in caps.read(shown(new, old))] == ["sha-256", "sha-1"]
    old.set("hash", "md5")
    assert [one.algorithm for one in caps.read(shown(new, old))] == ["sha-256"]


@pytest.mark.parametrize(
    "xml",
    [
        "<c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/>",
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' ver='v'/>",
        "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver=''/>",
        f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='{'v' * 600}'/>",
        "<c xmlns='urn:xmpp:caps'/>",
        "<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-1'>v</hash></c>",
        "<c xmlns='urn:xmpp:caps'><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'/></c>",
    ],
)
def test_what_names_no_hash_that_can_be_verified_is_none(xml: str) -> None:
    assert caps.read(shown(fromstring(xml))) == ()


@given(infos)
def test_only_the_answer_with_the_hash_is_believed(info: Info) -> None:
    told = disco.read(disco.write(info))
    for one in caps.ours(info):
        other = Caps(one.node, one.ver[::-1], one.algorithm)
        assert caps.believed(one, told) is not any(
            sign in text for text in caps._texts(told) for sign in "<\x1c\x1d\x1e\x1f"
        )
        assert not caps.believed(other, told) or one.ver == other.ver
