"""One call's media at an rtpengine: what is agreed on both sides, and what the node is told of it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from gateway.errors import AnchorError
from gateway.media import conversion, streams
from gateway.media.agreement import groups
from gateway.media.anchor import Call, Event, Failed, Gathered, LegMedia, Listener, Statistics
from gateway.media.exchange import Exchanged, Exchanges
from gateway.media.negotiation import is_events
from gateway.media.rtpengine import numbers
from gateway.media.rtpengine.ng import NgRefusedError, NgSilentError
from gateway.media.rtpengine.ours import Ours
from gateway.media.rtpengine.session import NodeSession
from gateway.media.rtpengine.settings import RtpengineSettings
from gateway.media.rtpengine.vigil import Vigil
from gateway.media.rtpengine.wiring import Wiring, both_said, has_said, said_by, wanted_by
from gateway.media.rtpengine.wording import Transports
from gateway.media.streams import Plan
from gateway.signals import Candidates, Side
from mappings.description import Description, Group, Ice, RawUdp
from mappings.reasons import EndReason

MOST_CANDIDATES = 64
"Of a peer; further ones are ignored."

DIGITS = frozenset("0123456789*#ABCD")

SHORTEST, LONGEST = 100, 5000
"Of a digit, in ms, as rtpengine plays it."


class RtpengineAnchor:
    """`gateway.media.anchor.Anchor`, by a node."""

    def __init__(
        self,
        session: NodeSession,
        settings: RtpengineSettings,
        call: Call,
        listener: Listener,
        on_closed: Callable[["RtpengineAnchor"], None],
        *,
        ours: Ours,
    ) -> None:
        self._session = session
        self._legs: Mapping[Side, LegMedia] = call.legs
        self._listener = listener
        self._on_closed = on_closed
        self._exchanges = Exchanges()
        self._owed = False
        "The callee was offered before its caller said anything, and answers in numbers that the caller may not have."

        self._ours = ours
        self._wiring = Wiring(session, call.legs, ours)
        self._vigil = Vigil(session, settings, self._emit)
        self._closed = False

    @property
    def _now(self) -> Exchanged:
        return self._exchanges.now

    # --------------------------------------------------------------------------------------------------- exchanges

    async def take_offer(self, side: Side, description: Description, *, source: str | None = None) -> None:
        """See `Anchor.take_offer`."""
        self._check(side, description)
        with self._step(side):
            self._exchanges.hear_offer(side, description, self._legs[side], source)

    async def make_offer(self, side: Side, kinds: Sequence[str] = (), *, restart: bool = False) -> Description:
        """See `Anchor.make_offer`; `restart` is refused: rtpengine restarts ICE only when its peer does."""
        if restart:
            raise AnchorError("rtpengine does not begin an ICE restart", EndReason.GENERAL_ERROR)
        leg = self._legs[side]
        agreement, plans = self._now.agreement.plan_offer(side, leg, kinds)
        settled = side.other not in self._exchanges.open
        plans = numbers.offered(agreement, side, plans, convert=self._wiring.converts, settled=settled)
        if (told := self._now.unchanged(side, plans)) is not None:
            return told
        with self._step(side):
            self._exchanges.agree(agreement)
            wanted = wanted_by(leg, plans[0])
            self._wiring.to_offer(agreement, side, plans, settled=settled)
            if self._owed and side is Side.CALLER:
                transports = await self._wiring.owed(agreement, wanted)
            else:
                self._owed = self._owed or not has_said(agreement, side.other)
                transports = await self._wiring.offer(agreement, side.other, wanted)
            return self._tell(side, plans, transports, groups(None, plans, leg))

    async def take_answer(
        self, side: Side, description: Description, *, source: str | None = None, early: bool = False
    ) -> None:
        """See `Anchor.take_answer`."""
        self._check(side, description)
        with self._step(side):
            agreement = self._exchanges.hear_answer(side, description, source)
            asked = self._owed and side is Side.CALLER
            self._owed = self._owed and not has_said(agreement, Side.CALLER)
            if not self._owed and (kind := self._apart()):
                raise numbers.unmapped((kind,))
            self._wiring.answered(agreement, side)
            if asked:
                await self._wiring.rewire(agreement, side)
            elif self._wiring.stale(agreement, side.other):
                await self._wiring.rewire(agreement, side.other)  # it has described itself after this side was offered
            else:
                await self._wiring.answer(agreement, side)
        self._exchanges.finish(side)
        self._exchanges.awaited = early

    async def make_answer(self, side: Side) -> Description:
        """See `Anchor.make_answer`."""
        with self._step(side):
            agreement, leg, owed = self._now.agreement, self._legs[side], self._owed and side is Side.CALLER
            plans = agreement.plan_answer(side, leg)
            plans = numbers.answered(agreement, side, plans, strict=not owed, convert=self._wiring.converts)
            written = self._wiring.written.get(side)
            if written is None or written.said != both_said(agreement) or self._wiring.differs(side, plans):
                self._wiring.to_answer(agreement, side, plans)
                await self._wiring.offer(agreement, side, self._wiring.as_said(agreement, side.other))
                written = await self._wiring.answer(agreement, side.other)
            bundled = groups(self._now.offers[side].groups, plans, leg)
            description = self._tell(side, plans, written.transports, bundled)
            self._owed = self._owed and not owed
        self._exchanges.finish(side)
        return description

    async def withdraw(self, side: Side) -> None:
        """See `Anchor.withdraw`."""
        if not self._exchanges.withdraw(side):
            return
        if not self._wiring.stirred or not self._described:
            return
        if kind := self._apart():
            error = numbers.unmapped((kind,))
            self._emit(Failed(side, error.reason, error.text))
            return
        try:
            await self._wiring.rewire(self._now.agreement, Side.CALLER)
        except AnchorError as error:
            self._emit(Failed(side, error.reason, error.text))

    async def candidates(self, side: Side, by_media: Mapping[str, Ice | RawUdp]) -> None:
        """See `Anchor.candidates`."""
        self._check(side, by_media)
        agreement = self._now.agreement
        restarted = False
        further = False
        for index, stream in enumerate(agreement.streams):
            end = stream.end(side)
            more = by_media.get(end.name) if end is not None else None
            if end is None or end.said is None or not isinstance(more, Ice) or not isinstance(end.said.transport, Ice):
                continue
            before = end.said.transport
            if more.ufrag in (None, before.ufrag):
                room = MOST_CANDIDATES - len(before.candidates)
                new = tuple(one for one in more.candidates if one.protocol == "udp" and one not in before.candidates)
                if not new[:room]:
                    continue
                transport = replace(before, candidates=(*before.candidates, *new[:room]))
                further = True
            elif more.pwd is None:
                continue
            else:
                restarted = True
                transport = replace(before, ufrag=more.ufrag, pwd=more.pwd, candidates=more.candidates)
            agreement = agreement.with_stream(
                index, stream.with_end(side, replace(end, said=replace(end.said, transport=transport)))
            )
        self._exchanges.agree(agreement)
        if not restarted:
            if further and self._known and not self._vigil.connected:
                with contextlib.suppress(AnchorError):  # a client is found by its checks, too (RFC 8445 §7.3.1.3)
                    await self._wiring.refresh(agreement)
        elif self._described:
            await self._wiring.rewire(agreement, side)
            transports = self._wiring.written[side].transports
            found = {
                end.name: transports[index][0]
                for index, stream in enumerate(agreement.streams)
                if (end := stream.end(side)) is not None and index in transports
            }
            self._emit(Gathered(side, Candidates(found)))

    def _check(self, side: Side, said: Description | Mapping[str, Ice | RawUdp]) -> None:
        if self._legs[side].foreign and self._ours.named(said):
            raise streams.ours()

    @contextlib.contextmanager
    def _step(self, side: Side) -> Iterator[None]:
        """A step of an exchange, which happens wholly or not at all."""
        if self._closed:
            raise AnchorError("the call's media are closed", EndReason.GENERAL_ERROR)
        if not self._exchanges.open:
            self._wiring.stirred = False
        with self._exchanges.step(side):
            yield

    def _tell(self, side: Side, plans: Sequence[Plan], transports: Transports, bundled: Sequence[Group]) -> Description:
        media = tuple(plan.media(*transports[plan.stream]) for plan in plans)
        first = {media[0].name}
        # rtpengine has a transport for each medium: the first one may stay in its group, for clients that need one.
        alone = tuple(replace(group, names=tuple(first)) for group in bundled if first & set(group.names))
        description = Description(media=media, groups=alone)
        return self._exchanges.tell(side, self._now.agreement, description)

    @property
    def _described(self) -> bool:
        """Whether both sides have described themselves."""
        return all(has_said(self._now.agreement, side) for side in Side)

    def _apart(self) -> str | None:
        """The kind of a medium that both sides have, but no format under one number."""
        for stream in self._now.agreement.streams:
            one, other = stream.said(Side.CALLER), stream.said(Side.CALLEE)
            if one is None or other is None or numbers.common(one, other):
                continue
            if not any(conversion.converts(one, other, leg) for leg in self._legs.values()):
                return stream.kind
        return None

    # ------------------------------------------------------------------------------------ what happens, and counts

    def _emit(self, event: Event) -> None:
        if not self._closed:
            self._listener(event)

    @property
    def settling(self) -> bool:
        """Whether it is to be looked at often: a side's media have no way yet."""
        return self._known and not self._vigil.connected

    @property
    def _known(self) -> bool:
        return not self._exchanges.open and self._described

    async def look(self, now: float) -> None:
        """To be called every few seconds: whether the call is there still, and heard."""
        agreement = self._now.agreement
        speaking = {
            side
            for side in Side
            if any(
                stream.kind == "audio" and agreement.may_send(index, side)
                for index, stream in enumerate(agreement.streams)
            )
        }
        await self._vigil.look(now, speaking if self._known else None, awaited=self._exchanges.awaited)

    async def picture(self, side: Side) -> None:
        """See `Anchor.picture`: rtpengine passes such messages on and says none itself."""

    def broke(self) -> None:
        """An error of ours: the call goes no further."""
        self._emit(Failed(Side.CALLER, EndReason.GENERAL_ERROR, "the gateway failed at its media"))

    async def digit(self, side: Side, digit: str, duration: int) -> bool:
        """See `Anchor.digit`: also False where the other side is silent, whose sound rtpengine puts it in place of."""
        if self._closed or not self._known or len(digit) != 1 or digit not in DIGITS or not self._takes_digits(side):
            return False
        try:
            if not await self._vigil.hears(side.other):
                return False
            if not self._wiring.plays:
                self._wiring.plays = True
                await self._wiring.rewire(self._now.agreement, Side.CALLER)
        except (NgSilentError, NgRefusedError, AnchorError):
            return False
        return await self._session.play(side, digit, min(max(duration, SHORTEST), LONGEST))

    def _takes_digits(self, side: Side) -> bool:
        return any(
            media is not None and media.rtp.media == "audio" and any(map(is_events, media.rtp.codecs))
            for media in said_by(self._now.agreement, side)
        )

    async def statistics(self) -> Statistics:
        """See `Anchor.statistics`; what was counted last, where the node does not answer."""
        if not self._closed:
            await self._vigil.recount()
        kinds = [stream.kind for stream in self._now.agreement.streams]
        return {side: self._vigil.statistics(side, kinds, partial(self._wiring.codec, side)) for side in Side}

    async def close(self) -> None:
        """See `Anchor.close`."""
        if self._closed:
            return
        self._closed = True
        self._on_closed(self)
        self._ours.forget(self._wiring)
        await self._session.delete()
