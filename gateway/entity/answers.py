"""Answers to what is asked outside calls: discovery, ping, version, the address prompt, and no to everything else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement

from gateway.errors import PeerError
from gateway.jid import local
from gateway.stanza import Stanza, error, receipt, result
from mappings.namespaces import (
    DISCO_INFO,
    DISCO_ITEMS,
    GATEWAY,
    LAST,
    MESSAGE_INITIATION,
    PING,
    PUBSUB,
    TIME,
    VCARD,
    VCARD_4,
    VERSION,
)

from . import caps, card, disco
from .card import Card
from .disco import Info, write

MAX_PROMPT = 1024
"The longest address that is translated, in characters."


MAX_IDS = 8
"So many items of a node somebody may name in one question."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What the gateway is to XMPP users."""

    component: Info
    "What is told of the component's domain."

    number: Callable[[str, str], Info]
    "What is told to a user of a number or SIP user, by whichever JID of it."

    version: str
    translate: Callable[[str], str]
    "From what a user types, a number or SIP address, to the JID to call; PeerError when it is neither."

    plain: Callable[[str], str]
    "From a localpart to the name that it means."

    since: float = 0.0
    "When it began, in seconds since 1970."

    name: str = "jingle-sip"
    "Of the software."

    title: str = "Telephone"
    "What people know the gateway as."

    international: bool = True
    "Whether numbers are typed with their country code."

    prompt: str = "Number or SIP address"

    @property
    def description(self) -> str:
        """What to type."""
        number = "a phone number with + and country code" if self.international else "a phone number"
        return f"Enter {number}, or a SIP address."

    def info(self, jid: str, asker: str) -> Info:
        """What is told to a user of one of our JIDs."""
        return self.number(asker, jid) if local(jid) else self.component

    def behind(self, jid: str, node: str) -> Info | None:
        """What a node of the caps that such a JID has shown, to anybody and at any time, stands for."""
        return (_NUMBERS if local(jid) else caps.nodes(self.component)).get(node)

    def card(self, jid: str) -> Card:
        """Who one of our JIDs is."""
        return card.of(jid, plain=self.plain(local(jid)), title=self.title)


_NUMBERS = caps.nodes(*disco.numbers())


def answer(stanza: Stanza, entity: Entity, new_id: Callable[[], str], *, wall: float) -> Stanza | None:
    """What answers a stanza that belongs to no call; None: nothing does (RFC 6120 §8, RFC 6121 §8).

    ``wall``: the time in seconds since 1970.
    """
    match stanza.kind, stanza.type:
        case "iq", "get" | "set":
            return _answer_iq(stanza, entity, wall) if stanza.id else None
        case "message", "error" | "groupchat" | "headline":
            return None
        case "message", _:
            return _answer_message(stanza, new_id)
        case _:
            return None


def _answer_iq(stanza: Stanza, entity: Entity, wall: float) -> Stanza:
    if len(stanza.children) != 1:
        return error(stanza, "bad-request", "an iq of type get or set has one child")
    (query,) = stanza.children
    handler = _HANDLERS.get((stanza.type, query.tag))
    if handler is None:
        return error(stanza, "service-unavailable")
    return handler(stanza, query, entity, wall)


def _answer_message(stanza: Stanza, new_id: Callable[[], str]) -> Stanza | None:
    if stanza.speaks(MESSAGE_INITIATION):
        return receipt(stanza, id=new_id())  # of a call that is over, or never was
    if any(child.tag.rpartition("}")[2] == "body" and (child.text or "").strip() for child in stanza.children):
        return error(stanza, "service-unavailable", "text messages are not carried here")
    return None


