"""What a leg waits for, and how long."""

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True, kw_only=True)
class JingleTimers:
    """How long a leg waits, in seconds."""

    iq_timeout_seconds: float = 15.0
    "For the answer to a request of ours."

    no_device_timeout_seconds: float = 30.0
    "For the first device to say that it rings, or more."

    alert_seconds: float = 2.0
    "For a device that is known, until it is taken to ring."

    ring_timeout_seconds: float = 90.0
    "For somebody to answer."

    proceed_timeout_seconds: float = 30.0
    "From proceed to the session-initiate, and from ours to its accept."

    change_timeout_seconds: float = 25.0
    "For the answer to a change inside the call; less than 32, for that long SIP lets us think."

    modify_timeout_seconds: float = 4.0
    "For the reply to a content-modify, which some clients never send."

    hold_by_info: bool = False
    "Whether a hold is told as such where nothing else changes, rather than by content-modify."


class Timer(Enum):
    """What is waited for besides replies."""

    NO_DEVICE = auto()
    ALERT = auto()
    RING = auto()
    PROCEED = auto()
    GONE = auto()
    FINISH = auto()
    LINGER = auto()
    CHANGE = auto()
    "The client's answer to a change."

    MODIFY = auto()
    "Its reply to a content-modify."

    RETRY = auto()
    "A change of the client's that met the other side's, until it is made again."


class Asked(Enum):
    """What a request of ours was about, as far as its reply matters."""

    INITIATE = auto()
    ACCEPT = auto()
    TERMINATE = auto()
    CHANGE = auto()
    DIGIT = auto()
    TRANSFER = auto()
    OTHER = auto()
