"""What is answered outside calls."""

from collections.abc import Callable
from itertools import count
from xml.etree.ElementTree import Element, fromstring

import pytest

from gateway.entity import disco
from gateway.entity.answers import Entity, answer
from gateway.entity.disco import Abilities
from gateway.errors import PeerError
from gateway.stanza import Kind, Stanza, read_error

GATEWAY = "sip.example.org"
NUMBER = "+15550100200@sip.example.org"
USER = "nurse@example.net/ward"
DISCO = "{http://jabber.org/protocol/disco#info}"


def translate(typed: str) -> str:
    if " " in typed:
        raise PeerError("address: has a blank in it", condition="jid-malformed")
    return typed.replace("@", "\\40") + "@" + GATEWAY


ENTITY = Entity(
    component=disco.component("Phones"), number=disco.number(Abilities()), version="9.8.7", translate=translate
)


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"fresh-{next(numbers)}"


def stanza(xml: str = "", *, to: str = NUMBER, type: str = "get", kind: Kind = "iq", id: str = "q1") -> Stanza:
    children = tuple(fromstring(f"<all>{xml}</all>"))
    return Stanza(kind=kind, type=type, id=id, sender=USER, to=to, children=children)


def ask(xml: str = "", **more: str) -> Stanza:
    reply = answer(stanza(xml, **more), ENTITY, ids())  # type: ignore[arg-type]
    assert reply is not None
    assert (reply.kind, reply.id, reply.sender, reply.to) == ("iq", "q1", more.get("to", NUMBER), USER)
    return reply


def query(reply: Stanza) -> Element:
    assert reply.type == "result", read_error(reply)
    (element,) = reply.children
    return element


def condition(reply: Stanza) -> str:
    assert reply.type == "error"
    return read_error(reply).condition


DISCO_INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"


@pytest.mark.conformance("COMP-05")
def test_the_component_is_a_gateway_to_phones_and_sip_that_can_be_asked_for_addresses() -> None:
    info = disco.read(query(ask(DISCO_INFO, to=GATEWAY)))
    assert {(item.category, item.type) for item in info.identities} == {("gateway", "pstn"), ("gateway", "sip")}
    assert {"jabber:iq:gateway", "jid\\20escaping", "http://jabber.org/protocol/disco#info"} <= info.features
    assert "jabber:iq:register" not in info.features


@pytest.mark.conformance("COMP-06")
def test_a_number_tells_the_same_by_its_bare_and_its_full_jid() -> None:
    bare = disco.read(query(ask(DISCO_INFO)))
    full = disco.read(query(ask(DISCO_INFO, to=f"{NUMBER}/sip")))
    assert bare == full
    assert "urn:xmpp:jingle:1" in bare.features


@pytest.mark.conformance("COMP-07")
@pytest.mark.parametrize("what", ["info", "items"])
def test_an_unknown_node_is_not_found(what: str) -> None:
    asked = f"<query xmlns='http://jabber.org/protocol/disco#{what}' node='no-such-node'/>"
    assert condition(ask(asked)) == "item-not-found"


@pytest.mark.conformance("COMP-08")
@pytest.mark.parametrize("jid", [GATEWAY, NUMBER])
def test_the_node_of_our_caps_tells_what_hashes_to_it(jid: str) -> None:
    caps = disco.caps(ENTITY.info(jid))
    node = f"{caps.get('node')}#{caps.get('ver')}"
    told = query(ask(f"<query xmlns='http://jabber.org/protocol/disco#info' node='{node}'/>", to=jid))
    assert told.get("node") == node
    assert disco.ver(disco.read(told)) == caps.get("ver")


def test_the_component_lists_no_items() -> None:
    assert len(query(ask("<query xmlns='http://jabber.org/protocol/disco#items'/>", to=GATEWAY))) == 0


def test_a_ping_is_answered() -> None:
    assert ask("<ping xmlns='urn:xmpp:ping'/>").type == "result"


def test_the_version_is_told() -> None:
    told = query(ask("<query xmlns='jabber:iq:version'/>", to=GATEWAY))
    assert [child.text for child in told] == ["jingle-sip", "9.8.7"]


@pytest.mark.conformance("ADDR-25")
def test_the_component_prompts_for_an_address() -> None:
    told = query(ask("<query xmlns='jabber:iq:gateway'/>", to=GATEWAY))
    assert [child.tag for child in told] == ["{jabber:iq:gateway}desc", "{jabber:iq:gateway}prompt"]


