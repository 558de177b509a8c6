"""Provisional responses that must arrive (RFC 3262), and the early dialogs of several phones, as ladders."""

import pytest

from gateway.errors import PeerError
from gateway.signals import Answer, Offer, Progress
from gateway.sip.leg import Credentials, LegSettings
from gateway.sip.manners import Manners
from gateway.sip.message import Header, SipResponse
from gateway.sip.reliable import MAX_EARLY, MAX_RELIABLE, RAck
from gateway.sip.state import Phase
from mappings.reasons import EndReason

from .ladder import PCMU, Ladder, audio, called, calling, invite, picked_up, rung, sdp
from .test_leg_calling import asked, offered

REQUIRED: Header = ("Require", "100rel")
SUPPORTED: Header = ("Supported", "100rel")
ALWAYS = Manners(prack="always")
NEVER = Manners(prack="never")


def reliable(number: int | str) -> tuple[Header, ...]:
    """What makes a provisional response reliable."""
    return REQUIRED, ("RSeq", str(number))


def racks(call: Ladder) -> list[str | None]:
    """What our PRACKs acknowledge, in their order."""
    return [request.first("RAck") for request in call.sent("PRACK")]


def port(answer: object) -> int | None:
    """Where an answer wants its audio."""
    assert isinstance(answer, Answer | Progress)
    assert answer.description is not None
    return answer.description.media[0].transport.candidates[0].port


# -------------------------------------------------------------------------------------------------------- we are called


@pytest.mark.conformance("SX-11")
def test_a_caller_that_requires_it_is_told_of_the_ringing_until_it_acknowledges() -> None:
    call = rung(invite(headers=(REQUIRED,)))
    (ringing,) = call.responses
    assert ringing.tokens("Require") == {"100rel"}
    number = int(ringing.first("RSeq") or 0)
    assert 0 < number < 2**31
    assert call.after(0.5) == ["180 INVITE"]
    assert call.after(1.0) == ["180 INVITE"]
    assert call.asks("PRACK", headers=(("RAck", f"{number} 100 INVITE"),)) == ["200 PRACK"]
    assert call.after(31) == []
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 INVITE"]


def test_the_copies_come_after_t1_and_then_after_twice_as_long_every_time() -> None:
    call = rung(invite(headers=(REQUIRED,)))
    began, times = call.now, []
    while call.leg.phase is Phase.RINGING:
        due = call.leg.deadline
        assert due is not None
        times.append(due - began)
        call.after(due - call.now)
    assert times == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 32.0]


def test_without_an_acknowledgement_in_64_t1_the_call_is_over() -> None:
    call = rung(invite(headers=(REQUIRED,)))
    assert call.after(32) == ["180 INVITE"] * 6 + ["500 INVITE", "End timeout"]
    assert (call.responses[0].first("Warning") or "").startswith("399 ")
    assert call.leg.closed


def test_an_acknowledgement_of_nothing_is_481_and_one_that_cannot_be_read_400() -> None:
    call = rung(invite(headers=(REQUIRED,)))
    number = int(call.responses[0].first("RSeq") or 0)
    for wrong in (f"{number + 1} 100 INVITE", f"{number} 101 INVITE", f"{number} 100 UPDATE"):
        assert call.asks("PRACK", headers=(("RAck", wrong),)) == ["481 PRACK"]
    for wrong in ("", "1", "x 100 INVITE", "-1 100 INVITE", "1 100"):
        assert call.asks("PRACK", headers=(("RAck", wrong),)) == ["400 PRACK"]
    assert call.asks("PRACK") == ["400 PRACK"]
    right = ("RAck", f"{number} 100 INVITE")
    assert call.asks("PRACK", headers=(right,)) == ["200 PRACK"]
    assert call.asks("PRACK", headers=(right,)) == ["481 PRACK"], "it waits no more"


