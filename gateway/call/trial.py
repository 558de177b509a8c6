"""The caller of a test call: a leg that speaks no protocol, and tells whoever asked for the call how it goes.

It sits where a client's leg would, so that a test call is a call: it is admitted, limited, logged, counted and ended as
any other.  What it is told to do are `Dial` and `HangUp`; what it says are the signals that it hears.
"""

from dataclasses import dataclass

from gateway.signals import Answer, End, Offer, Progress, Refuse, Signal, Transfer, Transferred
from gateway.stanza import Stanza
from mappings.description import Description
from mappings.reasons import EndReason


@dataclass(frozen=True, slots=True)
class Dial:
    """Call."""

    description: Description
    "What is offered."


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""

    text: str = "the test is over"


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of it: it rings, somebody answered, it is over."""

    signal: Progress | Answer | End


class TrialLeg:
    """`gateway.call.leg.Leg`, without a wire."""

    contested = False
    "No call of the user crosses it (XEP-0166 §7.2.16)."

    movable = False
    "No device of the user takes it up (XEP-0353 §4.2)."

    def __init__(self, peer: str, sid: str) -> None:
        """``peer``: the full JID of who asked for it; ``sid``: what no session of theirs is called."""
        self.peer = peer
        self.sid = sid
        self.closed = False

    @property
    def deadline(self) -> None:
        """It waits for nothing: the call has its limits, and the test its own."""

    def outranks(self, sid: str, sender: str) -> bool:
        """Never: see `contested`."""
        return False

    def receive(self, message: Dial | HangUp | Stanza, now: float) -> list[Signal | Heard]:
        """What it is to do; of stanzas there is only the news that the user is gone."""
        if self.closed:
            return []
        if isinstance(message, Dial):
            return [Offer(message.description)]
        text = message.text if isinstance(message, HangUp) else "who wanted the test has gone"
        return [self._over(End(EndReason.SUCCESS, text))]

    def send(self, signal: Signal, now: float) -> list[Signal | Heard]:
        """What the callee's side says; changes of the call are not wanted in a test."""
        match signal:
            case Progress() | Answer():
                return [Heard(signal)]
            case Offer():
                return [Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "this is a test call, and stays as it is")]
            case Transfer():
                return [Transferred(603)]
            case End():
                return [Heard(self._over(signal))]
            case _:
                return []

    def expire(self, now: float) -> list[Signal | Heard]:
        """Nothing is due, ever."""
        return []

    def _over(self, end: End) -> End:
        self.closed = True
        return end
