"""What an anchor makes of the signals of a call: each side hears the anchor's descriptions, and none of the other's.

The bridge decides what is passed to whom; this decides what of it is told.  A description that one side says is taken
by the anchor, and the other side is told what the anchor makes of it, or nothing, where nothing changes for it.  So an
exchange may end here that the bridge believes to be with the other side, and one may begin here that no side asked
for; the bridge then hears it as if a side had said it, and nothing of that comes back to the anchor.

Who owes a description (architecture D5).  A client that proposes says only kinds of media: the callee is offered the
anchor's, picks up, and the client's own description, when it comes, is answered at once.  An INVITE without a
description is answered by the anchor's offer, and the answer to that comes with the ACK.

What a callee plays before it answers is heard where its leg says so (`Early`): the caller is answered for it, and so
takes the call for answered.  What the callee then says is news for the anchor, whose media follow; the caller is told
once, when the callee has answered, and only what has changed.  A change that the caller wants meanwhile, and that the
callee would have to hear of, is kept until then, too.

A callee that refuses the caller's own offer may be made another, the anchor's, before the caller hears of it (D6).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TypeVar, assert_never

from gateway.call.bridge import Bridge, Send, State
from gateway.call.second_offer import SecondOffer
from gateway.errors import AnchorError
from gateway.media.anchor import Anchor, Anchors, Call, Event, LegMedia, Listener, Statistics
from gateway.media.streams import held_to, transport_held_to
from gateway.signals import (
    Answer,
    Attendance,
    Candidates,
    Complete,
    Digit,
    Early,
    End,
    NoDigits,
    Offer,
    PickedUp,
    Picture,
    Progress,
    Refuse,
    Side,
    Signal,
    Transfer,
    Transferred,
)
from mappings.description import Description
from mappings.reasons import EndReason

_S = TypeVar("_S", bound=Signal)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a signal."""

    tell: tuple[Send, ...] = ()
    "For legs, as they are."

    hear: tuple[tuple[Side, Signal], ...] = ()
    "For the bridge, as if that side had said it; what it then sends is told as it is."


NOTHING = Outcome()


