"""Sessions that have to be refreshed (RFC 4028), as ladders."""

import pytest

from gateway.errors import PeerError
from gateway.signals import Answer, Offer, Refuse
from gateway.sip.leg import Credentials
from gateway.sip.manners import Manners
from gateway.sip.message import Header
from gateway.sip.session_timer import Expires
from gateway.sip.state import Phase, Timer
from mappings.reasons import EndReason

from .ladder import PCMU, Ladder, audio, called, calling, invite, picked_up, rung, sdp
from .test_leg_calling import asked, offered

ABLE: Header = ("Supported", "timer")
UPDATES: Header = ("Allow", "INVITE, INFO, UPDATE")
NONE = Manners(session_expires_seconds=0)


def expires(text: str) -> tuple[Header, ...]:
    """What a peer that can says of the timer."""
    return (("Session-Expires", text), ABLE)


def refreshing(*headers: Header, seconds: int = 1800) -> Ladder:
    """A call of ours in which we refresh."""
    call = offered()
    assert call.answered(200, sdp(), headers=(*expires(f"{seconds};refresher=uac"), *headers)) == ["ACK", "Answer"]
    return call


def waiting(seconds: int = 1800, manners: Manners | None = None) -> Ladder:
    """A call of ours in which the peer refreshes."""
    call = offered(calling(manners=manners) if manners else None)
    assert call.answered(200, sdp(), headers=expires(f"{seconds};refresher=uas")) == ["ACK", "Answer"]
    return call


# -------------------------------------------------------------------------------------------------------------- we ask


def test_an_invite_asks_for_a_session_that_is_refreshed() -> None:
    request = offered().sent("INVITE")[0]
    assert request.first("Session-Expires") == "1800"
    assert request.first("Min-SE") is None, "the standard's own"
    assert "timer" in request.tokens("Supported")
    longer = offered(calling(manners=Manners(session_expires_seconds=600, min_se_seconds=300))).sent("INVITE")[0]
    assert (longer.first("Session-Expires"), longer.first("Min-SE")) == ("600", "300")
    assert offered(calling(manners=NONE)).sent("INVITE")[0].first("Session-Expires") is None


def test_without_the_header_in_the_200_nothing_has_to_be_refreshed() -> None:
    call = offered()
    call.answered(200, sdp())
    assert call.leg.deadline is None


@pytest.mark.conformance("EXT-04")
def test_what_we_have_to_refresh_is_refreshed_in_half_its_time_by_an_update_where_that_is_taken() -> None:
    call = refreshing(UPDATES)
    assert call.after(899) == []
    assert call.after(2) == ["UPDATE"]
    update = call.last("UPDATE").request
    assert update.body == b""
    assert update.first("Session-Expires") == "1800;refresher=uac"
    assert update.first("Contact") == "<sip:gw@192.0.2.1:5060>"
    assert call.answered(100, to="UPDATE") == []
    assert call.answered(200, to="UPDATE", headers=expires("1800;refresher=uac")) == []
    assert call.after(898) == []
    assert call.after(3) == ["UPDATE"]


@pytest.mark.conformance("EXT-04")
def test_else_by_a_re_invite_that_offers_what_holds_and_is_told_to_nobody() -> None:
    call = refreshing()
    assert call.after(901) == ["INVITE"]
    again = call.last("INVITE").request
    assert again.body == call.sent("INVITE")[0].body, "the same o= version too"
    assert again.first("Session-Expires") == "1800;refresher=uac"
    assert call.answered(100) == []
    assert call.answered(200, sdp(), headers=expires("1800;refresher=uac")) == ["ACK"]
    assert call.leg.phase is Phase.CONFIRMED
    assert call.after(901) == ["INVITE"]


def test_a_refresh_that_is_answered_with_a_change_is_told_as_an_offer() -> None:
    call = refreshing()
    call.after(901)
    assert call.answered(200, sdp(30020, version=2), headers=expires("1800;refresher=uac")) == ["ACK", "Offer"]
    assert call.says(Answer(audio())) == []
    assert call.leg.phase is Phase.CONFIRMED


