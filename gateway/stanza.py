"""One XMPP stanza as a value: what crosses between the component stream and the pure core (RFC 6120 §8)."""

from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element, SubElement

from mappings.namespaces import HINTS, RECEIPTS, STANZAS

Kind = Literal["iq", "message", "presence"]

_TYPES = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "cancel",
    "unexpected-request": "wait",
}
"The error type that RFC 6120 §8.3.3 recommends for each condition."

CONDITIONS = frozenset(_TYPES)
"Every condition of RFC 6120 §8.3.3."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """An iq, message or presence; ``sender`` is its 'from'."""

    kind: Kind
    type: str = ""
    id: str = ""
    sender: str
    to: str
    children: tuple[Element, ...] = ()
    lang: str = ""
    "Its xml:lang: of the texts in it that name no other."

    def child(self, name: str) -> Element | None:
        """The first child of that Clark name."""
        return next((child for child in self.children if child.tag == name), None)

    def speaks(self, namespace: str) -> bool:
        """Whether a child is of that namespace."""
        prefix = "{" + namespace + "}"
        return any(child.tag.startswith(prefix) for child in self.children)


@dataclass(frozen=True, slots=True)
class StanzaError:
    """What a stanza of type 'error' says."""

    condition: str
    text: str | None = None
    address: str | None = None
    "What <redirect/> or <gone/> holds (RFC 6120 §8.3.3.5, §8.3.3.14)."

    details: tuple[str, ...] = ()
    "Clark names of the application-specific children."


def result(request: Stanza, *children: Element) -> Stanza:
    """The IQ result that answers a request."""
    return Stanza(kind="iq", type="result", id=request.id, sender=request.to, to=request.sender, children=children)


def error(
    request: Stanza,
    condition: str,
    text: str | None = None,
    *,
    type: str | None = None,
    detail: str | None = None,
    address: str | None = None,
) -> Stanza:
    """The error that answers an IQ or message (RFC 6120 §8.3); ``detail`` is a Clark name put beside the condition.

    ``address`` is what <redirect/> or <gone/> holds.
    """
    element = Element("error", {"type": type or _TYPES.get(condition, "cancel")})
    SubElement(element, f"{{{STANZAS}}}{condition}").text = address
    if text:
        SubElement(element, f"{{{STANZAS}}}text").text = text
    if detail:
        SubElement(element, detail)
    return Stanza(
        kind=request.kind, type="error", id=request.id, sender=request.to, to=request.sender, children=(element,)
    )


def read_error(stanza: Stanza) -> StanzaError:
    """What an error stanza says; one without a readable condition says undefined-condition."""
    prefix = "{" + STANZAS + "}"
    for child in stanza.children:
        if child.tag.rpartition("}")[2] != "error":
            continue
        condition, text, address = "undefined-condition", None, None
        details = []
        for item in child:
            if item.tag == prefix + "text":
                text = (item.text or "").strip() or None
            elif item.tag.startswith(prefix):
                condition = item.tag.removeprefix(prefix)
                address = (item.text or "").strip() or None
            else:
                details.append(item.tag)
        return StanzaError(condition, text, address, tuple(details))
    return StanzaError("undefined-condition")


def receipt(message: Stanza, *, id: str, sender: str | None = None) -> Stanza | None:
    """The delivery receipt that a message asks for, if it asks (XEP-0184 §5); ``sender`` when not who was addressed."""
    if not message.id or message.type in ("error", "groupchat"):
        return None
    if not any(child.tag == f"{{{RECEIPTS}}}request" for child in message.children):
        return None
    received = Element(f"{{{RECEIPTS}}}received", {"id": message.id})
    store = Element(f"{{{HINTS}}}store")
    return Stanza(
        kind="message",
        type=message.type or "normal",
        id=id,
        sender=sender or message.to,
        to=message.sender,
        children=(received, store),
    )
