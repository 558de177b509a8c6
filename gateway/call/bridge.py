"""The call in the middle: what a signal from one side makes of the other.

A bridge knows neither Jingle nor SIP, neither socket nor clock.  Everything that decides whether a signal is passed on
stands in TRANSITIONS and GLARE.
"""

from enum import StrEnum
from typing import NamedTuple

from gateway.signals import (
    Answer,
    Attendance,
    Candidates,
    Complete,
    Digit,
    Early,
    End,
    NoDigits,
    Offer,
    Picture,
    Progress,
    Refuse,
    Side,
    Signal,
    Transfer,
    Transferred,
)
from mappings.reasons import EndReason


class State(StrEnum):
    """Where a call stands between its two sides."""

    IDLE = "idle"
    OFFERED = "offered"
    EARLY = "early"
    "The caller hears what is played, and was answered for that; the callee has not answered."
    ESTABLISHED = "established"
    CALLER_REOFFERED = "caller_reoffered"
    CALLEE_REOFFERED = "callee_reoffered"
    ENDED = "ended"


class Send(NamedTuple):
    """A signal for the leg of a side."""

    side: Side
    signal: Signal


class OutOfOrder(Exception):
    """A signal that the call's state has no place for; nothing has changed."""


CALLER, CALLEE = Side
S = State


def _digits(state: State) -> dict[tuple[Side, type[Signal]], State]:
    """Digits pass in both directions and change nothing; so does who is in a conference, and a wish for a picture."""
    return {(side, signal): state for side in Side for signal in (Digit, NoDigits, Picture, Attendance)}


def _transfers(state: State) -> dict[tuple[Side, type[Signal]], State]:
    """One side hands the other on: who sits where is no matter of this table."""
    return {(side, signal): state for side in Side for signal in (Transfer, Transferred)}


TRANSITIONS: dict[State, dict[tuple[Side, type[Signal]], State]] = {
    S.IDLE: {
        (CALLER, Offer): S.OFFERED,
        (CALLER, End): S.ENDED,  # gone before it offered: a proposal withdrawn, nobody was called yet
    },
    S.OFFERED: {
        (CALLER, Complete): S.OFFERED,
        (CALLEE, Progress): S.OFFERED,
        (CALLEE, Early): S.EARLY,
        (CALLEE, Answer): S.ESTABLISHED,
        (CALLER, Candidates): S.OFFERED,
        (CALLEE, Candidates): S.OFFERED,
        **_digits(S.OFFERED),
        (CALLER, End): S.ENDED,
        (CALLEE, End): S.ENDED,
    },
    S.EARLY: {
        (CALLER, Complete): S.EARLY,
        (CALLER, Offer): S.EARLY,  # the anchor's to answer, or to keep until the callee has answered
        (CALLEE, Progress): S.EARLY,
        (CALLEE, Early): S.EARLY,
        (CALLEE, Answer): S.ESTABLISHED,
        (CALLER, Candidates): S.EARLY,
        (CALLEE, Candidates): S.EARLY,
        **_digits(S.EARLY),
        (CALLER, End): S.ENDED,
        (CALLEE, End): S.ENDED,
    },
    S.ESTABLISHED: {
        (CALLER, Offer): S.CALLER_REOFFERED,
        (CALLEE, Offer): S.CALLEE_REOFFERED,
        (CALLER, Complete): S.ESTABLISHED,
        (CALLER, Candidates): S.ESTABLISHED,
        (CALLEE, Candidates): S.ESTABLISHED,
        **_digits(S.ESTABLISHED),
        **_transfers(S.ESTABLISHED),
        (CALLER, End): S.ENDED,
        (CALLEE, End): S.ENDED,
    },
    S.CALLER_REOFFERED: {
        (CALLEE, Answer): S.ESTABLISHED,
        (CALLEE, Refuse): S.ESTABLISHED,
        (CALLER, Candidates): S.CALLER_REOFFERED,
        (CALLEE, Candidates): S.CALLER_REOFFERED,
        **_digits(S.CALLER_REOFFERED),
        **_transfers(S.CALLER_REOFFERED),
        (CALLER, End): S.ENDED,
        (CALLEE, End): S.ENDED,
    },
    S.CALLEE_REOFFERED: {
        (CALLER, Answer): S.ESTABLISHED,
        (CALLER, Refuse): S.ESTABLISHED,
        (CALLER, Candidates): S.CALLEE_REOFFERED,
        (CALLEE, Candidates): S.CALLEE_REOFFERED,
        **_digits(S.CALLEE_REOFFERED),
        **_transfers(S.CALLEE_REOFFERED),
        (CALLER, End): S.ENDED,
        (CALLEE, End): S.ENDED,
    },
    S.ENDED: {},
}

GLARE = frozenset((state, side) for state in (S.CALLER_REOFFERED, S.CALLEE_REOFFERED) for side in Side)
"""An offer that crosses another goes back refused (RFC 3261 §14.2; XEP-0166 §7.2.16).

It crosses one of its own side where that was the anchor's doing (`gateway.call.anchoring`).
"""


class Bridge:
    """What stands between the two legs of one call."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = State.IDLE

    @property
    def talking(self) -> bool:
        """Whether the two sides have agreed to a call, and it is not over."""
        return self.state not in (State.IDLE, State.OFFERED, State.EARLY, State.ENDED)

    @property
    def heard(self) -> bool:
        """Whether the two sides hear each other: they talk, or the caller hears what is played before the answer."""
        return self.talking or self.state is State.EARLY

    def receive(self, side: Side, signal: Signal) -> tuple[Send, ...]:
        """Take a signal from one side; return what to send.  OutOfOrder, and nothing changed, if it has no place."""
        if isinstance(signal, Offer) and (self.state, side) in GLARE:
            return (Send(side, Refuse(EndReason.GENERAL_ERROR, "another change is under way", glare=True)),)
        idle = self.state is State.IDLE
        try:
            self.state = TRANSITIONS[self.state][side, type(signal)]
        except KeyError:
            raise OutOfOrder(f"{side} sent {type(signal).__name__} while {self.state}") from None
        if idle and isinstance(signal, End):
            return ()
        return (Send(side.other, signal),)

    def end(self, signal: End) -> tuple[Send, ...]:
        """End the call from the middle: a time-out, a limit, our own failure, or the gateway is leaving."""
        if self.state is State.ENDED:
            return ()
        idle = self.state is State.IDLE
        self.state = State.ENDED
        return (Send(CALLER, signal),) if idle else (Send(CALLEE, signal), Send(CALLER, signal))
