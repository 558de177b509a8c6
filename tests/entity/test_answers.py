"""What is answered outside calls."""

import base64
import hashlib
from collections.abc import Callable
from itertools import count
from xml.etree.ElementTree import Element, fromstring

import pytest

from gateway.entity import avatar, caps, disco
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


NOW = 1_800_000_000.5
"2027-01-15T08:00:00Z"

ENTITY = Entity(
    component=disco.component("Phones"),
    number=lambda asker, jid: disco.number(Abilities()),
    version="9.8.7",
    translate=translate,
    plain=lambda localpart: localpart.replace("\\40", "@"),
    since=NOW - 90.0,
    title="The telephone",
)


def ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"fresh-{next(numbers)}"


def stanza(xml: str = "", *, to: str = NUMBER, type: str = "get", kind: Kind = "iq", id: str = "q1") -> Stanza:
    children = tuple(fromstring(f"<all>{xml}</all>"))
    return Stanza(kind=kind, type=type, id=id, sender=USER, to=to, children=children)


def ask(xml: str = "", **more: str) -> Stanza:
    reply = answer(stanza(xml, **more), ENTITY, ids(), wall=NOW)  # type: ignore[arg-type]
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
    assert "http://jabber.org/protocol/commands" in info.features
    assert "jabber:iq:register" not in info.features
    assert "jabber:iq:register" in disco.component("Phones", register=True).features


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
    for one in caps.ours(ENTITY.info(jid, USER)):
        told = query(ask(f"<query xmlns='http://jabber.org/protocol/disco#info' node='{one.query}'/>", to=jid))
        assert told.get("node") == one.query
        assert caps.believed(one, disco.read(told))


@pytest.mark.conformance("COMP-08")
def test_the_caps_of_every_set_that_a_number_may_ever_show_can_be_asked_for() -> None:
    for info in disco.numbers():
        for one in caps.ours(info):
            asked = f"<query xmlns='http://jabber.org/protocol/disco#info' node='{one.query}'/>"
            assert disco.read(query(ask(asked))) == info
            assert condition(ask(asked, to=GATEWAY)) == "item-not-found"


def test_the_component_lists_no_items() -> None:
    assert len(query(ask("<query xmlns='http://jabber.org/protocol/disco#items'/>", to=GATEWAY))) == 0


def test_a_ping_is_answered() -> None:
    assert ask("<ping xmlns='urn:xmpp:ping'/>").type == "result"


def test_the_version_is_told() -> None:
    told = query(ask("<query xmlns='jabber:iq:version'/>", to=GATEWAY))
    assert [child.text for child in told] == ["jingle-sip", "9.8.7"]


@pytest.mark.parametrize("to", [GATEWAY, NUMBER, f"{NUMBER}/sip"])
def test_the_time_is_told(to: str) -> None:
    told = query(ask("<time xmlns='urn:xmpp:time'/>", to=to))
    assert [child.text for child in told] == ["+00:00", "2027-01-15T08:00:00Z"]


def test_the_gateway_tells_how_long_it_runs_and_a_phone_nothing() -> None:
    asked = "<query xmlns='jabber:iq:last'/>"
    assert query(ask(asked, to=GATEWAY)).get("seconds") == "90"
    assert condition(ask(asked)) == "service-unavailable"


@pytest.mark.parametrize(
    ("to", "name", "number", "uri"),
    [
        (GATEWAY, "The telephone", None, None),
        (NUMBER, "+1 555 010 0200", "+15550100200", "tel:+15550100200"),
        (f"{NUMBER}/sip", "+1 555 010 0200", "+15550100200", "tel:+15550100200"),
        (f"+493012345678@{GATEWAY}", "+49 3012345678", "+493012345678", "tel:+493012345678"),
        (f"+35312345@{GATEWAY}", "+353 12345", "+35312345", "tel:+35312345"),
        (f"201@{GATEWAY}", "201", "201", None),
        (f"201;phone-context=b.example@{GATEWAY}", "201", "201", "tel:201;phone-context=b.example"),
        (f"carol\\40voip.example@{GATEWAY}", "carol@voip.example", None, "sip:carol@voip.example"),
        (f"anonymous@{GATEWAY}", "Anonymous", None, None),
    ],
)
def test_everybody_here_has_an_address_card(to: str, name: str, number: str | None, uri: str | None) -> None:
    old = query(ask("<vCard xmlns='vcard-temp'/>", to=to))
    assert old.findtext("{vcard-temp}FN") == name
    assert old.findtext("{vcard-temp}TEL/{vcard-temp}NUMBER") == number
    assert old.findtext("{vcard-temp}URL") == uri
    new = query(ask("<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>", to=to))
    assert new.findtext("{*}fn/{*}text") == name
    if number is None:
        assert new.findtext("{*}impp/{*}uri") == uri
    else:
        assert (new.findtext("{*}tel/{*}uri"), new.findtext("{*}tel/{*}text")) == (uri, None if uri else number)