def _disco_info(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    node = query.get("node")
    info = entity.behind(stanza.to, node) if node else entity.info(stanza.to, stanza.sender)
    return error(stanza, "item-not-found") if info is None else result(stanza, write(info, node or None))


def _disco_items(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    if query.get("node"):
        return error(stanza, "item-not-found")
    return result(stanza, Element(f"{{{DISCO_ITEMS}}}query"))


def _ping(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    return result(stanza)


def _version(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    told = Element(f"{{{VERSION}}}query")
    SubElement(told, f"{{{VERSION}}}name").text = entity.name
    SubElement(told, f"{{{VERSION}}}version").text = entity.version
    return result(stanza, told)


def _time(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    """The time of day (XEP-0202); where the gateway stands is nobody's business, so in no zone."""
    told = Element(f"{{{TIME}}}time")
    SubElement(told, f"{{{TIME}}}tzo").text = "+00:00"
    SubElement(told, f"{{{TIME}}}utc").text = f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return result(stanza, told)


def _last(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    """For how long the gateway has run (XEP-0012 §5); of phones nobody knows."""
    if local(stanza.to):
        return error(stanza, "service-unavailable")
    return result(stanza, Element(f"{{{LAST}}}query", {"seconds": str(max(0, int(wall - entity.since)))}))


def _vcard(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    return result(stanza, card.vcard(entity.card(stanza.to)))


def _vcard4(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    return result(stanza, card.vcard4(entity.card(stanza.to)))


def _items(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    """Items of the nodes that an account has (XEP-0060 §6.5); nothing can be published or followed here."""
    asked = query.find(f"{{{PUBSUB}}}items")
    if asked is None:
        return error(stanza, "feature-not-implemented")
    node = asked.get("node", "")
    held = card.items(node, entity.card(stanza.to))
    if held is None:
        return error(stanza, "item-not-found")
    wanted = [item.get("id") for item in asked.iterfind(f"{{{PUBSUB}}}item")][:MAX_IDS]
    told = Element(f"{{{PUBSUB}}}pubsub")
    items = SubElement(told, f"{{{PUBSUB}}}items", {"node": node})
    for id, payload in held:
        if not wanted or id in wanted:
            SubElement(items, f"{{{PUBSUB}}}item", {"id": id}).append(payload)
    return result(stanza, told)


def _prompt(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    """How to dial (XEP-0100 §6.3); only the domain knows."""
    if local(stanza.to):
        return error(stanza, "service-unavailable")
    asked = Element(f"{{{GATEWAY}}}query")
    SubElement(asked, f"{{{GATEWAY}}}desc").text = entity.description
    SubElement(asked, f"{{{GATEWAY}}}prompt").text = entity.prompt
    return result(stanza, asked)


def _translate(stanza: Stanza, query: Element, entity: Entity, wall: float) -> Stanza:
    if local(stanza.to):
        return error(stanza, "service-unavailable")
    typed = (query.findtext(f"{{{GATEWAY}}}prompt") or "").strip()
    if not typed or len(typed) > MAX_PROMPT:
        return error(stanza, "bad-request", "a prompt with an address is wanted")
    try:
        jid = entity.translate(typed)
    except PeerError as failure:
        return error(stanza, failure.condition, failure.text)
    told = Element(f"{{{GATEWAY}}}query")
    SubElement(told, f"{{{GATEWAY}}}jid").text = jid
    return result(stanza, told)


_HANDLERS: dict[tuple[str, str], Callable[[Stanza, Element, Entity, float], Stanza]] = {
    ("get", f"{{{DISCO_INFO}}}query"): _disco_info,
    ("get", f"{{{DISCO_ITEMS}}}query"): _disco_items,
    ("get", f"{{{PING}}}ping"): _ping,
    ("get", f"{{{VERSION}}}query"): _version,
    ("get", f"{{{TIME}}}time"): _time,
    ("get", f"{{{LAST}}}query"): _last,
    ("get", f"{{{VCARD}}}vCard"): _vcard,
    ("get", f"{{{VCARD_4}}}vcard"): _vcard4,
    ("get", f"{{{PUBSUB}}}pubsub"): _items,
    ("get", f"{{{GATEWAY}}}query"): _prompt,
    ("set", f"{{{GATEWAY}}}query"): _translate,
}
