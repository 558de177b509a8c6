"""Whether the two sides of a call are heard: silence that ends it, and silence of one side alone.  Pure."""

from dataclasses import dataclass

from gateway.media.anchor import Event, Failed, OneWay
from gateway.signals import Side
from mappings.reasons import EndReason


@dataclass(slots=True)
class _Ear:
    """What is known of one side."""

    speech: float = 0.0
    "When the last RTP packet came; 0: none did."

    control: float = 0.0
    speaks: bool = False
    "Whether it is to be heard: not on hold."

    due: float | None = None
    "Since when it is to be heard."

    silent: bool = False
    "Whether its silence was told."


class Watch:
    """Looks, once a second, at when each side was last heard."""

    def __init__(self, *, silence: float, held: float, one_way: float) -> None:
        """After how many seconds a call is over that is silent, or on hold, and one side's silence is told."""
        self._silence = silence
        self._held = held
        self._one_way_after = one_way
        self._ears = {side: _Ear() for side in Side}
        self._begun: float | None = None
        self._over = False

    def heard(self, side: Side, speech: float, control: float, *, speaks: bool) -> None:
        """When a side's last packets came, and whether any are due."""
        ear = self._ears[side]
        ear.speech, ear.control = speech, control
        if speaks != ear.speaks:
            ear.speaks, ear.due = speaks, None

    def look(self, now: float) -> list[Event]:
        """What is to be told, of a call whose media are open on both sides."""
        if self._begun is None:
            self._begun = now
        if self._over:
            return []
        for ear in self._ears.values():
            if ear.speaks and ear.due is None:
                ear.due = now
        ears = self._ears.values()
        held = not all(ear.speaks for ear in ears)
        limit = self._held if held else self._silence
        last = max(self._begun, *(max(ear.speech, ear.control, ear.due or 0.0) for ear in ears))
        if now - last >= limit:
            self._over = True
            side = min(Side, key=lambda side: self._ears[side].speech)
            return [Failed(side, EndReason.TIMEOUT, f"no media from either side for {limit:g} seconds")]
        return [event for side in Side if (event := self._one_way(side, now)) is not None]

    def _one_way(self, side: Side, now: float) -> Event | None:
        ear, other = self._ears[side], self._ears[side.other]
        seconds = self._one_way_after
        quiet = now - max(ear.speech, ear.due or now) >= seconds
        if ear.silent and (not quiet or not ear.speaks):
            ear.silent = False
            return OneWay(side, silent=False)
        if not ear.silent and ear.speaks and quiet and now - other.speech < seconds / 2:
            ear.silent = True
            return OneWay(side)
        return None