def test_a_change_waits_for_the_refresh() -> None:
    call = refreshing()
    call.after(901)
    assert call.says(Offer(audio(40002))) == []
    assert call.asks("INVITE", sdp(version=2)) == ["491 INVITE"]
    assert call.answered(200, sdp(), headers=expires("1800;refresher=uac")) == ["ACK", "INVITE"]
    assert call.answered(200, sdp(), headers=expires("1800;refresher=uac")) == ["ACK", "Answer"]


def test_a_change_of_ours_is_a_refresh_too() -> None:
    call = refreshing(UPDATES)
    call.after(600)
    assert call.says(Offer(audio(40002))) == ["INVITE"]
    assert call.last("INVITE").request.first("Session-Expires") == "1800;refresher=uac"
    assert call.answered(200, sdp(), headers=expires("600;refresher=uac")) == ["ACK", "Answer"]
    assert call.after(299) == []
    assert call.after(2) == ["UPDATE"]


def test_a_refresh_that_may_not_leave_yet_leaves_later() -> None:
    call = refreshing()
    call.after(899)
    assert call.asks("INVITE", sdp(version=2), headers=expires("1800;refresher=uas")) == ["Offer"]
    assert call.after(2) == []
    assert call.after(5) == []
    assert call.says(Refuse(EndReason.INCOMPATIBLE_PARAMETERS)) == ["488 INVITE"]
    assert call.after(5) == ["INVITE"]


@pytest.mark.parametrize("updates", [True, False])
@pytest.mark.parametrize("status", [481, 408])
def test_a_peer_that_knows_the_call_no_more_ends_it(status: int, updates: bool) -> None:
    call = refreshing(*([UPDATES] if updates else []))
    (method,) = call.after(901)
    ended = call.answered(status, to=method)
    assert ended[0] == "BYE"
    assert ended[1].startswith("End ")


def test_a_refresh_that_nobody_answers_ends_the_call() -> None:
    call = refreshing(UPDATES)
    call.after(901)
    assert call.fails("UPDATE") == ["BYE", "End timeout"]
    call = refreshing()
    call.after(901)
    assert call.fails("INVITE") == ["BYE", "End timeout"]


def test_a_refresh_that_met_another_request_is_tried_again() -> None:
    call = refreshing(UPDATES)
    call.after(901)
    assert call.answered(491, to="UPDATE") == []
    assert call.after(5) == ["UPDATE"]
    assert call.answered(500, to="UPDATE", headers=(("Retry-After", "30"),)) == []
    assert call.after(29) == []
    assert call.after(2) == ["UPDATE"]
    assert call.answered(500, to="UPDATE") == []
    assert call.after(6) == ["UPDATE"]
    call = refreshing()
    call.after(901)
    assert call.answered(491) == []
    assert call.after(5) == ["INVITE"]
    assert call.answered(488) == []
    assert call.after(6) == ["INVITE"]


def test_a_refresh_that_is_refused_to_the_end_ends_the_call_before_the_peer_does() -> None:
    call = refreshing(UPDATES)
    call.after(901)
    for _ in range(200):
        words = call.answered(500, to="UPDATE")
        assert words == []
        if "BYE" in (words := call.after(5)):
            break
        assert words == ["UPDATE"]
    assert words == ["BYE", "End timeout"]
    assert pytest.approx(call.now, abs=5) == 1000 + 1800 - 32


def test_credentials_are_given_to_a_refresh() -> None:
    for allow in ([UPDATES], []):
        call = offered(calling(credentials=Credentials("romeo", "r0m30")))
        call.answered(200, sdp(), headers=(*expires("1800;refresher=uac"), *allow))
        (method,) = call.after(901)
        assert call.answered(407, to=method, headers=asked()) == [method]
        assert call.last(method).request.first("Proxy-Authorization") is not None


def test_a_peer_that_takes_no_update_after_all_is_sent_a_re_invite() -> None:
    call = refreshing(UPDATES)
    call.after(901)
    assert call.answered(405, to="UPDATE") == ["INVITE"]


def test_an_interval_that_is_hardly_any_makes_no_storm() -> None:
    call = refreshing(UPDATES, seconds=1)
    assert call.after(14) == []
    assert call.after(2) == ["UPDATE"]


