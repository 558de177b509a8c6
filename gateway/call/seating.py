"""Both seats of a call: who is in it, and who may come."""

from collections.abc import Iterator, Mapping

from gateway.call.seat import Inlet, Party, Seat, Taking
from gateway.errors import PeerError
from gateway.signals import Side

MOST_SUCCESSORS = 32
"So often may somebody else take a place in one call."


class Seating:
    """The two seats, by side.  Times are on the clock of whoever tells it, in seconds."""

    __slots__ = ("_call", "_successors", "deadline", "seats")

    def __init__(self, call: Taking, parties: Mapping[Side, Party]) -> None:
        self._call = call
        self.seats = {side: Seat(side, parties[side]) for side in Side}
        self.deadline: float | None = None
        "When a successor must have come."

        self._successors = 0
        for party in parties.values():
            party.inlet.bind(call, party)

    def __iter__(self) -> Iterator[Seat]:
        return iter(self.seats.values())

    @property
    def parties(self) -> dict[Side, Party]:
        """Who sits on each side."""
        return {side: seat.party for side, seat in self.seats.items()}

    @property
    def inlets(self) -> dict[Side, Inlet]:
        """Where the wires put what belongs to who sits on each side."""
        return {side: seat.party.inlet for side, seat in self.seats.items()}

    @property
    def joining(self) -> bool:
        """Whether a successor is on the way."""
        return any(seat.coming is not None for seat in self.seats.values())

    def of(self, party: Party) -> Seat:
        """Where somebody sits, sat, or is to sit."""
        return next(seat for seat in self.seats.values() if party in seat)

    def everybody(self) -> list[Party]:
        """Who sits, who comes, and who has not said goodbye."""
        return [party for seat in self.seats.values() for party in seat]

    def join(self, side: Side, party: Party, *, referred: bool, free: bool, deadline: float) -> None:
        """Let a leg take a place; whoever sits there stays until it has come.

        ``free``: the call stands.  PeerError: 491 while it does not, or another one is on the way; 603 after too many.
        """
        seat = self.seats[side]
        if seat.coming is not None or not free:
            raise PeerError("somebody else is taking that place", status=491)
        if self._successors >= MOST_SUCCESSORS:
            raise PeerError("this call has been handed on too often", status=603)
        self._successors += 1
        party.inlet.bind(self._call, party)
        seat.join(party, referred=referred)
        self.deadline = deadline