def test_the_picture_is_the_one_whose_hash_presence_shows() -> None:
    card = query(ask("<vCard xmlns='vcard-temp'/>"))
    data = base64.b64decode(card.findtext("{vcard-temp}PHOTO/{vcard-temp}BINVAL") or "")
    assert (data, hashlib.sha1(data).hexdigest()) == avatar.picture()
    assert card.findtext("{vcard-temp}PHOTO/{vcard-temp}TYPE") == "image/png"


def items(node: str, *ids: str) -> dict[str, Element]:
    inside = "".join(f"<item id='{id}'/>" for id in ids)
    asked = f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{node}'>{inside}</items></pubsub>"
    found = query(ask(asked)).find("{http://jabber.org/protocol/pubsub}items")
    assert found is not None
    assert found.get("node") == node
    return {item.get("id", ""): item[0] for item in found}


def test_card_picture_and_name_can_be_had_as_items_of_their_nodes() -> None:
    picture = avatar.picture()
    (metadata,) = items("urn:xmpp:avatar:metadata")[picture.sha1]
    assert (metadata.get("id"), metadata.get("bytes")) == (picture.sha1, str(len(picture.data)))
    (data,) = items("urn:xmpp:avatar:data", picture.sha1).values()
    assert base64.b64decode(data.text or "") == picture.data
    assert items("urn:xmpp:avatar:data", "another") == {}
    for node in ("urn:xmpp:vcard4", "urn:ietf:params:xml:ns:vcard-4.0"):
        assert items(node)["current"].findtext("{*}fn/{*}text") == "+1 555 010 0200"
    assert items("http://jabber.org/protocol/nick")["current"].text == "+1 555 010 0200"


def test_other_nodes_are_not_there_and_nothing_is_published_here() -> None:
    space = "xmlns='http://jabber.org/protocol/pubsub'"
    assert condition(ask(f"<pubsub {space}><items node='urn:xmpp:omemo:2:devices'/></pubsub>")) == "item-not-found"
    assert condition(ask(f"<pubsub {space}><items/></pubsub>")) == "item-not-found"
    assert condition(ask(f"<pubsub {space}><subscriptions/></pubsub>")) == "feature-not-implemented"
    assert condition(ask(f"<pubsub {space}><publish node='n'/></pubsub>", type="set")) == "service-unavailable"


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
@pytest.mark.parametrize("xml", ["<query xmlns='jabber:iq:privacy'/>", "<query xmlns='jabber:iq:roster'/>"])
def test_what_is_not_known_is_unavailable(xml: str, type: str) -> None:
    assert condition(ask(xml, type=type, to=GATEWAY)) == "service-unavailable"


@pytest.mark.conformance("COMP-17")
@pytest.mark.parametrize("xml", ["", "<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>"])
def test_an_iq_without_exactly_one_child_is_a_bad_request(xml: str) -> None:
    assert condition(ask(xml)) == "bad-request"


@pytest.mark.conformance("COMP-17")
def test_an_iq_without_an_id_is_ignored() -> None:
    assert answer(stanza("<ping xmlns='urn:xmpp:ping'/>", id=""), ENTITY, ids(), wall=NOW) is None


@pytest.mark.conformance("COMP-16")
@pytest.mark.parametrize("type", ["result", "error", "nonsense"])
def test_replies_to_nothing_are_ignored(type: str) -> None:
    assert answer(stanza("<ping xmlns='urn:xmpp:ping'/>", type=type), ENTITY, ids(), wall=NOW) is None


@pytest.mark.conformance("COMP-18")
@pytest.mark.parametrize("type", ["error", "groupchat", "headline"])
def test_messages_that_want_no_reply_get_none(type: str) -> None:
    message = stanza("<body>hello</body><request xmlns='urn:xmpp:receipts'/>", kind="message", type=type)
    assert answer(message, ENTITY, ids(), wall=NOW) is None


def test_a_text_message_comes_back_instead_of_getting_lost() -> None:
    reply = answer(stanza("<body>hello</body>", kind="message", type="chat"), ENTITY, ids(), wall=NOW)
    assert reply is not None
    assert (reply.kind, reply.type) == ("message", "error")
    assert read_error(reply).condition == "service-unavailable"


def test_typing_notifications_get_no_reply() -> None:
    composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
    assert answer(stanza(composing, kind="message", type="chat"), ENTITY, ids(), wall=NOW) is None


@pytest.mark.conformance("COMP-19")
def test_a_message_of_a_call_that_is_over_gets_the_receipt_it_asks_for() -> None:
    finish = "<finish xmlns='urn:xmpp:jingle-message:0' id='s1'/><request xmlns='urn:xmpp:receipts'/>"
    reply = answer(stanza(finish, kind="message", type="chat", id="m7"), ENTITY, ids(), wall=NOW)
    assert reply is not None
    received = reply.child("{urn:xmpp:receipts}received")
    assert received is not None
    assert received.get("id") == "m7"
    plain = "<finish xmlns='urn:xmpp:jingle-message:0' id='s1'/>"
    assert answer(stanza(plain, kind="message", type="chat"), ENTITY, ids(), wall=NOW) is None


def test_presence_is_not_answered_here() -> None:
    assert answer(stanza(kind="presence", type="probe"), ENTITY, ids(), wall=NOW) is None
