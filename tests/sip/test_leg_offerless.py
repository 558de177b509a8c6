"""An INVITE that leaves the offer to us, where the other side can make one (RFC 3261 §13.2.1; architecture D5)."""

import pytest

from gateway.signals import Answer, Complete, Offer, Progress, Refuse
from gateway.sip.leg import LegSettings
from gateway.sip.message import Header
from gateway.sip.state import Phase
from mappings.description import Codec
from mappings.reasons import EndReason

from .ladder import PCMU, Ladder, audio, called, invite, sdp

OFFERS = LegSettings(offers=True, kinds=("audio", "video"))
RELIABLE: Header = ("Require", "100rel")


def asked(*headers: Header) -> Ladder:
    """A leg that is called without an offer."""
    request = invite("", headers=headers)
    call = called(request, settings=OFFERS)
    assert call.gets(request) == ["Offer"]
    assert call.signal(Offer) == Offer(None, ("audio", "video"))
    return call


def promised() -> Ladder:
    """A leg whose 200 offers."""
    call = asked()
    assert call.says(Answer(audio(40000))) == ["200 INVITE"]
    return call


@pytest.mark.conformance("SX-06")
def test_the_200_offers_and_the_ack_answers() -> None:
    call = asked()
    assert call.says(Progress()) == ["180 INVITE"]
    assert call.says(Answer(audio(40000))) == ["200 INVITE"]
    assert b"m=audio 40000 RTP/AVP 0 8\r\n" in call.responses[0].body
    assert call.after(0.5) == ["200 INVITE"], "until the ACK comes"
    assert call.asks("ACK", sdp(30002), cseq=100) == ["Complete"]
    complete = call.signal(Complete)
    assert isinstance(complete, Complete)
    assert complete.description.media[0].transport.candidates[0].port == 30002
    assert [codec.name for codec in complete.description.media[0].rtp.codecs] == ["PCMU"]
    assert call.leg.phase is Phase.CONFIRMED
    assert call.asks("INVITE", sdp(30002)) == ["200 INVITE"], "a refresh of what was agreed"


@pytest.mark.conformance("SX-07")
@pytest.mark.parametrize("body", ["", "nonsense", sdp(0)])
def test_an_ack_that_owes_the_answer_and_has_none_ends_the_call(body: str) -> None:
    call = promised()
    words = call.asks("ACK", body, cseq=100)
    assert words[0] == "BYE"
    assert words[1].startswith("End ")


def test_an_ack_of_something_else_is_passed_over_and_none_at_all_ends_the_call() -> None:
    call = promised()
    assert call.asks("ACK", sdp(), cseq=99) == []
    assert call.after(33)[-2:] == ["BYE", "End timeout"]


def test_meanwhile_nothing_else_may_be_offered() -> None:
    call = promised()
    assert call.asks("INVITE", sdp(version=2)) == ["500 INVITE"]
    assert call.asks("UPDATE", sdp(version=2)) == ["491 UPDATE"]
    assert call.says(Offer(audio(40002))) == []
    assert call.asks("ACK", sdp(), cseq=100) == ["Complete", "INVITE"], "what waited"


def test_a_hang_up_waits_for_the_ack() -> None:
    call = promised()
    assert call.ends() == []
    assert call.asks("ACK", sdp(), cseq=100) == ["BYE"]


def test_a_refusal_and_a_cancel_are_as_ever() -> None:
    assert asked().ends(EndReason.BUSY) == ["486 INVITE"]
    assert asked().says(Refuse(EndReason.DECLINE)) == ["603 INVITE"]


def test_an_offer_that_cannot_be_written_refuses_the_call() -> None:
    broken = Codec(id=96, name="x\r\na=injected", clockrate=8000)
    assert asked().says(Answer(audio(codecs=(broken,))))[0].endswith(" INVITE")


def test_a_caller_that_wants_reliable_ringing_hears_none_since_the_offer_would_stand_in_it() -> None:
    call = asked(RELIABLE)
    assert call.says(Progress()) == []
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 INVITE"]


def test_without_who_makes_offers_it_is_488() -> None:
    request = invite("")
    assert called(request).gets(request) == ["488 INVITE", "End incompatible-parameters"]
