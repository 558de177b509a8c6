"""The words of a binding: where it stands, what can happen to it, and what becomes of an attempt."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from gateway.sip.grammar import number
from gateway.sip.message import SipResponse
from gateway.sip.wire import Failed, Outgoing

MAX_RETRY_AFTER: Final = 3_600.0
"Seconds that a registrar may ask us to stay away."

Cause = Literal["credentials", "refused", "interval", "server", "timeout", "transport"]
"Why an attempt failed, in the words of the metric."


class Phase(StrEnum):
    """What a binding waits for."""

    WAITING = "waiting"
    "For its turn."
    ASKING = "asking"
    "For the answer to a REGISTER."
    PARTING = "parting"
    "Likewise, to unregister then: one must not be sent before the other is over (RFC 3261 §10.2)."
    LEAVING = "leaving"
    "For the answer to its unregistration."
    GONE = "gone"


class Standing(StrEnum):
    """How it is, for an operator."""

    PENDING = "pending"
    "Not tried yet, or for the first time now."
    REGISTERED = "registered"
    FAILING = "failing"
    "The last attempt failed, and the next may do better."
    REFUSED = "refused"
    "The registrar said no: somebody has to repair something."


class Event(StrEnum):
    """What can happen to a binding."""

    DUE = "due"
    LEAVE = "leave"
    GRANTED = "2xx"
    REDIRECTED = "3xx"
    CHALLENGED = "401, 407"
    BRIEF = "423"
    NO_OUTBOUND = "439"
    REFUSED = "other 4xx, 6xx"
    BUSY = "408, 480, 5xx, nothing"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt is over."""

    cause: Cause | None
    "Why it failed; None: it did not."

    text: str
    "The same in words."

    seconds: float
    "How long it took."

    delay_seconds: float
    "Until the next."


Emitted = Outgoing | Outcome

_PASSING = frozenset({408, 429, 430, 480, 491})
"What may pass by itself, besides 5xx."


def event_of(message: SipResponse | Failed) -> Event:
    """What a final response, or none, is to a binding."""
    if isinstance(message, Failed):
        return Event.BUSY
    status = message.status
    if status in _STATUSES:
        return _STATUSES[status]
    if status in _PASSING:
        return Event.BUSY
    return _CLASSES.get(status // 100, Event.REFUSED)


def said(response: SipResponse) -> str:
    """Status and phrase, for people."""
    phrase = "".join([char for char in response.phrase if char.isprintable()])[:80]
    return f"{response.status} {phrase}".strip()


def retry_after(response: SipResponse) -> float:
    """How long the registrar asks us to stay away, in seconds (§20.33)."""
    value = (response.first("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    return min(number(value, 2**32 - 1) or 0, MAX_RETRY_AFTER)


_STATUSES: Final = {401: Event.CHALLENGED, 407: Event.CHALLENGED, 423: Event.BRIEF, 439: Event.NO_OUTBOUND}
_CLASSES: Final = {2: Event.GRANTED, 3: Event.REDIRECTED, 5: Event.BUSY}
