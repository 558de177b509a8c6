"""What the call needs of a leg: one protocol's side of a call, as a pure machine in time."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from gateway.signals import Signal

Message = TypeVar("Message")
"What goes to and comes from the wire: stanzas, or SIP messages."


class Leg(Protocol[Message]):
    """One protocol's side of a call.

    Whatever happens is told to it by one of three calls, and what it returns is to be carried out in order: messages to
    the wire, signals to the bridge.  After every call, `deadline` (on the clock that `now` is of, seconds) says when
    `expire` is wanted, and `closed` whether the leg has nothing more to say or to wait for.
    """

    @property
    def closed(self) -> bool:
        """Nothing is outstanding any more; the call may forget the leg."""
        ...

    @property
    def deadline(self) -> float | None:
        """When `expire` is to be called, or None."""
        ...

    def receive(self, message: Message, now: float) -> Sequence[Message | Signal]:
        """A message came from the wire."""
        ...

    def send(self, signal: Signal, now: float) -> Sequence[Message | Signal]:
        """The bridge passes what the other side said."""
        ...

    def expire(self, now: float) -> Sequence[Message | Signal]:
        """The deadline passed."""
        ...