@pytest.mark.conformance("ADDR-24")
def test_a_sip_address_becomes_the_jid_to_call() -> None:
    typed = "<query xmlns='jabber:iq:gateway'><prompt> carol@voip.example </prompt></query>"
    told = query(ask(typed, to=GATEWAY, type="set"))
    assert told.findtext("{jabber:iq:gateway}jid") == "carol\\40voip.example@sip.example.org"


def test_what_is_no_address_is_refused_with_the_reason() -> None:
    typed = "<query xmlns='jabber:iq:gateway'><prompt>not one</prompt></query>"
    reply = ask(typed, to=GATEWAY, type="set")
    assert condition(reply) == "jid-malformed"
    assert read_error(reply).text == "address: has a blank in it"


@pytest.mark.parametrize("typed", ["", "<prompt/>", f"<prompt>{'9' * 2000}</prompt>"])
def test_a_prompt_without_a_usable_text_is_a_bad_request(typed: str) -> None:
    asked = f"<query xmlns='jabber:iq:gateway'>{typed}</query>"
    assert condition(ask(asked, to=GATEWAY, type="set")) == "bad-request"


@pytest.mark.parametrize("type", ["get", "set"])
def test_a_number_itself_translates_no_addresses(type: str) -> None:
    assert condition(ask("<query xmlns='jabber:iq:gateway'/>", type=type)) == "service-unavailable"


@pytest.mark.conformance("COMP-15")
@pytest.mark.parametrize("type", ["get", "set"])
@pytest.mark.parametrize("xml", ["<query xmlns='jabber:iq:register'/>", "<vCard xmlns='vcard-temp'/>"])
def test_what_is_not_known_is_unavailable(xml: str, type: str) -> None:
    assert condition(ask(xml, type=type, to=GATEWAY)) == "service-unavailable"


@pytest.mark.conformance("COMP-17")
@pytest.mark.parametrize("xml", ["", "<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>"])
def test_an_iq_without_exactly_one_child_is_a_bad_request(xml: str) -> None:
    assert condition(ask(xml)) == "bad-request"


@pytest.mark.conformance("COMP-17")
def test_an_iq_without_an_id_is_ignored() -> None:
    assert answer(stanza("<ping xmlns='urn:xmpp:ping'/>", id=""), ENTITY, ids()) is None


@pytest.mark.conformance("COMP-16")
@pytest.mark.parametrize("type", ["result", "error", "nonsense"])
def test_replies_to_nothing_are_ignored(type: str) -> None:
    assert answer(stanza("<ping xmlns='urn:xmpp:ping'/>", type=type), ENTITY, ids()) is None


@pytest.mark.conformance("COMP-18")
@pytest.mark.parametrize("type", ["error", "groupchat", "headline"])
def test_messages_that_want_no_reply_get_none(type: str) -> None:
    message = stanza("<body>hello</body><request xmlns='urn:xmpp:receipts'/>", kind="message", type=type)
    assert answer(message, ENTITY, ids()) is None


def test_a_text_message_comes_back_instead_of_getting_lost() -> None:
    reply = answer(stanza("<body>hello</body>", kind="message", type="chat"), ENTITY, ids())
    assert reply is not None
    assert (reply.kind, reply.type) == ("message", "error")
    assert read_error(reply).condition == "service-unavailable"


def test_typing_notifications_get_no_reply() -> None:
    composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
    assert answer(stanza(composing, kind="message", type="chat"), ENTITY, ids()) is None


@pytest.mark.conformance("COMP-19")
def test_a_message_of_a_call_that_is_over_gets_the_receipt_it_asks_for() -> None:
    finish = "<finish xmlns='urn:xmpp:jingle-message:0' id='s1'/><request xmlns='urn:xmpp:receipts'/>"
    reply = answer(stanza(finish, kind="message", type="chat", id="m7"), ENTITY, ids())
    assert reply is not None
    received = reply.child("{urn:xmpp:receipts}received")
    assert received is not None
    assert received.get("id") == "m7"
    plain = "<finish xmlns='urn:xmpp:jingle-message:0' id='s1'/>"
    assert answer(stanza(plain, kind="message", type="chat"), ENTITY, ids()) is None


def test_presence_is_not_answered_here() -> None:
    assert answer(stanza(kind="presence", type="probe"), ENTITY, ids()) is None
