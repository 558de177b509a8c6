"""The envelope of a Jingle request: the <jingle/> element of an IQ set, its action and its reason (XEP-0166 §7).

Reading takes what real clients send: children in any order, reasons in other spellings, attributes that XEP-0166 tells
to ignore are kept but not used.  What the contents hold is `gateway.jingle.description`'s, and read when asked for.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from gateway.errors import PeerError
from gateway.jid import bare
from gateway.signals import End
from gateway.stanza import Stanza
from mappings.description import Description
from mappings.namespaces import JINGLE, RTP_INFO, SIP_STATUS, TRANSFER
from mappings.reasons import BY_JINGLE, EndReason
from mappings.terms import Action, Info

from . import description

MAX_SID = 1024
"The longest session id taken, in characters."

MAX_CONTENTS = 32
"So many contents a request may have."

MAX_TEXT = 200
"So much of a text for people is kept, in characters."

_JINGLE = f"{{{JINGLE}}}jingle"
_CONTENT = f"{{{JINGLE}}}content"
_REASON = f"{{{JINGLE}}}reason"
_TRANSFERRED = f"{{{TRANSFER}}}transferred"

_ACTIONS: dict[str, Action] = {action.value: action for action in Action}
_ROLES = frozenset({"initiator", "responder"})
_DESCRIBED = frozenset({Action.SESSION_INITIATE, Action.SESSION_ACCEPT})
"Actions whose contents hold a description and a transport each."

_UNFILLED = frozenset({Action.SESSION_TERMINATE, Action.SESSION_INFO, Action.SECURITY_INFO, Action.DESCRIPTION_INFO})
"Actions that may come without a content."

_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"What no XML 1.0 document can hold, not even escaped."


@dataclass(frozen=True, slots=True)
class Reason:
    """What a <reason/> says (XEP-0166 §7.4)."""

    reason: EndReason
    text: str | None = None
    condition: str | None = None
    "As it was spelled; None: there was none."

    details: tuple[str, ...] = ()
    "Clark names of the application-specific children."

    @property
    def transferred(self) -> bool:
        """Whether the peer has been handed on, or has somebody else in our place (XEP-0251)."""
        return self.reason is EndReason.SUCCESS and _TRANSFERRED in self.details


NO_REASON = Reason(EndReason.UNSPECIFIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class JingleRequest:
    """One Jingle request."""

    action: Action
    sid: str
    sender: str
    element: Element
    contents: tuple[Element, ...] = ()
    payload: tuple[Element, ...] = ()
    "The children that are neither content nor reason nor group: what a session-info is about."

    @property
    def initiator(self) -> str | None:
        """The 'initiator' attribute, unless it names another account than the sender's (XEP-0166 §7.1, §13.5)."""
        return self._claimed("initiator")

    @property
    def responder(self) -> str | None:
        """The 'responder' attribute, likewise."""
        return self._claimed("responder")

    def _claimed(self, attribute: str) -> str | None:
        claimed = self.element.get(attribute)
        return claimed if claimed is not None and bare(claimed) == bare(self.sender) else None

    @property
    def reason(self) -> Reason:
        """Its reason; one without any is UNSPECIFIED."""
        return read_reason(self.element) or NO_REASON

    def describe(self) -> tuple[Description, tuple[str, ...]]:
        """What its contents and groups describe, and what was left out of it.  Raises PeerError."""
        found, dropped = description.read(self.element)
        return found, tuple(dropped)


def read(stanza: Stanza) -> JingleRequest:
    """The Jingle request in an IQ set.  Raises PeerError with the stanza error that answers it."""
    elements = [child for child in stanza.children if child.tag == _JINGLE]
    if stanza.type != "set" or len(elements) != 1:
        raise PeerError("<jingle/>: one of it in an iq of type 'set' is wanted")
    (element,) = elements
    written = element.get("action")
    action = _ACTIONS.get(written or "")
    if action is None:
        raise PeerError(f"<jingle/> action: unknown, {_shown(written)}")
    sid = element.get("sid")
    if not sid:
        raise PeerError(f"{action}: without a sid")
    if len(sid) > MAX_SID:
        raise PeerError(f"{action}: sid of {len(sid)} characters, {MAX_SID} are taken")
    contents, payload = [], []
    for child in element:
        if child.tag == _CONTENT:
            contents.append(child)
        elif child.tag != _REASON and not child.tag.endswith("}group"):
            payload.append(child)
    _check(action, contents)
    return JingleRequest(
        action=action,
        sid=sid,
        sender=stanza.sender,
        element=element,
        contents=tuple(contents),
        payload=tuple(payload),
    )