# ------------------------------------------------------------------------------------------------------- 422, both ways


@pytest.mark.conformance("XS-17")
def test_an_interval_that_is_too_small_for_somebody_is_made_longer() -> None:
    call = offered()
    assert call.answered(422, headers=(("Min-SE", "3600"),)) == ["INVITE"]
    again = call.last("INVITE").request
    assert (again.first("Session-Expires"), again.first("Min-SE")) == ("3600", "3600")
    assert again.cseq.number == 2
    assert again.body == call.sent("INVITE")[0].body
    assert call.answered(422, headers=(("Min-SE", "7200"),)) == ["INVITE"]
    assert call.answered(200, sdp(), headers=expires("7200;refresher=uac")) == ["ACK", "Answer"]


@pytest.mark.parametrize("least", [None, "90", "1800", "x", "99999999999"])
def test_a_422_that_asks_for_nothing_more_is_a_refusal(least: str | None) -> None:
    headers = () if least is None else (("Min-SE", least),)
    assert offered().answered(422, headers=headers)[0].startswith("End ")


def test_there_is_an_end_to_longer_intervals() -> None:
    call = offered()
    for number in range(3):
        assert call.answered(422, headers=(("Min-SE", str(3600 + number)),)) == ["INVITE"]
    assert call.answered(422, headers=(("Min-SE", "4000"),))[0].startswith("End ")


def test_a_422_to_a_refresh_makes_that_longer_too() -> None:
    call = refreshing(UPDATES)
    call.after(901)
    assert call.answered(422, to="UPDATE", headers=(("Min-SE", "3600"),)) == ["UPDATE"]
    assert call.last("UPDATE").request.first("Session-Expires") == "3600;refresher=uac"
    call = refreshing()
    call.after(901)
    assert call.answered(422, headers=(("Min-SE", "3600"),)) == ["INVITE"]
    assert call.answered(200, sdp(), headers=expires("3600;refresher=uac")) == ["ACK"]
    assert call.says(Offer(audio(40002))) == ["INVITE"]
    assert call.answered(422, headers=(("Min-SE", "7200"),)) == ["INVITE"]


@pytest.mark.conformance("EXT-06")
def test_too_short_an_interval_is_refused_with_what_is_taken() -> None:
    request = invite(headers=expires("60"))
    call = called(request)
    assert call.gets(request)[0] == "422 INVITE"
    assert call.responses[0].first("Min-SE") == "90"
    assert call.leg.closed
    request = invite(headers=expires("200"))
    call = called(request, manners=Manners(min_se_seconds=300))
    assert call.gets(request)[0] == "422 INVITE"
    assert call.responses[0].first("Min-SE") == "300"


def test_a_caller_that_knows_no_timer_is_not_refused_for_what_a_proxy_put_there() -> None:
    call = picked_up(invite(headers=(("Session-Expires", "60"),)))
    assert call.after(29) == []
    assert call.after(2) == ["INVITE"], "we refresh, since it cannot"


def test_what_cannot_be_read_is_400() -> None:
    request = invite(headers=expires("soon"))
    call = called(request)
    assert call.gets(request)[0] == "400 INVITE"
    call = picked_up()
    for method in ("INVITE", "UPDATE"):
        assert call.asks(method, sdp(version=2), headers=expires("soon")) == [f"400 {method}"]
        assert call.asks(method, sdp(version=2), headers=expires("60")) == [f"422 {method}"]


# ------------------------------------------------------------------------------------------------------- the peer asks


@pytest.mark.parametrize(
    ("headers", "answer", "required"),
    [
        (expires("600"), "600;refresher=uac", True),
        (expires("600;refresher=uac"), "600;refresher=uac", True),
        (expires("600;refresher=UAS"), "600;refresher=uas", False),
        ((("x", "600"), ABLE), "600;refresher=uac", True),
        ((ABLE,), "1800;refresher=uac", True),
        ((ABLE, ("Min-SE", "3600")), "3600;refresher=uac", True),
        ((("Session-Expires", "600"),), "600;refresher=uas", False),
        ((), None, False),
    ],
)
def test_our_200_says_who_refreshes_and_how_often(
    headers: tuple[Header, ...], answer: str | None, required: bool
) -> None:
    call = rung(invite(headers=headers))
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 INVITE"]
    said = call.responses[0]
    assert said.first("Session-Expires") == answer
    assert ("timer" in said.tokens("Require")) is required
    assert (Timer.LAPSED in call.leg.timers) is (answer is not None)
    assert (Timer.REFRESH in call.leg.timers) is (answer is not None and answer.endswith("uas"))