class Anchoring:
    """One call's dealings with its anchor.  AnchorError from an operation: the call cannot go on."""

    def __init__(
        self,
        anchors: Anchors,
        call: Call,
        *,
        wanted: Callable[[Description | None], bool],
        caller_proposes: bool,
        again: LegMedia | None = None,
        reaches: Mapping[Side, Callable[[str], bool]] = MappingProxyType({}),
    ) -> None:
        """``wanted`` says whether a call that begins with this offer is anchored; None: it is still owed.

        ``caller_proposes``: a caller that owes its description gives it when the callee has answered, as clients do
        after their propose; else it wants an offer, as phones do that send an INVITE without one.  ``again`` is what a
        callee is offered that refuses the caller's offer; None: that is the end.  ``reaches`` says of a side, where not
        every address is good, to which its media may be sent.
        """
        self.listener: Listener = lambda event: None
        "Is told what happens by itself, outside of every operation."

        self.counted: Statistics = {}
        "What was counted, when the call is over."

        self._anchors = anchors
        self._call = call
        self._wanted = wanted
        self._caller_proposes = caller_proposes
        self._second = None if again is None else SecondOffer(again)
        self._reaches = reaches
        self._sources: dict[Side, str | None] = {}
        "Where the signalling of each side comes from."

        self._anchor: Anchor | None = None
        self._told: dict[Side, Description] = {}
        "What each side was offered or answered last."

        self._before: dict[Side, Description | None] = {}
        "The same before the offer that is open with that side."

        self._owes = False
        "The caller has not described anything yet."

        self._begun = self._opened = False
        self._answered = False
        self._early = False
        "The caller was answered, or asked for its description, for what the callee plays; the callee has not answered."

        self._wish: Offer | None = None
        "A change that the caller wants, until the callee has answered."

        self._ours: Side | None = None
        "The side that was offered a change which the other did not ask for, until it has answered."

    @property
    def backend(self) -> str | None:
        """Which anchor the call has, or had; None: none."""
        return self._anchors.name if self._opened else None

    async def close(self) -> None:
        """Give everything back, and keep what was counted.  AnchorError: the back-end could not be asked."""
        if self._anchor is not None:
            anchor, self._anchor = self._anchor, None
            try:
                self.counted = await anchor.statistics()
            finally:
                await anchor.close()

    async def understood(self, state: State, side: Side, signal: Signal, *, source: str | None = None) -> Signal:
        """What a side's signal is to the call; ``source`` as in `carry`.

        What cannot be heard early is ringing.  A caller that hangs up as after a call, since it takes this one for
        answered, has given it up.
        """
        self._sources[side] = source
        match signal:
            case Early():
                return signal if await self._hears(side, signal) else Progress(ringing=False)
            case End(reason=EndReason.SUCCESS) if state is State.EARLY and side is Side.CALLER:
                return replace(signal, reason=EndReason.CANCEL)
            case _:
                return signal

    async def carry(self, bridge: Bridge, side: Side, signal: Signal, *, source: str | None = None) -> list[Send]:
        """What legs are told of a side's signal; ``source`` is the address that its signalling comes from, if any.

        OutOfOrder, and nothing changed, where the bridge has no place for it.  AnchorError: the call cannot go on.
        """
        self._sources[side] = source
        second = await self._second_offer(bridge.state, side, signal)
        if second is not None:
            return [Send(side, second)]
        told: list[Send] = []
        for send in bridge.receive(side, signal):
            if send.side is side:  # the bridge's own answer
                told.append(send)
                continue
            outcome = await self._through(send, bridge.state)
            told += outcome.tell
            for spoken_for, said in outcome.hear:
                told += bridge.receive(spoken_for, said)
        if self._wish is not None and bridge.state is State.ESTABLISHED:
            wish, self._wish = self._wish, None
            told += await self.carry(bridge, Side.CALLER, wish, source=self._sources.get(Side.CALLER))
        return told

    async def _through(self, send: Send, state: State) -> Outcome:
        to, signal = send
        if isinstance(signal, Offer) and not self._begun:
            self._begun = True
            if self._wanted(signal.description):
                self._anchor = await self._anchors.open(self._call, self._happened)
                self._opened = True
            elif self._second is not None:
                self._second.begin(signal)
        anchor = self._anchor
        if anchor is None:
            if self._second is not None:
                self._second.keep(to, signal)
            return Outcome((send,))
        signal = self._held(to.other, signal)
        match signal:
            case Offer() if state is State.EARLY:
                return await self._wished(anchor, to, signal)
            case Offer():
                return await (
                    self._changed(anchor, to, signal) if self._answered else self._offered(anchor, to, signal)
                )
            case Answer():
                return await self._accepted(anchor, to, signal.description, state)
            case Complete():
                return await self._completed(anchor, to, signal.description, state)
            case Refuse():
                return await self._refused(anchor, to, signal)
            case Candidates():
                await anchor.candidates(to.other, signal.by_media)
                return NOTHING
            case Early():
                return self._heard(to)
            case Progress():
                # What is played is for nobody then: who has not been answered has no way for it to come.
                return Outcome((Send(to, Progress(signal.ringing)),))
            case Digit():
                sent = await anchor.digit(to, signal.digit, signal.duration)
                return NOTHING if sent else Outcome((send,))
            case Picture():
                await anchor.picture(to)
                return NOTHING
            case NoDigits() if self._anchors.digits:
                return NOTHING  # they are sound
            case NoDigits() | Attendance() | End() | PickedUp() | Transfer() | Transferred():
                return Outcome((send,))
            case never:
                assert_never(never)

    def _held(self, side: Side, signal: _S) -> _S:
        """What a side says, without what leads to where its media may not be sent."""
        reaches = self._reaches.get(side)
        if reaches is None:
            return signal
        match signal:
            case Offer(description=Description() as said) | Complete(said) | Answer(said) | Early(said):
                return replace(signal, description=held_to(reaches, said))
            case Candidates():
                held = {name: transport_held_to(reaches, one) for name, one in signal.by_media.items()}
                return replace(signal, by_media=held)
            case _:
                return signal

    def _happened(self, event: Event) -> None:
        if self._anchor is not None:
            self.listener(event)

    async def _second_offer(self, state: State, side: Side, signal: Signal) -> Offer | None:
        """What a callee is offered that does not want the caller's own offer: once, and where an anchor can be had."""
        second = self._second
        if second is None or not second.follows(state, side, signal):
            return None
        try:
            legs = {**self._call.legs, side: second.leg}
            self._anchor = await self._anchors.open(replace(self._call, legs=legs), self._happened)
            source = self._sources.get(side.other)
            offer = await second.make(self._anchor, side, source, held=partial(self._held, side.other))
        except AnchorError:
            await self.close()  # the caller hears what the callee said
            return None
        assert offer.description is not None
        self._told[side] = offer.description
        self._opened = True
        return offer

    # ------------------------------------------------------------------------------------------------- the first offer

    async def _offered(self, anchor: Anchor, to: Side, offer: Offer) -> Outcome:
        self._owes = offer.description is None
        if offer.description is not None:
            await anchor.take_offer(to.other, offer.description, source=self._sources.get(to.other))
        ours = await anchor.make_offer(to, offer.kinds)
        self._told[to] = ours
        return Outcome((Send(to, Offer(ours, offer.kinds)),))

    async def _accepted(self, anchor: Anchor, to: Side, answer: Description, state: State) -> Outcome:
        """The other side has answered what it was offered last."""
        await anchor.take_answer(to.other, answer, source=self._sources.get(to.other))
        self._before.clear()
        if self._ours is to.other:
            self._ours = None
            return NOTHING
        self._answered = True
        if self._early:
            self._early = False
            return Outcome(hear=() if self._owes or self._wish else await self._level(anchor, to, state))
        if not self._owes:
            return Outcome((Send(to, Answer(await self._answer(anchor, to))),))
        if self._caller_proposes:
            return Outcome((Send(to, PickedUp()),))
        ours = await anchor.make_offer(to)
        self._told[to] = ours
        return Outcome((Send(to, Answer(ours)),))

    async def _completed(self, anchor: Anchor, to: Side, description: Description, state: State) -> Outcome:
        """The caller has described what it owed: an offer to be answered, or the answer to ours."""
        caller, self._owes = to.other, False
        if not self._caller_proposes:
            await anchor.take_answer(caller, description, source=self._sources.get(caller))
            return Outcome(hear=await self._follow(anchor, to, state))
        await anchor.take_offer(caller, description, source=self._sources.get(caller))
        if not self._answered and not self._early:
            return NOTHING
        answer = Send(caller, Answer(await self._answer(anchor, caller)))
        return Outcome((answer,), await self._follow(anchor, to, state))

    async def _answer(self, anchor: Anchor, side: Side) -> Description:
        self._told[side] = answer = await anchor.make_answer(side)
        return answer

    async def _follow(self, anchor: Anchor, side: Side, state: State) -> tuple[tuple[Side, Signal], ...]:
        """Offer a side what has become different for it, as a change that the other side wants."""
        if state is not State.ESTABLISHED:
            return ()  # a change is under way, and its answer says the same
        offer = await anchor.make_offer(side)
        if offer == self._told.get(side):
            return ()
        self._tell(side, offer)
        self._ours = side
        return ((side.other, Offer(offer)),)

    # ----------------------------------------------------------------------------------------------- before the answer

    async def _hears(self, callee: Side, played: Early) -> bool:
        """Whether what a callee plays comes to its caller, or will when the caller has described itself."""
        anchor, caller = self._anchor, callee.other
        if anchor is None:
            return False
        try:
            said = self._held(callee, played).description
            await anchor.take_answer(callee, said, source=self._sources.get(callee), early=True)
            if not self._owes and not self._early:
                await self._answer(anchor, caller)
        except AnchorError:
            return False
        return True

    def _heard(self, caller: Side) -> Outcome:
        if self._early:
            return NOTHING
        self._early = True
        return Outcome((Send(caller, PickedUp() if self._owes else Answer(self._told[caller])),))

    async def _wished(self, anchor: Anchor, to: Side, offer: Offer) -> Outcome:
        """A change that the caller wants: made where it is none for the callee, else kept until that has answered."""
        wants = to.other
        try:
            if offer.description is not None:
                await anchor.take_offer(wants, offer.description, source=self._sources.get(wants))
            if await anchor.make_offer(to, offer.kinds) == self._told.get(to):
                return Outcome((Send(wants, Answer(await self._answer(anchor, wants))),))
        except AnchorError as error:
            await anchor.withdraw(wants)
            return Outcome((Send(wants, Refuse(error.reason, error.text)),))
        await anchor.withdraw(wants)
        self._wish = offer
        return NOTHING

    async def _level(self, anchor: Anchor, caller: Side, state: State) -> tuple[tuple[Side, Signal], ...]:
        """The callee has answered whose caller was answered before: what either was told may not hold any more."""
        return await self._follow(anchor, caller.other, state) or await self._follow(anchor, caller, state)

    # -------------------------------------------------------------------------------------------------------- changes

    async def _changed(self, anchor: Anchor, to: Side, offer: Offer) -> Outcome:
        """The other side wants a change: told on where it is one for this side, else answered at once."""
        wants = to.other
        try:
            if offer.description is not None:
                await anchor.take_offer(wants, offer.description, source=self._sources.get(wants))
            undescribed = self._owes and to is Side.CALLER
            theirs = self._told.get(to) if undescribed else await anchor.make_offer(to, offer.kinds)
            if theirs is None or theirs == self._told.get(to):
                return Outcome(hear=((to, Answer(await self._answer(anchor, wants))),))
        except AnchorError as error:
            await anchor.withdraw(wants)
            return Outcome(hear=((to, Refuse(error.reason, error.text)),))
        self._tell(to, theirs)
        return Outcome((Send(to, Offer(theirs)),))

    async def _refused(self, anchor: Anchor, to: Side, refusal: Refuse) -> Outcome:
        """The other side does not want what it was offered: all is as it was."""
        refuses = to.other
        await anchor.withdraw(refuses)
        before = self._before.pop(refuses, None)
        if before is not None:
            self._told[refuses] = before
        if self._ours is refuses:
            self._ours = None
            return NOTHING
        await anchor.withdraw(to)
        return Outcome((Send(to, refusal),))

    def _tell(self, side: Side, offer: Description) -> None:
        self._before[side] = self._told.get(side)
        self._told[side] = offer
