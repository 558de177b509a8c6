"""What the two sides of an anchored call are told, and what they are spared."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.call.anchoring import Anchoring
from gateway.call.bridge import Bridge, Send, State
from gateway.errors import AnchorError
from gateway.media.anchor import PHONE, WEB, Call, Connected
from gateway.signals import (
    Answer,
    Candidates,
    Complete,
    Digit,
    Early,
    End,
    NoDigits,
    Offer,
    PickedUp,
    Progress,
    Refuse,
    Side,
    Signal,
)
from mappings.description import Candidate, Codec, Description, Ice, RawCandidate, RawUdp
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Senders
from tests.call.paper_anchor import PaperAnchor, PaperAnchors
from tests.media.test_agreement import media, plain, said
from tests.media.test_negotiation import OPUS, PCMA, PCMU

CALLER, CALLEE = Side
G722 = Codec(id=9, name="G722", clockrate=8000)
TRANSPORT = media(OPUS).transport
BROWSER = said(media(OPUS, PCMU, PCMA))
PHONES = said(plain(PCMU, PCMA))


class Talk:
    """A bridge with an anchor, and what came of the last signal."""

    def __init__(self, *, caller_proposes: bool = True, legs: tuple[Side, Side] = (CALLER, CALLEE)) -> None:
        self.anchors = PaperAnchors()
        web, phone = legs
        self.bridge = Bridge()
        self.anchoring = Anchoring(
            self.anchors,
            Call(id="c1", legs={web: WEB, phone: PHONE}),
            wanted=lambda offer: True,
            caller_proposes=caller_proposes,
        )
        self.told: list[tuple[Side, Signal]] = []
        self.described: dict[Side, Description] = {}
        "What each side was told last."

    @property
    def anchor(self) -> PaperAnchor:
        return self.anchors.opened[0]

    def says(self, side: Side, signal: Signal) -> list[str]:
        """What is told to whom, in words."""
        sends = asyncio.run(self._hears(side, signal))
        self.told = [(send.side, send.signal) for send in sends]
        for told, heard in self.told:
            if isinstance(heard, Offer | Answer) and heard.description is not None:
                self.described[told] = heard.description
        return [f"{side}: {type(signal).__name__}" for side, signal in self.told]

    async def _hears(self, side: Side, signal: Signal) -> list[Send]:
        meant = await self.anchoring.understood(self.bridge.state, side, signal)
        return await self.anchoring.carry(self.bridge, side, meant)


def codecs(description: Description, index: int = 0) -> list[str | None]:
    return [codec.name for codec in description.media[index].rtp.codecs]


def established() -> Talk:
    """A browser calls a phone, which answers."""
    talk = Talk()
    assert talk.says(CALLER, Offer(BROWSER)) == ["callee: Offer"]
    assert talk.says(CALLEE, Answer(answered(talk, PCMU, PCMA))) == ["caller: Answer"]
    return talk


def answered(talk: Talk, *names: Codec, side: Side = CALLEE) -> Description:
    """A phone's answer to what it was offered last."""
    offer = talk.described[side]
    wanted = {codec.name for codec in names}
    kept = [
        replace(
            one,
            rtp=replace(one.rtp, codecs=tuple(codec for codec in one.rtp.codecs if codec.name in wanted)),
            transport=RawUdp(),
        )
        for one in offer.media
    ]
    return Description(media=tuple(one for one in kept if one.rtp.codecs))


# ----------------------------------------------------------------------------------------------------------- beginnings


def test_each_side_hears_the_anchor_and_not_the_other() -> None:
    talk = Talk()
    talk.says(CALLER, Offer(BROWSER))
    offer = talk.described[CALLEE]
    assert isinstance(offer.media[0].transport, RawUdp)
    assert codecs(offer)[:3] == ["opus", "PCMU", "PCMA"]
    talk.says(CALLEE, Answer(answered(talk, PCMA)))
    answer = talk.described[CALLER]
    assert isinstance(answer.media[0].transport, Ice)
    assert answer.media[0].transport.fingerprints
    assert codecs(answer)[0] == "PCMA"