def test_a_trunk_without_timers_takes_what_the_caller_asks_for_and_asks_for_none() -> None:
    call = rung(invite(headers=(ABLE,)), manners=NONE)
    call.says(Answer(audio(codecs=(PCMU,))))
    assert call.responses[0].first("Session-Expires") is None
    call = rung(invite(headers=expires("600")), manners=NONE)
    call.says(Answer(audio(codecs=(PCMU,))))
    assert call.responses[0].first("Session-Expires") == "600;refresher=uac"


@pytest.mark.conformance("EXT-05")
@pytest.mark.parametrize(("seconds", "lived"), [(1800, 1768), (90, 60), (60, 40)])
def test_a_session_that_the_peer_does_not_refresh_ends_before_its_time(seconds: int, lived: int) -> None:
    call = waiting(seconds)
    assert call.after(lived - 1) == []
    assert call.after(2) == ["BYE", "End timeout"]
    assert call.end.text == f"the session was not refreshed within {seconds} seconds"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_refresh_of_the_peer_is_answered_and_told_to_nobody(method: str) -> None:
    call = waiting()
    for _ in range(3):
        call.after(1700)
        body = sdp() if method == "INVITE" else ""
        assert call.asks(method, body, headers=expires("1800;refresher=uac")) == [f"200 {method}"]
        assert call.responses[0].first("Session-Expires") == "1800;refresher=uac"
        if method == "INVITE":
            assert call.acks() == []
    assert call.after(1769) == ["BYE", "End timeout"]


def test_the_roles_may_change_with_a_refresh() -> None:
    call = waiting()
    assert call.asks("UPDATE", headers=(*expires("1800;refresher=uas"), UPDATES)) == ["200 UPDATE"]
    assert call.after(901) == ["UPDATE"]
    assert call.answered(200, to="UPDATE", headers=expires("1800;refresher=uas")) == []
    assert call.after(1769) == ["BYE", "End timeout"]


def test_a_refresh_without_a_timer_keeps_the_one_there_is_and_of_who_cannot_ends_it() -> None:
    call = waiting()
    assert call.asks("UPDATE", headers=(ABLE,)) == ["200 UPDATE"]
    assert call.responses[0].first("Session-Expires") == "1800;refresher=uac"
    assert call.asks("UPDATE") == ["200 UPDATE"]
    assert call.responses[0].first("Session-Expires") is None
    assert call.leg.deadline is None
    call = refreshing()
    assert call.asks("UPDATE", headers=(ABLE,)) == ["200 UPDATE"]
    assert call.responses[0].first("Session-Expires") == "1800;refresher=uas", "we go on"


def test_a_session_that_lapses_while_a_change_waits_answers_that_too() -> None:
    call = waiting(90)
    call.after(59)
    assert call.asks("INVITE", sdp(version=2)) == ["Offer"]
    assert call.after(2) == ["487 INVITE", "BYE", "End timeout"]


# ------------------------------------------------------------------------------------------------------------ the words


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1800", Expires(1800, None)),
        ("1800;refresher=uas", Expires(1800, "uas")),
        (" 90 ; x ; REFRESHER = uac;y=1", Expires(90, "uac")),
        ("90;refresher=nobody", Expires(90, None)),
    ],
)
def test_session_expires_is_read(text: str, read: Expires) -> None:
    assert Expires.parse(text) == read


@pytest.mark.parametrize("text", ["", "-1", "1.5", "4294967296", ";refresher=uac"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(PeerError):
        Expires.parse(text)


def test_a_200_whose_interval_cannot_be_read_has_none() -> None:
    call = offered()
    call.answered(200, sdp(), headers=(("Session-Expires", "soon"), ("Allow", '"')))
    assert call.leg.deadline is None
