"""Who sits on one side of a call: what each leg's signal makes, and whom each signal of the other side is for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.seat import BUSY, CHANGING, Party, Said, Seat, Told, Word, refused
from gateway.errors import PeerError
from gateway.signals import (
    Answer,
    Candidates,
    Complete,
    Digit,
    End,
    Offer,
    Progress,
    Refuse,
    Side,
    Signal,
    Transfer,
    Transferred,
)
from mappings.description import Description
from mappings.reasons import EndReason
from tests.call.script import ScriptedLeg

EMPTY = Description(media=())
OFFER, ANSWER = Offer(EMPTY), Answer(EMPTY)
NO = Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "none of these codecs")
TRICKLE = Candidates({})
HANGUP = End(EndReason.SUCCESS)
BUSY_THERE = End(EndReason.BUSY, "486 Busy Here", 486, "Busy Here")
HAND_ON = Transfer("sip:carol@phones.example")
SIGNALS: tuple[Signal, ...] = (
    OFFER,
    Complete(EMPTY),
    Progress(),
    ANSWER,
    NO,
    TRICKLE,
    Digit("1", 100),
    HANGUP,
    HAND_ON,
    Transferred(100),
)


def party() -> Party:
    return Party(ScriptedLeg(), "sip", lambda message: None, "sdp")


class Taken:
    """A seat with somebody in it, and somebody who may come."""

    def __init__(self, *, referred: bool = True, offered: bool = False, left: bool = False) -> None:
        self.here, self.there = party(), party()
        self.seat = Seat(Side.CALLER, self.here)
        self.seat.join(self.there, referred=referred)
        if left:
            assert self.hears(self.here, HANGUP) == []
        if offered:
            assert self.hears(self.there, OFFER) == [Said(OFFER)]

    def hears(self, who: Party, signal: Signal, *, free: bool = True, asked: bool = False) -> list[Word]:
        return self.seat.hear(who, signal, free=free, asked=asked)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_seat_with_one_leg_passes_everything(signal: Signal) -> None:
    here = party()
    seat = Seat(Side.CALLEE, here)
    assert seat.hear(here, signal, free=True, asked=False) == [Said(signal)]
    assert seat.tell(signal) == [Told(here, signal)]
    assert list(seat) == [here]
    assert seat.release() == seat.give_up(HANGUP) == []


def test_a_successor_offers_is_answered_and_sits_down() -> None:
    made = Taken(offered=True)
    assert made.seat.tell(ANSWER) == [
        Told(made.there, ANSWER),
        Told(made.here, End(EndReason.SUCCESS, transferred=True)),
    ]
    assert made.seat.party is made.there
    assert list(made.seat) == [made.there, made.here]
    assert made.hears(made.here, HANGUP) == []
    assert made.hears(made.there, HANGUP) == [Said(HANGUP)]
    assert made.seat.tell(HANGUP) == [Told(made.there, HANGUP)]


def test_the_other_side_hears_of_a_successor_from_its_offer_on() -> None:
    taken = Taken()
    assert taken.seat.speaker is taken.here
    taken.hears(taken.there, OFFER)
    assert taken.seat.speaker is taken.there
    taken.seat.tell(NO)
    assert taken.seat.speaker is taken.here


def test_a_successor_that_is_refused_leaves() -> None:
    made = Taken(offered=True)
    assert made.seat.tell(NO) == [Told(made.there, NO), Told(made.here, Transferred(488))]
    assert made.seat.party is made.here
    assert made.hears(made.there, HANGUP) == []
    assert made.hears(made.here, OFFER) == [Said(OFFER)]


def test_who_wanted_it_is_told_of_ringing_and_of_failure_and_nobody_else_is() -> None:
    made = Taken()
    assert made.hears(made.there, Progress()) == [Told(made.here, Transferred(180))]
    assert made.hears(made.there, BUSY_THERE) == [Told(made.here, Transferred(486, "Busy Here"))]
    made = Taken(referred=False)
    assert made.hears(made.there, Progress()) == made.hears(made.there, BUSY_THERE) == []


def test_an_offer_waits_for_the_end_of_another_change() -> None:
    made = Taken()
    assert made.hears(made.there, OFFER, free=False) == []
    assert made.seat.give_up(HANGUP) == []
    assert made.seat.release() == [Said(OFFER)]
    assert made.seat.release() == []
    assert made.seat.tell(ANSWER)[0] == Told(made.there, ANSWER)


def test_one_that_waited_too_long_is_given_up() -> None:
    made = Taken()
    late = End(EndReason.TIMEOUT, "nobody answers")
    assert made.seat.give_up(late) == [Told(made.there, late), Told(made.here, Transferred(408))]
    assert Taken(offered=True).seat.give_up(late) == []


def test_an_empty_seat_ends_the_call_if_nobody_comes() -> None:
    made = Taken(left=True)
    assert made.seat.tell(OFFER) == [Said(CHANGING)]
    assert made.seat.tell(Progress()) == []
    assert made.hears(made.there, Progress()) == []
    assert made.hears(made.there, BUSY_THERE) == [Said(BUSY_THERE)]


def test_an_empty_seat_is_taken() -> None:
    made = Taken(left=True, offered=True)
    assert made.seat.tell(ANSWER) == [Told(made.there, ANSWER)]
    assert not made.seat.empty
    assert made.hears(made.there, OFFER) == [Said(OFFER)]


def test_who_leaves_with_a_question_open_has_not_agreed() -> None:
    made = Taken()
    assert made.hears(made.here, HANGUP, free=False, asked=True) == [Said(CHANGING)]


@pytest.mark.parametrize("left", [True, False])
def test_a_successor_that_ends_behind_its_offer_takes_the_call_with_it(left: bool) -> None:
    made = Taken(left=left, offered=True)
    assert made.hears(made.there, HANGUP) == [Said(HANGUP), *([] if left else [Told(made.here, HANGUP)])]


@pytest.mark.parametrize("left", [True, False])
def test_the_end_from_the_other_side_is_for_both(left: bool) -> None:
    made = Taken(left=left)
    assert made.seat.tell(HANGUP) == [*([] if left else [Told(made.here, HANGUP)]), Told(made.there, HANGUP)]


def test_while_a_successors_offer_is_open_the_rest_is_its_own() -> None:
    made = Taken(offered=True)
    assert made.hears(made.here, OFFER) == [Told(made.here, CHANGING)]
    assert made.hears(made.here, TRICKLE) == []
    assert made.hears(made.there, TRICKLE) == [Said(TRICKLE)]
    assert made.seat.tell(TRICKLE) == [Told(made.there, TRICKLE)]


def test_before_it_the_rest_is_whose_it_was() -> None:
    made = Taken()
    assert made.hears(made.there, TRICKLE) == []
    assert made.hears(made.there, ANSWER) == []
    assert made.hears(made.here, TRICKLE) == [Said(TRICKLE)]
    assert made.seat.tell(TRICKLE) == [Told(made.here, TRICKLE)]
    assert made.seat.tell(ANSWER) == [Told(made.here, ANSWER)]


def test_there_is_one_transfer_at_a_time() -> None:
    made = Taken()
    assert made.hears(made.here, HAND_ON) == [Told(made.here, BUSY)]
    assert made.seat.tell(HAND_ON) == [Said(BUSY)]


def test_without_anybody_to_ask_nobody_is_handed_on() -> None:
    with pytest.raises(PeerError) as failure:
        refused(Side.CALLER, HAND_ON)
    assert failure.value.status == 603


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(SIGNALS), st.booleans(), st.booleans())))
def test_whatever_happens_nobody_is_told_anything_after_the_end(
    script: list[tuple[int, Signal, bool, bool]],
) -> None:
    made = Taken()
    over: set[int] = set()
    for who, signal, free, asked in script:
        if who == 2:
            words = made.seat.tell(signal)
        else:
            words = made.hears((made.here, made.there)[who], signal, free=free, asked=asked)
        said = who == 2 and isinstance(signal, End)
        for word in words:
            if isinstance(word, Told):
                assert id(word.party) not in over, f"{word.signal} after the end"
                if isinstance(word.signal, End):
                    over.add(id(word.party))
            said = said or (isinstance(word, Said) and isinstance(word.signal, End))
        if who != 2 and isinstance(signal, End):
            over.add(id((made.here, made.there)[who]))
        if said:
            return