def test_a_proposal_calls_at_once_and_is_picked_up_before_the_client_describes_anything() -> None:
    talk = Talk()
    assert talk.says(CALLER, Offer(None, ("audio",))) == ["callee: Offer"]
    assert talk.says(CALLEE, Progress()) == ["caller: Progress"]
    assert talk.says(CALLEE, Answer(answered(talk, PCMU, PCMA))) == ["caller: PickedUp"]
    assert talk.says(CALLER, Complete(BROWSER)) == ["caller: Answer"]
    assert codecs(talk.described[CALLER])[0] == "PCMU"
    assert talk.bridge.state is State.ESTABLISHED


def narrowed() -> Talk:
    """The phone picked up with what the client lacks, and is offered what it has."""
    talk = Talk()
    talk.says(CALLER, Offer(None, ("audio",)))
    talk.says(CALLEE, Answer(answered(talk, G722, PCMU)))
    assert talk.says(CALLER, Complete(BROWSER)) == ["caller: Answer", "callee: Offer"]
    return talk


def test_what_the_phone_chose_and_the_client_lacks_is_taken_back() -> None:
    talk = narrowed()
    assert "G722" not in codecs(talk.described[CALLEE])
    # Its answer is the anchor's: the client asked for nothing.
    assert talk.says(CALLEE, Answer(answered(talk, PCMU))) == []
    assert talk.bridge.state == State.ESTABLISHED


def test_a_refusal_of_what_nobody_asked_for_concerns_nobody() -> None:
    talk = narrowed()
    assert talk.says(CALLEE, Refuse(EndReason.GENERAL_ERROR)) == []
    assert talk.bridge.state is State.ESTABLISHED


def test_a_change_of_the_clients_crosses_the_anchors_own() -> None:
    talk = narrowed()
    assert talk.says(CALLER, Offer(BROWSER)) == ["caller: Refuse"]
    refusal = talk.told[0][1]
    assert isinstance(refusal, Refuse)
    assert refusal.glare


def test_a_client_that_describes_itself_early_is_answered_with_the_phone() -> None:
    talk = Talk()
    talk.says(CALLER, Offer(None, ("audio",)))
    answer = answered(talk, PCMU, PCMA)
    assert talk.says(CALLER, Complete(BROWSER)) == []
    assert talk.says(CALLEE, Answer(answer)) == ["caller: Answer"]


def test_a_phone_that_changes_something_before_the_client_has_described_itself_is_answered() -> None:
    talk = Talk()
    talk.says(CALLER, Offer(None, ("audio",)))
    answer = answered(talk, PCMU, PCMA)
    talk.says(CALLEE, Answer(answer))
    held = said(replace(answer.media[0], senders=Senders.RESPONDER))
    assert talk.says(CALLEE, Offer(held)) == ["callee: Answer"]
    assert talk.says(CALLER, Complete(BROWSER))[0] == "caller: Answer"
    assert talk.described[CALLER].media[0].senders is Senders.RESPONDER


def test_an_invite_without_a_description_is_answered_by_an_offer() -> None:
    talk = Talk(caller_proposes=False, legs=(CALLEE, CALLER))
    assert talk.says(CALLER, Offer(None, ("audio",))) == ["callee: Offer"]
    offer = talk.described[CALLEE]
    answer = said(replace(offer.media[0], rtp=replace(offer.media[0].rtp, codecs=(OPUS, PCMU))))
    assert talk.says(CALLEE, Answer(answer)) == ["caller: Answer"]
    assert isinstance(talk.described[CALLER].media[0].transport, RawUdp)
    assert talk.says(CALLER, Complete(answered(talk, PCMU, side=CALLER))) == ["callee: Offer"]
    assert "opus" not in codecs(talk.described[CALLEE])
    assert talk.anchor.agreement.streams[0].end(CALLER) is not None


