"""An anchor without media: it agrees with both sides as a real one does, and its addresses are made up."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import AnchorError
from gateway.media.agreement import Agreement, groups
from gateway.media.anchor import Call, Health, LegMedia, Listener, Protection, Statistics
from gateway.media.embedded.settings import IceServer
from gateway.media.exchange import Exchanged
from gateway.media.streams import Plan
from gateway.signals import Side
from mappings.description import (
    Candidate,
    Description,
    Fingerprint,
    GatheringComplete,
    Ice,
    Media,
    RawCandidate,
    RawUdp,
)
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Setup

CALLER, CALLEE = Side


@dataclass
class PaperAnchor:
    """One call's."""

    call: Call
    listener: Listener
    backend: "PaperAnchors"
    agreement: Agreement = field(default_factory=Agreement)
    before: dict[Side, tuple[Agreement, dict[Side, Description]]] = field(default_factory=dict)
    "What to go back to when the exchange with a side comes to nothing."

    told: dict[Side, Description] = field(default_factory=dict)
    said: dict[Side, Description] = field(default_factory=dict)
    digits: list[tuple[Side, str, int]] = field(default_factory=list)
    pictures: list[Side] = field(default_factory=list)
    "Who was asked for a whole one."

    heard: list[tuple[Side, Mapping[str, Ice | RawUdp]]] = field(default_factory=list)
    sources: list[tuple[Side, str | None]] = field(default_factory=list)
    "Where descriptions came from."

    awaited: bool = False
    "Whether the last answer was an early one."

    closed: bool = False

    def _leg(self, side: Side) -> LegMedia:
        return self.call.legs[side]

    def _may(self) -> None:
        if self.backend.failing is not None:
            raise self.backend.failing

    async def take_offer(self, side: Side, description: Description, *, source: str | None = None) -> None:
        self._may()
        self.before[side] = self.agreement, dict(self.told)
        self.agreement = self.agreement.heard_offer(side, description, self._leg(side))
        self.said[side] = description
        self.sources.append((side, source))

    async def make_offer(self, side: Side, kinds: Sequence[str] = (), *, restart: bool = False) -> Description:
        self._may()
        agreement, plans = self.agreement.plan_offer(side, self._leg(side), kinds)
        exchanged = Exchanged(agreement=self.agreement, told=self.told)
        if (told := exchanged.unchanged(side, plans)) is not None:
            return told
        self.before.setdefault(side, (self.agreement, dict(self.told)))
        described = self._described(side, plans, None)
        self.agreement = agreement.told(side, described)
        self.told[side] = described
        return described

    async def take_answer(
        self, side: Side, description: Description, *, source: str | None = None, early: bool = False
    ) -> None:
        self._may()
        self.agreement = self.agreement.heard_answer(side, description)
        self.sources.append((side, source))
        self.awaited = early
        self.before.clear()

    async def make_answer(self, side: Side) -> Description:
        self._may()
        plans = self.agreement.plan_answer(side, self._leg(side))
        described = self._described(side, plans, self.said[side])
        self.agreement = self.agreement.told(side, described)
        self.told[side] = described
        self.before.clear()
        return described

    async def withdraw(self, side: Side) -> None:
        self.agreement, self.told = self.before.pop(side, (self.agreement, self.told))

    async def candidates(self, side: Side, by_media: Mapping[str, Ice | RawUdp]) -> None:
        self._may()
        self.heard.append((side, by_media))

    async def digit(self, side: Side, digit: str, duration: int) -> bool:
        self.digits.append((side, digit, duration))
        return self.backend.sends_digits

    async def picture(self, side: Side) -> None:
        self.pictures.append(side)

    async def statistics(self) -> Statistics:
        return self.backend.counted

    async def close(self) -> None:
        self.closed = True
        await asyncio.sleep(self.backend.closing_seconds)

    def _described(self, side: Side, plans: Sequence[Plan], offer: Description | None) -> Description:
        leg = self._leg(side)
        return Description(
            media=tuple(self._media(side, plan, answer=offer is not None) for plan in plans),
            groups=groups(None if offer is None else offer.groups, plans, leg),
        )

    def _media(self, side: Side, plan: Plan, *, answer: bool) -> Media:
        port = 40_000 + 100 * plan.stream + (10 if side is CALLER else 20)
        return Media(
            name=plan.name,
            creator=plan.creator,
            senders=plan.senders,
            rtp=plan.rtp,
            transport=_ice(port, plan, answer=answer) if plan.ice else _raw(port, plan),
        )


def _ice(port: int, plan: Plan, *, answer: bool) -> Ice:
    print_ = Fingerprint(hash="sha-256", value="AA", setup=Setup.ACTIVE if answer else Setup.ACTPASS)
    here = Candidate(
        foundation="1",
        component=1,
        protocol="udp",
        priority=1,
        ip="192.0.2.99",
        port=port,
        type=CandidateType.HOST,
        id=f"p{port}",
        generation=0,
    )
    return Ice(
        ufrag=f"u{port}",
        pwd="a-password-of-twenty-two",
        candidates=(here,),
        fingerprints=(print_,) if plan.protection is Protection.DTLS else (),
        gathering_complete=GatheringComplete(),
    )


def _raw(port: int, plan: Plan) -> RawUdp:
    components = (1,) if plan.rtp.rtcp_mux is not None else (1, 2)
    return RawUdp(
        candidates=tuple(
            RawCandidate(component=one, id=f"r{port + one}", ip="192.0.2.99", port=port + one - 1, generation=0)
            for one in components
        )
    )


@dataclass
class PaperAnchors:
    """The back-end."""

    name: str = "paper"
    digits: bool = True
    closing_seconds: float = 0.0
    "How long it takes to give everything back."

    failing: AnchorError | None = None
    "What every operation meets."

    full: bool = False
    sends_digits: bool = True
    counted: Statistics = field(default_factory=dict)
    opened: list[PaperAnchor] = field(default_factory=list)
    servers: tuple[IceServer, ...] = ()

    def use(self, servers: tuple[IceServer, ...]) -> None:
        self.servers = servers

    async def open(self, call: Call, listener: Listener) -> PaperAnchor:
        if self.full:
            raise AnchorError("no port is left", EndReason.GENERAL_ERROR, 503)
        self.opened.append(PaperAnchor(call, listener, self))
        return self.opened[-1]

    async def health(self) -> Health:
        return Health(ready=not self.full, anchors=len([one for one in self.opened if not one.closed]))

    async def close(self) -> None:
        for one in self.opened:
            await one.close()
