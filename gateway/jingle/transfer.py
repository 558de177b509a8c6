"""Handing a call on, both ways (XEP-0251 0.2).

A client that hands its call on sends an order, whose reply waits until the other side has taken it up or not.  It is
told of the result by the end of its session, and of a failure, for which the XEP has no word, by a session-info with
the SIP status.  A client that is handed on gets the order: it calls the new one by itself, and then ends this session
with <transferred/>.  Whoever calls us because somebody handed them on says whose place they are to take.
"""

from contextlib import suppress
from typing import assert_never
from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.signals import End, Transfer, Transferred
from gateway.stanza import Stanza, error, result
from mappings.namespaces import SIP_STATUS, TRANSFER
from mappings.terms import Action
from mappings.transfer import TransferTo

from . import tree
from .phases import Phase
from .refusal import out_of_order, refused, unknown_session
from .request import JingleRequest, tidy
from .session import Asked, Out, Session

ORDER = f"{{{TRANSFER}}}transfer"
TAKEN_UP = Transferred(100)
DECLINED = Transferred(603, "the client does not do it")

_CONDITIONS = {
    403: "forbidden",
    404: "item-not-found",
    405: "feature-not-implemented",
    408: "remote-server-timeout",
    480: "recipient-unavailable",
    491: "resource-constraint",
    501: "feature-not-implemented",
    503: "service-unavailable",
    504: "remote-server-timeout",
    603: "not-allowed",
}
"The stanza error that says why nobody was handed on, by the SIP status; for others not-acceptable."


def handed_on(stanza: Stanza) -> TransferTo | None:
    """What a session-initiate says of who sends it: they were handed on, to take somebody's place in another session.

    None: they do not say so, or not whose place.
    """
    elements = (child for jingle in stanza.children for child in jingle if child.tag == ORDER)
    with suppress(PeerError, StopIteration):
        found = tree.read(TransferTo, next(elements))
        if found.from_ is not None and found.sid is not None:
            return found
    return None


def asked(session: Session, stanza: Stanza, request: JingleRequest) -> Out:
    """The client hands the other side on."""
    if session.phase is not Phase.ACTIVE:
        return [out_of_order(stanza)]
    if session.order is not None or session.handing:
        return [error(stanza, "resource-constraint", "the other side is being handed on already")]
    dropped = Dropped()
    try:
        order = tree.read(TransferTo, next(child for child in request.payload if child.tag == ORDER), dropped)
        if order.to is None:
            raise PeerError("<transfer/>: without a readable 'to'")
    except PeerError as failure:
        return [refused(stanza, failure)]
    session.dropped.extend(dropped.names())
    session.order = stanza
    return [Transfer(order.to, order.sid, order.from_)]


def _progressed(session: Session, signal: Transferred, now: float) -> Out:
    """Taken up, or not; or, later, failed."""
    if session.order is not None:
        stanza, session.order = session.order, None
        session.handing = signal.status < 300
        return [result(stanza) if session.handing else _refused(stanza, signal)]
    if not session.handing or signal.status < 300:
        return []
    session.handing = False
    status = Element(f"{{{SIP_STATUS}}}status", {"code": str(signal.status)})
    if phrase := tidy(signal.phrase):
        status.set("phrase", phrase)
    return [session.ask(Action.SESSION_INFO, [status], now)]


def _refused(stanza: Stanza, signal: Transferred) -> Stanza:
    text = f"{signal.status} {tidy(signal.phrase) or ''}".rstrip()
    return error(stanza, _CONDITIONS.get(signal.status, "not-acceptable"), text)


def ended(session: Session, end: End | None) -> Out:
    """The reply to an order that was never taken up: the session is over, one way or the other."""
    if session.order is None:
        return []
    stanza, session.order = session.order, None
    return [result(stanza) if end is not None and end.transferred else unknown_session(stanza)]


def told(session: Session, signal: Transfer | Transferred, now: float) -> Out:
    """The other side hands the client on, or says what becomes of the client's order."""
    match signal:
        case Transfer():
            return _order(session, signal, now)
        case Transferred():
            return _progressed(session, signal, now)
        case never:
            assert_never(never)


def _order(session: Session, signal: Transfer, now: float) -> Out:
    if session.phase is not Phase.ACTIVE:
        return [Transferred(491)]
    written = tree.write(TransferTo(to=signal.target, from_=signal.by, sid=signal.replaces))
    return [session.ask(Action.SESSION_INFO, [written], now, asked=Asked.TRANSFER)]