def _check(action: Action, contents: list[Element]) -> None:
    """Whether the contents are what the action needs (XEP-0166 §6.3.2, §7.2, §7.3)."""
    if not contents and action not in _UNFILLED:
        raise PeerError(f"{action}: without a content")
    if len(contents) > MAX_CONTENTS:
        raise PeerError(f"{action}: {len(contents)} contents, {MAX_CONTENTS} are taken", condition="policy-violation")
    for content in contents:
        if not content.get("name"):
            raise PeerError(f"{action}: a content without a name")
        creator = content.get("creator", "initiator")
        if creator not in _ROLES:
            raise PeerError(f"{action} content {_shown(content.get('name'))}: creator {_shown(creator)}")
        if action in _DESCRIBED:
            held = {child.tag.rpartition("}")[2] for child in content}
            for part in ("description", "transport"):
                if part not in held:
                    raise PeerError(f"{action} content {_shown(content.get('name'))}: without a {part}")
    if action is Action.SESSION_INITIATE and all(
        content.get("disposition", "session") != "session" for content in contents
    ):
        raise PeerError("session-initiate: without a content of disposition 'session'")


def read_reason(parent: Element) -> Reason | None:
    """The reason inside a <jingle/> or a message-initiation element, or None.

    Conditions with underscores are Dino's, a condition in the parent's namespace Movim's; the first known one counts.
    """
    element = next((child for child in parent if child.tag.rpartition("}")[2] == "reason"), None)
    if element is None:
        return None
    reason, condition, text = EndReason.UNSPECIFIED, None, None
    details = []
    for child in element:
        namespace, _, name = child.tag.rpartition("}")
        if namespace not in ("{" + JINGLE, parent.tag.rpartition("}")[0], ""):
            details.append(child.tag)
        elif name == "text":
            text = tidy(child.text)
        elif condition is None or reason is EndReason.UNSPECIFIED:
            condition = name
            reason = BY_JINGLE.get(name, EndReason.UNSPECIFIED)
    return Reason(reason, text, condition, tuple(details))


def write(
    action: Action,
    sid: str,
    children: Iterable[Element] = (),
    *,
    initiator: str | None = None,
    responder: str | None = None,
) -> Element:
    """A <jingle/> element."""
    element = Element(_JINGLE, {"action": action.value, "sid": sid})
    if initiator is not None:
        element.set("initiator", initiator)
    if responder is not None:
        element.set("responder", responder)
    element.extend(children)
    return element


def write_reason(end: End) -> Element:
    """A <reason/>, with the SIP status behind it for people and, namespaced, for programs."""
    element = Element(_REASON)
    # A schema-valid reason has a condition; a peer's silence is passed on as the one that claims least.
    known = EndReason.GENERAL_ERROR if end.reason is EndReason.UNSPECIFIED else end.reason
    SubElement(element, f"{{{JINGLE}}}{known.value}")
    if end.transferred:
        SubElement(element, _TRANSFERRED)
    text = describe(end)
    if text:
        SubElement(element, f"{{{JINGLE}}}text").text = text
    if end.status is not None:
        status = SubElement(element, f"{{{SIP_STATUS}}}status", {"code": str(end.status)})
        if phrase := tidy(end.phrase):
            status.set("phrase", phrase)
    return element


def write_info(info: Info) -> Element:
    """The payload of a session-info (XEP-0167 §8)."""
    return Element(f"{{{RTP_INFO}}}{info.value}")


def describe(end: End) -> str | None:
    """An end in words: the status and its phrase first, where a status is behind it ("486 Busy Here")."""
    text = tidy(end.text)
    status = None if end.status is None else f"{end.status} {tidy(end.phrase) or ''}".rstrip()
    if status is None or text is None:
        return text or status
    return text if text.startswith(status) else f"{status}: {text}"


def tidy(text: str | None) -> str | None:
    """A text for people on one line, without what XML or a SIP header cannot carry, and not too long; None if empty."""
    if not text:
        return None
    line = " ".join(_UNWRITABLE.sub("", text[: 4 * MAX_TEXT]).split())
    return line[:MAX_TEXT] or None


def _shown(value: str | None) -> str:
    """A peer's value in an error text."""
    return "none" if value is None else repr(value[:60])
