"""A dialog: what two user agents remember of each other, and how a request inside it is written (RFC 3261 §12).

A value; whoever holds it replaces it when a sequence number or the peer's Contact changes.  From and To are kept as
the header text they came in, since peers compare them; everything the next request needs is worked out once, when the
route set or the target changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.errors import PeerError
from gateway.sip.address import NameAddr, Uri
from gateway.sip.flow import Flow, Hop
from gateway.sip.locating import is_numeric
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.wire import Outgoing

MAX_FORWARDS = "70"

LATER = 1000
"What is added to an INVITE's CSeq for the last request of a fork: more than an early dialog can have used."

DEFAULT_PORT = 5060


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """One dialog, early or confirmed."""

    call_id: str
    local: str
    "Our From (or To) with the tag, as header text."

    local_tag: str
    remote: str
    "The peer's, likewise."

    remote_tag: str
    target: str
    "The peer's Contact: the Request-URI of what we send, unless the first route is a strict router."

    routes: tuple[str, ...]
    "The route set, in the order that our requests carry it; each with its brackets."

    local_cseq: int
    remote_cseq: int | None
    "The highest CSeq number received; None before the first request of the peer."

    flow: Flow | None
    focus: bool
    "Whether the peer says that it is the focus of a conference (RFC 3840, isfocus)."

    near: bool
    "Whether the flow leads to the first hop of this dialog, whatever address that gives itself."

    uri: str
    "The Request-URI."

    route: tuple[Header, ...]
    "The Route headers."

    hop: Hop

    @classmethod
    def from_response(cls, request: SipRequest, response: SipResponse) -> "Dialog":
        """The caller's dialog, which a 101-299 to its INVITE makes (§12.1.2).

        Never fails: a 2xx must be acknowledged however broken it is.  Without a readable Contact or Record-Route the
        requests go where the INVITE went.
        """
        flow = response.flow
        try:
            # COMPAT(RFC 2543): without Contact, the address that was called is the target.
            contact = _contact(response)
            uri, focus = (Uri.parse(request.uri), False) if contact is None else contact
            routes = tuple(reversed([str(NameAddr.parse(value)) for value in response.values("Record-Route")]))
            return _made(
                request.call_id, request.first("From") or "", request.from_.tag or "", response.first("To") or "",
                response.to.tag or "", uri, routes, request.cseq.number, None, flow, near=bool(routes), focus=focus,
            )  # fmt: skip
        except PeerError:
            return cls(
                call_id=request.call_id, local=request.first("From") or "", local_tag=request.from_.tag or "",
                remote=response.first("To") or "", remote_tag=response.to.tag or "", target=request.uri, routes=(),
                local_cseq=request.cseq.number, remote_cseq=None, flow=flow, focus=False, near=True, uri=request.uri,
                route=(), hop=_back(request.uri, flow),
            )  # fmt: skip

    @classmethod
    def from_request(cls, request: SipRequest, tag: str) -> "Dialog":
        """The callee's dialog, which an INVITE makes with our first response beyond 100 (§12.1.1).

        Raises PeerError (400) when Contact or Record-Route cannot be read.
        """
        # COMPAT(RFC 2543): an INVITE may come without Contact; its From then is the target.
        target, focus = _contact(request) or (request.from_.uri, False)
        routes = tuple(str(NameAddr.parse(value)) for value in request.values("Record-Route"))
        near = bool(routes) or len(request.values("Via")) == 1
        return _made(
            request.call_id, f"{(request.first('To') or '').rstrip('; ')};tag={tag}", tag, request.first("From") or "",
            request.from_.tag or "", target, routes, 0, request.cseq.number, request.flow, near=near, focus=focus,
        )  # fmt: skip

    def request(
        self, method: str, headers: Sequence[Header] = (), body: bytes = b"", *, cseq: int | None = None
    ) -> "tuple[Dialog, SipRequest]":
        """A request inside the dialog, and the dialog after it (§12.2.1.1).

        ``cseq`` is for an ACK, which has its INVITE's number (§13.2.2.4), and for the last request of all.
        """
        dialog = self
        if cseq is None:
            cseq = self.local_cseq + 1
            dialog = replace(self, local_cseq=cseq)
        return dialog, SipRequest(
            method,
            self.uri,
            (
                *self.route,
                ("Max-Forwards", MAX_FORWARDS),
                ("From", self.local),
                ("To", self.remote),
                ("Call-ID", self.call_id),
                ("CSeq", f"{cseq} {method}"),
                *headers,
            ),
            body,
        )

    def holds(self, request: SipRequest) -> bool:
        """Whether a request of the peer belongs to this dialog (§12.2.2)."""
        return (
            request.call_id == self.call_id
            and (request.to.tag or "") == self.local_tag
            and (request.from_.tag or "") == self.remote_tag
        )

    def received(self, request: SipRequest) -> "Dialog | None":
        """The dialog after a request of the peer, or None when that is out of order (§12.2.2: 500).

        Any higher number will do: a request that was challenged or lost on the way leaves a gap.
        """
        number = request.cseq.number
        if self.remote_cseq is not None and number < self.remote_cseq:
            return None
        return self if number == self.remote_cseq else replace(self, remote_cseq=number)

    def refreshed(self, message: SipRequest | SipResponse) -> "Dialog":
        """The dialog after a re-INVITE, or the 2xx to ours: a new target (§12.2.1.2).  May raise PeerError."""
        contact = _contact(message)
        if contact is None or (str(contact[0]), contact[1]) == (self.target, self.focus):
            return self
        target, focus = contact
        return _made(
            self.call_id, self.local, self.local_tag, self.remote, self.remote_tag, target, self.routes,
            self.local_cseq, self.remote_cseq, message.flow or self.flow, near=self.near, focus=focus,
        )  # fmt: skip


def refuse_fork(
    request: SipRequest, response: SipResponse, new_id: Callable[[], str], *, fenced: bool = False
) -> list[Outgoing]:
    """ACK and BYE for a 2xx to an INVITE that no call wants: a second fork, or one that came too late (§13.2.2.4)."""
    dialog = Dialog.from_response(request, response)
    hop = replace(dialog.hop, fenced=fenced)
    _, ack = dialog.request("ACK", credentials(request), cseq=request.cseq.number)
    _, bye = dialog.request("BYE", cseq=request.cseq.number + LATER)
    return [Outgoing(ack, branch(new_id), hop), Outgoing(bye, branch(new_id), hop)]


def branch(new_id: Callable[[], str]) -> str:
    """A fresh branch with RFC 3261's cookie (§8.1.1.7)."""
    return "z9hG4bK" + new_id()


