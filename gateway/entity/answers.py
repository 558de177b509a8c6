"""Answers to what is asked outside calls: discovery, ping, version, the address prompt, and no to everything else."""

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from gateway.errors import PeerError
from gateway.jid import local
from gateway.stanza import Stanza, error, receipt, result
from mappings.namespaces import DISCO_INFO, DISCO_ITEMS, GATEWAY, MESSAGE_INITIATION, PING, VERSION

from .disco import NODE, Info, ver, write

MAX_PROMPT = 1024
"The longest address that is translated, in characters."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What the gateway is to XMPP users."""

    component: Info
    "What is told of the component's domain."

    number: Info
    "What is told of every number and SIP user, by whichever JID."

    version: str
    translate: Callable[[str], str]
    "From what a user types, a number or SIP address, to the JID to call; PeerError when it is neither."

    name: str = "jingle-sip"
    description: str = "Enter a phone number with + and country code, or a SIP address."
    prompt: str = "Number or SIP address"

    def info(self, jid: str) -> Info:
        """What is told of one of our JIDs."""
        return self.number if local(jid) else self.component


def answer(stanza: Stanza, entity: Entity, new_id: Callable[[], str]) -> Stanza | None:
    """What answers a stanza that belongs to no call; None: nothing does (RFC 6120 §8, RFC 6121 §8)."""
    match stanza.kind, stanza.type:
        case "iq", "get" | "set":
            return _answer_iq(stanza, entity) if stanza.id else None
        case "message", "error" | "groupchat" | "headline":
            return None
        case "message", _:
            return _answer_message(stanza, new_id)
        case _:
            return None


def _answer_iq(stanza: Stanza, entity: Entity) -> Stanza:
    if len(stanza.children) != 1:
        return error(stanza, "bad-request", "an iq of type get or set has one child")
    (query,) = stanza.children
    handler = _HANDLERS.get((stanza.type, query.tag))
    if handler is None:
        return error(stanza, "service-unavailable")
    return handler(stanza, query, entity)


def _answer_message(stanza: Stanza, new_id: Callable[[], str]) -> Stanza | None:
    if stanza.speaks(MESSAGE_INITIATION):
        return receipt(stanza, id=new_id())  # of a call that is over, or never was
    if any(child.tag.rpartition("}")[2] == "body" and (child.text or "").strip() for child in stanza.children):
        return error(stanza, "service-unavailable", "text messages are not carried here")
    return None


def _disco_info(stanza: Stanza, query: Element, entity: Entity) -> Stanza:
    info = entity.info(stanza.to)
    node = query.get("node")
    if node and node != f"{NODE}#{ver(info)}":
        return error(stanza, "item-not-found")
    return result(stanza, write(info, node or None))


def _disco_items(stanza: Stanza, query: Element, entity: Entity) -> Stanza:
    if query.get("node"):
        return error(stanza, "item-not-found")
    return result(stanza, Element(f"{{{DISCO_ITEMS}}}query"))


def _ping(stanza: Stanza, query: Element, entity: Entity) -> Stanza:
    return result(stanza)


def _version(stanza: Stanza, query: Element, entity: Entity) -> Stanza:
    told = Element(f"{{{VERSION}}}query")
    SubElement(told, f"{{{VERSION}}}name").text = entity.name
    SubElement(told, f"{{{VERSION}}}version").text = entity.version
    return result(stanza, told)


def _prompt(stanza: Stanza, query: Element, entity: Entity) -> Stanza:
    """How to dial (XEP-0100 §6.3); only the domain knows."""
    if local(stanza.to):
        return error(stanza, "service-unavailable")
    asked = Element(f"{{{GATEWAY}}}query")
    SubElement(asked, f"{{{GATEWAY}}}desc").text = entity.description
    SubElement(asked, f"{{{GATEWAY}}}prompt").text = entity.prompt
    return result(stanza, asked)


def _translate(stanza: Stanza, query: Element, entity: Entity) -> Stanza:
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


_HANDLERS: dict[tuple[str, str], Callable[[Stanza, Element, Entity], Stanza]] = {
    ("get", f"{{{DISCO_INFO}}}query"): _disco_info,
    ("get", f"{{{DISCO_ITEMS}}}query"): _disco_items,
    ("get", f"{{{PING}}}ping"): _ping,
    ("get", f"{{{VERSION}}}query"): _version,
    ("get", f"{{{GATEWAY}}}query"): _prompt,
    ("set", f"{{{GATEWAY}}}query"): _translate,
}