def test_nothing_in_common_ends_the_call() -> None:
    talk = Talk()
    with pytest.raises(AnchorError) as caught:
        talk.says(CALLER, Offer(said(media(replace(OPUS, name="speex")))))
    assert (caught.value.reason, caught.value.status) == (EndReason.INCOMPATIBLE_PARAMETERS, 488)


def test_that_early_media_are_played_is_all_that_is_told_of_them() -> None:
    talk = Talk()
    talk.says(CALLER, Offer(BROWSER))
    assert talk.says(CALLEE, Progress(ringing=False, description=answered(talk, PCMU))) == ["caller: Progress"]
    assert talk.told == [(CALLER, Progress(ringing=False))]


# --------------------------------------------------------------------------------------------------- before the answer


def playing(*names: Codec) -> Talk:
    """A browser hears what a phone plays."""
    talk = Talk()
    talk.says(CALLER, Offer(BROWSER))
    assert talk.says(CALLEE, Early(answered(talk, *names))) == ["caller: Answer"]
    assert talk.bridge.state is State.EARLY
    return talk


def test_what_is_played_is_heard_and_the_answer_is_no_news_where_it_says_the_same() -> None:
    talk = playing(PCMU, PCMA)
    assert talk.anchor.awaited
    assert talk.says(CALLEE, Early(answered(talk, PCMU))) == [], "another phone plays"
    assert talk.says(CALLEE, Answer(answered(talk, PCMU, PCMA))) == []
    assert not talk.anchor.awaited
    assert talk.bridge.state is State.ESTABLISHED
    held = said(media(OPUS, PCMU, PCMA, senders=Senders.INITIATOR))
    assert talk.says(CALLER, Offer(held)) == ["callee: Offer"]


def test_a_client_that_proposed_is_picked_up_for_what_is_played() -> None:
    talk = Talk()
    talk.says(CALLER, Offer(None, ("audio",)))
    assert talk.says(CALLEE, Early(answered(talk, G722, PCMU))) == ["caller: PickedUp"]
    assert talk.says(CALLEE, Early(answered(talk, PCMU))) == []
    assert talk.says(CALLER, Complete(BROWSER)) == ["caller: Answer"]
    assert talk.bridge.state is State.EARLY
    assert talk.says(CALLEE, Answer(answered(talk, G722, PCMU))) == ["callee: Offer"], "the client lacks one"
    assert "G722" not in codecs(talk.described[CALLEE])


def test_an_answer_before_the_client_has_described_itself_waits_for_that() -> None:
    talk = Talk()
    talk.says(CALLER, Offer(None, ("audio",)))
    talk.says(CALLEE, Early(answered(talk, PCMU)))
    assert talk.says(CALLEE, Answer(answered(talk, G722, PCMU))) == []
    assert talk.says(CALLER, Complete(BROWSER)) == ["caller: Answer", "callee: Offer"]


def test_an_answer_with_another_codec_is_told() -> None:
    talk = playing(PCMU)
    assert talk.says(CALLEE, Answer(answered(talk, PCMA))) == ["caller: Offer"]
    assert codecs(talk.described[CALLER])[0] == "PCMA"
    assert talk.says(CALLER, Answer(said(media(PCMA)))) == [], "the phone knows"
    assert talk.bridge.state is State.ESTABLISHED


def test_what_cannot_be_heard_is_ringing() -> None:
    talk = Talk()
    talk.says(CALLER, Offer(BROWSER))
    speex = said(media(replace(OPUS, name="speex")))
    nothing = replace(speex, media=(replace(speex.media[0], rtp=replace(speex.media[0].rtp, codecs=())),))
    assert talk.says(CALLEE, Early(nothing)) == ["caller: Progress"]
    assert talk.told == [(CALLER, Progress(ringing=False))]
    talk.anchors.failing = AnchorError("does not answer", EndReason.GENERAL_ERROR)
    assert talk.says(CALLEE, Early(answered(talk, PCMU))) == ["caller: Progress"]
    talk.anchors.failing = None
    assert talk.bridge.state is State.OFFERED
    assert talk.says(CALLEE, Early(answered(talk, PCMU))) == ["caller: Answer"]


