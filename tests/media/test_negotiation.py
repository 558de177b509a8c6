"""Who can carry what: laws of the pure part, and the cases that real peers make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.anchor import AUDIO_CODECS
from gateway.media.negotiation import (
    DYNAMIC,
    OWN,
    answered,
    auxiliary,
    identity,
    is_events,
    numbered,
    own,
    passages,
    usable,
    with_events,
)
from mappings.description import Codec, Feedback, Parameter

PCMU = Codec(id=0, name="PCMU", clockrate=8000)
PCMA = Codec(id=8, name="PCMA", clockrate=8000)
OPUS = Codec(id=111, name="opus", clockrate=48000, channels=2)
EVENTS_8 = Codec(id=126, name="telephone-event", clockrate=8000, parameters=(Parameter(name="events", value="0-16"),))
EVENTS_48 = Codec(id=110, name="telephone-event", clockrate=48000)
NOISE = Codec(id=13, name="CN", clockrate=8000)
RED = Codec(id=63, name="red", clockrate=48000, channels=2, parameters=(Parameter(name="pt", value="111/111"),))
CHROME = (OPUS, RED, Codec(id=9, name="G722", clockrate=8000), PCMU, PCMA, NOISE, EVENTS_48, EVENTS_8)


def h264(number: int, profile: str, mode: str | None = "1") -> Codec:
    """H.264 with a profile and a packetization mode; None: not said."""
    parameters = [Parameter(name="profile-level-id", value=profile)]
    if mode is not None:
        parameters.append(Parameter(name="packetization-mode", value=mode))
    return Codec(id=number, name="H264", clockrate=90000, parameters=tuple(parameters))


_NAMES = st.sampled_from(["opus", "G722", "PCMU", "PCMA", "telephone-event", "CN", "iLBC", "speex", "red"])
_RATES = {"opus": 48000, "speex": 16000}


@st.composite
def offers(draw: st.DrawFn) -> tuple[Codec, ...]:
    """Formats as an offer may have them: every number once."""
    names = draw(st.lists(_NAMES, min_size=1, max_size=9))
    numbers = draw(st.lists(st.integers(0, 127), min_size=len(names), max_size=len(names), unique=True))
    found = []
    for name, number in zip(names, numbers, strict=True):
        rate = draw(st.sampled_from([8000, 48000])) if name == "telephone-event" else _RATES.get(name, 8000)
        found.append(Codec(id=number, name=name, clockrate=rate, channels=2 if name == "opus" else None))
    return tuple(found)


# ----------------------------------------------------------------------------------------------------------------- laws


@given(offers(), offers())
def test_an_answer_has_only_what_was_offered_in_its_numbers_and_what_the_other_side_has(
    offered: tuple[Codec, ...], agreed: tuple[Codec, ...]
) -> None:
    answer = answered(offered, agreed)
    by_number = {codec.id: identity(codec) for codec in offered}
    theirs = set(map(identity, agreed))
    for codec in answer:
        assert by_number[codec.id] == identity(codec)
        assert is_events(codec) or identity(codec) in theirs
    assert len({codec.id for codec in answer}) == len(answer)
    assert not answer or not all(map(auxiliary, answer))


@given(offers(), offers())
def test_an_answer_keeps_the_order_of_the_other_side(offered: tuple[Codec, ...], agreed: tuple[Codec, ...]) -> None:
    answer = [identity(codec) for codec in answered(offered, agreed) if not is_events(codec)]
    order = [identity(codec) for codec in agreed if identity(codec) in answer]
    assert answer == list(dict.fromkeys(order))


@given(
    offers(),
    st.dictionaries(st.sampled_from([identity(PCMU), identity(OPUS)]), st.integers(0, 127)),
    st.sets(st.integers(0, 127)),
)
def test_numbers_are_kept_and_never_shared(
    offered: tuple[Codec, ...], taken: dict[tuple[str | int, ...], int], avoid: set[int]
) -> None:
    distinct = tuple({identity(codec): codec for codec in offered}.values())
    if len(set(taken.values())) < len(taken):
        taken = {}
    told = numbered(distinct, taken, avoid=avoid)
    assert len({codec.id for codec in told}) == len(told)
    for codec in told:
        if identity(codec) in taken:
            assert codec.id == taken[identity(codec)]
        else:
            assert codec.id not in avoid
            assert codec.id in {*DYNAMIC, *(one.id for one in offered)}


@given(offers(), offers())
def test_a_passage_leads_to_the_same_format(told: tuple[Codec, ...], said: tuple[Codec, ...]) -> None:
    by_number = {codec.id: codec for codec in said}
    sent = {codec.id: codec for codec in told}
    for number, passage in passages(told, said).items():
        if passage.number is None:
            assert is_events(sent[number])
            assert not any(map(is_events, said))
        elif passage.events:
            assert is_events(by_number[passage.number])
            assert by_number[passage.number].clockrate == passage.rate
        else:
            assert identity(by_number[passage.number]) == identity(sent[number])


@given(offers())
def test_what_passes_is_named_or_goes_along(offered: tuple[Codec, ...]) -> None:
    found = usable(offered, ("PCMA", "opus"))
    assert all(codec in offered for codec in found)
    main = [codec.name or "" for codec in found if not auxiliary(codec)]
    assert set(main) <= {"PCMA", "opus"}
    assert main == sorted(main, key=["PCMA", "opus"].index)


@given(offers())
def test_an_offer_has_digits_at_the_rate_of_each_codec(offered: tuple[Codec, ...]) -> None:
    told = with_events(usable(offered, AUDIO_CODECS))
    rates = {codec.clockrate for codec in told if not auxiliary(codec)}
    assert {codec.clockrate for codec in told if is_events(codec)} == rates


# ---------------------------------------------------------------------------------------------------------------- cases


@pytest.mark.conformance("MED-07")
def test_equal_codecs_pass_under_other_numbers() -> None:
    phone = (Codec(id=107, name="OPUS", clockrate=48000, channels=2), Codec(id=0, name="PCMU", clockrate=8000))
    answer = answered(CHROME, phone)
    assert [(codec.id, codec.name) for codec in answer[:2]] == [(111, "OPUS"), (0, "PCMU")]
    assert {number: passage.number for number, passage in passages(answer, phone).items()} == {
        111: 107, 0: 0, 110: None, 126: None,
    }  # fmt: skip


@pytest.mark.conformance("MED-08")
def test_nothing_in_common_is_no_answer() -> None:
    assert answered((OPUS, EVENTS_48), (PCMU, EVENTS_8)) == ()
    assert answered((OPUS, NOISE), (PCMU, NOISE)) == ()


def test_redundancy_and_what_is_not_named_do_not_pass() -> None:
    names = [codec.name for codec in usable(CHROME, ("PCMU", "opus"))]
    assert names == ["PCMU", "opus", "CN", "telephone-event", "telephone-event"]


def test_comfort_noise_goes_with_codecs_of_its_rate_only() -> None:
    assert [codec.name for codec in usable((OPUS, NOISE), AUDIO_CODECS)] == ["opus"]


def test_digits_are_offered_though_the_other_side_has_none() -> None:
    # Dino has no telephone-event; the anchor makes the events of digits that come otherwise.
    told = with_events(usable((OPUS, PCMU), AUDIO_CODECS))
    assert [(codec.id, codec.clockrate) for codec in told if is_events(codec)] == [(110, 48000), (101, 8000)]


@pytest.mark.conformance("MED-09")
def test_digits_of_another_rate_are_passed_at_the_rate_of_the_other_side() -> None:
    passage = passages((OPUS, EVENTS_48), (OPUS, EVENTS_8))[110]
    assert (passage.number, passage.clockrate, passage.rate, passage.events) == (126, 48000, 8000, True)
    passage = passages((OPUS, EVENTS_48, EVENTS_8), (OPUS, EVENTS_8, EVENTS_48))[110]
    assert (passage.number, passage.rate) == (110, 48000)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (h264(102, "42e01f"), h264(97, "42c00d"), True),  # the level may differ
        (h264(102, "42e01f"), h264(97, "4d801f"), True),  # constrained baseline, spelled otherwise
        (h264(102, "42e01f"), h264(97, "64001f"), False),
        (h264(102, "42e01f", "1"), h264(97, "42e01f", "0"), False),
        (h264(102, "42e01f", "0"), h264(97, "42e01f", None), True),  # what leaving it out means
        (h264(102, "42zz1f"), h264(97, "42zz1f"), True),
    ],
)
def test_h264_passes_between_equal_profiles(one: Codec, other: Codec, same: bool) -> None:
    assert (identity(one) == identity(other)) is same


def test_feedback_is_answered_only_where_both_have_it() -> None:
    nack, pli = Feedback(type="nack"), Feedback(type="nack", subtype="pli")
    web = Codec(id=96, name="VP8", clockrate=90000, feedback=(nack, pli))
    phone = Codec(id=99, name="VP8", clockrate=90000, feedback=(pli,))
    assert answered((web,), (phone,))[0].feedback == (pli,)
    assert answered((phone,), (web,))[0].feedback == (pli,)
    assert answered((web,), (Codec(id=99, name="VP8", clockrate=90000),))[0].feedback == ()
    other = Codec(id=99, name="VP8", clockrate=90000, feedback=(Feedback(type="ccm", subtype="fir"),))
    assert answered((web,), (other,))[0].feedback == (pli,)  # each way to ask for a picture becomes the other


def test_what_the_anchor_offers_itself_is_known_by_name_and_number() -> None:
    for name, codec in OWN.items():
        assert (codec.name or "").lower() == name
    numbers = [codec.id for codec in OWN.values()]
    assert len(set(numbers)) == len(numbers)
    audio = own("audio", ("PCMA", "opus", "VP8", "unheard-of"), feedback=True, ptime=40)
    assert [(codec.name, codec.ptime) for codec in audio] == [("PCMA", 40), ("opus", 40)]
    assert not own("video", ("VP8",), feedback=False, ptime=None)[0].feedback


def test_a_format_without_a_free_number_is_left_out() -> None:
    assert numbered((OPUS,), {}, avoid=range(128)) == ()
