"""How one call is wired at its node: what the node was told of each side, and what it has for it."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.media.agreement import Agreement
from gateway.media.anchor import Latch, LegMedia, Protection
from gateway.media.rtpengine import formats, wording
from gateway.media.rtpengine.ours import Ours
from gateway.media.rtpengine.session import NodeSession
from gateway.media.rtpengine.wording import Line, Transports, Wanted
from gateway.media.streams import ROLES, Plan, protection
from gateway.signals import Side
from mappings.description import Codec, Crypto, Encryption, Fingerprint, Ice, Media
from mappings.terms import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the node has for a side, and what both sides had said then."""

    said: Sequence[Media | None]
    transports: Transports


def said_by(agreement: Agreement, side: Side) -> tuple[Media | None, ...]:
    """What a side has said of each stream."""
    return tuple(stream.said(side) for stream in agreement.streams)


def has_said(agreement: Agreement, side: Side) -> bool:
    """Whether a side has described itself."""
    return any(said_by(agreement, side))


def wanted_by(leg: LegMedia, plan: Plan) -> Wanted:
    """How a side's media are to be, after what it is to be told."""
    mux = plan.rtp.rtcp_mux is not None
    return Wanted(ice=plan.ice, protection=plan.protection, mux=mux, feedback=leg.feedback)


