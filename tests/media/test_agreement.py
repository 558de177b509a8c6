"""Both sides of a call as they are agreed: who is told what, and what is undone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AnchorError
from gateway.fields import Dropped
from gateway.media.agreement import MOST_FORMATS, Agreement, groups
from gateway.media.anchor import PHONE, WEB, LegMedia, Protection
from gateway.media.streams import Plan, protection
from gateway.sdp.answer import fit
from gateway.signals import Side
from mappings.codecs import KINDS
from mappings.description import Bandwidth, Codec, Description, Fingerprint, Group, Ice, Media, RawUdp, RtcpMux, Rtp
from mappings.reasons import EndReason
from mappings.terms import Role, Senders

from .test_negotiation import CHROME, EVENTS_8, NOISE, OPUS, PCMA, PCMU, offers

CALLER, CALLEE = Side
VP8 = Codec(id=96, name="VP8", clockrate=90000)
KEYED = Ice(ufrag="abcd", pwd="x" * 22, fingerprints=(Fingerprint(hash="sha-256", value="AA"),))


def media(
    *codecs: Codec,
    name: str = "0",
    senders: Senders = Senders.BOTH,
    transport: Ice | RawUdp = KEYED,
    mux: bool = True,
) -> Media:
    """One medium, as a browser has it."""
    kind = "video" if codecs[0].clockrate == 90000 else "audio"
    rtp = Rtp(media=kind, codecs=codecs, rtcp_mux=RtcpMux() if mux else None)
    return Media(name=name, rtp=rtp, transport=transport, senders=senders)


def plain(*codecs: Codec, name: str = "0", senders: Senders = Senders.BOTH) -> Media:
    """One medium, as a phone has it."""
    return media(*codecs, name=name, senders=senders, transport=RawUdp(), mux=False)


def said(*several: Media) -> Description:
    """A description."""
    return Description(media=several)


def made(plans: Sequence[Plan]) -> Description:
    """What a back-end makes of plans, without addresses."""
    return Description(
        media=tuple(
            Media(
                name=plan.name,
                rtp=plan.rtp,
                transport=KEYED if plan.ice else RawUdp(),
                creator=plan.creator,
                senders=plan.senders,
            )
            for plan in plans
        )
    )


def offered(agreement: Agreement, side: Side, leg: LegMedia, *kinds: str) -> tuple[Agreement, Description]:
    """Make an offer and keep that it was made."""
    agreement, plans = agreement.plan_offer(side, leg, kinds)
    description = made(plans)
    return agreement.told(side, description), description


def answered(agreement: Agreement, side: Side, leg: LegMedia) -> tuple[Agreement, Description]:
    """Answer, and keep that it was answered."""
    description = made(agreement.plan_answer(side, leg))
    return agreement.told(side, description), description


def names(description: Description, index: int = 0) -> list[str]:
    """The formats of a medium."""
    return [f"{codec.name}:{codec.id}" for codec in description.media[index].rtp.codecs]


def established(
    offer: Description, answer: Description, *, leg: LegMedia = PHONE
) -> tuple[Agreement, Description, Description]:
    """A browser calls a phone: what the phone was offered, and the browser answered."""
    agreement = Agreement().heard_offer(CALLER, offer, WEB)
    agreement, told = offered(agreement, CALLEE, leg)
    agreement = agreement.heard_answer(CALLEE, answer)
    agreement, back = answered(agreement, CALLER, WEB)
    return agreement, told, back


# ----------------------------------------------------------------------------------------------------- calls that begin


def test_a_browser_calls_a_phone() -> None:
    agreement, told, back = established(said(media(*CHROME)), said(plain(PCMA, replace(EVENTS_8, id=101))))
    assert names(told) == [
        "opus:111", "G722:9", "PCMU:0", "PCMA:8", "CN:13", "telephone-event:110", "telephone-event:126",
    ]  # fmt: skip
    assert isinstance(told.media[0].transport, RawUdp)
    assert told.media[0].rtp.rtcp_mux is None
    assert names(back) == ["PCMA:8", "telephone-event:126"]
    assert back.media[0].rtp.rtcp_mux is not None
    assert agreement.passages(0, CALLER)[8].number == 8
    assert agreement.passages(0, CALLER)[126].number == 101
    assert agreement.may_send(0, CALLER)


def test_the_wanted_codec_is_offered_first() -> None:
    agreement = Agreement().heard_offer(CALLER, said(media(*CHROME)), WEB)
    _, told = offered(agreement, CALLEE, replace(PHONE, codecs=("PCMA", "opus")))
    assert names(told)[:2] == ["PCMA:8", "opus:111"]


def test_a_client_is_offered_a_phones_codecs_in_the_phones_order() -> None:
    # As Asterisk has them: it passes Opus on without being able to convert it, and soon says PCMU alone.
    g722 = Codec(id=9, name="G722", clockrate=8000)
    agreement = Agreement().heard_offer(CALLER, said(plain(PCMU, PCMA, g722, OPUS, EVENTS_8)), PHONE)
    _, told = offered(agreement, CALLEE, WEB)
    assert names(told)[:4] == ["PCMU:0", "PCMA:8", "G722:9", "opus:111"]
    _, told = offered(agreement, CALLEE, replace(WEB, transcodes=("opus", "PCMU"), transcodes_first=True))
    assert names(told)[0] == "opus:111"


def test_a_proposal_is_offered_before_the_client_says_anything() -> None:
    agreement, told = offered(Agreement(), CALLEE, PHONE, "audio")
    assert names(told) == [
        "opus:111", "G722:9", "PCMU:0", "PCMA:8", "telephone-event:110", "telephone-event:101",
    ]  # fmt: skip
    agreement = agreement.heard_answer(CALLEE, said(plain(PCMU, replace(EVENTS_8, id=101), name="audio")))
    agreement = agreement.heard_offer(CALLER, said(media(*CHROME, name="1")), WEB)
    agreement, back = answered(agreement, CALLER, WEB)
    assert back.media[0].name == "1"
    assert names(back) == ["PCMU:0", "telephone-event:126"]
    assert agreement.passages(0, CALLEE)[101].number == 126


def test_an_invite_without_a_description_is_answered_by_an_offer() -> None:
    agreement, told = offered(Agreement(), CALLEE, WEB, "audio")
    assert told.media[0].creator is Role.INITIATOR
    agreement = agreement.heard_answer(CALLEE, said(media(OPUS, PCMU, name="audio")))
    agreement, told = offered(agreement, CALLER, PHONE)
    assert names(told) == ["opus:111", "PCMU:0", "telephone-event:110", "telephone-event:101"]
    agreement = agreement.heard_answer(CALLER, said(plain(PCMU, name="audio")))
    assert agreement.passages(0, CALLER)[0].number == 0


def test_what_the_phone_chose_and_the_client_lacks_has_to_be_offered_anew() -> None:
    agreement, _ = offered(Agreement(), CALLEE, PHONE, "audio")
    agreement = agreement.heard_answer(CALLEE, said(plain(OPUS, PCMU, name="audio")))
    agreement = agreement.heard_offer(CALLER, said(media(PCMU)), WEB)
    agreement, back = answered(agreement, CALLER, WEB)
    assert names(back) == ["PCMU:0"]
    _, plans = agreement.plan_offer(CALLEE, PHONE, ())
    assert not plans[0].same
    assert [codec.name for codec in plans[0].rtp.codecs] == ["PCMU", "telephone-event"]


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.conformance("MED-08")
def test_nothing_in_common_is_refused_with_a_clear_text() -> None:
    agreement = Agreement().heard_offer(CALLER, said(media(*CHROME)), WEB)
    agreement, _ = offered(agreement, CALLEE, PHONE)
    agreement = agreement.heard_answer(CALLEE, said(plain(PCMU)))
    agreement = agreement.heard_offer(CALLER, said(media(OPUS)), WEB)
    with pytest.raises(AnchorError, match="audio: no codec that both sides have") as caught:
        agreement.plan_answer(CALLER, WEB)
    assert (caught.value.reason, caught.value.status) == (EndReason.INCOMPATIBLE_PARAMETERS, 488)


@pytest.mark.parametrize("codecs", [(NOISE, EVENTS_8), (Codec(id=97, name="speex", clockrate=16000),)])
def test_an_offer_of_nothing_that_can_be_carried_is_refused(codecs: tuple[Codec, ...]) -> None:
    with pytest.raises(AnchorError) as caught:
        Agreement().heard_offer(CALLER, said(media(*codecs)), WEB)
    assert caught.value.reason is EndReason.INCOMPATIBLE_PARAMETERS


@pytest.mark.parametrize("answer", [said(), said(plain(EVENTS_8)), said(plain(PCMU, name="other"))])
def test_an_answer_that_accepts_nothing_is_an_error(answer: Description) -> None:
    agreement = Agreement().heard_offer(CALLER, said(media(*CHROME)), WEB)
    agreement, _ = offered(agreement, CALLEE, PHONE)
    with pytest.raises(AnchorError):
        agreement.heard_answer(CALLEE, answer)


def test_a_kind_that_nobody_knows_is_not_offered() -> None:
    with pytest.raises(AnchorError, match="nothing to offer"):
        Agreement().plan_offer(CALLEE, PHONE, ("text",))
    assert "text" not in KINDS


def test_the_ninth_medium_is_refused() -> None:
    several = [media(PCMU, name=str(index)) for index in range(9)]
    agreement = Agreement().heard_offer(CALLER, said(*several), WEB)
    assert len(agreement.streams) == 8


# -------------------------------------------------------------------------------------------------------- several media


def test_video_that_the_phone_refuses_stands_in_the_answer_without_senders() -> None:
    agreement, told, back = established(said(media(OPUS, PCMU), media(VP8, name="1")), said(plain(PCMU)))
    assert [one.rtp.media for one in told.media] == ["audio", "video"]
    assert [(one.name, one.senders) for one in back.media] == [("0", Senders.BOTH), ("1", Senders.NONE)]
    assert not agreement.may_send(1, CALLER)


def test_what_was_refused_once_makes_no_change_later() -> None:
    agreement, _, back = established(said(media(OPUS, PCMU), media(VP8, name="1")), said(plain(PCMU)))
    agreement = agreement.heard_offer(CALLEE, said(plain(PCMU, senders=Senders.RESPONDER)), PHONE)
    _, plans = agreement.plan_offer(CALLER, WEB, ())
    assert [(plan.name, plan.senders, plan.same) for plan in plans] == [
        ("0", Senders.RESPONDER, False),
        ("1", Senders.NONE, True),
    ]
    assert made(plans).media[1].rtp == back.media[1].rtp
    _, plans = agreement.heard_offer(CALLEE, said(plain(PCMU)), PHONE).plan_offer(CALLER, WEB, ())
    assert all(plan.same for plan in plans)


def test_video_that_is_added_later_and_refused_is_not_in_the_answer() -> None:
    agreement, _, _ = established(said(media(OPUS, PCMU)), said(plain(PCMU)))
    agreement = agreement.heard_offer(CALLER, said(media(OPUS, PCMU), media(VP8, name="1")), WEB)
    agreement, _ = offered(agreement, CALLEE, PHONE)
    agreement = agreement.heard_answer(CALLEE, said(plain(PCMU)))
    assert [plan.name for plan in agreement.plan_answer(CALLER, WEB)] == ["0"]


def test_how_much_a_side_can_take_is_told_to_the_other() -> None:
    narrow = replace(VP8, id=97)
    limits = (Bandwidth(type="AS", value="512"),)
    video = plain(narrow, name="1")
    video = replace(video, rtp=replace(video.rtp, bandwidth=limits))
    agreement = Agreement().heard_offer(CALLER, said(plain(PCMU), video), PHONE)
    agreement, told = offered(agreement, CALLEE, WEB)
    assert [one.rtp.bandwidth for one in told.media] == [(), limits]
    more = media(VP8, name="1")
    more = replace(more, rtp=replace(more.rtp, bandwidth=(Bandwidth(type="TIAS", value="900000"),)))
    agreement = agreement.heard_answer(CALLEE, said(media(PCMU), more))
    _, back = answered(agreement, CALLER, PHONE)
    assert back.media[1].rtp.bandwidth == more.rtp.bandwidth


@given(offers(), offers(), st.sampled_from(list(Senders)), st.sampled_from(list(Senders)))
def test_whatever_is_agreed_on_is_what_both_could_have_agreed_on(
    offer: tuple[Codec, ...], answer: tuple[Codec, ...], wanted: Senders, granted: Senders
) -> None:
    try:
        agreement = Agreement().heard_offer(CALLER, said(media(*offer, senders=wanted)), WEB)
    except AnchorError:
        assert not [codec for codec in offer if (codec.name or "").lower() in ("opus", "g722", "pcmu", "pcma")]
        return
    agreement, told = offered(agreement, CALLEE, PHONE)
    dropped = Dropped()
    try:
        # The phone's answer as its leg passes it on, and ours as a client's leg would read it.
        fitted = fit(said(plain(*answer, senders=granted)), told, dropped)
        agreement = agreement.heard_answer(CALLEE, fitted)
        agreement, back = answered(agreement, CALLER, WEB)
    except AnchorError:
        return
    dropped = Dropped()
    (read,) = fit(back, said(media(*offer, senders=wanted)), dropped).media
    assert (read.name, read.rtp, read.senders) == (back.media[0].name, back.media[0].rtp, back.media[0].senders)
    assert dropped.names() == ()
    speech = [number for number, passage in agreement.passages(0, CALLER).items() if not passage.events]
    assert speech
    assert {passage.number for passage in agreement.passages(0, CALLER).values()} <= {
        None,
        *(codec.id for codec in told.media[0].rtp.codecs),
    }


def test_a_phone_is_answered_without_what_was_refused() -> None:
    agreement = Agreement().heard_offer(CALLER, said(plain(PCMU), plain(VP8, name="1")), PHONE)
    agreement, _ = offered(agreement, CALLEE, WEB)
    agreement = agreement.heard_answer(CALLEE, said(media(PCMU)))
    _, back = answered(agreement, CALLER, PHONE)
    assert [one.name for one in back.media] == ["0"]


def test_numbers_of_several_media_do_not_collide() -> None:
    clash = replace(VP8, id=111)
    agreement = Agreement().heard_offer(CALLER, said(plain(OPUS), plain(clash, name="1")), PHONE)
    _, told = offered(agreement, CALLEE, WEB)
    numbers = [codec.id for one in told.media for codec in one.rtp.codecs]
    assert len(set(numbers)) == len(numbers)


def test_video_is_added_and_removed_and_added_again() -> None:
    agreement, _, _ = established(said(media(OPUS, PCMU)), said(plain(PCMU)))
    for _ in range(2):
        agreement = agreement.heard_offer(CALLER, said(media(OPUS, PCMU), media(VP8, name="1")), WEB)
        agreement, told = offered(agreement, CALLEE, PHONE)
        assert [one.rtp.media for one in told.media] == ["audio", "video"]
        agreement = agreement.heard_answer(CALLEE, said(plain(PCMU), plain(VP8, name="1")))
        agreement, back = answered(agreement, CALLER, WEB)
        assert [one.senders for one in back.media] == [Senders.BOTH, Senders.BOTH]
        agreement = agreement.heard_offer(CALLER, said(media(OPUS, PCMU)), WEB)
        agreement, told = offered(agreement, CALLEE, PHONE)
        assert [one.rtp.media for one in told.media] == ["audio"]
        agreement = agreement.heard_answer(CALLEE, said(plain(PCMU)))
        agreement, back = answered(agreement, CALLER, WEB)
        assert [one.rtp.media for one in back.media] == ["audio"]
    assert len(agreement.streams) == 2


def test_bundle_is_offered_by_the_leg_and_answered_as_offered() -> None:
    agreement = Agreement().heard_offer(CALLER, said(media(OPUS), media(VP8, name="1")), WEB)
    _, plans = agreement.plan_offer(CALLEE, WEB, ())
    assert groups(None, plans, WEB) == (Group(semantics="BUNDLE", names=("0", "1")),)
    assert groups(None, plans, PHONE) == ()
    theirs = (Group(semantics="LS", names=("0",)), Group(semantics="BUNDLE", names=("1", "2")))
    assert groups(theirs, plans, WEB) == (Group(semantics="BUNDLE", names=("1",)),)
    assert groups((), plans, WEB) == ()


# -------------------------------------------------------------------------------------------------------------- changes


def test_hold_is_told_and_taken_back() -> None:
    agreement, told, _ = established(said(media(OPUS, PCMU)), said(plain(PCMU)))
    before = agreement
    agreement = agreement.heard_offer(CALLER, said(media(OPUS, PCMU, senders=Senders.INITIATOR)), WEB)
    agreement, held = offered(agreement, CALLEE, PHONE)
    assert held.media[0].senders is Senders.INITIATOR
    assert held.media[0].rtp.codecs[0].id == told.media[0].rtp.codecs[0].id
    agreement = agreement.heard_answer(CALLEE, said(plain(PCMU, senders=Senders.INITIATOR)))
    agreement, back = answered(agreement, CALLER, WEB)
    assert back.media[0].senders is Senders.INITIATOR
    assert agreement.may_send(0, CALLER)
    assert not agreement.may_send(0, CALLEE)
    assert before.may_send(0, CALLEE)


def test_an_answer_narrows_what_was_offered() -> None:
    agreement, _, back = established(
        said(media(OPUS, PCMU, senders=Senders.INITIATOR)), said(plain(PCMU, senders=Senders.BOTH))
    )
    assert back.media[0].senders is Senders.INITIATOR
    assert not agreement.may_send(0, CALLEE)


def test_what_is_spoken_stays_first_in_later_answers_too() -> None:
    agreement, _, back = established(said(media(PCMA, PCMU)), said(plain(PCMU, PCMA)))
    assert names(back) == ["PCMU:0", "PCMA:8"]
    for senders in (Senders.BOTH, Senders.RESPONDER):
        agreement = agreement.heard_offer(CALLEE, said(plain(PCMU, PCMA, senders=senders)), PHONE)
        _, again = answered(agreement, CALLEE, PHONE)
        assert names(again) == ["PCMU:0", "PCMA:8"]
    agreement, _ = offered(agreement, CALLER, WEB)
    agreement = agreement.heard_answer(CALLER, said(media(PCMA, PCMU)))
    _, again = answered(agreement, CALLEE, PHONE)
    assert names(again) == ["PCMA:8", "PCMU:0"]


def test_digits_have_no_packet_time_in_an_offer() -> None:
    timed = (replace(PCMU, ptime=20), replace(EVENTS_8, ptime=20))
    agreement, told, _ = established(said(media(PCMU, EVENTS_8)), said(plain(*timed)))
    agreement = agreement.heard_offer(CALLEE, said(plain(*timed, senders=Senders.RESPONDER)), PHONE)
    _, told = offered(agreement, CALLER, WEB)
    times = {codec.name: codec.ptime for codec in told.media[0].rtp.codecs}
    assert times == {"PCMU": 20, "telephone-event": None}


def test_what_does_not_concern_a_side_is_the_same_for_it() -> None:
    agreement, told, _ = established(said(media(OPUS, PCMU)), said(plain(PCMU)))
    agreement = agreement.heard_offer(CALLER, said(media(PCMU, OPUS, transport=replace(KEYED, ufrag="efgh"))), WEB)
    agreement, plans = agreement.plan_offer(CALLEE, PHONE, ())
    assert [plan.same for plan in plans] == [True]
    assert made(plans) == told


def test_formats_without_end_are_refused_and_not_remembered() -> None:
    agreement = Agreement()
    for number in range(MOST_FORMATS - 1):
        new = Codec(id=96 + number % 32, name=f"x{number}", clockrate=8000)
        agreement = agreement.heard_offer(CALLER, said(media(PCMU, new)), WEB)
    with pytest.raises(AnchorError, match="more formats") as refused:
        agreement.heard_offer(CALLER, said(media(PCMU, Codec(id=96, name="another", clockrate=8000))), WEB)
    assert refused.value.reason is EndReason.INCOMPATIBLE_PARAMETERS
    (stream,) = agreement.heard_offer(CALLER, said(media(PCMU)), WEB).streams
    assert len(stream.ends[CALLER].numbers) == MOST_FORMATS


def test_a_number_keeps_its_meaning() -> None:
    agreement, _, _ = established(said(media(OPUS, PCMU)), said(plain(OPUS)))
    other = Codec(id=111, name="G722", clockrate=8000)
    agreement = agreement.heard_offer(CALLER, said(media(other, PCMU)), WEB)
    _, told = offered(agreement, CALLEE, PHONE)
    assert "G722:96" in names(told)


@pytest.mark.parametrize(
    ("one", "wanted"),
    [(media(PCMU), Protection.DTLS), (plain(PCMU), Protection.NONE)],
)
def test_protection_is_read_off_a_description(one: Media, wanted: Protection) -> None:
    assert protection(one) is wanted
