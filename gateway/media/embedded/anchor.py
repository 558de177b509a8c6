"""One call's media: what is agreed on both sides, the links that carry it, and the lines between them."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.errors import AnchorError
from gateway.media.agreement import MOST_STREAMS, groups
from gateway.media.anchor import (
    Call,
    Connected,
    DigitHeard,
    Event,
    Failed,
    Gathered,
    LegMedia,
    Listener,
    PictureWanted,
    Statistics,
)
from gateway.media.embedded.digits import Digit
from gateway.media.embedded.ice import IceLink
from gateway.media.embedded.lines import Lines
from gateway.media.embedded.link import Link, Surroundings
from gateway.media.embedded.plain import PlainLink
from gateway.media.exchange import Exchanged, Exchanges
from gateway.media.streams import Plan
from gateway.media.watch import Watch
from gateway.signals import Candidates, Side
from mappings.description import Description, Group, Ice, Media, RawUdp
from mappings.reasons import EndReason

MOST_EARLY = 16
"Candidates of a medium that are kept until it is answered, by their messages."

MOST_CLOSING = 2 * MOST_STREAMS
"Links that are being closed; no new one is made while there are so many, since they still have their ports."


class EmbeddedAnchor:
    """`gateway.media.anchor.Anchor`, in this process."""

    def __init__(
        self, around: Surroundings, call: Call, listener: Listener, on_closed: Callable[["EmbeddedAnchor"], None]
    ) -> None:
        self._around = around
        self._legs: Mapping[Side, LegMedia] = call.legs
        self._listener = listener
        self._on_closed = on_closed
        self._exchanges = Exchanges()
        self._links: dict[Side, dict[int, Link]] = {side: {} for side in Side}
        "By stream; bundled ones share theirs."

        self._lines = Lines(self._digit_heard, self._picture_wanted)
        self._early: dict[tuple[Side, str], list[Ice]] = {}
        self._connected: set[Side] = set()
        limits = around.settings
        self._watch = Watch(silence=limits.silence_seconds, held=limits.held_seconds, one_way=limits.one_way_seconds)
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def _now(self) -> Exchanged:
        return self._exchanges.now

    # --------------------------------------------------------------------------------------------------- exchanges

    async def take_offer(self, side: Side, description: Description, *, source: str | None = None) -> None:
        """See `Anchor.take_offer`."""
        with self._step(side):
            self._exchanges.hear_offer(side, description, self._legs[side], source)

    async def make_offer(self, side: Side, kinds: Sequence[str] = (), *, restart: bool = False) -> Description:
        """See `Anchor.make_offer`."""
        leg = self._legs[side]
        agreement, plans = self._now.agreement.plan_offer(side, leg, kinds)
        if not restart and (told := self._now.unchanged(side, plans)) is not None:
            return told
        with self._step(side):
            if restart:
                for link in set(self._links[side].values()):
                    if isinstance(link, IceLink):
                        link.restart()
            media = [self._offered(side, plan) for plan in plans]
            bundled = groups(None, plans, leg) if all(plan.ice for plan in plans) else ()
            return self._exchanges.tell(side, agreement, Description(media=tuple(media), groups=bundled))

    def _offered(self, side: Side, plan: Plan) -> Media:
        link = self._links[side].get(plan.stream)
        if link is None or isinstance(link, IceLink) is not plan.ice:
            bundle = next((one for one in self._links[side].values() if self._bundled(side, one)), None)
            link = bundle if bundle is not None and plan.ice else self._make(side, plan, None, controlling=True)
            self._put(side, plan.stream, link)
        transport, encryption = link.tell(plan.protection, None)
        return plan.media(transport, encryption)

    async def take_answer(
        self, side: Side, description: Description, *, source: str | None = None, early: bool = False
    ) -> None:
        """See `Anchor.take_answer`."""
        with self._step(side):
            agreement = self._exchanges.hear_answer(side, description, source)
            bundled = self._now.told[side].groups and description.groups
            leaders = self._leaders(side, bundled)
            for index, stream in enumerate(agreement.streams):
                end = stream.end(side)
                if end is None or end.said is None:
                    continue
                leader = leaders.get(end.name, index)
                if leader != index:
                    self._put(side, index, self._links[side][leader])
                else:
                    self._hear(side, index, end.said, answer=True)
        self._finish(side)
        self._exchanges.awaited = early

    async def make_answer(self, side: Side) -> Description:
        """See `Anchor.make_answer`."""
        with self._step(side):
            description = self._answered(side)
        self._finish(side)
        return description

    def _answered(self, side: Side) -> Description:
        agreement, leg = self._now.agreement, self._legs[side]
        plans = agreement.plan_answer(side, leg)
        bundled = groups(self._now.offers[side].groups, plans, leg) if all(plan.ice for plan in plans) else ()
        leaders = self._leaders(side, bundled)
        media = []
        for plan in plans:
            said = agreement.streams[plan.stream].ends[side].said
            assert said is not None
            leader = leaders.get(plan.name, plan.stream)
            if leader != plan.stream and leader in self._links[side]:
                self._put(side, plan.stream, self._links[side][leader])
            else:
                self._prepare(side, plan, said)
                self._hear(side, plan.stream, said, answer=False)
            transport, encryption = self._links[side][plan.stream].tell(plan.protection, said)
            media.append(plan.media(transport, encryption))
        return self._exchanges.tell(side, agreement, Description(media=tuple(media), groups=bundled))

    def _prepare(self, side: Side, plan: Plan, said: Media) -> None:
        """A link that is as the offer wants it."""
        link = self._links[side].get(plan.stream)
        if link is None or isinstance(link, IceLink) is not plan.ice:
            self._put(side, plan.stream, self._make(side, plan, said, controlling=said.lite))
        elif isinstance(link, IceLink) and isinstance(said.transport, Ice) and link.restarts(said.transport):
            link.restart()

    async def withdraw(self, side: Side) -> None:
        """See `Anchor.withdraw`."""
        if not self._exchanges.withdraw(side):
            return
        for one in Side:
            for link in set(self._links[one].values()):
                if isinstance(link, IceLink):
                    link.give_up_restart()
        self._rewire()

    @contextlib.contextmanager
    def _step(self, side: Side) -> Iterator[None]:
        """A step of an exchange, which happens wholly or not at all."""
        if self._closed:
            raise AnchorError("the call's media are closed", EndReason.GENERAL_ERROR)
        try:
            with self._exchanges.step(side):
                yield
        except AnchorError:
            self._rewire()
            raise

    def _finish(self, side: Side) -> None:
        """The exchange with a side is complete: act on it."""
        self._exchanges.finish(side)
        for link in set(self._links[side].values()):
            link.start()
        self._rewire()
        self._settle(side)

    # ------------------------------------------------------------------------------------------------------- links

    def _make(self, side: Side, plan: Plan, said: Media | None, *, controlling: bool) -> Link:
        if len(self._closing) >= MOST_CLOSING:
            raise AnchorError("the transport changes too fast", EndReason.GENERAL_ERROR, 503)

        def failed(reason: EndReason, text: str) -> None:
            self._emit(Failed(side, reason, text))

        def changed() -> None:
            self._settle(side)

        if plan.ice:
            return IceLink(
                self._around,
                changed,
                failed,
                controlling=controlling,
                components=2 if plan.rtp.rtcp_mux is None else 1,
                gathered=lambda: self._gathered(side),
                foreign=self._legs[side].foreign,
            )
        near = None
        if said is not None and isinstance(said.transport, RawUdp) and said.transport.candidates:
            near = said.transport.candidates[0].ip
        leg = self._legs[side]
        return PlainLink(self._around, changed, failed, latch=leg.latch, near=near, foreign=leg.foreign)

    def _put(self, side: Side, stream: int, link: Link) -> None:
        """Let a stream use a link, and close what nobody uses any more."""
        before = self._links[side].get(stream)
        self._links[side][stream] = link
        if before is not None and before is not link and before not in self._links[side].values():
            self._part(before)

    def _part(self, link: Link) -> None:
        task = asyncio.create_task(link.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _bundled(self, side: Side, link: Link) -> bool:
        """Whether further media may share a link: the side has agreed to bundle."""
        return isinstance(link, IceLink) and sum(one is link for one in self._links[side].values()) > 1

    def _leaders(self, side: Side, bundled: Sequence[Group]) -> dict[str, int]:
        """By name, the stream whose link a bundled medium uses: the first of its group (RFC 9143 §7.3)."""
        by_name = {
            end.name: index
            for index, stream in enumerate(self._now.agreement.streams)
            if (end := stream.end(side)) is not None
        }
        found: dict[str, int] = {}
        for group in bundled:
            names = [name for name in group.names if name in by_name]
            if group.semantics == "BUNDLE" and names:
                found |= dict.fromkeys(names, by_name[names[0]])
        return found

    def _hear(self, side: Side, stream: int, said: Media, *, answer: bool) -> None:
        link = self._links[side].get(stream)
        if link is None or isinstance(link, IceLink) is not isinstance(said.transport, Ice):
            raise AnchorError("the answer has another transport than the offer", EndReason.UNSUPPORTED_TRANSPORTS, 488)
        link.hear(said, self._now.sources.get(side), answer=answer)
        for early in self._early.pop((side, said.name), ()):
            if isinstance(link, IceLink):
                link.add(early)

    async def candidates(self, side: Side, by_media: Mapping[str, Ice | RawUdp]) -> None:
        """See `Anchor.candidates`."""
        for index, stream in enumerate(self._now.agreement.streams):
            end = stream.end(side)
            transport = by_media.get(end.name) if end is not None else None
            if end is None or not isinstance(transport, Ice):
                continue
            link = self._links[side].get(index)
            if link is None:
                if len(waiting := self._early.setdefault((side, end.name), [])) < MOST_EARLY:
                    waiting.append(transport)
            elif isinstance(link, IceLink):
                if link.restarts(transport):
                    link.restart()
                    self._gathered(side)
                link.add(transport)
                link.start()

    def _gathered(self, side: Side) -> None:
        """Tell a side what candidates there are by now."""
        found: dict[str, Ice | RawUdp] = {}
        for index, link in self._links[side].items():
            end = self._now.agreement.streams[index].end(side)
            if end is not None and isinstance(link, IceLink):
                found[end.name] = link.transport()
        self._emit(Gathered(side, Candidates(found)))

    def _rewire(self) -> None:
        """Close what nobody uses any more, and let every path carry what is agreed on now."""
        for side, links in self._links.items():
            for index in tuple(links):
                if not self._used(side, index):
                    link = links.pop(index)
                    if link not in links.values():
                        self._part(link)
        self._lines.rewire(self._now.agreement, self._links)

    def _used(self, side: Side, index: int) -> bool:
        """Whether a stream lives on a side, or will again when the exchange that is open comes to nothing."""
        states = (self._now, self._exchanges.safe) if self._exchanges.open else (self._now,)
        return any(
            index < len(state.agreement.streams) and state.agreement.streams[index].end(side) is not None
            for state in states
        )

    # ------------------------------------------------------------------------------------------- what is told, and how

    def _settle(self, side: Side) -> None:
        """Tell that a side's media have a way, once."""
        links = self._links[side].values()
        end = self._now.agreement.streams
        known = any((one := stream.end(side)) is not None and one.told and one.said for stream in end)
        if side not in self._connected and known and links and all(link.ready for link in links):
            self._connected.add(side)
            self._emit(Connected(side))

    def _emit(self, event: Event) -> None:
        if not self._closed:
            self._listener(event)

    def _digit_heard(self, side: Side, digit: Digit, carried: bool) -> None:
        self._emit(DigitHeard(side, digit.sign, digit.duration, carried))

    def _picture_wanted(self, side: Side) -> None:
        self._emit(PictureWanted(side))

    def look(self, now: float) -> None:
        """To be called every second: silence, one way, and digits whose end was lost."""
        self._lines.expire(now)
        if self._exchanges.awaited or len(self._connected) < len(Side):
            return
        agreement = self._now.agreement
        for side in Side:
            control = max((link.path.control_seen for link in self._links[side].values()), default=0.0)
            speaks = any(
                stream.kind == "audio" and agreement.may_send(index, side)
                for index, stream in enumerate(agreement.streams)
            )
            self._watch.heard(side, self._lines.heard(side), control, speaks=speaks)
        for event in self._watch.look(now):
            self._emit(event)

    def broke(self) -> None:
        """An error of ours: the call goes no further."""
        self._emit(Failed(Side.CALLER, EndReason.GENERAL_ERROR, "the gateway failed at its media"))

    async def digit(self, side: Side, digit: str, duration: int) -> bool:
        """See `Anchor.digit`."""
        return not self._closed and self._lines.digit(side, digit, duration)

    async def picture(self, side: Side) -> None:
        """See `Anchor.picture`."""
        self._lines.picture(side)

    async def statistics(self) -> Statistics:
        """See `Anchor.statistics`."""
        return self._lines.statistics()

    async def close(self) -> None:
        """See `Anchor.close`."""
        if self._closed:
            if self._closing:
                await asyncio.wait(self._closing)
            return
        self._closed = True
        self._lines.stop()
        self._on_closed(self)
        for side in Side:
            for link in set(self._links[side].values()):
                self._part(link)
        if self._closing:
            await asyncio.wait(self._closing)
        self._early.clear()
