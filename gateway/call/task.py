"""One call at run time: its inbox, its timer, its legs, and what is told about it afterwards."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from gateway.call.anchoring import Anchoring
from gateway.call.bridge import Bridge, State
from gateway.call.facts import CallLimits, CallObserver, Recorder
from gateway.call.focus import Focus
from gateway.call.inbox import Inbox
from gateway.call.passing import SIGNALS, Passing
from gateway.call.seat import Party, refused
from gateway.call.seating import Seating
from gateway.call.story import Story
from gateway.signals import End, Side, Signal, Transfer
from mappings.reasons import EndReason

GIVE_WAY = object()
"For the inbox of a call to an XMPP user who is calling us at that moment, and whose call stands."


class CallTask:
    """A call: everything that happens to it passes through `put`, in order."""

    def __init__(
        self,
        call: str,
        *,
        origin: str,
        parties: Mapping[Side, Party],
        limits: CallLimits,
        observer: CallObserver,
        facts: Mapping[str, str],
        on_closed: Callable[["CallTask"], None],
        on_answered: Callable[[], None] = lambda: None,
        address: Callable[[str], str | None] = lambda address: None,
        transfer: Callable[[Side, Transfer], Transfer | Party] = refused,
        anchoring: Anchoring | None = None,
        recorder: Recorder | None = None,
        number: str = "",
        on_focus: Callable[[str, str | None], None] = lambda call, address: None,
        name: str = "",
    ) -> None:
        """``address`` and ``transfer`` are for `gateway.call.passing`, ``on_focus`` for `gateway.call.focus`."""
        self.id = call
        self.origin = origin
        self.seating = Seating(self, parties)
        self.bridge = Bridge()
        self._limits = limits
        self._observer = observer
        self._on_closed = on_closed
        self._focus = Focus(call, on_focus)
        self.anchoring = anchoring
        "None: media are never anchored here."

        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox()
        self._timer: asyncio.TimerHandle | None = None
        self._log = structlog.get_logger().bind(call=call, origin=origin)
        self.story = Story(
            call, origin, facts, limits=limits, observer=observer, on_answered=on_answered, recorder=recorder,
            log=self._log, now=self._loop.time(), number=number, name=name,
        )  # fmt: skip
        self._passing = Passing(
            self.seating, self.bridge, anchoring=anchoring, story=self.story, focus=self._focus, inbox=self._inbox,
            limits=limits, observer=observer, address=address, transfer=transfer,
            join=partial(self.join, referred=True), log=self._log,
        )  # fmt: skip
        if anchoring is not None:
            anchoring.listener = partial(self._inbox.put, None)

    @property
    def parties(self) -> dict[Side, Party]:
        """Who sits on each side."""
        return self.seating.parties

    # ------------------------------------------------------------------------------------------------------------ inbox

    def put(self, side: Side, message: Any) -> None:
        """Take a message for who sits on a side."""
        self._inbox.put(self.seating.seats[side].party, message)

    def take(self, party: Party, message: Any) -> None:
        """Take a message for a leg, whether it sits or not."""
        self._inbox.put(party, message)

    def join(self, side: Side, party: Party, *, referred: bool = False) -> None:
        """Let a leg take a place; whoever sits there stays until it has come.

        ``referred``: who sits there wants it, and is told.  PeerError as `Seating.join` says.
        """
        deadline = self._loop.time() + self._limits.ring_seconds
        self.seating.join(side, party, referred=referred, free=self.bridge.talking, deadline=deadline)
        self._log.info("leg_joining", side=side.value)

    def speak(self, side: Side, signal: Signal) -> None:
        """Let a side say something in a call that stands, though its leg knows nothing of it."""
        self._inbox.put(None, (side, signal))

    def end(self, end: End) -> None:
        """End the call from outside: the gateway leaves, or an operator wants it."""
        self._inbox.put(None, end)

    async def run(self) -> None:
        """Live until both legs are closed.  A failure of ours ends this call and no other."""
        try:
            self.story.begin()
            while not self._over():
                while self._inbox:
                    since, party, item = self._inbox.first()
                    now = self._loop.time()
                    self._observer.inbox_wait(now - since)
                    await self._take(party, item, now)
                    await self._passing.release(now)
                    self._inbox.done()
                if self.over:  # no port waits for a peer's last reply
                    await self._part()
                if self._over():
                    break
                if self._inbox:  # meanwhile
                    continue
                self._arm()
                await self._inbox.filled()
        except Exception:
            self._log.exception("call_failed", state=self.bridge.state)
            if self._inbox.asking is None:
                self._inbox.done()
            self._give_up()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await self._leave()

    async def _take(self, party: Party | None, item: Any, now: float) -> None:
        if party is not None:
            if item is GIVE_WAY:
                await self._passing.carry(party, party.leg.give_way(now), now)  # type: ignore[attr-defined]
            else:
                self.story.passed(party, item, now, inward=True)
                await self._passing.guard(party, party.leg.receive, item, now)
        elif isinstance(item, End):
            await self._passing.end(item, now)
        elif item is None:
            self._timer = None
            await self._passing.expire(now)
        elif isinstance(item, tuple):
            side, signal = item
            if self.bridge.heard:
                await self._passing.say(side, signal, now)
        elif not self.over:  # what ends with a call is no news
            await self._passing.happened(item, now)

    async def _part(self) -> None:
        try:
            if self.anchoring is not None:
                await self.anchoring.close()
        except Exception:
            self._log.exception("media_not_closed")

    async def _leave(self) -> None:
        try:
            await self._part()
        finally:  # also when this is cut off
            try:
                self.story.counted({} if self.anchoring is None else self.anchoring.counted)
                self.story.tell(self.parties.values(), self._loop.time())
                self._focus.over()
            except Exception:  # what cannot be told must not stay
                self._log.exception("call_untold")
            self._on_closed(self)

    def _give_up(self) -> None:
        """After a bug of ours: tell both sides as well as the legs still can, and leave."""
        end = End(EndReason.GENERAL_ERROR, "the gateway failed", 500)
        now = self._loop.time()
        self.story.break_off(end)
        for party in self.seating.everybody():
            try:
                for item in party.leg.send(end, now):
                    if not isinstance(item, SIGNALS):
                        party.transmit(item)
            except Exception:
                self._log.exception("leg_failed", protocol=party.protocol)

    # ------------------------------------------------------------------------------------------------------ time, facts

    def _over(self) -> bool:
        return not self._inbox and all(party.leg.closed for party in self.seating.everybody())

    def _arm(self) -> None:
        deadlines = [party.leg.deadline for party in self.seating.everybody()]
        due = min((at for at in (*deadlines, self.story.limit, self.seating.deadline) if at is not None), default=None)
        if due is None:
            return
        if self._timer is not None:
            if self._timer.when() <= due:
                return  # it fires early, finds nothing due and is armed anew: cheaper than to re-arm at every message
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._inbox.put, None, None)

    @property
    def unanswered(self) -> list[tuple[Party, Any]]:
        """What still lay in the inbox when the call failed, or was cut off, and whose it is."""
        return [(party, item) for party, item in self._inbox.left() if item is not GIVE_WAY]

    @property
    def trunk(self) -> str | None:
        """The trunk that the call takes, or took last."""
        ways = (getattr(party.leg, "trunk", None) for party in self.parties.values())
        return next(filter(None, ways), self.story.trunk)

    @property
    def answered(self) -> bool:
        """Whether somebody answered."""
        return self.story.answered is not None

    @property
    def over(self) -> bool:
        """Whether the two sides have been parted; legs may still wait for a last reply."""
        return self.bridge.state is State.ENDED