def test_a_change_before_the_answer_waits_for_it_unless_it_is_none_for_the_phone() -> None:
    talk = playing(PCMU)
    assert talk.says(CALLER, Offer(BROWSER)) == ["caller: Answer"]
    held = said(media(OPUS, PCMU, PCMA, senders=Senders.INITIATOR))
    assert talk.says(CALLER, Offer(held)) == []
    assert talk.bridge.heard
    assert not talk.bridge.talking
    assert talk.says(CALLEE, Answer(answered(talk, PCMU))) == ["callee: Offer"]
    assert talk.says(CALLEE, Answer(answered(talk, PCMU))) == ["caller: Answer"]


def test_a_change_before_the_answer_that_cannot_be_is_refused() -> None:
    talk = playing(PCMU)
    assert talk.says(CALLER, Offer(said(media(replace(OPUS, name="speex"))))) == ["caller: Refuse"]
    assert talk.says(CALLEE, Answer(answered(talk, PCMU))) == []


def test_who_hangs_up_before_the_answer_has_given_up() -> None:
    talk = playing(PCMU)
    assert talk.says(CALLER, End(EndReason.SUCCESS)) == ["callee: End"]
    assert talk.told == [(CALLEE, End(EndReason.CANCEL))]


# -------------------------------------------------------------------------------------------------------------- changes


def test_hold_is_told_and_answered() -> None:
    talk = established()
    held = said(replace(BROWSER.media[0], senders=Senders.INITIATOR))
    assert talk.says(CALLER, Offer(held)) == ["callee: Offer"]
    assert talk.described[CALLEE].media[0].senders is Senders.INITIATOR
    assert talk.says(CALLEE, Answer(answered(talk, PCMU, PCMA))) == ["caller: Answer"]
    assert talk.described[CALLER].media[0].senders is Senders.INITIATOR


def test_a_change_that_is_none_for_the_other_side_is_answered_at_once() -> None:
    talk = established()
    assert isinstance(TRANSPORT, Ice)
    moved = said(replace(BROWSER.media[0], transport=replace(TRANSPORT, ufrag="efgh")))
    assert talk.says(CALLER, Offer(moved)) == ["caller: Answer"]
    assert talk.bridge.state is State.ESTABLISHED


def test_a_refused_change_leaves_all_as_it_was() -> None:
    talk = established()
    before = talk.anchor.agreement
    held = said(replace(BROWSER.media[0], senders=Senders.NONE))
    talk.says(CALLER, Offer(held))
    assert talk.says(CALLEE, Refuse(EndReason.GENERAL_ERROR)) == ["caller: Refuse"]
    assert talk.anchor.agreement == before
    # And the next change is told against what stands.
    assert talk.says(CALLER, Offer(BROWSER)) == ["caller: Answer"]


def test_a_change_without_anything_in_common_is_refused_and_the_call_goes_on() -> None:
    talk = established()
    before = talk.anchor.agreement
    assert talk.says(CALLER, Offer(said(media(replace(OPUS, name="speex"))))) == ["caller: Refuse"]
    assert talk.anchor.agreement == before
    assert talk.bridge.state is State.ESTABLISHED


def test_changes_that_cross_are_refused_by_the_bridge_alone() -> None:
    talk = established()
    talk.says(CALLER, Offer(said(replace(BROWSER.media[0], senders=Senders.INITIATOR))))
    assert talk.says(CALLEE, Offer(PHONES)) == ["callee: Refuse"]
    assert talk.says(CALLEE, Answer(answered(talk, PCMU, PCMA))) == ["caller: Answer"]


# ------------------------------------------------------------------------------------------------------------- the rest


def test_candidates_are_the_anchors() -> None:
    talk = established()
    transport = BROWSER.media[0].transport
    assert isinstance(transport, Ice)
    assert talk.says(CALLER, Candidates({"0": transport})) == []
    assert talk.anchor.heard == [(CALLER, {"0": transport})]


