"""How what one side of a call says becomes what the other hears: from leg to seat, to bridge, to seat, to leg.

Everything is carried out in the order in which it stands, until nothing is left; what is awaited meanwhile is the
anchor, and nothing else.  When that happens is for the call's task to say (`gateway.call.task`).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, assert_never, get_args

from gateway.call.anchoring import Anchoring
from gateway.call.bridge import Bridge, OutOfOrder, Send, State
from gateway.call.facts import CallLimits, CallObserver
from gateway.call.focus import Focus
from gateway.call.inbox import Inbox
from gateway.call.seat import Party, Said, Seat, Told, Word
from gateway.call.seating import Seating
from gateway.call.story import Story
from gateway.errors import AnchorError, PeerError
from gateway.media.anchor import Connected, DigitHeard, Event, Failed, Gathered, OneWay, PictureWanted
from gateway.signals import Digit, Early, End, Offer, Picture, Progress, Side, Signal, Transfer, Transferred
from mappings.reasons import EndReason

SIGNALS = get_args(Signal)


class Passing:
    """One call's.  Times are on the clock of whoever tells it, in seconds."""

    def __init__(
        self,
        seating: Seating,
        bridge: Bridge,
        *,
        anchoring: Anchoring | None,
        story: Story,
        focus: Focus,
        inbox: Inbox,
        limits: CallLimits,
        observer: CallObserver,
        address: Callable[[str], str | None],
        transfer: Callable[[Side, Transfer], Transfer | Party],
        join: Callable[[Side, Party], None],
        log: Any,
    ) -> None:
        """``address`` makes of the address that one side names to try instead the other side's words for it, or None.

        ``transfer`` makes of what one side wants what the other is told, or a leg that takes the place of who wants it;
        PeerError with the status, where neither may be.  ``join`` lets that leg come.
        """
        self._seating = seating
        self._bridge = bridge
        self._anchoring = anchoring
        self._story = story
        self._focus = focus
        self._inbox = inbox
        self._limits = limits
        self._observer = observer
        self._address = address
        self._transfer = transfer
        self._join = join
        self._log = log

    async def expire(self, now: float) -> None:
        """Do what is due."""
        for party in self._seating.everybody():
            deadline = party.leg.deadline
            if deadline is not None and deadline <= now:
                await self.carry(party, party.leg.expire(now), now)
        if self._seating.deadline is not None and self._seating.deadline <= now:
            self._seating.deadline = None
            seconds = self._limits.ring_seconds
            for seat in self._seating:
                await self._do(seat, seat.give_up(End(EndReason.TIMEOUT, f"no answer within {seconds:g} seconds")), now)
        if (end := self._story.expired(now)) is not None:
            await self.end(end, now)

    async def guard(self, party: Party, step: Callable[[Any, float], Iterable[Any]], item: Any, now: float) -> None:
        """Let a leg take a step.  A PeerError that it could not answer in its own protocol ends the call."""
        try:
            out = step(item, now)
        except PeerError as error:
            side = self._seating.of(party).side
            self._log.warning("peer_refused", side=side.value, protocol=party.protocol, text=error.text)
            await self.end(End(error.reason, error.text, error.status), now)
        else:
            await self.carry(party, out, now)

    async def carry(self, party: Party, out: Iterable[Any], now: float) -> None:
        """Carry out what a leg returned, in its order: messages to the wire, signals to its seat."""
        seat = self._seating.of(party)
        for item in out:
            if not isinstance(item, SIGNALS):
                self._story.passed(party, item, now, inward=False)
                party.transmit(item)
                self._inbox.answered(party)
                continue
            signal: Signal = item
            if isinstance(signal, End) and signal.redirect is not None:
                signal = replace(signal, redirect=self._address(signal.redirect))
            state = self._bridge.state
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
                self._story.goes_through(trunk)
            self._focus.seen(getattr(leg, "focus", None) if self._bridge.talking else None)

    async def _do(self, seat: Seat, words: Iterable[Word], now: float) -> None:
        """Pass on what a seat makes of a signal."""
        for word in words:
            match word:
                case Told(party, signal):
                    await self.guard(party, party.leg.send, signal, now)
                case Said(Transfer() as transfer):
                    await self._hand_on(seat, transfer, now)
                case Said(signal):
                    await self.say(seat.side, signal, now)
                case never:
                    assert_never(never)

    async def say(self, side: Side, signal: Signal, now: float) -> None:
        """A side says something: what comes of it, for both."""
        anchoring = self._anchoring
        try:
            if anchoring is None:
                if isinstance(signal, Early):  # where media do not pass here, nothing is heard early
                    signal = Progress(ringing=False)
                sends: Iterable[Send] = self._bridge.receive(side, signal)
            else:
                source = getattr(self._seating.seats[side].speaker.leg, "source", None)
                signal = await anchoring.understood(self._bridge.state, side, signal, source=source)
                sends = await anchoring.carry(self._bridge, side, signal, source=source)
                if anchoring.backend is not None:
                    self._story.anchored(anchoring.backend)
        except OutOfOrder as error:
            self._observer.out_of_order(side.value, type(signal).__name__)
            self._log.debug("signal_out_of_order", side=side.value, text=str(error))
            return
        except AnchorError as error:
            self._story.note(side, signal, now)
            await self._media_lost(End(error.reason, error.text, error.status), None, now)
            return
        if not isinstance(signal, End) or self._bridge.state is State.ENDED:
            self._story.note(side, signal, now)
        await self._pass(sends, now)

    async def happened(self, event: Event, now: float) -> None:
        """What the anchor says of itself."""
        match event:
            case Gathered(side, candidates):
                await self._pass([Send(side, candidates)], now)
            case Connected(side):
                self._story.connected(side, now)
            case Failed(side, reason, text):
                await self._media_lost(End(reason, text), side, now)
            case OneWay(side, silent):
                self._story.heard(side, silent=silent)
            case DigitHeard(side, digit, duration, carried):
                if not carried:
                    await self._pass([Send(side.other, Digit(digit, duration))], now)
            case PictureWanted(side):
                await self._pass([Send(side, Picture())], now)
            case never:
                assert_never(never)

    async def _media_lost(self, end: End, side: Side | None, now: float) -> None:
        """Without its media the call is over."""
        self._story.media_lost(end, side)
        await self.end(end, now)

    async def _hand_on(self, seat: Seat, transfer: Transfer, now: float) -> None:
        """One side hands the other on: that side is told so, or somebody else takes the place of who wants it."""
        try:
            if not self._bridge.talking:
                raise PeerError("transfer: nobody has answered yet", status=491)
            found = self._transfer(seat.side, transfer)
            if isinstance(found, Party):
                self._join(seat.side, found)
        except PeerError as error:
            self._log.info("transfer_refused", side=seat.side.value, status=error.status, text=error.text)
            phrase = None if error.cause is None else error.text
            await self._do(seat, [Told(seat.party, Transferred(error.status, phrase))], now)
            return
        if isinstance(found, Party):
            await self._do(seat, [Told(seat.party, Transferred(100)), Told(found, Offer(None))], now)
        else:
            await self.say(seat.side, found, now)

    async def release(self, now: float) -> None:
        """After a change: a successor's offer that has waited for its end."""
        for seat in self._seating:
            if seat.coming is not None and self._bridge.state is State.ESTABLISHED:
                await self._do(seat, seat.release(), now)
        if not self._seating.joining:
            self._seating.deadline = None

    async def _pass(self, sends: Iterable[Send], now: float) -> None:
        for side, signal in sends:
            seat = self._seating.seats[side]
            before = seat.party
            await self._do(seat, seat.tell(signal), now)
            if seat.party is not before:
                self._story.replaced(side, now)
                if seat.party.protocol == "jingle":
                    self._focus.repeat()

    async def end(self, end: End, now: float) -> None:
        """Part the two sides."""
        sends = self._bridge.end(end)
        if sends:
            self._story.note(None, end, now)
        await self._pass(sends, now)
