"""One side of a call: who sits there, who is to take the place, and who is leaving.

Usually one leg sits in a seat from the beginning to the end, and everything it says goes to the bridge.  A successor is
another leg for the same seat.  It makes an offer, as if its side had changed its mind; the other side's answer seats
it, and the one before leaves.  A refusal, or a successor that ends before it has offered, leaves everything as it was.
So the bridge sees nothing but an offer inside the call, and the other leg nothing but a change.

Who was called and has refused may be called again, by another leg, with another offer, before the caller hears of it.

An offer waits here while another change is under way.  Who sat there may leave before the successor is ready: then the
seat is empty for a while, the call goes on, and ends if nobody comes.  What a successor has offered cannot be taken
back: if it ends before the answer, the other side is on its way to somebody who is gone, and the call ends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gateway.call.leg import Leg
from gateway.errors import PeerError
from gateway.signals import (
    Answer,
    Candidates,
    End,
    Offer,
    Progress,
    Refuse,
    Side,
    Signal,
    Transfer,
    Transferred,
)
from mappings.reasons import BY_REASON, EndReason

PASSED_ON = End(EndReason.SUCCESS, transferred=True)
"What it is to a leg that another one has taken its place."

BUSY = Transferred(491)
"No transfer now: another one is under way."

MOST_HELD = 100
"So much of a successor's is kept while its offer has to wait."

CHANGING = Refuse(EndReason.GENERAL_ERROR, "somebody else is taking that place", glare=True)


class Taking(Protocol):
    """A call, as far as the wires know it."""

    def take(self, party: "Party", message: Any) -> None:
        """Take a message for a leg."""
        ...


class Inlet:
    """Where the wires put what belongs to one leg."""

    __slots__ = ("_call", "_party")

    def __init__(self) -> None:
        self._call: Taking | None = None
        self._party: Party | None = None

    def bind(self, call: Taking, party: "Party") -> None:
        """From here on there is a call that takes it."""
        self._call, self._party = call, party

    def put(self, message: Any) -> None:
        """Take a message."""
        assert self._call is not None
        assert self._party is not None
        self._call.take(self._party, message)


@dataclass(slots=True, eq=False)
class Party:
    """A leg, the protocol it speaks, and the way to its wire."""

    leg: Leg[Any]
    protocol: str
    transmit: Callable[[Any], None]
    spelling: str
    "What is lost when its peer says something that the other side cannot: sdp or jingle."

    inlet: Inlet = field(default_factory=Inlet)
    parting: End = PASSED_ON
    "What who sat there is told, when this one has taken the place."


class Told(NamedTuple):
    """A signal for a leg of this side."""

    party: Party
    signal: Signal


class Said(NamedTuple):
    """A signal for the bridge."""

    signal: Signal


Word = Told | Said


class Seat:
    """Who is at one side of a call."""

    __slots__ = ("_held", "_referred", "_refused", "again", "coming", "empty", "leaving", "offering", "party", "side")

    def __init__(self, side: Side, party: Party) -> None:
        self.side = side
        self.party = party
        "Who sits there."

        self.coming: Party | None = None
        "Who is to take the place."

        self.leaving: list[Party] = []
        "Who sat there, or was to, and has not said goodbye."

        self.empty = False
        "Whether who sits there has left."

        self.offering = False
        "Whether the offer that is with the other side is the successor's."

        self.again: Callable[[], Party] | None = None
        "Makes the leg that calls once more who has refused."

        self._refused = False
        "Whether who sits there has said its End."

        self._held: list[Offer | Candidates] = []
        "The successor's offer, while it has to wait, and what came for it."

        self._referred = False
        "Whether who sits there asked for it, and is to be told."

    def __iter__(self) -> Iterator[Party]:
        coming = () if self.coming is None else (self.coming,)
        return iter((self.party, *coming, *self.leaving))

    @property
    def speaker(self) -> Party:
        """Whose media the other side hears of: a successor's, once it has offered."""
        return self.coming if self.offering and self.coming is not None else self.party

    def join(self, party: Party, *, referred: bool) -> None:
        """A successor comes; ``referred``: who sits there wants it so."""
        self.coming, self._referred = party, referred

    # -------------------------------------------------------------------------------------------------- from the legs

    def hear(self, party: Party, signal: Signal, *, free: bool, asked: bool) -> list[Word]:
        """What a leg's signal makes.

        ``free``: no change is under way in the call; ``asked``: the other side's offer waits for this one's answer.
        """
        if party is self.coming:
            return self._hear_successor(party, signal, free=free)
        if party is not self.party or self.empty:
            return []  # of a leg that is leaving; what it says is of no matter any more
        if self.coming is None:
            self._refused = isinstance(signal, End)
            return [Said(signal)]
        match signal:
            case End():
                self.empty = True
                return [Said(CHANGING)] if asked else []
            case Offer() if self.offering:
                return [Told(party, CHANGING)]
            case Candidates() if self.offering:
                return []
            case Transfer():
                return [Told(party, BUSY)]
            case _:
                return [Said(signal)]

    def _hear_successor(self, party: Party, signal: Signal, *, free: bool) -> list[Word]:
        match signal:
            case Offer() if free:
                self.offering = True
                return [Said(signal)]
            case Offer():
                self._held = [signal]
                return []
            case Progress(ringing=True) if self._referred and not self.empty:
                return [Told(self.party, Transferred(180))]
            case Candidates() if self.offering:
                return [Said(signal)]
            case Candidates() if 0 < len(self._held) < MOST_HELD:
                self._held.append(signal)
                return []
            case End() if self.offering:
                self._part()
                return [Said(signal), *([] if self.empty else [Told(self.party, signal)])]
            case End():
                return self._fail(signal)
            case _:
                return []

    def release(self) -> list[Word]:
        """No change is under way any more: an offer that has waited can go now."""
        if not self._held or self.coming is None:
            return []
        held, self._held, self.offering = self._held, [], True
        return [Said(signal) for signal in held]

    def give_up(self, end: End) -> list[Word]:
        """The successor takes too long; one that has offered has come."""
        if self.coming is None or self.offering or self._held:
            return []
        return [Told(self.coming, end), *self._fail(end)]

    # ------------------------------------------------------------------------------------------------ from the bridge

    def tell(self, signal: Signal) -> list[Word]:
        """Whom a signal of the other side is for."""
        if self.coming is None:
            if self._refused and isinstance(signal, Offer) and self.again is not None:
                self._refused = False
                self.leaving.append(self.party)
                self.party, self.again = self.again(), None
            return [Told(self.party, signal)]
        match signal:
            case End():
                here: list[Word] = [] if self.empty else [Told(self.party, signal)]
                return [*here, Told(self.coming, signal)]
            case Answer() if self.offering:
                return self._succeed(self.coming, signal)
            case Refuse() if self.offering:
                told = Told(self.coming, signal)
                return [told, *self._fail(End(signal.reason, signal.text))]
            case Candidates() if self.offering:
                return [Told(self.coming, signal)]
            case Transfer():
                return [Said(BUSY)]
            case Offer() if self.empty:
                return [Said(CHANGING)]
            case _ if self.empty:
                return []
            case _:
                return [Told(self.party, signal)]

    # ------------------------------------------------------------------------------------------------------- who sits

    def _succeed(self, successor: Party, answer: Answer) -> list[Word]:
        before, self.party = self.party, successor
        self.coming, self.offering = None, False
        self.leaving.append(before)
        words: list[Word] = [Told(successor, answer)]
        if not self.empty:
            words.append(Told(before, successor.parting))
        self.empty = False
        return words

    def _fail(self, end: End) -> list[Word]:
        self._part()
        if self.empty:
            return [Said(End(end.reason, end.text, end.status, end.phrase))]
        status = end.status if end.status is not None and end.status >= 300 else BY_REASON[end.reason].refusal
        return [Told(self.party, Transferred(status, end.phrase))] if self._referred else []

    def _part(self) -> None:
        assert self.coming is not None
        self.leaving.append(self.coming)
        self.coming, self._held, self.offering = None, [], False


def refused(side: Side, transfer: Transfer) -> Transfer | Party:
    """What becomes of a transfer where nobody may be handed on."""
    raise PeerError("transfer: not done here", status=603)