@pytest.mark.parametrize("side", Side)
def test_a_digit_is_sound_where_the_side_takes_that_and_a_word_where_it_does_not(side: Side) -> None:
    talk = established()
    assert talk.says(side, Digit("5", 250)) == []
    assert talk.anchor.digits == [(side.other, "5", 250)]
    talk.anchors.sends_digits = False
    assert talk.says(side, Digit("5", 250)) == [f"{side.other}: Digit"]


def test_a_phone_that_takes_no_digits_outside_the_sound_is_no_matter_where_they_are_sound() -> None:
    talk = established()
    assert talk.says(CALLEE, NoDigits()) == []
    talk.anchors.digits = False
    assert talk.says(CALLEE, NoDigits()) == ["caller: NoDigits"]


def test_the_end_is_told_as_it_is_and_closing_keeps_what_was_counted() -> None:
    talk = established()
    talk.anchors.counted = {CALLER: ()}
    assert talk.says(CALLER, End(EndReason.SUCCESS)) == ["callee: End"]
    asyncio.run(talk.anchoring.close())
    asyncio.run(talk.anchoring.close())
    assert talk.anchor.closed
    assert talk.anchoring.counted == {CALLER: ()}


def test_an_anchor_that_is_full_takes_no_call() -> None:
    anchors = PaperAnchors(full=True)
    anchoring = Anchoring(anchors, Call(id="c1"), wanted=lambda offer: True, caller_proposes=True)
    with pytest.raises(AnchorError, match="no port"):
        asyncio.run(anchoring.carry(Bridge(), CALLER, Offer(BROWSER)))


def test_a_call_that_needs_no_anchor_is_passed_as_it_is() -> None:
    asked: list[Description | None] = []
    bridge, anchors = Bridge(), PaperAnchors()

    def unwanted(offer: Description | None) -> bool:
        asked.append(offer)
        return False

    anchoring = Anchoring(anchors, Call(id="c1"), wanted=unwanted, caller_proposes=True)
    for side, signal in ((CALLER, Offer(BROWSER)), (CALLEE, Answer(PHONES)), (CALLER, Offer(BROWSER))):
        sends: Sequence[object] = asyncio.run(anchoring.carry(bridge, side, signal))
        assert sends == [(side.other, signal)]
    assert asked == [BROWSER]
    assert anchoring.backend is None
    assert not anchors.opened


def test_what_happens_by_itself_is_told_until_the_end() -> None:
    talk = established()
    events: list[object] = []
    talk.anchoring.listener = events.append
    talk.anchor.listener(Connected(CALLER))
    assert events == [Connected(CALLER)]
    assert talk.anchoring.backend == "paper"
    asyncio.run(talk.anchoring.close())
    talk.anchor.listener(Connected(CALLEE))
    assert events == [Connected(CALLER)]


def test_picking_up_is_said_to_callers_only() -> None:
    talk = Talk()
    talk.says(CALLER, Offer(None, ("audio",)))
    talk.says(CALLEE, Answer(answered(talk, PCMU)))
    assert talk.told == [(CALLER, PickedUp())]


# -------------------------------------------------------------------------------------------- an offer that was refused


def refusable(*, again: bool = True) -> Talk:
    """A browser's offer goes to the phone as it is."""
    talk = Talk()
    talk.anchoring = Anchoring(
        talk.anchors,
        Call(id="c1", legs={CALLER: WEB, CALLEE: WEB}),
        wanted=lambda offer: False,
        caller_proposes=True,
        again=PHONE if again else None,
    )
    assert talk.says(CALLER, Offer(BROWSER)) == ["callee: Offer"]
    assert talk.described[CALLEE] == BROWSER
    return talk


REFUSAL = End(EndReason.INCOMPATIBLE_PARAMETERS, status=488)


