"""Legs that take a place in a call that goes on: whom a transfer names, and who comes with an INVITE that replaces.

Who may.  A SIP party hands an XMPP user on only to whom that user may call, and through its own trunk, so that no trunk
makes calls at another one's cost; an XMPP user hands a SIP party on only to whom the user may call, or to the other end
of another call of the same user.  An INVITE takes a place only in a call through the trunk that it comes from, and must
know all three names of its dialog, which nobody else was told.

Who does it.  A client that knows XEP-0251 is told to call by itself.  For one that does not, or where the new call is
to take the place of another, the gateway calls, as that user, and changes the client over (`gateway.call.seat`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from gateway.call.admission import Admission
from gateway.call.doors import Doors
from gateway.call.opened import Opened
from gateway.call.seat import Party
from gateway.call.sip_legs import SipLegs
from gateway.call.wires import SipWire
from gateway.errors import PeerError
from gateway.jid import bare, domain
from gateway.jingle import transfer
from gateway.outward import Outbound
from gateway.routing import Routing
from gateway.signals import Side, Transfer
from gateway.sip.address import NameAddr, Uri
from gateway.sip.body import session_description
from gateway.sip.leg import SipLeg
from gateway.sip.message import Header, SipRequest
from gateway.sip.replaces import TAG as REPLACES
from gateway.sip.replaces import Replaces
from gateway.stanza import Stanza
from mappings.namespaces import TRANSFER
from mappings.reasons import EndReason


class Book(Protocol):
    """The calls there are."""

    def session(self, user: str, sid: str) -> Opened | None:
        """The call of an XMPP user (bare JID) by the sid of its session."""
        ...

    @property
    def doors(self) -> Doors:
        """By what messages find their legs."""
        ...


class Successors:
    """Makes them; keeps none."""

    def __init__(
        self,
        *,
        legs: SipLegs,
        routing: Routing,
        sip: SipWire,
        book: Book,
        admission: Admission,
        knows: Callable[[str, str], bool],
        local: Callable[[str], str],
    ) -> None:
        self._legs = legs
        self._routing = routing
        self._sip = sip
        self._book = book
        self._admission = admission
        self._knows = knows
        "Whether a device (full JID) has a feature."
        self._local = local

    def transfer(self, opened: Opened, side: Side, wanted: Transfer) -> Transfer | Party:
        """What becomes of a transfer that a side asks for.  PeerError with the status, where nothing may."""
        return self._of_client(opened, wanted) if side is opened.xmpp_side else self._of_peer(opened, wanted)

    def _of_client(self, opened: Opened, wanted: Transfer) -> Transfer:
        user = opened.jingle.peer
        if wanted.by is not None and bare(wanted.by) != bare(user):
            raise PeerError("transfer: 'from' is somebody else", status=403)
        if wanted.replaces is None:
            return Transfer(self._address(wanted.target, user))
        other = self._book.session(bare(user), wanted.replaces)
        if other is None or other is opened or bare(other.local) != bare(wanted.target):
            raise PeerError("transfer: no session of that sid with that address", status=404)
        dialog = other.sip.dialog
        if dialog is None or not other.task.answered or other.task.over:
            raise PeerError("transfer: that session is not active", status=404)
        return Transfer(dialog.target, str(Replaces.naming(dialog)))

    def _address(self, jid: str, user: str) -> str:
        """The SIP address of whom a user hands somebody on to."""
        if domain(jid) == self._routing.domain:
            outbound = self._routing.outbound(user, jid)
            self._admission.pass_on(user, outbound)
            return outbound.request_uri
        address = self._routing.redirect(f"xmpp:{bare(jid)}", user)
        if address is None:
            raise PeerError("transfer: nobody of that address", status=404)
        return address

    def _of_peer(self, opened: Opened, wanted: Transfer) -> Transfer | Party:
        user = opened.jingle.peer
        try:
            jid = f"{self._routing.localpart(Uri.parse(wanted.target), opened.trunk)}@{self._routing.domain}"
            found = self._routing.outbound(user, jid)
        except PeerError as error:
            raise _declined(error) from None
        outbound = next((way for way in (found, *found.others) if way.trunk == opened.trunk), None)
        if outbound is None:
            raise PeerError("transfer: not through the trunk of who hands on", status=603, reason=EndReason.DECLINE)
        if wanted.replaces is None and self._knows(user, TRANSFER):
            return Transfer(self._local(jid))
        self._take(opened, outbound)
        return self._calling(opened, outbound, wanted)

    @staticmethod
    def _take(opened: Opened, outbound: Outbound) -> None:
        """The user pays for the call to the target, and not any longer for the one to who hands them on."""
        try:
            opened.ticket.hand_on(opened.jingle.peer, outbound)
        except PeerError as error:
            raise _declined(error) from None

    def _calling(self, opened: Opened, outbound: Outbound, wanted: Transfer) -> Party:
        """A leg that calls the target."""
        headers: tuple[Header, ...] = ()
        if wanted.replaces is not None:
            headers = (("Replaces", wanted.replaces), ("Require", REPLACES))
        if wanted.by is not None:
            headers = (*headers, ("Referred-By", wanted.by))
        leg = self._legs.asking(outbound, opened.jingle.peer, opened.ticket, headers, opened.sip.sdp)
        return self.entered(opened, leg)

    def inherited(self, stanza: Stanza, outbound: Outbound) -> Outbound:
        """The way of an XMPP user's call that is to take another user's place with the same phone (XEP-0251, attended).

        That user has told them the sid, and the phone is told to replace the one call by the other.  A call that was
        not handed on, or to take the place of none that there is, goes its way as it is.
        """
        said = transfer.handed_on(stanza)
        other = None if said is None else self._book.session(bare(said.from_ or ""), said.sid or "")
        if other is None or bare(other.local) != bare(stanza.to) or not other.task.answered or other.task.over:
            return outbound
        dialog = other.sip.dialog
        way = next((way for way in (outbound, *outbound.others) if way.trunk == other.trunk), None)
        if dialog is None or way is None:
            return outbound
        headers = (
            ("Replaces", str(Replaces.naming(dialog))),
            ("Require", REPLACES),
            ("Referred-By", f"<{NameAddr.parse(dialog.local).uri}>"),
        )
        return replace(way, headers=(*way.headers, *headers), others=())

    def replacing(self, opened: Opened, party: Party, request: SipRequest, replaces: Replaces, trunk: str) -> None:
        """Let an INVITE take the place of a leg whose dialog it names (RFC 3891 §3).  PeerError: the status of the no.

        A dialog that is early is not replaced: its caller would have made an offer, and be made one.  Nor is one by an
        INVITE without a description: who comes into a call that goes on makes the offer (`gateway.call.seat`).
        """
        leg = party.leg
        if not isinstance(leg, SipLeg) or leg.dialog is None or not replaces.names(leg.dialog):
            raise PeerError("Replaces: no such dialog", status=481, condition="item-not-found")
        if opened.trunk != trunk:
            raise PeerError("Replaces: a dialog of another trunk", status=403, condition="forbidden")
        if leg.closed or opened.task.over or opened.sip is not leg:
            raise PeerError("Replaces: that dialog is over", status=603, reason=EndReason.DECLINE)
        if not opened.task.answered:
            raise PeerError("Replaces: an early dialog is not replaced", status=481)
        if session_description(request) is None:
            raise PeerError("Replaces: without a session description", status=488)
        if replaces.early_only:
            raise PeerError("Replaces: that dialog is not early any more", status=486, reason=EndReason.BUSY)
        user = NameAddr.parse(leg.contact).uri.user
        successor = self._legs.called(
            request, self._routing.trunk(trunk), lambda where: f"<sip:{user}@{where}>", before=opened.sip.sdp
        )
        came = self.entered(opened, successor)
        opened.task.join(opened.sip_side, came)
        self._sip.adopt(request, came.inlet, successor.tag)
        came.inlet.put(request)

    def entered(self, opened: Opened, leg: SipLeg) -> Party:
        """A further leg of a call, whose requests find their way to it from here on."""
        made = self._legs.party(leg)
        self._book.doors.enter_sip(opened, made, leg.tag)
        return made


def _declined(error: PeerError) -> PeerError:
    """What a SIP party is told that hands on to whom the user may not call."""
    return PeerError(error.text, status=603, reason=EndReason.DECLINE, cause=error.cause)