def test_a_200_needs_not_wait_for_a_ringing_and_the_late_acknowledgement_is_answered() -> None:
    call = rung(invite(headers=(REQUIRED,)))
    number = call.responses[0].first("RSeq")
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 INVITE"]
    assert call.asks("PRACK", headers=(("RAck", f"{number} 100 INVITE"),)) == ["200 PRACK"]
    assert call.acks() == []
    assert call.after(100) == []


def test_an_offer_in_a_prack_finds_the_first_without_answer() -> None:
    call = rung(invite(headers=(REQUIRED,)))
    number = call.responses[0].first("RSeq")
    assert call.asks("PRACK", sdp(version=2), headers=(("RAck", f"{number} 100 INVITE"),)) == ["488 PRACK"]
    assert call.after(31) == [], "but the ringing came"


@pytest.mark.conformance("SX-11")
def test_a_caller_that_only_can_is_told_reliably_where_the_trunk_says_so() -> None:
    assert rung(invite(headers=(SUPPORTED,))).responses[0].first("RSeq") is None
    assert rung(invite(headers=(SUPPORTED,)), manners=ALWAYS).responses[0].first("RSeq") is not None
    assert rung(invite(), manners=ALWAYS).responses[0].first("RSeq") is None


def test_a_trunk_that_must_not_refuses_who_insists() -> None:
    request = invite(headers=(REQUIRED,))
    call = called(request, manners=NEVER)
    assert call.gets(request) == ["420 INVITE", "End unsupported-transports"]
    assert call.responses[0].first("Unsupported") == "100rel"
    assert picked_up(manners=NEVER).leg.trickle.headers == (("Supported", "timer, replaces, norefersub"),)


def test_a_cancel_and_a_refusal_stop_the_copies() -> None:
    call = rung(invite(headers=(REQUIRED,)))
    assert call.ends(EndReason.BUSY) == ["486 INVITE"]
    assert call.after(100) == []


# -------------------------------------------------------------------------------------------------------------- we call


@pytest.mark.conformance("EXT-03")
def test_reliable_responses_are_acknowledged_in_order_and_once() -> None:
    call = offered()
    assert call.answered(183, headers=reliable(5)) == ["PRACK"]
    assert call.last("PRACK").request.first("RAck") == "5 1 INVITE"
    assert call.last("PRACK").request.first("CSeq") == "2 PRACK"
    assert call.last("PRACK").request.to.tag == "phone"
    assert call.last("PRACK").request.uri == "sip:phone@192.0.2.20:5060"
    assert call.answered(180, headers=reliable(7)) == [], "6 is missing, and will come"
    assert call.answered(183, headers=reliable(5)) == [], "a copy"
    assert call.answered(183, headers=reliable(6)) == ["PRACK"]
    assert call.answered(180, headers=reliable(7)) == ["PRACK", "Progress"]
    assert racks(call) == ["5 1 INVITE", "6 1 INVITE", "7 1 INVITE"]
    assert [request.cseq.number for request in call.sent("PRACK")] == [2, 3, 4]
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    assert call.sent("ACK")[0].cseq.number == 1
    assert call.ends() == ["BYE"]
    assert call.sent("BYE")[0].cseq.number == 5, "the numbers go on in the call"


@pytest.mark.conformance("XS-06")
def test_the_answer_of_a_reliable_183_is_kept_for_a_200_without_one() -> None:
    call = offered()
    assert call.answered(183, sdp(30002), headers=reliable(1)) == ["PRACK", "Progress"]
    early = call.signal(Progress)
    assert isinstance(early, Progress)
    assert not early.ringing
    assert port(early) == 30002
    assert call.answered(180, headers=reliable(2)) == ["PRACK", "Progress"]
    assert call.answered(200) == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30002


def test_an_answer_given_reliably_counts_whatever_the_200_says() -> None:
    call = offered()
    call.answered(183, sdp(30002), headers=reliable(1))
    assert call.answered(183, sdp(30004), headers=reliable(2)) == ["PRACK"], "an answer comes once"
    assert call.answered(200, sdp(30006)) == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30002
    assert call.asks("INVITE", sdp(30002)) == ["200 INVITE"], "a refresh of what was agreed"


