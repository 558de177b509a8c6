"""The look at one call every few seconds: whether its node still has it, and how its media fare."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence

from gateway.media.anchor import Event, Failed, StreamStatistics
from gateway.media.rtpengine.inquiry import Counted, inquired
from gateway.media.rtpengine.ng import NgRefusedError, NgSilentError
from gateway.media.rtpengine.pulse import Pulse
from gateway.media.rtpengine.session import NodeSession
from gateway.media.rtpengine.settings import RtpengineSettings
from gateway.signals import Side
from mappings.reasons import EndReason

MOST_MISSES = 2
"Looks in a row that the node may leave unanswered; then the call is lost."


MOMENT_SECONDS = 0.1
"Who sends sound sends a packet in that time."


class Vigil:
    """One call's."""

    def __init__(self, session: NodeSession, settings: RtpengineSettings, tell: Callable[[Event], None]) -> None:
        self._session = session
        self._tell = tell
        self._pulse = Pulse(settings)
        self._counted: Mapping[Side, Sequence[Counted]] = dict.fromkeys(Side, ())
        self._misses = 0

    @property
    def connected(self) -> bool:
        """Whether both sides' media have a way and keys."""
        return self._pulse.connected

    async def look(self, now: float, speaking: Collection[Side] | None, *, awaited: bool) -> None:
        """Ask the node, and tell what has happened.

        ``speaking`` are to be heard, None: not all is described yet; ``awaited``: the call is not answered yet.
        """
        try:
            await self.count()
        except NgSilentError:
            self._misses += 1
            if self._misses >= MOST_MISSES:
                self._lost(f"{self._session}: no answer")
            return
        except NgRefusedError as error:
            self._lost(f"{self._session}: {error}")
            return
        self._misses = 0
        if speaking is not None:
            for event in self._pulse.look(now, self._counted, speaking, awaited=awaited):
                self._tell(event)

    def _lost(self, text: str) -> None:
        if not self._pulse.over:
            self._pulse.over = True
            self._tell(Failed(Side.CALLEE, EndReason.FAILED_TRANSPORT, text))

    async def count(self) -> None:
        """Ask the node what it has counted.  NgSilentError, NgRefusedError."""
        reply = await self._session.query()
        if reply is not None:
            self._counted = inquired(reply)

    async def hears(self, side: Side) -> bool:
        """Whether a side is heard at this moment.  NgSilentError, NgRefusedError."""
        await self.count()
        before = self._packets(side)
        await asyncio.sleep(MOMENT_SECONDS)
        await self.count()
        return self._packets(side) > before

    def _packets(self, side: Side) -> int:
        return sum(one.packets for one in self._counted[side])

    async def recount(self) -> None:
        """The same; what was counted last stays where the node does not answer."""
        with contextlib.suppress(NgSilentError, NgRefusedError):
            await self.count()

    def statistics(
        self, side: Side, kinds: Sequence[str], codec: Callable[[int], str | None]
    ) -> Sequence[StreamStatistics]:
        """What came from a side, of streams of these kinds."""
        counted = enumerate(zip(kinds, self._counted[side], strict=False))
        return [one.statistics(kind, codec(index)) for index, (kind, one) in counted]