class Wiring:
    """A call at its node.  Operations raise AnchorError."""

    def __init__(self, session: NodeSession, legs: Mapping[Side, LegMedia], ours: Ours) -> None:
        self._session = session
        self._ours = ours
        self._legs = legs
        self.converts = any(leg.transcodes for leg in legs.values())
        "Whether formats may be made of others; else both sides' texts have the same ones."

        self.plays = False
        "Whether digits are to be played: costly, so only from the first one on."

        self.stirred = False
        "The node was told something since this was last taken back."

        self.written: dict[Side, Written] = {}
        self._formats: dict[Side, dict[int, Sequence[Codec]]] = {side: {} for side in Side}
        self._offered: tuple[Side, Sequence[Media | None]] | None = None
        "Who offered last at the node, and what it had said."

        self._version = 0
        self._nobody = wording.Nobody()
        self._owed = wording.PLAIN
        "What a side is to have that has said nothing yet."

    # ------------------------------------------------------------------------------------------------------ formats

    def codec(self, side: Side, index: int) -> str | None:
        """The name of what a side sends of a stream, as far as texts tell it."""
        return next((codec.name for codec in self._formats[side].get(index, ())), None)

    def to_offer(self, agreement: Agreement, side: Side, plans: Sequence[Plan], *, settled: bool) -> None:
        """A side is to be offered this; ``settled``: not because the other one offers."""
        has = formats.agreed if settled else formats.spoken
        for plan in plans:
            codecs: Sequence[Codec] = plan.rtp.codecs
            self._formats[side][plan.stream] = codecs
            if self.converts:
                codecs = has(agreement.streams[plan.stream], side.other, codecs)
            self._formats[side.other][plan.stream] = codecs

    def answered(self, agreement: Agreement, side: Side) -> None:
        """A side has answered what it was told."""
        if self.converts:
            for index, stream in enumerate(agreement.streams):
                theirs = self._formats[side.other].get(index, ())
                self._formats[side][index] = formats.agreed(stream, side, theirs)

    def differs(self, side: Side, plans: Sequence[Plan]) -> bool:
        """Whether the node has something else to make of than a side is to be answered."""
        return self.converts and any(
            formats.mains(self._formats[side].get(plan.stream, ())) != formats.mains(plan.rtp.codecs) for plan in plans
        )

    def to_answer(self, agreement: Agreement, side: Side, plans: Sequence[Plan]) -> None:
        """A side is to be answered this, which the node hears as that side's offer."""
        for plan in plans:
            codecs: Sequence[Codec] = plan.rtp.codecs
            self._formats[side][plan.stream] = codecs
            if self.converts:
                codecs = formats.aligned(formats.agreed(agreement.streams[plan.stream], side.other, codecs), codecs)
            self._formats[side.other][plan.stream] = codecs

    # ----------------------------------------------------------------------------------------------------- the node

    def stale(self, agreement: Agreement, side: Side) -> bool:
        """Whether a side has not offered last, or has said something else since."""
        return self._offered != (side, said_by(agreement, side))

    async def owed(self, agreement: Agreement, wanted: Wanted) -> Transports:
        """What a caller is offered that owes its description: what the callee's answer to nobody has given.

        An offer to it by the callee would turn the callee's ICE role round, before it has found its way.  Nobody has
        no ICE credentials, since others after them would be a restart; keys are kept when the caller's own come.
        """
        self._owed, self._nobody = wanted, _nobody(wanted)
        if wanted != replace(wording.PLAIN, feedback=wanted.feedback):
            await self.offer(agreement, Side.CALLER, self.as_said(agreement, Side.CALLEE))
            await self.answer(agreement, Side.CALLEE)
        transports = self.written[Side.CALLER].transports
        return {index: wording.as_offered(*one) for index, one in transports.items()}

    async def refresh(self, agreement: Agreement) -> None:
        """Tell the node all that both sides have said by now, as they said it."""
        await self.rewire(agreement, self._offered[0] if self._offered is not None else Side.CALLER)

    async def rewire(self, agreement: Agreement, side: Side) -> None:
        """Let the node carry what is agreed on now, as if a side had offered and the other answered it."""
        if self.converts:
            for index, stream in enumerate(agreement.streams):
                mine = formats.agreed(stream, side, self._formats[side].get(index, ()))
                theirs = formats.agreed(stream, side.other, self._formats[side.other].get(index, ()))
                self._formats[side][index] = mine
                self._formats[side.other][index] = formats.aligned(theirs, mine)
        await self.offer(agreement, side, self.as_said(agreement, side.other))
        await self.answer(agreement, side.other)

    async def offer(self, agreement: Agreement, side: Side, wanted: Wanted) -> Transports:
        """Tell the node what a side offers; what it has for the other side."""
        lines, role = self._lines(agreement, side, offers=True), ROLES[side]
        mine, theirs = self._formats[side], self._formats[side.other]
        pairs = {index: (mine.get(index, ()), theirs.get(index, ())) for index in range(len(lines))}
        new = {index: formats.mains(pair[1]) for index, pair in pairs.items() if formats.made(*pair)}
        self.stirred = True
        self._offered = side, said_by(agreement, side)
        sdp = self._write(lines, side, answer=False)
        flags = wording.flags(wanted, self._latches(), answer=False, digits=self.plays)
        if self.converts:
            flags |= formats.command(pairs.values())
        reply = await self._session.offer(side, sdp, flags)
        transports = wording.read(reply, lines, wanted, role, answer=False, made=new)
        self._ours.note(self, transports)
        return transports

    async def answer(self, agreement: Agreement, side: Side) -> Written:
        """Tell the node what a side answers; what it has for the other side."""
        lines, role, wanted = self._lines(agreement, side), ROLES[side], self.as_said(agreement, side.other)
        self.stirred = True
        sdp = self._write(lines, side, answer=True)
        flags = wording.flags(wanted, self._latches(), answer=True, digits=self.plays)
        reply = await self._session.answer(side, sdp, flags)
        transports = wording.read(reply, lines, wanted, role, answer=True)
        self._ours.note(self, transports)
        written = Written(said=both_said(agreement), transports=transports)
        self.written[side.other] = written
        return written

    def _write(self, lines: Sequence[Line], side: Side, *, answer: bool) -> str:
        self._version += 1
        # A caller that was made an offer has us for the controlling one; the node believes so of who is lite alone.
        led = side is Side.CALLER and self._owed.ice
        lite = led or any(line.said is not None and line.said.lite for line in lines)
        return wording.write(lines, ROLES[side], self._version, answer=answer, lite=lite)

    def _lines(self, agreement: Agreement, side: Side, *, offers: bool = False) -> tuple[Line, ...]:
        """A side as the node is told it."""
        found = []
        for index, stream in enumerate(agreement.streams):
            codecs = self._formats[side].get(index, ())
            if offers and self.converts:
                codecs = formats.text(codecs, self._formats[side.other].get(index, ()))
            end = stream.ends.get(side)
            found.append(
                Line(
                    kind=stream.kind,
                    said=stream.said(side),
                    nobody=self._nobody if side is Side.CALLER else wording.Nobody(),
                    codecs=codecs,
                    live=any(one.live for one in stream.ends.values()),
                    refused=end is not None and not end.live,
                )
            )
        return tuple(found)

    def as_said(self, agreement: Agreement, side: Side) -> Wanted:
        """How a side's transports are to be after what it said."""
        said = next(filter(None, said_by(agreement, side)), None)
        if said is None:
            return self._owed
        return Wanted(
            ice=isinstance(said.transport, Ice),
            protection=protection(said),
            mux=said.rtp.rtcp_mux is not None,
            feedback=self._legs[side].feedback,
        )

    def _latches(self) -> set[Latch]:
        return {leg.latch for leg in self._legs.values() if not leg.ice}


def _nobody(wanted: Wanted) -> wording.Nobody:
    """Somebody whom no key opens anything to."""
    key = base64.b64encode(secrets.token_bytes(30)).decode()
    crypto = Crypto(tag=1, crypto_suite=wording.SUITES[0], key_params=f"inline:{key}")
    certificate = Fingerprint(hash="sha-256", value=secrets.token_bytes(32).hex(":").upper(), setup=Setup.ACTPASS)
    return wording.Nobody(
        mux=wanted.mux,
        encryption=Encryption(required=True, crypto=(crypto,)) if wanted.protection is Protection.SDES else None,
        fingerprints=(certificate,) if wanted.protection is Protection.DTLS else (),
    )


def both_said(agreement: Agreement) -> tuple[Media | None, ...]:
    """Everything that both sides have said."""
    return tuple(one for side in Side for one in said_by(agreement, side))
