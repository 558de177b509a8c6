"""One call's media at an rtpengine: what is agreed on both sides, and what the node is told of it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.errors import AnchorError
from gateway.media.agreement import groups
from gateway.media.anchor import (
    Call,
    Event,
    Failed,
    Gathered,
    Latch,
    LegMedia,
    Listener,
    Protection,
    Statistics,
)
from gateway.media.exchange import Exchanged
from gateway.media.rtpengine import numbers, wording
from gateway.media.rtpengine.inquiry import Counted, inquired
from gateway.media.rtpengine.ng import NgRefusedError, NgSilentError
from gateway.media.rtpengine.pulse import Pulse
from gateway.media.rtpengine.session import NodeSession
from gateway.media.rtpengine.settings import RtpengineSettings
from gateway.media.rtpengine.wording import Line, Wanted
from gateway.media.streams import ROLES, Plan, protection
from gateway.signals import Candidates, Side
from mappings.description import Codec, Description, Encryption, Group, Ice, Media, RawUdp, Rtp
from mappings.reasons import EndReason

MOST_MISSES = 2
"Looks in a row that the node may leave unanswered; then the call is lost."

Transports = Mapping[int, tuple[Ice | RawUdp, Encryption | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What the node has for a side, and what both sides had said then."""

    said: Sequence[Media | None]
    transports: Transports


