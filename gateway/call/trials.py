"""Test calls: put together, and begun as any other call of their user's."""

from collections.abc import Callable

from gateway.call.calls import Calls
from gateway.call.opened import Opened
from gateway.call.seat import Party
from gateway.call.trial import Dial, HangUp, Heard, TrialLeg
from gateway.errors import PeerError
from gateway.routing import Routing
from gateway.signals import Side
from mappings.description import Description


class Trial:
    """One."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def dial(self, description: Description) -> None:
        """Call, and offer this."""
        self._opened.task.put(Side.CALLER, Dial(description))

    def hang_up(self) -> None:
        """End it."""
        self._opened.task.put(Side.CALLER, HangUp())


class Trials:
    """Makes them; keeps none."""

    def __init__(self, calls: Calls, routing: Routing, new_id: Callable[[], str]) -> None:
        self._calls = calls
        self._routing = routing
        self._new_id = new_id

    def trial(self, jid: str, dialled: str, *, name: str, told: Callable[[Heard], None]) -> Trial:
        """A call of a user, a full JID, through the account whose trunk has that name.  PeerError where it may not be.

        ``told`` hears what becomes of it.
        """
        admission, opening = self._calls.admission, self._calls.opening
        outbound = self._routing.outbound(jid, dialled, full=admission, account=name)
        if outbound.emergency:
            raise PeerError("routing: whoever answers there has other things to do", status=403, condition="forbidden")
        ticket = admission.leaves(jid, outbound)
        try:
            opened = opening.opened(
                self._new_id()[:16],
                Side.CALLER,
                Party(TrialLeg(jid, self._new_id()), "trial", told, "sdp"),
                opening.legs.calling(outbound, jid, ticket),
                {"caller": jid, "callee": outbound.number_label, "trunk": outbound.trunk},
                anchoring=None,
                owner=jid,
                local=opening.local(dialled),
                ticket=ticket,
            )
        except BaseException:
            ticket.close()
            raise
        self._calls.begin(opened, "xmpp")
        return Trial(opened)
