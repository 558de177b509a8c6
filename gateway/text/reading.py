"""A text in an XMPP message, read and written (RFC 6121 §5, RFC 7572 §4, §5)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from gateway.errors import PeerError
from gateway.stanza import Stanza, error
from mappings import namespaces as ns
from mappings.reasons import EndReason

LONGEST = 64 * 1024
"Characters of a text; more is refused. No phone shows a tenth of it."

LONGEST_LINE = 256
"Characters of a subject or thread that cross."

UNREADABLE = (ns.EME, ns.OMEMO, ns.OMEMO_OLD, ns.OPENPGP, ns.OPENPGP_OLD, ns.RETRACT)
"Namespaces of what cannot be sent, beside which a body is at best an excuse for those who cannot read it."

OTR = "?OTR"
"How an off-the-record message begins, which has no element."

PAUSE = ","
"What stands for a pause between keys."

_KEYS = re.compile(r"(?=[^0-9*#]*[0-9*#])[0-9*#A-D,]{1,32}")
"Keys, of which one at least is on every key pad: nobody is to lose a word that is made of A, B, C and D."

_LANG = f"{{{ns.XML}}}lang"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile(r"\r\n?")
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What somebody wrote."""

    body: str
    lang: str = ""
    "The language as a tag of RFC 5646; empty: not said."

    subject: str = ""
    thread: str = ""
    "What the texts of one conversation have in common: XMPP's thread, SIP's Call-ID."


def read(stanza: Stanza) -> Text | None:
    """The text of a message, or None when it has none: chat states, receipts, markers, copies (XEP-0280).

    A correction (XEP-0308) is a text like another, since what was sent cannot be taken back; so is the address of an
    attachment.  PeerError (not-acceptable) for what is encrypted or takes something back, and for a text without end.
    """
    if any(stanza.speaks(namespace) for namespace in UNREADABLE):
        raise _unacceptable("text: encrypted messages and retractions cannot be sent to a phone")
    bodies = list(_named(stanza, "body"))
    body = next((body for body in bodies if _LANG not in body.attrib), bodies[0] if bodies else None)
    said = "" if body is None else body.text or ""
    if body is None or not said.strip():
        return None
    if said.startswith(OTR):
        raise _unacceptable("text: encrypted messages cannot be sent to a phone")
    if len(said) > LONGEST:
        raise PeerError(f"text: longer than {LONGEST} characters", status=513, condition="policy-violation")
    return Text(
        body=said,
        lang=body.get(_LANG) or stanza.lang,
        subject=one_line("".join(item.text or "" for item in list(_named(stanza, "subject"))[:1])),
        thread=one_line("".join(item.text or "" for item in list(_named(stanza, "thread"))[:1])),
    )


def keys(stanza: Stanza) -> str | None:
    """The keys, and pauses between them, that are all that a message says; None where it says anything else.

    One that comes late was not typed now, and one that corrects another was typed before: both are texts like others.
    """
    if stanza.type not in ("", "normal", "chat") or stanza.speaks(ns.DELAY) or stanza.speaks(ns.CORRECT):
        return None
    try:
        text = read(stanza)
    except PeerError:
        return None
    said = "" if text is None else text.body.strip()
    return said if _KEYS.fullmatch(said) else None


def write(
    text: Text, *, sender: str, to: str, id: str, type: str, nick: str | None = None, origin: Element | None = None
) -> Stanza:
    """The message that says a text, and asks for a receipt (XEP-0184), which tells the SIP side that it arrived.

    ``type``: chat in a conversation that the user has begun; else normal, which is left out (RFC 7572 §5).
    """
    children: list[Element] = []

    def add(name: str, said: str) -> None:
        if said:
            # Without namespace: an element of the stanza's own, whichever that is on the stream.
            children.append(Element(name))
            children[-1].text = said

    add("subject", text.subject)
    add("body", text.body)
    add("thread", text.thread)
    if nick:
        children.append(Element(f"{{{ns.NICK}}}nick"))
        children[-1].text = nick
    if origin is not None:
        children.append(origin)
    children.append(Element(f"{{{ns.RECEIPTS}}}request"))
    children.append(Element(f"{{{ns.STANZA_IDS}}}origin-id", {"id": id}))
    return Stanza(
        kind="message",
        type="" if type == "normal" else type,
        id=id,
        sender=sender,
        to=to,
        children=tuple(children),
        lang=text.lang,
    )


def received(stanza: Stanza) -> str | None:
    """The id of the message that a receipt confirms, or None when it is no receipt."""
    element = stanza.child(f"{{{ns.RECEIPTS}}}received")
    return None if element is None else element.get("id") or stanza.id


def refused(stanza: Stanza, condition: str, text: str | None, *, status: int | None, address: str | None) -> Stanza:
    """The error that tells a client that its text was not delivered, with the SIP status where there was one."""
    reply = error(stanza, condition, text, address=address)
    if status is not None:
        SubElement(reply.children[0], f"{{{ns.SIP_STATUS}}}status", {"code": str(status)})
    return reply


def one_line(text: str) -> str:
    """A text of the other side on one line, not as long as it likes."""
    return cleaned(_BLANKS.sub(" ", text[: 2 * LONGEST_LINE])).strip()[:LONGEST_LINE]


def cleaned(text: str) -> str:
    """A text with line feeds alone for line ends, and without what XML has no place for."""
    return _NOT_IN_XML.sub("\ufffd", _LINE_ENDS.sub("\n", text))


def _named(stanza: Stanza, name: str) -> Iterator[Element]:
    """The stanza's own children of that name: in its namespace, or in none."""
    return (child for child in stanza.children if child.tag in (name, f"{{{ns.COMPONENT}}}{name}"))


def _unacceptable(text: str) -> PeerError:
    return PeerError(text, status=406, condition="not-acceptable", reason=EndReason.DECLINE)
