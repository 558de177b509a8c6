"""A leg that does what a test says, and a call of two of them on a virtual clock."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from structlog.testing import capture_logs

from gateway.call.facts import CallLimits
from gateway.call.seat import Party
from gateway.call.task import CallTask
from gateway.media.anchor import StreamStatistics
from gateway.signals import End, Side
from mappings.description import Codec, Description, Media, RawUdp, Rtp
from mappings.reasons import EndReason
from tests.flows.clock import VirtualLoop

AUDIO = Description(
    media=(Media(name="audio", rtp=Rtp(media="audio", codecs=(Codec(id=0, name="PCMU"),)), transport=RawUdp()),)
)
CALLER, CALLEE = Side


class ScriptedLeg:
    """Returns what its script has for each message and kind of signal; remembers what it was told."""

    def __init__(self, script: dict[Any, Any] | None = None) -> None:
        self.script = script or {}
        self.heard: list[Any] = []
        self.closed = False
        self.deadline: float | None = None
        self.dropped: list[str] = []
        self.sid = "a-session"

    def _does(self, key: Any, item: Any) -> list[Any]:
        self.heard.append(item)
        found = self.script.get(key, [])
        if callable(found):
            found = found()
        if isinstance(found, Exception):
            raise found
        return list(found)

    def receive(self, message: Any, now: float) -> list[Any]:
        if message == "closes":
            self.closed = True
        return self._does(message, message)

    def send(self, signal: Any, now: float) -> list[Any]:
        if isinstance(signal, End):
            self.closed = True
        return self._does(type(signal), signal)

    def expire(self, now: float) -> list[Any]:
        self.deadline = None
        return self._does("expire", f"expired at {now:g}")

    def give_way(self, now: float) -> list[Any]:
        self.closed = True
        return self._does("give way", "give way")


class MediaCounts:
    """The same for media."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def opened(self, backend: str) -> None:
        self.told.append(("opened", backend))

    def closed(self, backend: str) -> None:
        self.told.append(("closed", backend))

    def failed(self, reason: EndReason) -> None:
        self.told.append(("failed", reason))

    def connected(self, side: Side, seconds: float) -> None:
        self.told.append(("connected", side, seconds))

    def early(self) -> None:
        self.told.append(("early",))

    def one_way(self, side: Side) -> None:
        self.told.append(("one way", side))

    def counted(self, side: Side, stream: StreamStatistics) -> None:
        self.told.append(("counted", side, stream.kind))


class Counts:
    """Counts as metrics do."""

    def __init__(self) -> None:
        self.of: Counter[tuple[object, ...]] = Counter()
        self.media = MediaCounts()
        self.durations: list[float | None] = []
        self.setups: list[float] = []
        self.waits: list[float] = []

    def call_answered(self, origin: str, setup_seconds: float) -> None:
        self.setups.append(setup_seconds)

    def call_ended(self, origin: str, reason: str, ended_by: str, duration_seconds: float | None) -> None:
        self.of["ended", origin, reason, ended_by] += 1
        self.durations.append(duration_seconds)

    def out_of_order(self, side: str, signal: str) -> None:
        self.of["out of order", side, signal] += 1

    def dropped(self, spelling: str, name: str) -> None:
        self.of["dropped", spelling, name] += 1

    def inbox_wait(self, seconds: float) -> None:
        self.waits.append(seconds)


class Call:
    """A call of two scripted legs, running."""

    def __init__(self, loop: VirtualLoop, caller: ScriptedLeg, callee: ScriptedLeg, **options: Any) -> None:
        self.loop = loop
        self.legs = {CALLER: caller, CALLEE: callee}
        self.sent: list[tuple[str, Any]] = []
        self.counts = Counts()
        self.closed: list[CallTask] = []
        self.log: list[Any] = []

        def transmit(side: Side) -> Callable[[Any], None]:
            return lambda message: self.sent.append((side.value, message))

        async def start() -> None:
            self.task = CallTask(
                "c1",
                origin="xmpp",
                parties={
                    CALLER: Party(caller, "jingle", transmit(CALLER), "jingle"),
                    CALLEE: Party(callee, "sip", transmit(CALLEE), "sdp"),
                },
                limits=options.pop("limits", CallLimits()),
                observer=self.counts,
                facts={"caller": "romeo", "callee": "juliet", "trunk": "pbx"},
                on_closed=self.closed.append,
                **options,
            )
            self.running = asyncio.get_running_loop().create_task(self.task.run())

        loop.run_until_complete(start())

    def puts(self, side: Side, *messages: Any) -> None:
        """Messages come, one behind the other, before anything is done."""
        for message in messages:
            self.task.put(side, message)
        self.loop.settle()

    def line(self) -> Any:
        """The one line at the end."""
        (found,) = [entry for entry in self.log if entry["event"] == "call_ended"]
        return found


@contextmanager
def call(caller: ScriptedLeg, callee: ScriptedLeg, **options: Any) -> Iterator[Call]:
    """A call, whose task is gone afterwards."""
    loop = VirtualLoop()
    with capture_logs() as log:
        made = Call(loop, caller, callee, **options)
        made.log = log
        try:
            yield made
        finally:
            made.running.cancel()
            loop.settle()
            loop.close()