class RtpengineAnchor:
    """`gateway.media.anchor.Anchor`, by a node."""

    def __init__(
        self,
        session: NodeSession,
        settings: RtpengineSettings,
        call: Call,
        listener: Listener,
        on_closed: Callable[["RtpengineAnchor"], None],
    ) -> None:
        self._session = session
        self._settings = settings
        self._legs: Mapping[Side, LegMedia] = call.legs
        self._listener = listener
        self._on_closed = on_closed
        self._now = Exchanged()
        self._safe = Exchanged()
        "As it was before the exchanges that are open."

        self._open: set[Side] = set()
        self._stirred = False
        "The node was told something since."

        self._for: dict[Side, _Written] = {}
        self._offered: tuple[Side, Sequence[Media | None]] | None = None
        "Who offered last at the node, and what it had said."

        self._version = 0
        self._misses = 0
        self._owed = False
        "The callee was offered before its caller said anything, and answers in numbers that the caller may not have."

        self._formats: Mapping[int, Sequence[Codec]] = {}
        "Of each stream, as both sides' texts last had them."

        self._counted: Mapping[Side, Sequence[Counted]] = dict.fromkeys(Side, ())
        self._pulse = Pulse(settings)
        self._closed = False

    # --------------------------------------------------------------------------------------------------- exchanges

    async def take_offer(self, side: Side, description: Description, *, source: str | None = None) -> None:
        """See `Anchor.take_offer`."""
        with self._step(side):
            self._now = replace(
                self._now,
                agreement=self._now.agreement.heard_offer(side, description, self._legs[side]),
                offers={**self._now.offers, side: description},
            )

    async def make_offer(self, side: Side, kinds: Sequence[str] = (), *, restart: bool = False) -> Description:
        """See `Anchor.make_offer`; `restart` is refused: rtpengine restarts ICE only when its peer does."""
        if restart:
            raise AnchorError("rtpengine does not begin an ICE restart", EndReason.GENERAL_ERROR)
        leg = self._legs[side]
        agreement, plans = self._now.agreement.plan_offer(side, leg, kinds)
        plans = numbers.offered(agreement, side, plans)
        if (told := self._now.unchanged(side, plans)) is not None:
            return told
        with self._step(side):
            self._now = replace(self._now, agreement=agreement)
            formats = {plan.stream: plan.rtp.codecs for plan in plans}
            wanted = _wanted(plans[0].ice, plans[0].protection, plans[0].rtp, leg)
            if self._owed and side is Side.CALLER:
                transports = self._answered(wanted)
            else:
                self._owed = self._owed or not self._has_said(side.other)
                transports = await self._offer(side.other, formats, wanted)
            return self._tell(side, plans, transports, groups(None, plans, leg))

    async def take_answer(self, side: Side, description: Description, *, source: str | None = None) -> None:
        """See `Anchor.take_answer`."""
        with self._step(side):
            self._now = replace(self._now, agreement=self._now.agreement.heard_answer(side, description))
            asked = self._owed and side is Side.CALLER
            self._owed = self._owed and not self._has_said(Side.CALLER)
            if not self._owed and (kind := self._apart()):
                raise numbers.unmapped((kind,))
            if asked:
                await self._rewire(side)
            elif self._offered != (side.other, self._said_by(side.other)):
                await self._rewire(side.other)  # it has described itself only after this side was offered
            else:
                await self._answer(side)
        self._open.discard(side)

    async def make_answer(self, side: Side) -> Description:
        """See `Anchor.make_answer`."""
        with self._step(side):
            agreement, leg, owed = self._now.agreement, self._legs[side], self._owed and side is Side.CALLER
            plans = numbers.answered(agreement, side, agreement.plan_answer(side, leg), strict=not owed)
            written = self._for.get(side)
            if written is None or written.said != self._said():
                await self._offer(side, {plan.stream: plan.rtp.codecs for plan in plans}, self._as_said(side.other))
                written = await self._answer(side.other)
            bundled = groups(self._now.offers[side].groups, plans, leg)
            description = self._tell(side, plans, written.transports, bundled)
            self._owed = self._owed and not owed
        self._open.discard(side)
        return description

    def _answered(self, wanted: Wanted) -> Transports:
        """What a caller is offered that owes its description: what the callee's answer to nobody has given.

        An offer to it by the callee would turn the callee's ICE role round, before it has found its way.
        """
        written = self._for.get(Side.CALLER)
        if written is None or wanted != replace(wording.PLAIN, feedback=wanted.feedback):
            text = "rtpengine: only plain RTP can be offered to a caller without a description"
            raise AnchorError(text, EndReason.UNSUPPORTED_TRANSPORTS, 488)
        return written.transports

    async def withdraw(self, side: Side) -> None:
        """See `Anchor.withdraw`."""
        if side not in self._open:
            return
        self._open.clear()
        self._now = self._safe
        if not self._stirred or not all(map(self._has_said, Side)):
            return
        if kind := self._apart():
            error = numbers.unmapped((kind,))
            self._emit(Failed(side, error.reason, error.text))
            return
        try:
            await self._rewire(Side.CALLER)
        except AnchorError as error:
            self._emit(Failed(side, error.reason, error.text))

    async def candidates(self, side: Side, by_media: Mapping[str, Ice | RawUdp]) -> None:
        """See `Anchor.candidates`.

        rtpengine finds a client by its checks (RFC 8445 §7.3.1.3), and is only told of new credentials.
        """
        agreement = self._now.agreement
        restarted = False
        for index, stream in enumerate(agreement.streams):
            end = stream.end(side)
            more = by_media.get(end.name) if end is not None else None
            if end is None or end.said is None or not isinstance(more, Ice) or not isinstance(end.said.transport, Ice):
                continue
            before = end.said.transport
            if more.ufrag in (None, before.ufrag) or more.pwd is None:
                continue
            restarted = True
            transport = replace(before, ufrag=more.ufrag, pwd=more.pwd, candidates=more.candidates)
            agreement = agreement.with_stream(
                index, stream.with_end(side, replace(end, said=replace(end.said, transport=transport)))
            )
        if not restarted:
            return
        self._now = replace(self._now, agreement=agreement)
        if all(map(self._has_said, Side)):
            await self._rewire(side)
            found = {
                end.name: self._for[side].transports[index][0]
                for index, stream in enumerate(agreement.streams)
                if (end := stream.end(side)) is not None and index in self._for[side].transports
            }
            self._emit(Gathered(side, Candidates(found)))

    @contextlib.contextmanager
    def _step(self, side: Side) -> Iterator[None]:
        """A step of an exchange, which happens wholly or not at all."""
        if self._closed:
            raise AnchorError("the call's media are closed", EndReason.GENERAL_ERROR)
        before, open_ = self._now, set(self._open)
        if not self._open:
            self._safe, self._stirred = self._now, False
        self._open.add(side)
        try:
            yield
        except AnchorError:
            self._now, self._open = before, open_
            raise

    def _tell(self, side: Side, plans: Sequence[Plan], transports: Transports, bundled: Sequence[Group]) -> Description:
        media = tuple(plan.media(*transports[plan.stream]) for plan in plans)
        first = {media[0].name}
        # rtpengine has a transport for each medium: the first one may stay in its group, for clients that need one.
        alone = tuple(replace(group, names=tuple(first)) for group in bundled if first & set(group.names))
        description = Description(media=media, groups=alone)
        self._now = replace(
            self._now,
            agreement=self._now.agreement.told(side, description),
            told={**self._now.told, side: description},
        )
        return description

    # ---------------------------------------------------------------------------------------------------- the node

    def _said(self) -> tuple[Media | None, ...]:
        """Everything that both sides have said."""
        return tuple(one for side in Side for one in self._said_by(side))

    def _said_by(self, side: Side) -> tuple[Media | None, ...]:
        return tuple(stream.said(side) for stream in self._now.agreement.streams)

    def _has_said(self, side: Side) -> bool:
        return any(self._said_by(side))

    def _apart(self) -> str | None:
        """The kind of a medium that both sides have, but no format under one number."""
        for stream in self._now.agreement.streams:
            one, other = stream.said(Side.CALLER), stream.said(Side.CALLEE)
            if one is not None and other is not None and not numbers.common(one, other):
                return stream.kind
        return None

    async def _rewire(self, side: Side) -> None:
        """Let the node carry what is agreed on now, as if a side had offered and the other answered it."""
        await self._offer(side, self._formats, self._as_said(side.other))
        await self._answer(side.other)

    async def _offer(self, side: Side, formats: Mapping[int, Sequence[Codec]], wanted: Wanted) -> Transports:
        """Tell the node what a side offers; what it has for the other side."""
        self._formats = {**self._formats, **formats}
        lines, role = self._lines(side), ROLES[side]
        self._stirred = True
        self._offered = side, self._said_by(side)
        self._version += 1
        sdp = wording.write(lines, role, self._version, answer=False)
        reply = await self._session.offer(side, sdp, wording.flags(wanted, self._latches(), answer=False))
        return wording.read(reply, lines, wanted, role, answer=False)

    async def _answer(self, side: Side) -> _Written:
        """Tell the node what a side answers; what it has for the other side."""
        lines, role, wanted = self._lines(side), ROLES[side], self._as_said(side.other)
        self._stirred = True
        self._version += 1
        sdp = wording.write(lines, role, self._version, answer=True)
        reply = await self._session.answer(side, sdp, wording.flags(wanted, self._latches(), answer=True))
        written = _Written(said=self._said(), transports=wording.read(reply, lines, wanted, role, answer=True))
        self._for[side.other] = written
        return written

    def _lines(self, side: Side) -> tuple[Line, ...]:
        """A side as the node is told it."""
        return tuple(
            Line(
                kind=stream.kind,
                said=stream.said(side),
                codecs=self._formats.get(index, ()),
                live=any(end.live for end in stream.ends.values()),
                refused=(end := stream.ends.get(side)) is not None and not end.live,
            )
            for index, stream in enumerate(self._now.agreement.streams)
        )

    def _as_said(self, side: Side) -> Wanted:
        """How a side's transports are to be after what it said."""
        said = next(filter(None, self._said_by(side)), None)
        if said is None:
            return wording.PLAIN
        return _wanted(isinstance(said.transport, Ice), protection(said), said.rtp, self._legs[side])

    def _latches(self) -> set[Latch]:
        return {leg.latch for leg in self._legs.values() if not leg.ice}

    # ------------------------------------------------------------------------------------ what happens, and counts

    def _emit(self, event: Event) -> None:
        if not self._closed:
            self._listener(event)

    @property
    def settling(self) -> bool:
        """Whether it is to be looked at often: a side's media have no way yet."""
        return self._known() and not self._pulse.connected

    def _known(self) -> bool:
        return not self._open and all(map(self._has_said, Side))

    async def look(self, now: float) -> None:
        """To be called every few seconds: whether the call is there still, and heard."""
        try:
            await self._count()
        except NgSilentError:
            self._misses += 1
            if self._misses >= MOST_MISSES:
                self._lost(f"{self._session}: no answer")
            return
        except NgRefusedError as error:
            self._lost(f"{self._session}: {error}")
            return
        self._misses = 0
        if not self._known():
            return
        agreement = self._now.agreement
        speaking = {
            side
            for side in Side
            if any(
                stream.kind == "audio" and agreement.may_send(index, side)
                for index, stream in enumerate(agreement.streams)
            )
        }
        for event in self._pulse.look(now, self._counted, speaking):
            self._emit(event)

    def _lost(self, text: str) -> None:
        if not self._pulse.over:
            self._pulse.over = True
            self._emit(Failed(Side.CALLEE, EndReason.FAILED_TRANSPORT, text))

    async def _count(self) -> None:
        reply = await self._session.query()
        if reply is not None:
            self._counted = inquired(reply)

    async def digit(self, side: Side, digit: str, duration: int) -> bool:
        """See `Anchor.digit`: rtpengine 10.5 plays digits only into what it transcodes, so they are told otherwise."""
        return False

    async def statistics(self) -> Statistics:
        """See `Anchor.statistics`; what was counted last, where the node does not answer."""
        if not self._closed:
            with contextlib.suppress(NgSilentError, NgRefusedError):
                await self._count()
        streams = self._now.agreement.streams
        return {
            side: tuple(
                one.statistics(stream.kind, next((codec.name for codec in self._formats.get(index, ())), None))
                for index, (stream, one) in enumerate(zip(streams, self._counted[side], strict=False))
            )
            for side in Side
        }

    async def close(self) -> None:
        """See `Anchor.close`."""
        if self._closed:
            return
        self._closed = True
        self._on_closed(self)
        await self._session.delete()


def _wanted(ice: bool, protection: Protection, rtp: Rtp, leg: LegMedia) -> Wanted:
    return Wanted(ice=ice, protection=protection, mux=rtp.rtcp_mux is not None, feedback=leg.feedback)
