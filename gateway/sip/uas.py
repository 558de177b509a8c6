"""What every request must pass before a call hears of it, in the order of RFC 3261 §8.2.

`check` is for requests outside of any dialog, `refuse` is the part of it that requests inside one pass too.  What is
written about us here (Allow, Supported, Accept) is true.
"""

from collections.abc import Sequence

from gateway.errors import PeerError
from gateway.sip.address import Uri
from gateway.sip.body import ACCEPTED, SDP, session_description
from gateway.sip.grammar import number
from gateway.sip.message import ALLOW, METHODS, SUPPORTED, Header, SipRequest, SipResponse, respond
from gateway.sip.reasons import refusal_of_error, warning
from gateway.sip.refer import ALLOW_EVENTS, EVENT, event
from gateway.sip.trickle import TAG

EXTENSIONS = frozenset({*SUPPORTED, TAG})
"The option tags that a request may require; whether a call takes the last one, its leg decides."

IN_DIALOG = frozenset({"ACK", "BYE", "CANCEL", "INFO", "NOTIFY", "PRACK", "UPDATE"})
"Methods that mean nothing without the dialog, or transaction, that they belong to."

ACCEPTS_SDP = frozenset({SDP, "application/*", "*/*"})

ALLOW_HEADER: Header = ("Allow", ", ".join(ALLOW))
ACCEPT_HEADER: Header = ("Accept", ACCEPTED)
IDENTITY_HEADER: Header = ("Accept-Encoding", "identity")

Verdict = tuple[int, tuple[Header, ...]]
"A status and what must stand beside it."


def check(request: SipRequest, *, tag: str, server: str = "", also: Sequence[str] = ()) -> SipResponse | None:
    """The answer to a request outside of any dialog; None: one that may go on, or an ACK, which is never answered.

    What may go on is an INVITE, and requests of the methods ``also``, which are served outside of calls only; their
    bodies are for who serves them.  ``tag`` becomes the To tag of the answer, ``server`` its Server header.  Who may
    call is decided elsewhere.
    """
    if request.method == "ACK":
        return None
    verdict = _verdict(request, also)
    if verdict is None:
        return None
    status, headers = verdict
    return answer(request, status, headers, tag=tag, server=server)


def answer(
    request: SipRequest, status: int, headers: tuple[Header, ...] = (), *, tag: str, server: str = ""
) -> SipResponse:
    """A response of ours without a body."""
    return respond(request, status, tag=tag, headers=(*headers, ("Server", server)) if server else headers)


def refuse(request: SipRequest, also: Sequence[str] = ()) -> Verdict | None:
    """Why a request cannot be understood, whatever it belongs to: its method, or an extension that it requires."""
    method = request.method
    if method not in METHODS:
        return 501, (_allow(also),)
    if method == "SUBSCRIBE":
        return None if event(request)[0] == EVENT else (489, (ALLOW_EVENTS,))
    if method not in ALLOW and method not in also:
        return 405, (_allow(also),)
    if method in ("ACK", "CANCEL", "BYE"):
        # §8.2.2.3 excepts the first two; and no extension is worth keeping a call that the peer has left.
        return None
    if unknown := sorted(request.tokens("Require").difference(EXTENSIONS)):
        return 420, (("Unsupported", ", ".join(unknown)),)
    return None


def refuse_content(request: SipRequest) -> Verdict | None:
    """Why a body cannot be used, or no answer be given that the peer can use (§8.2.3; RFC 4475 §3.3.15)."""
    try:
        session_description(request)
    except PeerError as error:
        verdict = refusal_of_error(error)
        extra = (ACCEPT_HEADER, IDENTITY_HEADER) if verdict.status == 415 else ()
        return verdict.status, (*verdict.headers, *extra)
    if request.method == "INVITE" and request.first("Accept") is not None:
        ranges = {value.partition(";")[0].strip().lower() for value in request.values("Accept")}
        if not ranges & ACCEPTS_SDP:
            return 406, (ACCEPT_HEADER, warning(399, "only application/sdp can be sent"))
    return None


def _allow(also: Sequence[str]) -> Header:
    return ("Allow", ", ".join(dict.fromkeys((*ALLOW, *also)))) if also else ALLOW_HEADER


def _verdict(request: SipRequest, also: Sequence[str]) -> Verdict | None:
    method = request.method
    verdict = refuse(request, also)
    if verdict is not None and verdict[0] != 420:
        return verdict
    try:
        if (method in IN_DIALOG and method not in also) or request.to.tag:
            return 481, ()
        scheme = Uri.parse(request.uri).scheme
        if scheme == "sips":
            # Never a hop without TLS for an address that promises it (RFC 5630 §5.3).
            return 480, (warning(380, None),)
        if scheme not in ("sip", "tel"):
            return 416, ()
        if (method == "INVITE" or method in also) and number(request.first("Max-Forwards"), 255) == 0:
            return 483, ()
        if verdict is not None:
            return verdict
        if method not in also and (verdict := refuse_content(request)) is not None:
            return verdict
    except PeerError as error:
        refused = refusal_of_error(error)
        return refused.status, refused.headers
    if method == "OPTIONS":
        return 200, capabilities(also)
    if method == "SUBSCRIBE":
        return 403, ()  # to a REFER that somebody else sent (RFC 3515 §2.4.4)
    if method == "REFER":
        return 603, ()  # it is the other side of a call that is handed on, and here is no call
    return None


def capabilities(also: Sequence[str] = ()) -> tuple[Header, ...]:
    """What the answer to OPTIONS says of us (§11.2)."""
    # Supported stands there even when empty: "nothing" is an answer too, its absence is none (§20.37).
    return _allow(also), ACCEPT_HEADER, IDENTITY_HEADER, ("Supported", ", ".join(SUPPORTED)), ALLOW_EVENTS