def test_a_reliable_answer_that_cannot_be_read_is_none() -> None:
    for body, headers in (("nonsense", ()), (sdp(0), ()), (sdp(), (("Content-Encoding", "gzip"),))):
        call = offered()
        assert call.answered(183, body, headers=(*reliable(1), *headers)) == ["PRACK", "Progress"]
        assert call.signal(Progress) == Progress(ringing=False)
        assert "early answer" in call.leg.dropped
        assert call.answered(200, sdp(30006)) == ["ACK", "Answer"]
        assert port(call.signal(Answer)) == 30006


def test_an_rseq_without_require_and_a_require_without_rseq_ask_for_nothing() -> None:
    call = offered()
    assert call.answered(183, headers=(("RSeq", "1"),)) == []
    assert call.answered(183, headers=(REQUIRED,)) == []
    assert call.answered(183, headers=reliable("x")) == []
    assert call.answered(183, headers=(("Require", '"'), ("RSeq", "1"))) == []
    assert call.answered(180, headers=reliable(2**31)) == ["Progress"]


def test_a_prack_is_sent_again_with_credentials_and_not_for_anything_else() -> None:
    call = offered(calling(credentials=Credentials("romeo", "r0m30")))
    assert call.answered(183, headers=reliable(5)) == ["PRACK"]
    assert call.answered(100, to="PRACK") == []
    assert call.answered(407, to="PRACK", headers=asked()) == ["PRACK"]
    again = call.last("PRACK").request
    assert again.first("RAck") == "5 1 INVITE"
    assert again.first("Proxy-Authorization") is not None
    assert call.answered(481, to="PRACK") == []
    assert call.answered(183, headers=reliable(6)) == ["PRACK"]
    assert call.fails("PRACK") == []
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    assert not call.leg.pracks


def test_there_is_an_end_to_what_is_acknowledged() -> None:
    call = offered()
    for number in range(MAX_RELIABLE + 10):
        call.answered(183, headers=reliable(number + 1))
        call.answered(200, to="PRACK")
    assert len(racks(call)) == MAX_RELIABLE
    for number in range(MAX_EARLY + 10):
        call.answered(183, sdp(), tag=f"fork{number}", headers=reliable(1))
    assert len(call.leg.early) == MAX_EARLY
    assert call.answered(200, sdp(30008), tag="onemore") == ["ACK", "Answer"]
    assert not call.leg.early


def test_a_new_invite_has_new_numbers() -> None:
    call = offered(calling(credentials=Credentials("romeo", "r0m30")))
    assert call.answered(183, headers=reliable(5)) == ["PRACK"]
    assert call.answered(407, headers=asked()) == ["INVITE"]
    assert call.answered(183, headers=reliable(1)) == ["PRACK"]
    assert call.last("PRACK").request.first("RAck") == "1 2 INVITE"


# ------------------------------------------------------------------------------------------------------- several phones


@pytest.mark.conformance("XS-09", "XS-10")
def test_each_fork_has_its_own_numbers_and_its_own_answer() -> None:
    call = offered()
    assert call.answered(183, sdp(30010), tag="a", headers=reliable(1)) == ["PRACK", "Progress"]
    assert call.answered(183, sdp(30020), tag="b", headers=reliable(900)) == ["PRACK", "Progress"]
    assert call.answered(180, tag="b", headers=reliable(901)) == ["PRACK", "Progress"]
    assert call.answered(183, tag="a", headers=reliable(2)) == ["PRACK"]
    assert [(r.to.tag, r.cseq.number) for r in call.sent("PRACK")] == [("a", 2), ("b", 2), ("b", 3), ("a", 3)]
    assert call.answered(200, tag="a") == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30010, "the early answer of who picked up"
    assert call.answered(200, tag="b") == ["ACK", "BYE"]
    assert call.sent("BYE")[0].cseq.number > 3, "beyond what was sent to that phone before"
    assert call.ends() == ["BYE"]
    assert call.last("BYE").request.to.tag == "a"
    assert call.last("BYE").request.cseq.number == 4


