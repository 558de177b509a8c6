"""The words of subscriptions: phases and events, what is wanted, and what comes of it (RFC 6665)."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.sip.address import NameAddr
from gateway.sip.flow import Hop
from gateway.sip.message import Header, SipResponse
from gateway.sip.target import Credentials
from gateway.sip.wire import Outgoing


class Phase(StrEnum):
    """How far a subscription has come."""

    RESTING = "resting"
    ASKING = "asking"
    "The first SUBSCRIBE is out."

    WAITING = "waiting"
    "Accepted, and not notified yet."

    ACTIVE = "active"
    REFRESHING = "refreshing"
    LEAVING = "leaving"
    CLOSED = "closed"


class Event(StrEnum):
    """What can happen."""

    DUE = "the time has come"
    ACCEPTED = "2xx"
    CHALLENGED = "401 or 407 that can be answered"
    TOO_BRIEF = "423"
    GONE = "481"
    REFUSED = "another final response"
    FAILED = "no response"
    NOTIFIED = "NOTIFY"
    ENDED = "NOTIFY that terminates"
    STOP = "it is wanted no more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is subscribed to, where and as whom."""

    event: str
    accept: str
    uri: str
    to: NameAddr
    from_: NameAddr
    hop: Hop
    contact: str
    "With its brackets."

    headers: tuple[Header, ...] = ()
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What a NOTIFY holds."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no subscription now, and in how many seconds the next attempt is due."""

    text: str
    seconds: float


Emitted = Outgoing | SipResponse | Notice | Trouble
