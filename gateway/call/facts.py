"""What a call is told when it begins, and tells of itself: its limits, and who counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.call.seat import Party
from mappings.description import Description


class CallObserver(Protocol):
    """The facts of a call that are counted."""

    def call_answered(self, origin: str, setup_seconds: float) -> None:
        """From the offer to the answer."""
        ...

    def call_ended(self, origin: str, reason: str, ended_by: str, duration_seconds: float | None) -> None:
        """The one verdict on a call; no duration when it was never answered."""
        ...

    def out_of_order(self, side: str, signal: str) -> None:
        """A signal that the bridge had no place for."""
        ...

    def dropped(self, spelling: str, name: str) -> None:
        """Something the other side cannot say."""
        ...

    def inbox_wait(self, seconds: float) -> None:
        """How long a message lay in a call's inbox: our own lag."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long things may take, in seconds."""

    ring_seconds: float = 120.0
    "From the offer to the answer."

    call_seconds: float = 14_400.0
    "From the answer to the end."


def codec(description: Description) -> str | None:
    """The first codec of a description, for the log."""
    for media in description.media:
        for one in media.rtp.codecs:
            return one.name or str(one.id)
    return None


_IDENTITIES = {
    "jingle": (("jingle_sid", "sid"),),
    "sip": (("sip_call_id", "call_id"), ("sip_session_id", "session_id"), ("sip_status", "last_status")),
}


def identities(parties: Iterable[Party]) -> dict[str, str | int | None]:
    """What a call's legs call it, for the log."""
    facts: dict[str, str | int | None] = {}
    for party in parties:
        facts |= {key: _plain(getattr(party.leg, name, None)) for key, name in _IDENTITIES.get(party.protocol, ())}
    return facts


def _plain(value: object) -> str | int | None:
    return value if value is None or isinstance(value, str | int) else str(value)