def test_a_fork_that_gave_no_early_answer_gives_it_in_its_200() -> None:
    call = offered()
    call.answered(183, sdp(30010), tag="a", headers=reliable(1))
    assert call.answered(200, sdp(30020), tag="b") == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30020


def test_a_199_ends_an_early_dialog_and_is_acknowledged_if_it_must_be() -> None:
    call = offered()
    call.answered(183, sdp(30010), tag="a", headers=reliable(1))
    call.answered(183, tag="b")
    assert call.answered(199, tag="a", headers=reliable(2)) == ["PRACK"]
    assert call.answered(199, tag="b") == []
    assert not call.leg.early
    assert call.answered(200, sdp(30030), tag="a") == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30030


def test_a_challenge_to_the_prack_of_a_fork_that_is_gone_is_for_nobody() -> None:
    call = offered(calling(credentials=Credentials("romeo", "r0m30")))
    call.answered(183, tag="a", headers=reliable(1))
    prack = call.last("PRACK")
    call.answered(199, tag="a")
    assert call.answered(407, to="PRACK", tag="a", headers=asked()) == []
    assert prack.branch not in call.leg.pracks


# -------------------------------------------------------------------------------------------------------- inside a call


def test_a_reliable_response_to_a_change_is_acknowledged_and_its_answer_kept() -> None:
    call = offered()
    call.answered(200, sdp())
    assert call.says(Offer(audio(40002))) == ["INVITE"]
    assert call.answered(183, sdp(30040, version=2), headers=reliable(9)) == ["PRACK"]
    assert call.answered(183, tag="stranger", headers=reliable(1)) == []
    assert call.answered(200) == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30040


def test_what_was_answered_early_to_a_change_that_fails_leaves_no_trace() -> None:
    call = offered()
    call.answered(200, sdp(30000))
    call.says(Offer(audio(40002)))
    call.answered(183, sdp(30040, version=2), headers=reliable(9))
    assert call.answered(488) == ["Refuse incompatible-parameters"]
    assert call.leg.sdp.theirs is not None
    assert call.leg.sdp.theirs.media[0].transport.candidates[0].port == 30000


# ------------------------------------------------------------------------------------------------------------ the words


def test_rack_is_read_and_written() -> None:
    assert str(RAck.parse(" 7  100\tINVITE ")) == "7 100 INVITE"
    with pytest.raises(PeerError):
        RAck.parse(None)


def test_the_second_reliable_response_waits_for_the_first() -> None:
    from .test_leg_trickle import CAN, browser  # noqa: PLC0415 — only here

    headers = (REQUIRED, *CAN)
    request = invite(browser(setup="actpass"), headers=headers)
    call = called(request, settings=LegSettings())
    assert call.gets(request) == ["Offer", "183 INVITE"]
    number = int(call.responses[0].first("RSeq") or 0)
    assert call.says(Progress()) == []
    assert call.asks("PRACK", headers=(("RAck", f"{number} 100 INVITE"),)) == ["200 PRACK", "180 INVITE"]
    ringing = call.out[-1]
    assert isinstance(ringing, SipResponse)
    assert ringing.first("RSeq") == str(number + 1)


@pytest.mark.parametrize("when", [0.2, 0.6, 3.0])
def test_a_cancel_stops_the_copies_whenever_it_comes(when: float) -> None:
    request = invite(headers=(REQUIRED,))
    call = rung(request)
    call.after(when)
    assert call.asks("CANCEL", cseq=100) == ["487 INVITE", "End cancel"]
    assert call.after(100) == []
