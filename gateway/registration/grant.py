"""What a 2xx to REGISTER grants (RFC 3261 §10.2.4, RFC 3608, RFC 5627, RFC 5626)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.errors import PeerError
from gateway.sip.address import NameAddr, Uri
from gateway.sip.dialog import hop_to
from gateway.sip.flow import Flow, Hop
from gateway.sip.grammar import number
from gateway.sip.message import SipRequest, SipResponse

MAX_ROUTES = 16
"Service routes that are taken; more, and calls would be refused for their size."

MAX_EXPIRES = 7 * 86_400
"Seconds of which we believe that a registrar means them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A binding as the registrar has it."""

    expires_seconds: int
    "How long it lasts; 0: it is not there."

    routes: tuple[str, ...] = ()
    "The way that our calls are to take, as Route values (RFC 3608)."

    gruu: str | None = None
    "The public GRUU: a URI that leads to this binding and to no other (RFC 5627)."

    outbound: bool = False
    "Whether calls to us come over the flow that registered (RFC 5626)."

    flow: Flow | None = None
    "Where it came from."

    def way(self, hop: Hop) -> Hop:
        """Where our calls go next: to the first route, or else where the trunk says, over the flow that registered."""
        if self.routes:
            way = hop_to(NameAddr.parse(self.routes[0]).uri, self.flow, near=True)
            return replace(way, fenced=hop.fenced)
        return replace(hop, flow=self.flow) if self.outbound else hop

    @property
    def contact_parameters(self) -> str:
        """What the Contact of our calls says besides, with its semicolon: that it means the flow (RFC 5626 §4.3)."""
        return ";ob" if self.outbound else ""


NO_GRANT = Grant(expires_seconds=0)
"What holds where nothing is registered."


def read(response: SipResponse, contact: Uri, instance: str, asked: int) -> Grant:
    """What the 2xx says about our Contact; nothing is raised, for what cannot be read says nothing.

    ``asked`` are the seconds that were asked for; a registrar may shorten them, and what it lengthens is not used.
    """
    contacts = [found for value in _values(response, "Contact") if (found := _address(value)) is not None]
    ours = _ours(contacts, contact, instance)
    seconds = None
    if ours is not None:
        seconds = number(ours.params.text("expires"), 2**32 - 1)
    if seconds is None:
        seconds = number(response.first("Expires"), 2**32 - 1)
    if seconds is None:
        seconds = asked
    if contacts and ours is None:
        seconds = 0
    gruu = ours.params.text("pub-gruu") if ours is not None else None
    return Grant(
        expires_seconds=min(seconds, asked, MAX_EXPIRES),
        routes=_routes(response),
        gruu=gruu if gruu and _is_sip(gruu) else None,
        outbound="outbound" in [word.lower() for word in _values(response, "Require")],
        flow=response.flow,
    )


def _ours(contacts: list[NameAddr], contact: Uri, instance: str) -> NameAddr | None:
    """Which of an address-of-record's bindings is this one."""
    same = [found for found in contacts if found.uri.user == contact.user]
    exact = [found for found in same if (found.uri.host, found.uri.port) == (contact.host, contact.port)]
    marked = [found for found in contacts if found.params.text("+sip.instance") == f"<{instance}>"]
    # COMPAT(registrars behind address translation): the only one is ours, whatever became of its address.
    alone = contacts if len(contacts) == 1 else []
    return next(iter([*exact, *same, *marked, *alone]), None)


def _routes(response: SipResponse) -> tuple[str, ...]:
    """The service routes; one that cannot be read spoils the others, since the way leads through all of them."""
    values = tuple(_values(response, "Service-Route"))
    if len(values) > MAX_ROUTES:
        return ()
    routes = [_address(value) for value in values]
    return tuple([str(route) for route in routes if route is not None]) if None not in routes else ()


def _values(message: SipRequest | SipResponse, name: str) -> Iterable[str]:
    try:
        return message.values(name)
    except PeerError:
        return ()


def _address(value: str) -> NameAddr | None:
    try:
        found = NameAddr.parse(value)
    except PeerError:
        return None
    return found if found.uri.scheme in ("sip", "sips") else None


def _is_sip(text: str) -> bool:
    try:
        return Uri.parse(text).scheme in ("sip", "sips")
    except PeerError:
        return False
