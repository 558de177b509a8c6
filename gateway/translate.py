"""Jingle ↔ SDP, without a call: the translator as a function, with a typed description in the middle.

Each direction is a reader and a writer that the gateway itself uses.  A translation says everything as it stands; what
a call adds (the other side's earlier descriptions, what clients are known to take) is the legs'.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.jingle import description
from gateway.sdp.history import SdpSession
from mappings.namespaces import JINGLE
from mappings.terms import Action, Role

_ANSWERS = frozenset({Action.SESSION_ACCEPT, Action.CONTENT_ACCEPT, Action.TRANSPORT_ACCEPT})
_JINGLE = f"{{{JINGLE}}}jingle"


@dataclass(frozen=True, slots=True)
class JingleTranslation:
    """An SDP as Jingle, and the names of what Jingle has no word for."""

    element: Element
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SdpTranslation:
    """Jingle as SDP, and the names of what SDP has no word for."""

    text: str
    dropped: tuple[str, ...]


def sdp_to_jingle(
    text: str | bytes,
    by: Role | None = None,
    action: Action | str = Action.SESSION_INITIATE,
    *,
    sid: str = "1",
    initiator: str | None = None,
) -> JingleTranslation:
    """A session description as a <jingle/> element.

    ``by`` is who wrote it, and decides what a direction means; by default who sends that action.  Raises PeerError.
    """
    action = Action(action)
    answer = action in _ANSWERS
    author = by or (Role.RESPONDER if answer else Role.INITIATOR)
    session = SdpSession(author.other, 0, longest_name=64)
    described = session.read_answer(text) if answer else session.read_offer(text)
    element = Element(_JINGLE, {"action": action.value, "sid": sid})
    if initiator is not None:
        element.set("initiator", initiator)
    element.extend(description.write(described, exact=True))
    return JingleTranslation(element, session.dropped)


def jingle_to_sdp(
    element: Element,
    by: Role | None = None,
    *,
    session_id: int = 1,
    user: str = "-",
    address: str = "0.0.0.0",  # noqa: S104 — an address in a text
) -> SdpTranslation:
    """A <jingle/> element, or a stanza that holds one, as a session description. Raises PeerError."""
    jingle = next(element.iter(_JINGLE), None)
    if jingle is None:
        raise PeerError("no <jingle/> element")
    described, dropped = description.read(jingle)
    answer = jingle.get("action") in _ANSWERS
    author = by or (Role.RESPONDER if answer else Role.INITIATOR)
    session = SdpSession(author, session_id, user=user, address=address)
    text = session.write_answer(described) if answer else session.write_offer(described)
    return SdpTranslation(text, tuple(dict.fromkeys((*dropped, *session.dropped))))
