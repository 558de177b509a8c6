"""What a call is told when it begins, and tells of itself: its limits, and who counts."""

from dataclasses import dataclass
from typing import Protocol

from gateway.history.record import CallRecord
from gateway.history.trail import Trail
from gateway.media.anchor import StreamStatistics
from gateway.signals import Side
from mappings.reasons import EndReason


class MediaObserver(Protocol):
    """The facts of anchored media that are counted."""

    def opened(self, backend: str) -> None:
        """A call has an anchor."""
        ...

    def closed(self, backend: str) -> None:
        """It has none any more."""
        ...

    def failed(self, reason: EndReason) -> None:
        """A call ends for its media."""
        ...

    def connected(self, side: Side, seconds: float) -> None:
        """A side's media have a way, so long after the answer."""
        ...

    def early(self) -> None:
        """What a callee played before it answered was heard."""
        ...

    def one_way(self, side: Side) -> None:
        """Nothing comes from a side while the other one sends."""
        ...

    def counted(self, side: Side, stream: StreamStatistics) -> None:
        """What came from a side in a call that is over."""
        ...


class CallObserver(Protocol):
    """The facts of a call that are counted."""

    @property
    def media(self) -> MediaObserver:
        """Those of its media, where they are anchored."""
        ...

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


class Recorder(Protocol):
    """Who remembers the calls that were.  Nothing of it may take time or fail: calls do not wait for their history."""

    def wall(self) -> float:
        """The time, in seconds since 1970."""
        ...

    def follow(self) -> Trail | None:
        """What a new call's steps are put into; None: they are not remembered."""
        ...

    def over(self, record: CallRecord) -> None:
        """A call has come to its end, or was refused before it began; `recorded` follows when all is said."""
        ...

    def recorded(self, record: CallRecord, trail: Trail | None) -> None:
        """Nothing is left of a call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long things may take, in seconds."""

    ring_seconds: float = 120.0
    "From the offer to the answer."

    call_seconds: float = 14_400.0
    "From the answer to the end."
