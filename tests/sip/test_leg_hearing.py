"""What a phone plays before it answers, where the caller is to hear it (RFC 3960, RFC 5009, RFC 6228), as ladders."""

import pytest

from gateway.signals import Answer, Digit, Early, Offer
from gateway.sip.leg import Credentials
from gateway.sip.manners import Manners

from .ladder import Ladder, calling, sdp, webrtc
from .test_leg_calling import asked, offered
from .test_leg_reliable import reliable
from .test_leg_trickle import CAN, browser
from .test_leg_trunks import through
from .test_leg_update import updates

HEARS = Manners(hears=True, follow_redirects=True)
TAKES = ("Allow", "INVITE, ACK, CANCEL, BYE, INFO, UPDATE")


def hearing(credentials: Credentials | None = None) -> Ladder:
    """A leg whose INVITE is out, through a trunk whose early media are heard."""
    return offered(calling(manners=HEARS, credentials=credentials))


def port(call: Ladder, kind: type[Early] | type[Answer] = Early) -> int | None:
    """Where what came out just now wants its audio."""
    told = call.signal(kind)
    assert isinstance(told, Early | Answer)
    return told.description.media[0].transport.candidates[0].port


def authorised(*directions: str) -> tuple[str, str]:
    """What the network says of it."""
    return "P-Early-Media", ", ".join(directions)


@pytest.mark.parametrize("status", [180, 181, 182, 183])
def test_the_first_answer_in_any_provisional_response_is_heard(status: int) -> None:
    call = hearing()
    assert call.answered(status, sdp(30002)) == [*(["Progress"] if status == 180 else []), "Early"]
    assert port(call) == 30002
    assert call.answered(status, sdp(30002)) == [], "a copy, for the proxies on the way"
    assert call.answered(200, sdp(30002)) == ["ACK", "Answer"]


def test_our_invite_says_that_we_know_the_header() -> None:
    assert hearing().sent("INVITE")[0].first("P-Early-Media") == "supported"
    assert offered().sent("INVITE")[0].first("P-Early-Media") is None


def test_elsewhere_it_is_ringing_as_ever() -> None:
    call = offered()
    assert call.answered(183, sdp()) == ["Progress"]
    assert call.answered(183, sdp(30004)) == []


def test_a_reliable_answer_is_acknowledged_and_heard_once() -> None:
    call = hearing()
    assert call.answered(183, sdp(30002), headers=reliable(1)) == ["PRACK", "Early"]
    assert call.answered(180, headers=reliable(2)) == ["PRACK", "Progress"]
    assert call.answered(183, sdp(30004), headers=reliable(3)) == ["PRACK"], "an answer comes once"
    assert call.answered(200) == ["ACK", "Answer"]
    assert port(call, Answer) == 30002


def test_ringing_comes_first_and_is_heard_when_there_is_something_to_hear() -> None:
    call = hearing()
    assert call.answered(180) == ["Progress"]
    assert call.answered(183, sdp(30002)) == ["Early"]
    assert call.answered(180) == []


def test_an_unsure_answer_may_change_and_the_200_decides() -> None:
    call = hearing()
    assert call.answered(183, sdp(30002)) == ["Early"]
    assert call.answered(183, sdp(30004, version=2)) == ["Early"]
    assert port(call) == 30004
    assert call.answered(200, sdp(30006, version=3)) == ["ACK", "Answer"]
    assert port(call, Answer) == 30006
    assert call.asks("INVITE", sdp(30006, version=3)) == ["200 INVITE"], "a refresh of what was agreed"


def test_a_200_may_leave_out_what_was_heard() -> None:
    call = hearing()
    assert call.answered(183, sdp(30002)) == ["Early"]
    assert call.answered(200) == ["ACK", "Answer"]
    assert port(call, Answer) == 30002
    assert call.asks("INVITE", sdp(30002)) == ["200 INVITE"]


def test_a_200_without_an_answer_from_another_phone_is_none() -> None:
    call = hearing()
    call.answered(183, sdp(30002), tag="a")
    assert call.answered(200, tag="b") == ["ACK", "BYE", "End general-error"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (sdp(direction="inactive"), ()),
        (sdp(direction="recvonly"), ()),
        (sdp(0), ()),
        ("nonsense", ()),
        (sdp(), (authorised("inactive"),)),
        (sdp(), (authorised("recvonly"),)),
        (sdp(), (("Content-Encoding", "gzip"),)),
    ],
)
def test_what_says_nothing_is_not_heard(body: str, headers: tuple[tuple[str, str], ...]) -> None:
    call = hearing()
    assert call.answered(183, body, headers=headers) == ["Progress"]
    assert call.answered(183, sdp(30004), headers=(authorised("sendrecv"),)) == ["Early"]
    assert port(call) == 30004


@pytest.mark.parametrize(
    "directions", [("sendonly",), ("sendrecv", "inactive"), ("sendrecv", "gated"), ("what",), ('"',)]
)
def test_what_the_network_lets_through_is_heard(directions: tuple[str, ...]) -> None:
    call = hearing()
    assert call.answered(183, sdp(), headers=(authorised(*directions),)) == ["Early"]


def test_what_the_network_does_not_say_again_holds() -> None:
    call = hearing()
    assert call.answered(183, sdp(), headers=(*reliable(1), authorised("inactive"))) == ["PRACK", "Progress"]
    assert call.answered(180, headers=reliable(2)) == ["PRACK", "Progress"]
    assert call.answered(183, headers=(*reliable(3), authorised("sendonly"))) == ["PRACK", "Early"]


