"""What is made of a call's counters, look by look: its media have a way, are silent, or fail.  Pure.

rtpengine tells nobody what happens to a call.  It has "last packet" times, but of its own clock and kept up by RTCP; so
a side is heard where its count has grown.
"""

from collections.abc import Collection, Mapping, Sequence

from gateway.media.anchor import Connected, Event, Failed
from gateway.media.rtpengine.inquiry import Counted
from gateway.media.rtpengine.settings import RtpengineSettings
from gateway.media.watch import Watch
from gateway.signals import Side
from mappings.reasons import EndReason

LEAST_SPEECH = 2
"Packets between two looks that may be RTCP on the port of RTP; more are speech."


class Pulse:
    """One call's."""

    def __init__(self, settings: RtpengineSettings) -> None:
        self._settings = settings
        self._watch = Watch(
            silence=settings.silence_seconds, held=settings.held_seconds, one_way=settings.one_way_seconds
        )
        self._connected: set[Side] = set()
        self._begun: float | None = None
        self._packets = dict.fromkeys(Side, (0, 0))
        self._speech = dict.fromkeys(Side, 0.0)
        self._control = dict.fromkeys(Side, 0.0)
        self.over = False
        "The call was said to be lost; nothing more is told."

    @property
    def connected(self) -> bool:
        """Both sides' media have a way and keys."""
        return len(self._connected) == len(Side)

    def look(
        self,
        now: float,
        counted: Mapping[Side, Sequence[Counted]],
        speaking: Collection[Side],
        *,
        awaited: bool = False,
    ) -> list[Event]:
        """What is to be told, of a call that both sides have described.

        ``speaking`` are to be heard; ``awaited``: the call is not answered yet, and nobody is missed.
        """
        if self.over:
            return []
        if self._begun is None:
            self._begun = now
        events: list[Event] = []
        for side in Side:
            self._count(side, now, counted[side])
            if side in self._connected:
                continue
            if all(one.secured for one in counted[side]):
                self._connected.add(side)
                events.append(Connected(side))
            elif now - self._begun >= self._settings.dtls_seconds:
                self.over = True
                return [self._unsecured(side)]
        if self.connected and not awaited:
            for side in Side:
                self._watch.heard(side, self._speech[side], self._control[side], speaks=side in speaking)
            events += self._watch.look(now)
        self.over = any(isinstance(event, Failed) for event in events)
        return events

    def _count(self, side: Side, now: float, counted: Sequence[Counted]) -> None:
        speech, control = sum(one.packets for one in counted), sum(one.control for one in counted)
        before = self._packets[side]
        if speech - before[0] > LEAST_SPEECH:
            self._speech[side] = now
        elif (speech, control) != before:
            self._control[side] = now
        self._packets[side] = speech, control

    def _unsecured(self, side: Side) -> Failed:
        seconds = self._settings.dtls_seconds
        return Failed(side, EndReason.SECURITY_ERROR, f"no DTLS with the announced certificate in {seconds:g} seconds")