def credentials(request: SipRequest) -> tuple[Header, ...]:
    """The digest headers of an INVITE, which its ACK repeats (§22.1)."""
    return tuple(header for header in request.headers if header[0] in ("Authorization", "Proxy-Authorization"))


def hop_to(uri: Uri, flow: Flow | None = None, *, near: bool = False) -> Hop:
    """Where a request for that address goes next (RFC 3263 §4 begins here).

    ``flow`` is where the peer was heard last.  It is used again when it leads to just that address, or when it is a
    connection to the next hop (``near``): a peer behind an address translator can be reached by no other way.
    """
    host = uri.params.get("maddr") or uri.host
    transport = _transport(uri, flow)
    if flow is None:
        return Hop(host, uri.port, transport)
    if flow.reliable:
        again = near or (flow.host == host and transport in (None, flow.transport))
    else:
        again = flow.host == host and flow.port == (uri.port or DEFAULT_PORT) and transport in (None, "UDP")
    # An address says no domain that a certificate could name, so there it is to be the one that was called
    # (RFC 5922 §7.3).
    domain = flow.domain if flow.domain and is_numeric(host) else None
    return Hop(host, uri.port, transport, flow if again else None, domain)


def _transport(uri: Uri, flow: Flow | None) -> str | None:
    """What the URI asks for; a WebSocket has one name there, whether it is secure or not (RFC 7118 §5.2)."""
    named = uri.params.get("transport")
    transport = named.upper() if named else None
    secure = uri.scheme == "sips" or (flow is not None and flow.transport == "WSS")
    if transport == "WS" and secure:
        return "WSS"
    return "TLS" if uri.scheme == "sips" else transport


def _made(  # noqa: PLR0917
    call_id: str, local: str, local_tag: str, remote: str, remote_tag: str, target: Uri, routes: tuple[str, ...],
    local_cseq: int, remote_cseq: int | None, flow: Flow | None, *, near: bool, focus: bool,
) -> Dialog:  # fmt: skip
    written = str(target)
    uri, route = written, routes
    if routes:
        first = NameAddr.parse(routes[0]).uri
        hop = hop_to(first, flow, near=near)
        if "lr" not in first.params:  # a strict router: it wants to see itself in the Request-URI (§12.2.1.1)
            uri, route = str(_bare(first)), (*routes[1:], f"<{written}>")
    else:
        hop = hop_to(target, flow, near=near)
    return Dialog(
        call_id=call_id, local=local, local_tag=local_tag, remote=remote, remote_tag=remote_tag, target=written,
        routes=routes, local_cseq=local_cseq, remote_cseq=remote_cseq, flow=flow, focus=focus, near=near, uri=uri,
        route=tuple(("Route", value) for value in route), hop=hop,
    )  # fmt: skip


def _contact(message: SipRequest | SipResponse) -> tuple[Uri, bool] | None:
    """The address of the first Contact, as a Request-URI may hold it, and whether it is a conference's focus."""
    value = next(iter(message.values("Contact")), None)
    if value is None or value.strip() == "*":
        return None
    contact = NameAddr.parse(value)
    uri = contact.uri
    if uri.scheme not in ("sip", "sips"):
        raise PeerError(f"Contact: not a SIP address, {value[:80]!r}")
    return _bare(uri), "isfocus" in contact.params


def _bare(uri: Uri) -> Uri:
    """Without the headers, which a Request-URI has no place for (§19.1.1)."""
    return uri if uri.headers is None else replace(uri, headers=None)


def _back(uri: str, flow: Flow | None) -> Hop:
    if flow is not None:
        return Hop(flow.host, flow.port, flow.transport, flow, flow.domain or None)
    try:
        return hop_to(Uri.parse(uri))
    except PeerError:
        return Hop("")