def test_what_the_network_allows_by_an_update_is_heard() -> None:
    call = hearing()
    call.answered(183, sdp(30002), headers=(*reliable(1), authorised("inactive")))
    assert updates(call, "", authorised("sendrecv")) == ["200 UPDATE", "Early"]
    assert port(call) == 30002


def test_a_change_in_the_early_dialog_is_heard() -> None:
    call = hearing()
    call.answered(183, sdp(30002), headers=reliable(1))
    assert updates(call, sdp(30004, version=2)) == ["200 UPDATE", "Early"]
    assert port(call) == 30004
    assert updates(call, sdp(30004, version=3, direction="inactive")) == ["200 UPDATE"]
    assert updates(call) == ["200 UPDATE"]


# ------------------------------------------------------------------------------------------------------- several phones


def test_of_several_phones_the_last_that_begins_to_play_is_heard() -> None:
    call = hearing()
    assert call.answered(183, sdp(30010), tag="a") == ["Early"]
    assert call.answered(183, sdp(30020), tag="b") == ["Early"]
    assert port(call) == 30020
    assert call.answered(183, sdp(30010), tag="a") == [], "it says nothing new"
    assert call.answered(180, tag="a") == ["Progress"]
    assert call.answered(200, sdp(30010), tag="a") == ["ACK", "Answer"]
    assert port(call, Answer) == 30010


def test_when_a_phone_has_gone_who_played_before_it_is_heard_again() -> None:
    call = hearing()
    call.answered(183, sdp(30010), tag="a")
    call.answered(183, tag="silent")
    call.answered(183, sdp(30020), tag="b")
    assert call.answered(199, tag="silent") == []
    assert call.answered(199, tag="b") == ["Early"]
    assert port(call) == 30010
    assert call.answered(199, tag="a") == []
    assert call.answered(183, sdp(30030), tag="c") == ["Early"]


def test_a_redirection_is_followed_and_what_plays_there_is_heard() -> None:
    call = hearing()
    call.answered(183, sdp(30010), tag="a")
    moved = ("Contact", "<sip:desk@trunk.example>")
    assert call.answered(302, tag="a", headers=(moved,)) == ["INVITE"]
    assert call.answered(183, sdp(30020), tag="b") == ["Early"]
    assert port(call) == 30020


def test_a_call_that_was_heard_takes_no_other_trunk() -> None:
    for body, out in ((sdp(), "End"), ("", "INVITE")):
        call = through()
        call.leg.manners = HEARS
        offered(call)
        call.answered(183, body)
        assert call.answered(503)[0].startswith(out)


# --------------------------------------------------------------------------------------------------------------- digits


def test_keys_for_a_menu_go_into_its_dialog() -> None:
    call = hearing(Credentials("romeo", "r0m30"))
    assert call.answered(183, sdp(), headers=(TAKES,)) == ["Early"]
    assert call.says(Digit("1", 160)) == ["INFO"]
    assert call.says(Digit("2", 160)) == []
    assert call.answered(407, to="INFO", headers=asked()) == ["INFO"]
    assert call.answered(200, to="INFO") == ["INFO"]
    first, again, second = call.sent("INFO")
    assert [request.cseq.number for request in (first, again, second)] == [2, 3, 4]
    assert (again.body, second.body) == (b"Signal=1\r\nDuration=160\r\n", b"Signal=2\r\nDuration=160\r\n")
    assert second.to.tag == "phone"
    assert call.answered(200, to="INFO") == []
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    assert call.ends() == ["BYE"]
    assert call.sent("BYE")[0].cseq.number == 5


def test_keys_and_candidates_for_one_dialog_have_their_numbers_in_a_row() -> None:
    call = calling(manners=HEARS)
    assert call.says(Offer(webrtc())) == []
    assert call.after(2) == ["INVITE"]
    assert call.answered(183, browser(), headers=(*CAN, TAKES)) == ["Early", "INFO"]
    call.answered(200, to="INFO")
    assert call.says(Digit("1", 160)) == ["INFO"]
    assert call.answered(180, headers=reliable(1)) == ["PRACK", "Progress"]
    assert [request.cseq.number for request in call.sent("INFO")] == [2, 3]
    assert call.sent("PRACK")[0].cseq.number == 4


def test_keys_wait_for_the_answer_where_the_menu_takes_no_info() -> None:
    call = hearing()
    call.answered(183, sdp())
    assert call.says(Digit("1", 160)) == []
    assert call.answered(200, sdp()) == ["ACK", "Answer", "INFO"]


def test_a_key_that_nobody_has_taken_is_not_said_to_somebody_else() -> None:
    call = hearing()
    call.answered(183, sdp(), tag="a", headers=(TAKES,))
    call.says(Digit("1", 160))
    assert call.says(Digit("2", 160)) == []
    assert call.answered(200, sdp(30010), tag="b") == ["ACK", "Answer", "INFO"]
    assert call.sent("INFO")[-1].body.startswith(b"Signal=2")


def test_a_menu_that_does_not_answer_is_told_the_next_key() -> None:
    call = hearing()
    call.answered(183, sdp(), headers=(TAKES,))
    call.says(Digit("1", 160))
    call.says(Digit("2", 160))
    assert call.fails("INFO") == ["INFO"]


# ---------------------------------------------------------------------------------------------------------- given up


def test_a_caller_that_has_heard_enough_cancels() -> None:
    call = hearing()
    call.answered(183, sdp())
    assert call.ends() == ["CANCEL"]
    assert call.answered(200, to="CANCEL") == []
    assert call.answered(200, sdp()) == ["ACK", "BYE"], "they crossed"
    assert call.answered(200, to="BYE") == []
    assert call.leg.closed
