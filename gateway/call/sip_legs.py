"""The SIP legs of calls, made of what routing says of the call, or of an INVITE that came."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from gateway.call.admission import Ticket
from gateway.call.seat import Inlet, Party
from gateway.call.wires import SipWire
from gateway.outward import Outbound
from gateway.routing import Routing
from gateway.sdp.history import SdpSession
from gateway.sip.leg import LegSettings, SipLeg, SipTarget
from gateway.sip.manners import Manners
from gateway.sip.message import Header, SipRequest
from gateway.sip.trickling import Mode
from mappings.terms import Role


class Wants(Protocol):
    """How the trunk of a received INVITE wants our leg to be."""

    @property
    def trickle(self) -> Mode:
        """Whether candidates may come one by one."""
        ...

    @property
    def manners(self) -> Manners:
        """What else it is used to."""
        ...


class SipLegs:
    """Makes them; keeps none."""

    def __init__(
        self, settings: LegSettings, *, sdp_address: str, routing: Routing, sip: SipWire, new_id: Callable[[], str]
    ) -> None:
        """``sdp_address`` stands in o= when a description names no address of its own."""
        self._settings = settings
        self._sdp_address = sdp_address
        self._routing = routing
        self._sip = sip
        self._new_id = new_id

    def calling(self, outbound: Outbound, caller: str, ticket: Ticket) -> SipLeg:
        """The leg that calls there, for an XMPP user."""
        return self._calling(outbound, caller, ticket)

    def asking(
        self, outbound: Outbound, caller: str, ticket: Ticket, headers: tuple[Header, ...], before: SdpSession
    ) -> SipLeg:
        """The leg that calls whom another is to make place for, asking for the offer; ``before`` is that one's SDP."""
        # A provisional response that must arrive would have the offer in it, and want the answer with its PRACK
        # (RFC 3262 §5), long before anybody has picked up.
        manners = replace(outbound.manners, prack="never")
        headers = (*outbound.headers, *headers)
        way = replace(outbound, headers=headers, trickle="never", manners=manners, others=())
        return self._calling(way, caller, ticket, before)

    def called(
        self,
        request: SipRequest,
        trunk: Wants,
        contact: Callable[[str], str],
        *,
        offers: tuple[str, ...] = (),
        before: SdpSession | None = None,
    ) -> SipLeg:
        """The leg that an INVITE calls; ``contact`` makes its Contact of host:port.

        ``offers`` are the kinds of media that it offers where the INVITE has no description; none: it refuses that.
        ``before`` is the SDP of the leg whose place it takes, or None.
        """
        return SipLeg.called(
            request,
            tag=self._new_id()[:16],
            contact=contact(self._sip.contact(request.flow.transport if request.flow else None)),
            sdp=self._sdp(Role.RESPONDER, before),
            new_id=self._new_id,
            settings=replace(self._settings, offers=True, kinds=offers) if offers else self._settings,
            trickle=trunk.trickle,
            manners=trunk.manners,
        )

    def party(self, leg: SipLeg) -> Party:
        """A leg with its way to the wire."""
        return party(leg, self._sip)

    def _calling(self, outbound: Outbound, caller: str, ticket: Ticket, before: SdpSession | None = None) -> SipLeg:
        return SipLeg.calling(
            self._target(outbound, caller, ticket),
            call_id=self._new_id(),
            tag=self._new_id()[:16],
            contact=self._contact(outbound),
            sdp=self._sdp(Role.INITIATOR, before),
            new_id=self._new_id,
            settings=self._settings,
            trickle=outbound.trickle,
            manners=outbound.manners,
            asks=before is not None,
        )

    def _target(self, outbound: Outbound, caller: str, ticket: Ticket) -> SipTarget:
        return SipTarget(
            uri=outbound.request_uri,
            hop=outbound.hop,
            from_=outbound.from_,
            to=outbound.to,
            headers=outbound.headers,
            credentials=outbound.credentials,
            trunk=outbound.trunk,
            contact=self._contact(outbound),
            trickle=outbound.trickle,
            manners=outbound.manners,
            others=tuple(self._target(other, caller, ticket) for other in outbound.others),
            statuses=outbound.statuses,
            may_follow=partial(self._routing.may_follow, user=caller, trunk=outbound.trunk),
            takes=partial(ticket.takes, outbound.trunk),
        )

    def _contact(self, outbound: Outbound) -> str:
        return outbound.contact(self._sip.contact(outbound.hop.transport))

    def _sdp(self, role: Role, before: SdpSession | None) -> SdpSession:
        """A new session, with the contents of the one before."""
        number = session_number(self._new_id())
        if before is None:
            return SdpSession(role, number, address=self._sdp_address)
        return SdpSession(before.role, number, address=self._sdp_address, carries=before.lines())


def session_number(id: str) -> int:
    """A number for o=: RFC 3264 §5 wants it to fit in 64 bits, signed, with room to count up, so it has 62."""
    return int(id[:16], 16) >> 2


def party(leg: SipLeg, sip: SipWire) -> Party:
    """A SIP leg with its way to the wire."""
    inlet = Inlet()
    return Party(leg, "sip", lambda message: sip.send(message, inlet), "sdp", inlet)
