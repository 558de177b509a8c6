"""The four transaction machines of RFC 3261 §17, with the Accepted states of RFC 6026, as tables.

Rules of this module: the whole of every machine stands here, and nothing here knows sockets, keys or owners.  A machine
is what it does on an input in a state (`rows`) and how long a state lasts (`waits`).  An input without a row changes
nothing and is not answered: that is how retransmissions are absorbed, late responses dropped, and a second final
response of our own kept from the wire.

The letters are RFC 3261's timers (Table 4).  Two kinds are enough: a state *repeats* what was sent last (A, E, G), and
it *ends* (B, D, F, H, I, J, K, L, M).  Both are points in time, kept by
`gateway.sip.ledger`.

Not as the RFC has it, on purpose:
- A client INVITE whose CANCEL has left is in a state of its own, Cancelled: §9.1 gives the peer 64*T1 to end it, while
  one that merely rings has no limit here (its leg has).
- A broken connection ends a client transaction only while nothing has come back.  Later the peer opens a connection of
  its own for the response (§18.2.2).
- The server non-INVITE machine ends after 64*T1 even unanswered: the client has given up then, and a 408 would only
  hurt (RFC 4320 §4.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a transaction stands; the names are the RFC's."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    CANCELLED = "cancelled"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Input(StrEnum):
    """What can happen to a transaction."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    AGAIN = "request again"
    ACK = "ACK"
    CANCEL = "CANCEL"
    REPEAT = "time to repeat"
    END = "time is over"
    BROKEN = "transport failed"


