"""Jingle message initiation: the messages around a session (XEP-0353 0.8).

A call is proposed to a bare JID, so that every device of the user can ring; the device that says proceed gets the
session.  All of these are chat messages with a store hint.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement

from gateway.errors import PeerError
from gateway.signals import End
from gateway.stanza import Stanza
from mappings.namespaces import DELAY, FORWARD, HINTS, MESSAGE_INITIATION, NICK, RTP
from mappings.reasons import EndReason
from mappings.terms import Initiation

from .request import MAX_SID, Reason, read_reason, tidy, write_reason

_KINDS: dict[str, Initiation] = {f"{{{MESSAGE_INITIATION}}}{kind.value}": kind for kind in Initiation}
_DESCRIPTION = f"{{{RTP}}}description"
_TIE_BREAK = f"{{{MESSAGE_INITIATION}}}tie-break"
_MIGRATED = f"{{{MESSAGE_INITIATION}}}migrated"
_DELAY = f"{{{DELAY}}}delay"
_IGNORED_TYPES = frozenset({"error", "groupchat", "headline"})

TIE_BREAK = End(EndReason.EXPIRED, "Tie-Break")
"The reason of a retract or reject that gives way to a call the other way (XEP-0353 §4.1)."

MAX_KINDS = 8
"So many media a propose may name."


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One element of message initiation, and the message around it."""

    kind: Initiation
    id: str
    "Becomes the session's sid."

    sender: str
    media: tuple[str, ...] = ()
    "The kinds that a propose names as RTP: audio, video."

    reason: Reason | None = None
    tie_break: bool = False
    migrated: str | None = None
    "The id of the call that goes on instead, in a finish."

    delayed: float | None = None
    "When a stored message was sent (XEP-0203), in seconds since 1970; None: it comes fresh."

    def stale(self, wall: float, limit: float) -> bool:
        """Whether it was stored for more than `limit` seconds; `wall`: the time, in seconds since 1970."""
        return self.delayed is not None and wall - self.delayed > limit


def read(stanza: Stanza) -> Proposal | None:
    """The message initiation in a message, or None.

    Errors, messages of chat rooms and copies of messages to others (carbons, archives) are none.  PeerError: an element
    without an id, or with one that is too long.
    """
    if stanza.kind != "message" or stanza.type in _IGNORED_TYPES:
        return None
    element = next((child for child in stanza.children if child.tag in _KINDS), None)
    if element is None or any(_is_copy(child) for child in stanza.children):
        return None
    kind = _KINDS[element.tag]
    id = element.get("id")
    if not id:
        raise PeerError(f"{kind}: without an id")
    if len(id) > MAX_SID:
        raise PeerError(f"{kind}: id of {len(id)} characters, {MAX_SID} are taken")
    media: tuple[str, ...] = ()
    if kind is Initiation.PROPOSE:
        named = [child.get("media") for child in element if child.tag == _DESCRIPTION]
        media = tuple(dict.fromkeys(medium for medium in named[:MAX_KINDS] if medium))
    migrated = element.find(_MIGRATED)
    return Proposal(
        kind=kind,
        id=id,
        sender=stanza.sender,
        media=media,
        reason=read_reason(element),
        tie_break=element.find(_TIE_BREAK) is not None,
        migrated=None if migrated is None else migrated.get("to"),
        delayed=_delay(stanza),
    )


def _is_copy(element: Element) -> bool:
    """Whether the child wraps a message to someone else: a carbon, or an archive's result (XEP-0280, XEP-0313)."""
    return element.tag.startswith(f"{{{FORWARD}}}") or element.find(f"{{{FORWARD}}}forwarded") is not None


def _delay(stanza: Stanza) -> float | None:
    element = stanza.child(_DELAY)
    if element is None:
        return None
    try:
        stamp = datetime.fromisoformat(element.get("stamp", ""))
        return stamp.timestamp() if stamp.tzinfo is not None else 0.0
    except (ValueError, OverflowError):
        return 0.0  # stored, and nobody knows since when


def propose(
    sid: str, media: Iterable[str], *, nick: str | None = None, origin: Element | None = None
) -> tuple[Element, ...]:
    """The children of a message that proposes a call; `nick` is the caller's name as SIP gave it (XEP-0172).

    ``origin`` stands beside them, for clients that want to know more.
    """
    element = _element(Initiation.PROPOSE, sid)
    for medium in media:
        SubElement(element, _DESCRIPTION, {"media": medium})
    children = [element]
    if name := tidy(nick):
        named = Element(f"{{{NICK}}}nick")
        named.text = name
        children.append(named)
    if origin is not None:
        children.append(origin)
    return (*children, _store())


def proceed(sid: str) -> tuple[Element, ...]:
    """The children of a message that asks for the session."""
    return _element(Initiation.PROCEED, sid), _store()


def ringing(sid: str) -> tuple[Element, ...]:
    """The children of a message that says that somebody is being alerted."""
    return _element(Initiation.RINGING, sid), _store()


def reject(sid: str, end: End, *, tie_break: bool = False) -> tuple[Element, ...]:
    """The children of a message that refuses a proposed call."""
    return _ended(Initiation.REJECT, sid, end, tie_break=tie_break)


def retract(sid: str, end: End, *, tie_break: bool = False) -> tuple[Element, ...]:
    """The children of a message that takes a proposed call back."""
    return _ended(Initiation.RETRACT, sid, end, tie_break=tie_break)


def finish(sid: str, end: End) -> tuple[Element, ...]:
    """The children of a message that says, for the archives and other devices, that the call is over.

    One that goes on in another session has expired (XEP-0353 §4.2).
    """
    if end.migrated is None:
        return _ended(Initiation.FINISH, sid, end)
    element, store = _ended(Initiation.FINISH, sid, replace(end, reason=EndReason.EXPIRED))
    SubElement(element, _MIGRATED, {"to": end.migrated})
    return element, store


def _ended(kind: Initiation, sid: str, end: End, *, tie_break: bool = False) -> tuple[Element, Element]:
    element = _element(kind, sid)
    element.append(write_reason(end))
    if tie_break:
        SubElement(element, _TIE_BREAK)
    return element, _store()


def _element(kind: Initiation, sid: str) -> Element:
    return Element(f"{{{MESSAGE_INITIATION}}}{kind.value}", {"id": sid})


def _store() -> Element:
    return Element(f"{{{HINTS}}}store")


def uuid4(hexadecimal: str) -> str:
    """32 hexadecimal digits as a UUID of version 4, which XEP-0353 §3.1 recommends for an id."""
    h = hexadecimal
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"
