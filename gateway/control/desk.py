"""What an operator may ask of the calls, and what is answered."""

from collections.abc import Callable, Iterator
from typing import Protocol, assert_never

import structlog

from gateway.call.opened import Opened
from gateway.control import protocol
from gateway.control.protocol import Answer, HangUp, List, Recent, Show
from gateway.errors import ControlError, StoreError
from gateway.history.keeping import History, presentable, shown
from gateway.history.record import CallRecord
from gateway.history.trail import Step, Trail
from gateway.signals import End
from mappings.reasons import EndReason

TEXT = "the operator ended the call"
"What both sides are told."


class KeptCalls(Protocol):
    """The calls that there are."""

    def __iter__(self) -> Iterator[Opened]:
        """In the order in which they began."""
        ...

    def named(self, name: str) -> Opened | None:
        """The one that the log calls so."""
        ...


class Desk:
    """Answers requests."""

    def __init__(self, *, calls: KeptCalls, history: History, clock: Callable[[], float]) -> None:
        """``clock``: that of the calls, in seconds."""
        self._calls = calls
        self._history = history
        self._clock = clock
        self._log = structlog.get_logger()

    async def answer(self, line: bytes) -> bytes:
        """The line that answers a line; never raises for what was asked."""
        try:
            answer = await self._answer(protocol.read(line))
        except (ControlError, StoreError) as error:
            answer = Answer(error=str(error))
        return protocol.written(answer)

    async def _answer(self, request: protocol.Request) -> Answer:
        now = self._history.wall()
        match request:
            case List():
                return Answer(calls=tuple(self._record(opened, now) for opened in self._calls), now=now)
            case Recent(most):
                return Answer(calls=tuple(await self._history.latest(most)), now=now)
            case Show(call):
                record, trail = await self._find(call, now)
                return Answer(calls=(record,), steps=_steps(trail), now=now)
            case HangUp(call, reason):
                return Answer(calls=(self._hang_up(call, reason, now),), now=now)
            case never:
                assert_never(never)

    async def _find(self, call: str, now: float) -> tuple[CallRecord, Trail | None]:
        opened = self._calls.named(call)
        if opened is not None:
            return self._record(opened, now), opened.task.story.trail
        if (ended := await self._history.find(call)) is None:
            raise ControlError(f"no call {call!r} is known here")
        return ended

    def _hang_up(self, call: str, reason: str | None, now: float) -> CallRecord:
        opened = self._calls.named(call)
        if opened is None or opened.task.over:
            raise ControlError(f"there is no call {call!r} at the moment")
        if reason is None:
            reason = "success" if opened.task.answered else "decline"
        opened.task.end(End(EndReason(reason), TEXT))
        self._log.info("call_hung_up", call=call, reason=reason)
        return self._record(opened, now)

    def _record(self, opened: Opened, now: float) -> CallRecord:
        return presentable(opened.task.story.record(self._clock(), now))


def _steps(trail: Trail | None) -> tuple[Step, ...] | None:
    if trail is None:
        return None
    return tuple(
        step._replace(word=step.word if isinstance(step.word, int) else shown(step.word), remark=shown(step.remark))
        for step in trail
    )