class Action(StrEnum):
    """What a transaction does; responses and requests mean the one that the input brought."""

    DELIVER = "deliver"
    "Give it to the transaction's user."

    SEND = "send"
    "Send the response, and keep it for repetition."

    REPEAT = "repeat"
    "Send once more what was sent last."

    ACK = "acknowledge"
    "Answer a final response that is no 2xx (§17.1.1.3)."

    TIMED_OUT = "timed out"
    "Tell the user that nothing came, where there is a user waiting."

    LOST = "lost"
    "Tell the user that it could not be sent."


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a state lasts and whether it repeats what was sent.  Times are in the units that the fields name."""

    end: str | None = None
    "`64*T1` or `T4`; `keep`: the end that is already set; None: no end."

    reliable: bool = True
    "Whether it lasts as long over a reliable transport; otherwise the state is left at once there."

    repeats: str | None = None
    "`double`: T1, 2*T1, 4*T1 …; `capped`: the same up to T2; `T2`: every T2.  Over unreliable transports only."


@dataclass(frozen=True, slots=True)
class Machine:
    """One of the four: its first state, what it does, and how long."""

    client: bool
    start: State
    rows: Mapping[tuple[State, Input], tuple[State, tuple[Action, ...]]]
    waits: Mapping[State, Wait]


_CALLING, _TRYING, _PROCEEDING, _CANCELLED = State.CALLING, State.TRYING, State.PROCEEDING, State.CANCELLED
_ACCEPTED, _COMPLETED, _CONFIRMED, _TERMINATED = State.ACCEPTED, State.COMPLETED, State.CONFIRMED, State.TERMINATED
_PROVISIONAL, _SUCCESS, _FAILURE, _AGAIN = Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE, Input.AGAIN
_ACK, _CANCEL, _REPEAT, _END, _BROKEN = Input.ACK, Input.CANCEL, Input.REPEAT, Input.END, Input.BROKEN
_NOTHING: tuple[Action, ...] = ()
_DELIVER = (Action.DELIVER,)
_SEND = (Action.SEND,)
_RESEND = (Action.REPEAT,)
_ACKNOWLEDGE = (Action.ACK,)
_REFUSED = (Action.ACK, Action.DELIVER)
_TIMED_OUT = (Action.TIMED_OUT,)
_LOST = (Action.LOST,)

# fmt: off
CLIENT_INVITE = Machine(
    True,
    _CALLING,
    {
        (_CALLING,    _PROVISIONAL): (_PROCEEDING, _DELIVER),
        (_CALLING,    _SUCCESS):     (_ACCEPTED,   _DELIVER),
        (_CALLING,    _FAILURE):     (_COMPLETED,  _REFUSED),
        (_CALLING,    _REPEAT):      (_CALLING,    _RESEND),       # A
        (_CALLING,    _END):         (_TERMINATED, _TIMED_OUT),    # B
        (_CALLING,    _BROKEN):      (_TERMINATED, _LOST),
        (_PROCEEDING, _PROVISIONAL): (_PROCEEDING, _DELIVER),
        (_PROCEEDING, _SUCCESS):     (_ACCEPTED,   _DELIVER),
        (_PROCEEDING, _FAILURE):     (_COMPLETED,  _REFUSED),
        (_PROCEEDING, _CANCEL):      (_CANCELLED,  _NOTHING),
        (_CANCELLED,  _PROVISIONAL): (_CANCELLED,  _DELIVER),
        (_CANCELLED,  _SUCCESS):     (_ACCEPTED,   _DELIVER),
        (_CANCELLED,  _FAILURE):     (_COMPLETED,  _REFUSED),
        (_CANCELLED,  _END):         (_TERMINATED, _TIMED_OUT),    # §9.1
        (_ACCEPTED,   _SUCCESS):     (_ACCEPTED,   _DELIVER),      # every 2xx, of every fork (RFC 6026 §7.2)
        (_ACCEPTED,   _END):         (_TERMINATED, _NOTHING),      # M
        (_COMPLETED,  _FAILURE):     (_COMPLETED,  _ACKNOWLEDGE),
        (_COMPLETED,  _END):         (_TERMINATED, _NOTHING),      # D
    },
    {
        _CALLING:    Wait("64*T1", repeats="double"),
        _PROCEEDING: Wait(None),
        _CANCELLED:  Wait("64*T1"),
        _ACCEPTED:   Wait("64*T1"),
        _COMPLETED:  Wait("64*T1", reliable=False),
    },
)

CLIENT_OTHER = Machine(
    True,
    _TRYING,
    {
        (_TRYING,     _PROVISIONAL): (_PROCEEDING, _DELIVER),
        (_TRYING,     _SUCCESS):     (_COMPLETED,  _DELIVER),
        (_TRYING,     _FAILURE):     (_COMPLETED,  _DELIVER),
        (_TRYING,     _REPEAT):      (_TRYING,     _RESEND),       # E
        (_TRYING,     _END):         (_TERMINATED, _TIMED_OUT),    # F
        (_TRYING,     _BROKEN):      (_TERMINATED, _LOST),
        (_PROCEEDING, _PROVISIONAL): (_PROCEEDING, _DELIVER),
        (_PROCEEDING, _SUCCESS):     (_COMPLETED,  _DELIVER),
        (_PROCEEDING, _FAILURE):     (_COMPLETED,  _DELIVER),
        (_PROCEEDING, _REPEAT):      (_PROCEEDING, _RESEND),       # E
        (_PROCEEDING, _END):         (_TERMINATED, _TIMED_OUT),    # F
        (_COMPLETED,  _END):         (_TERMINATED, _NOTHING),      # K
    },
    {
        _TRYING:     Wait("64*T1", repeats="capped"),
        _PROCEEDING: Wait("keep", repeats="T2"),
        _COMPLETED:  Wait("T4", reliable=False),
    },
)

SERVER_INVITE = Machine(
    False,
    _PROCEEDING,
    {
        (_PROCEEDING, _AGAIN):       (_PROCEEDING, _RESEND),
        (_PROCEEDING, _PROVISIONAL): (_PROCEEDING, _SEND),
        (_PROCEEDING, _SUCCESS):     (_ACCEPTED,   _SEND),
        (_PROCEEDING, _FAILURE):     (_COMPLETED,  _SEND),
        (_PROCEEDING, _CANCEL):      (_PROCEEDING, _DELIVER),      # later there is nothing to cancel (§9.2)
        (_ACCEPTED,   _SUCCESS):     (_ACCEPTED,   _SEND),         # the user repeats its 2xx (§13.3.1.4)
        (_ACCEPTED,   _ACK):         (_ACCEPTED,   _DELIVER),      # of a peer that keeps the branch for it
        (_ACCEPTED,   _END):         (_TERMINATED, _NOTHING),      # L
        (_COMPLETED,  _AGAIN):       (_COMPLETED,  _RESEND),
        (_COMPLETED,  _REPEAT):      (_COMPLETED,  _RESEND),       # G
        (_COMPLETED,  _ACK):         (_CONFIRMED,  _NOTHING),
        (_COMPLETED,  _END):         (_TERMINATED, _TIMED_OUT),    # H
        (_CONFIRMED,  _END):         (_TERMINATED, _NOTHING),      # I
    },
    {
        _PROCEEDING: Wait(None),
        _ACCEPTED:   Wait("64*T1"),
        _COMPLETED:  Wait("64*T1", repeats="capped"),
        _CONFIRMED:  Wait("T4", reliable=False),
    },
)

SERVER_OTHER = Machine(
    False,
    _TRYING,
    {
        (_TRYING,     _PROVISIONAL): (_PROCEEDING, _SEND),
        (_TRYING,     _SUCCESS):     (_COMPLETED,  _SEND),
        (_TRYING,     _FAILURE):     (_COMPLETED,  _SEND),
        (_TRYING,     _END):         (_TERMINATED, _NOTHING),
        (_PROCEEDING, _AGAIN):       (_PROCEEDING, _RESEND),
        (_PROCEEDING, _PROVISIONAL): (_PROCEEDING, _SEND),
        (_PROCEEDING, _SUCCESS):     (_COMPLETED,  _SEND),
        (_PROCEEDING, _FAILURE):     (_COMPLETED,  _SEND),
        (_PROCEEDING, _END):         (_TERMINATED, _NOTHING),
        (_COMPLETED,  _AGAIN):       (_COMPLETED,  _RESEND),
        (_COMPLETED,  _END):         (_TERMINATED, _NOTHING),      # J
    },
    {
        _TRYING:     Wait("64*T1"),
        _PROCEEDING: Wait("keep"),
        _COMPLETED:  Wait("64*T1", reliable=False),
    },
)
# fmt: on
