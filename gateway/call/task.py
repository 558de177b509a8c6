"""One call at run time: its inbox, its timer, its legs, and what is told about it afterwards."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, assert_never, get_args

import structlog

from gateway.call.anchoring import Anchoring
from gateway.call.bridge import Bridge, OutOfOrder, Send, State
from gateway.call.facts import CallLimits, CallObserver, Recorder
from gateway.call.focus import Focus
from gateway.call.inbox import Inbox
from gateway.call.seat import Party, Said, Seat, Told, Word, refused
from gateway.call.seating import Seating
from gateway.call.story import Story
from gateway.errors import AnchorError, PeerError
from gateway.media.anchor import Connected, DigitHeard, Event, Failed, Gathered, OneWay
from gateway.signals import Digit, End, Offer, Side, Signal, Transfer, Transferred
from mappings.reasons import EndReason

GIVE_WAY = object()
"For the inbox of a call to an XMPP user who is calling us at that moment, and whose call stands."

SIGNALS = get_args(Signal)


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
        self.id = call
        self.origin = origin
        self.seating = Seating(self, parties)
        self.bridge = Bridge()
        self._limits = limits
        self._observer = observer
        self._on_closed = on_closed
        self._focus = Focus(call, on_focus)
        self._address = address
        "From the address that one side names to try instead, to the other side's words for it, or None."
        self._transfer = transfer
        """From what one side wants to what the other is told, or to a leg that takes the place of who wants it.
        PeerError with the status, where neither may be."""
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
                    await self._release(now)
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

    # ----------------------------------------------------------------------------------------------------- what happens

    async def _take(self, party: Party | None, item: Any, now: float) -> None:
        if party is not None:
            if item is GIVE_WAY:
                await self._carry(party, party.leg.give_way(now), now)  # type: ignore[attr-defined]
            else:
                self.story.passed(party, item, now, inward=True)
                await self._guard(party, party.leg.receive, item, now)
        elif isinstance(item, End):
            await self._end(item, now)
        elif item is None:
            await self._expire(now)
        elif isinstance(item, tuple):
            side, signal = item
            if self.bridge.heard:
                await self._bridge(side, signal, now)
        elif not self.over:  # what ends with a call is no news
            await self._happened(item, now)

    async def _expire(self, now: float) -> None:
        self._timer = None
        for party in tuple(self.seating.everybody()):
            deadline = party.leg.deadline
            if deadline is not None and deadline <= now:
                await self._carry(party, party.leg.expire(now), now)
        if self.seating.deadline is not None and self.seating.deadline <= now:
            self.seating.deadline = None
            seconds = self._limits.ring_seconds
            for seat in self.seating:
                await self._do(seat, seat.give_up(End(EndReason.TIMEOUT, f"no answer within {seconds:g} seconds")), now)
        if (end := self.story.expired(now)) is not None:
            await self._end(end, now)

    async def _guard(self, party: Party, step: Callable[[Any, float], Iterable[Any]], item: Any, now: float) -> None:
        """Let a leg take a step.  A PeerError that it could not answer in its own protocol ends the call."""
        try:
            out = step(item, now)
        except PeerError as error:
            side = self.seating.of(party).side
            self._log.warning("peer_refused", side=side.value, protocol=party.protocol, text=error.text)
            await self._end(End(error.reason, error.text, error.status), now)
        else:
            await self._carry(party, out, now)

    async def _carry(self, party: Party, out: Iterable[Any], now: float) -> None:
        """Carry out what a leg returned, in its order: messages to the wire, signals to its seat."""
        seat = self.seating.of(party)
        for item in out:
            if not isinstance(item, SIGNALS):
                self.story.passed(party, item, now, inward=False)
                party.transmit(item)
                if party is self._inbox.asking:
                    self._inbox.asking = None
                continue
            signal: Signal = item
            if isinstance(signal, End) and signal.redirect is not None:
                signal = replace(signal, redirect=self._address(signal.redirect))
            state = self.bridge.state
            asked = state is (State.CALLEE_REOFFERED if seat.side is Side.CALLER else State.CALLER_REOFFERED)
            await self._do(seat, seat.hear(party, signal, free=state is State.ESTABLISHED, asked=asked), now)
        self._look(seat, party)

    def _look(self, seat: Seat, party: Party) -> None:
        """Tell what a step has changed in a leg besides what it said."""
        leg = party.leg
        if dropped := getattr(leg, "dropped", None):
            for name in dropped:
                self._observer.dropped(party.spelling, name)
            self._log.debug("translation_dropped", side=seat.side.value, names=list(dropped))
            dropped.clear()
        if party is seat.party and party.protocol == "sip":
            if trunk := getattr(leg, "trunk", None):
                self.story.goes_through(trunk)
            self._focus.seen(getattr(leg, "focus", None) if self.bridge.talking else None)

    async def _do(self, seat: Seat, words: Iterable[Word], now: float) -> None:
        """Pass on what a seat makes of a signal."""
        for word in words:
            match word:
                case Told(party, signal):
                    await self._guard(party, party.leg.send, signal, now)
                case Said(Transfer() as transfer):
                    await self._hand_on(seat, transfer, now)
                case Said(signal):
                    await self._bridge(seat.side, signal, now)
                case never:
                    assert_never(never)

    async def _bridge(self, side: Side, signal: Signal, now: float) -> None:
        anchoring = self.anchoring
        try:
            if anchoring is None:
                sends: Iterable[Send] = self.bridge.receive(side, signal)
            else:
                source = getattr(self.seating.seats[side].speaker.leg, "source", None)
                signal = await anchoring.understood(self.bridge.state, side, signal, source=source)
                sends = await anchoring.carry(self.bridge, side, signal, source=source)
                if anchoring.backend is not None:
                    self.story.anchored(anchoring.backend)
        except OutOfOrder as error:
            self._observer.out_of_order(side.value, type(signal).__name__)
            self._log.debug("signal_out_of_order", side=side.value, text=str(error))
            return
        except AnchorError as error:
            self.story.note(side, signal, now)
            await self._media_lost(End(error.reason, error.text, error.status), None, now)
            return
        if not isinstance(signal, End) or self.bridge.state is State.ENDED:
            self.story.note(side, signal, now)
        await self._pass(sends, now)

    async def _happened(self, event: Event, now: float) -> None:
        """What the anchor says of itself."""
        match event:
            case Gathered(side, candidates):
                await self._pass([Send(side, candidates)], now)
            case Connected(side):
                self.story.connected(side, now)
            case Failed(side, reason, text):
                await self._media_lost(End(reason, text), side, now)
            case OneWay(side, silent):
                self.story.heard(side, silent=silent)
            case DigitHeard(side, digit, duration, carried):
                if not carried:
                    await self._pass([Send(side.other, Digit(digit, duration))], now)
            case never:
                assert_never(never)

    async def _media_lost(self, end: End, side: Side | None, now: float) -> None:
        """Without its media the call is over."""
        self.story.media_lost(end, side)
        await self._end(end, now)

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
            self.story.counted({} if self.anchoring is None else self.anchoring.counted)
            self.story.tell(self.parties.values(), self._loop.time())
            self._focus.over()
            self._on_closed(self)

    async def _hand_on(self, seat: Seat, transfer: Transfer, now: float) -> None:
        """One side hands the other on: that side is told so, or somebody else takes the place of who wants it."""
        try:
            if not self.bridge.talking:
                raise PeerError("transfer: nobody has answered yet", status=491)
            found = self._transfer(seat.side, transfer)
            if isinstance(found, Party):
                self.join(seat.side, found, referred=True)
        except PeerError as error:
            self._log.info("transfer_refused", side=seat.side.value, status=error.status, text=error.text)
            phrase = None if error.cause is None else error.text
            await self._do(seat, [Told(seat.party, Transferred(error.status, phrase))], now)
            return
        if isinstance(found, Party):
            await self._do(seat, [Told(seat.party, Transferred(100)), Told(found, Offer(None))], now)
        else:
            await self._bridge(seat.side, found, now)

    async def _release(self, now: float) -> None:
        """After a change: a successor's offer that has waited for its end."""
        for seat in self.seating:
            if seat.coming is not None and self.bridge.state is State.ESTABLISHED:
                await self._do(seat, seat.release(), now)
        if not self.seating.joining:
            self.seating.deadline = None

    async def _pass(self, sends: Iterable[Send], now: float) -> None:
        for side, signal in sends:
            seat = self.seating.seats[side]
            before = seat.party
            await self._do(seat, seat.tell(signal), now)
            if seat.party is not before:
                self.story.replaced(side, now)
                if seat.party.protocol == "jingle":
                    self._focus.repeat()

    async def _end(self, end: End, now: float) -> None:
        sends = self.bridge.end(end)
        if sends:
            self.story.note(None, end, now)
        await self._pass(sends, now)

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
        return all(party.leg.closed for party in self.seating.everybody()) and not self._inbox

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
