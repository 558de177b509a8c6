"""A call that is refused before there is a leg for it, and requests that belong to none."""

from gateway.errors import PeerError
from gateway.jid import is_full
from gateway.signals import End
from gateway.stanza import Stanza, StanzaError, error, receipt
from mappings.conditions import BY_CONDITION
from mappings.namespaces import JINGLE_ERRORS
from mappings.reasons import BY_STATUS, CLASSES, EndReason
from mappings.terms import Initiation

from . import proposal

OUT_OF_ORDER = f"{{{JINGLE_ERRORS}}}out-of-order"
TIE_BREAK = f"{{{JINGLE_ERRORS}}}tie-break"
UNKNOWN_SESSION = f"{{{JINGLE_ERRORS}}}unknown-session"
UNSUPPORTED_INFO = f"{{{JINGLE_ERRORS}}}unsupported-info"


def refuse(request: Stanza, failure: PeerError, *, local: str, id: str) -> list[Stanza]:
    """What answers a session-initiate or propose that cannot become a call, or cannot be read.

    ``local`` is the full JID that such a call would have had, ``id`` a fresh message id.  Before proceed there is no
    session, so a propose is rejected (clients.md section 4); an IQ gets the stanza error; other messages get nothing.
    """
    if request.kind == "iq":
        return [refused(request, failure)]
    return _reject(request, local, id, End(failure.reason, failure.text), tie_break=False)


def break_tie(request: Stanza, *, local: str, id: str) -> list[Stanza]:
    """What answers a session-initiate or propose that lost against a call of ours to the same user.

    XEP-0166 §7.2.16, XEP-0353 §4.1; `JingleLeg.outranks` says which of the two it is.
    """
    if request.kind == "iq":
        return [error(request, "conflict", detail=TIE_BREAK)]
    return _reject(request, local, id, proposal.TIE_BREAK, tie_break=True)


def unknown_session(request: Stanza) -> Stanza:
    """What answers an IQ set of a session that there is not, or not for this sender (XEP-0166 §10, §13.5)."""
    return error(request, "item-not-found", detail=UNKNOWN_SESSION)


def out_of_order(request: Stanza) -> Stanza:
    """What answers an action that the session has no place for (XEP-0166 §10)."""
    return error(request, "unexpected-request", detail=OUT_OF_ORDER)


def unsupported_info(request: Stanza) -> Stanza:
    """What answers a session-info or security-info whose payload we do not know (XEP-0166 §6.8)."""
    return error(request, "feature-not-implemented", type="modify", detail=UNSUPPORTED_INFO)


def failed(request: Stanza) -> Stanza:
    """What answers an IQ set that an error of ours kept from being read."""
    return error(request, "internal-server-error")


def refused(request: Stanza, failure: PeerError) -> Stanza:
    """The stanza error that a failure asks for."""
    type = None if failure.retry_after is None else "wait"
    return error(request, failure.condition, failure.text, type=type, detail=failure.detail)


def _reject(request: Stanza, local: str, id: str, end: End, *, tie_break: bool) -> list[Stanza]:
    try:
        proposed = proposal.read(request)
    except PeerError:
        return []
    if proposed is None or proposed.kind is not Initiation.PROPOSE:
        return []
    received = receipt(request, id=f"{id}-r", sender=local)
    children = proposal.reject(proposed.id, end, tie_break=tie_break)
    reject = Stanza(kind="message", type="chat", id=id, sender=local, to=request.sender, children=children)
    return [reject] if received is None else [received, reject]


def end_of_error(failure: StanzaError, sender: str) -> End:
    """What it means that a propose or session-initiate was answered by an error (conformance reference 1.6).

    ``sender``: whose answer it is; an account as a whole is another matter than one device.
    """
    text = failure.text or failure.condition
    if TIE_BREAK in failure.details:
        return End(EndReason.BUSY, "the user is calling us at this moment", 486)
    row = BY_CONDITION.get(failure.condition) or BY_CONDITION["undefined-condition"]
    status = row.full if is_full(sender) else row.bare
    if failure.condition in ("redirect", "gone") and failure.address:
        status = 301 if failure.condition == "gone" else 302
        return End(CLASSES[3], f"{text}: {failure.address}", status, redirect=failure.address)
    return End(BY_STATUS.get(status) or CLASSES[status // 100], text, status)