def test_a_refused_offer_is_followed_by_the_anchors() -> None:
    talk = refusable()
    talk.says(CALLER, Candidates({"0": TRANSPORT}))
    assert talk.anchoring.backend is None
    assert talk.says(CALLEE, REFUSAL) == ["callee: Offer"]
    assert isinstance(talk.described[CALLEE].media[0].transport, RawUdp)
    assert talk.anchor.heard == [(CALLER, {"0": TRANSPORT})]
    assert talk.anchoring.backend == "paper"
    assert talk.says(CALLEE, Answer(answered(talk, PCMU))) == ["caller: Answer"]
    assert talk.bridge.state is State.ESTABLISHED


def test_the_second_refusal_and_any_after_an_answer_is_told() -> None:
    talk = refusable()
    talk.says(CALLEE, REFUSAL)
    assert talk.says(CALLEE, REFUSAL) == ["caller: End"]
    talk = refusable()
    assert talk.says(CALLEE, Answer(BROWSER)) == ["caller: Answer"]
    assert talk.says(CALLEE, REFUSAL) == ["caller: End"]
    assert refusable(again=False).says(CALLEE, REFUSAL) == ["caller: End"]


def test_what_the_anchor_cannot_offer_leaves_the_refusal_as_it_was() -> None:
    talk = refusable()
    talk.anchors.full = True
    assert talk.says(CALLEE, REFUSAL) == ["caller: End"]
    assert talk.anchoring.backend is None


def test_a_side_that_is_held_to_some_addresses_names_no_other() -> None:
    talk = Talk()
    talk.anchoring = Anchoring(
        talk.anchors,
        Call(id="c1", legs={CALLER: WEB, CALLEE: PHONE}),
        wanted=lambda offer: True,
        caller_proposes=True,
        reaches={CALLEE: lambda address: address == "203.0.113.9"},
    )
    phone = plain(PCMU, PCMA)
    here, there, nowhere = (
        said(replace(phone, transport=RawUdp(candidates=(RawCandidate(ip=ip, port=4000),))))
        for ip in ("203.0.113.9", "10.0.0.5", "0.0.0.0")
    )
    talk.says(CALLER, Offer(BROWSER))
    assert talk.says(CALLEE, Answer(here)) == ["caller: Answer"]
    talk.says(CALLEE, Offer(nowhere))
    with pytest.raises(AnchorError, match="not where media of this side may be sent"):
        talk.says(CALLEE, Offer(there))


def at(*ips: str) -> Description:
    """The browser with candidates there."""
    candidates = tuple(
        Candidate(foundation="1", component=1, protocol="udp", priority=1, ip=ip, port=4000, type=CandidateType.HOST)
        for ip in ips
    )
    transport = replace(BROWSER.media[0].transport, candidates=candidates)  # type: ignore[arg-type]
    return said(replace(BROWSER.media[0], transport=transport))


def ips(transport: object) -> list[str]:
    """Where it is."""
    assert isinstance(transport, Ice)
    return [one.ip for one in transport.candidates]


def only(address: str) -> bool:
    """Where the caller may be."""
    return address == "203.0.113.9"


def test_candidates_that_lead_where_a_side_may_not_be_are_not_for_the_anchor() -> None:
    talk = Talk()
    talk.anchoring._reaches = {CALLER: only}
    both = at("203.0.113.9", "10.0.0.5", "browser.local")
    assert talk.says(CALLER, Offer(both)) == ["callee: Offer"]
    talk.says(CALLER, Candidates({"0": both.media[0].transport}))
    assert ips(talk.anchor.said[CALLER].media[0].transport) == ["203.0.113.9"]
    assert [ips(one) for _, by_media in talk.anchor.heard for one in by_media.values()] == [["203.0.113.9"]]


def test_what_was_said_before_there_was_an_anchor_is_held_to_the_same() -> None:
    talk = refusable()
    both = at("203.0.113.9", "10.0.0.5")
    talk.anchoring._reaches = {CALLER: only}
    talk.says(CALLER, Candidates({"0": both.media[0].transport}))
    assert talk.says(CALLEE, REFUSAL) == ["callee: Offer"]
    assert [ips(one) for _, by_media in talk.anchor.heard for one in by_media.values()] == [["203.0.113.9"]]
