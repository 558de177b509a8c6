"""What may be made of which formats, and where it stands in what is said."""

from dataclasses import replace

import pytest

from gateway.media.anchor import PHONE
from gateway.media.conversion import MADE, chosen, converts, made, widened
from gateway.media.negotiation import is_events
from mappings.description import Codec, Media, RawUdp, Rtp

OPUS = Codec(id=109, name="opus", clockrate=48000, channels=2)
PCMU, PCMA, G729 = MADE["pcmu"], MADE["pcma"], MADE["g729"]
EVENTS = Codec(id=101, name="telephone-event", clockrate=8000)
LEG = replace(PHONE, codecs=("PCMA", "PCMU", "opus"), transcodes=("opus", "PCMA", "PCMU"))
FIRST = replace(LEG, transcodes_first=True)


def test_what_is_made_is_allowed_and_not_there_and_comes_from_something() -> None:
    assert made((OPUS,), LEG) == (PCMA, PCMU)
    assert made((OPUS, PCMU), LEG) == (PCMA,)
    assert made((G729, EVENTS), LEG) == ()  # nothing that may be turned into anything
    assert made((OPUS,), PHONE) == ()
    assert made((OPUS,), replace(LEG, codecs=("G722", "opus"))) == ()  # nothing that this side may have


def test_an_offer_has_what_passes_before_what_is_made() -> None:
    assert widened((OPUS, EVENTS), (OPUS, EVENTS), LEG) == (OPUS, PCMA, PCMU, EVENTS)
    assert widened((OPUS, EVENTS), (OPUS, EVENTS), FIRST) == (PCMA, PCMU, OPUS, EVENTS)
    assert widened((OPUS, EVENTS), (OPUS, EVENTS), PHONE) == (OPUS, EVENTS)


def test_an_answer_has_what_is_made_where_nothing_passes() -> None:
    found = chosen((OPUS, EVENTS), (), (PCMU,), LEG)
    assert [codec.id for codec in found] == [109, 101]  # by the offer's numbers
    assert is_events(found[-1])
    assert chosen((OPUS, PCMU), (PCMU,), (PCMU,), LEG) == (PCMU,)
    assert chosen((G729,), (), (PCMU,), LEG) == ()


@pytest.mark.parametrize(("wanted", "expected"), [(("opus", "PCMU"), 109), (("PCMU", "opus"), 0)])
def test_what_is_wanted_more_is_made_although_something_passes(wanted: tuple[str, ...], expected: int) -> None:
    leg = replace(FIRST, codecs=wanted)
    assert [codec.id for codec in chosen((OPUS, PCMU), (PCMU,), (PCMU,), leg)] == [expected]


def test_two_sides_meet_where_each_has_something_that_may_be_transcoded() -> None:
    def media(*codecs: Codec) -> Media:
        return Media(name="audio", rtp=Rtp(media="audio", codecs=codecs), transport=RawUdp(candidates=()))

    assert converts(media(OPUS), media(PCMA), LEG)
    assert not converts(media(OPUS), media(G729), LEG)
    assert not converts(media(OPUS), media(PCMA), PHONE)
