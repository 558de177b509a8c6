"""UPDATE from the peer (RFC 3311), before the answer and inside a call, as ladders."""

import pytest

from gateway.sdp.text import parse
from gateway.signals import Answer, Offer, Progress, Refuse
from gateway.sip.message import Header
from gateway.sip.state import Phase
from mappings.description import Codec
from mappings.reasons import EndReason
from mappings.terms import Setup

from .ladder import PCMU, Ladder, audio, called, calling, in_call, invite, picked_up, rung, sdp, webrtc
from .test_leg_calling import BROKEN, offered
from .test_leg_reliable import port, reliable
from .test_leg_trickle import CAN, browser

MOVED: Header = ("Contact", "<sip:phone@192.0.2.21:5070>")
VIDEO = sdp(version=2) + "m=video 30010 RTP/AVP 31\r\n"


def early(*, body: str = "") -> Ladder:
    """A call of ours to a phone that has spoken, reliably."""
    call = offered()
    call.answered(183, body, headers=reliable(1))
    return call


def updates(call: Ladder, body: str = "", *headers: Header, tag: str = "phone") -> list[str]:
    """The peer sends an UPDATE in its early dialog."""
    return call.asks("UPDATE", body, headers=headers, dialog=call.leg.early[tag].dialog)


# ----------------------------------------------------------------------------------------------------- we call, no 200


@pytest.mark.conformance("MOD-19")
def test_before_the_200_a_change_is_answered_out_of_our_offer_and_told_with_the_answer() -> None:
    call = early(body=sdp(30002))
    assert updates(call, sdp(30004, version=2, direction="sendonly"), MOVED) == ["200 UPDATE"]
    answer = call.responses[0]
    assert b"m=audio 40000 RTP/AVP 0\r\n" in answer.body
    assert b"a=recvonly" in answer.body
    assert answer.first("Contact") == "<sip:gw@192.0.2.1:5060>"
    assert updates(call, sdp(30004, version=2, direction="sendonly")) == ["200 UPDATE"]
    assert call.answered(200, sdp(30002)) == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30004
    assert call.last("ACK").request.uri == "sip:phone@192.0.2.20:5060", "the 2xx says where it is"


@pytest.mark.conformance("MOD-19")
def test_before_its_answer_a_change_of_the_phone_meets_our_offer() -> None:
    call = early()
    assert updates(call, sdp(30004)) == ["491 UPDATE"]
    assert updates(call) == ["200 UPDATE"], "without an offer there is nothing to meet"
    assert call.answered(200, sdp()) == ["ACK", "Answer"]


def test_each_fork_changes_its_own() -> None:
    call = early(body=sdp(30002))
    call.answered(183, sdp(30012), tag="other", headers=reliable(1))
    assert updates(call, sdp(30014, version=2), tag="other") == ["200 UPDATE"]
    assert updates(call, sdp(30004, version=2)) == ["200 UPDATE"]
    assert call.answered(200, tag="other") == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30014


def test_an_early_change_that_cannot_be_is_refused_and_leaves_the_answer() -> None:
    call = early(body=sdp(30002))
    assert updates(call, "nonsense") == ["400 UPDATE"]
    assert updates(call, sdp(30004, version=2, media="RTP/AVP 96\r\na=rtpmap:96 opus/48000/2")) == ["488 UPDATE"]
    assert call.asks("UPDATE", "x", content_type="text/plain", dialog=call.leg.early["phone"].dialog) == ["415 UPDATE"]
    assert call.answered(200) == ["ACK", "Answer"]
    assert port(call.signal(Answer)) == 30002


def test_an_early_change_keeps_who_opens_the_dtls_association() -> None:
    from .test_leg_calling import SRFLX  # noqa: PLC0415 — only here

    call = calling()
    assert call.says(Offer(webrtc(SRFLX, complete=True))) == ["INVITE"]
    assert call.answered(183, browser(setup="active"), headers=reliable(1)) == ["PRACK", "Progress"]
    changed = browser("30000", setup="actpass").replace("o=- 1 1", "o=- 1 2")
    assert updates(call, changed) == ["200 UPDATE"]
    (medium,) = parse(call.responses[0].body.decode()).media
    assert medium.attributes["setup"] == ["passive"]
    assert call.answered(200) == ["ACK", "Answer"]
    answer = call.signal(Answer)
    assert isinstance(answer, Answer)
    assert answer.description.media[0].transport.fingerprints[0].setup is Setup.ACTIVE


def test_an_info_in_an_early_dialog_that_is_not_followed_is_for_nobody() -> None:
    call = early(body=sdp(30002))
    assert call.asks("INFO", dialog=call.leg.early["phone"].dialog) == ["481 INFO"]


def test_an_update_of_a_dialog_that_is_none_is_481() -> None:
    call = early(body=sdp(30002))
    assert call.asks("UPDATE", from_tag="stranger", dialog=call.leg.early["phone"].dialog) == ["481 UPDATE"]


# ------------------------------------------------------------------------------------------------ we are called, no 200


@pytest.mark.conformance("MOD-19")
def test_while_its_own_offer_has_no_answer_another_one_of_the_caller_has_to_come_again() -> None:
    call = rung()
    assert call.asks("UPDATE", sdp(version=2)) == ["500 UPDATE"]
    assert 0 <= int(call.responses[0].first("Retry-After") or -1) <= 10
    assert call.asks("UPDATE", headers=(MOVED,)) == ["200 UPDATE"]
    assert call.responses[0].first("Session-Expires") is None, "there is no session yet"
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 INVITE"]
    assert call.asks("UPDATE", sdp(version=2)) == ["500 UPDATE"], "nor while the 200 has no ACK"
    call.acks()
    assert call.ends() == ["BYE"]
    assert call.last("BYE").request.uri == "sip:phone@192.0.2.21:5070", "a new target is used at once"


# -------------------------------------------------------------------------------------------------------- inside a call


def test_a_change_is_offered_to_the_other_side_and_answered_without_an_ack() -> None:
    call = in_call()
    assert call.asks("UPDATE", sdp(30004, version=2), headers=(MOVED,)) == ["Offer"]
    assert call.leg.phase is Phase.UPDATED
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 UPDATE"]
    assert b"m=audio 40000 RTP/AVP 0" in call.responses[0].body
    assert call.after(100) == [], "nothing is repeated"
    assert call.asks("UPDATE", sdp(30004, version=2)) == ["200 UPDATE"], "a refresh"
    assert b"m=audio 40000 RTP/AVP 0" in call.responses[0].body
    assert call.ends() == ["BYE"]
    assert call.last("BYE").request.uri == "sip:phone@192.0.2.21:5070"


def test_a_change_that_is_refused_leaves_everything_as_it_was() -> None:
    call = in_call()
    assert call.asks("UPDATE", sdp(30004, version=2), headers=(MOVED,)) == ["Offer"]
    assert call.says(Refuse(EndReason.INCOMPATIBLE_PARAMETERS)) == ["488 UPDATE"]
    assert call.asks("UPDATE", sdp(30004, version=2)) == ["Offer"], "it is no refresh"
    assert call.says(Answer(audio(codecs=(BROKEN,)))) == ["488 UPDATE"]
    assert call.ends() == ["BYE"]
    assert call.last("BYE").request.uri == "sip:phone@192.0.2.20:5060"


def test_a_change_that_people_are_asked_about_wants_a_re_invite() -> None:
    call = in_call()
    assert call.asks("UPDATE", VIDEO) == ["504 UPDATE"]
    assert call.asks("INVITE", VIDEO) == ["Offer"]


def test_an_ice_restart_wants_a_re_invite_unless_candidates_can_follow() -> None:
    request = invite(browser("30000", setup="actpass"))
    call = called(request)
    call.gets(request)
    assert call.says(Answer(webrtc(complete=True))) == ["200 INVITE"]
    call.acks()
    restarted = browser("30000", setup="actpass").replace("a=ice-ufrag:", "a=ice-ufrag:new")
    assert call.asks("UPDATE", restarted) == ["504 UPDATE"]
    request = invite(browser("30000", setup="actpass"), headers=CAN)
    call = called(request)
    call.gets(request)
    assert call.says(Answer(webrtc(complete=True)))[0] == "200 INVITE"
    call.acks()
    assert call.asks("UPDATE", restarted)[0] == "Offer"


def test_what_cannot_be_read_or_used_is_refused_at_once() -> None:
    call = in_call()
    assert call.asks("UPDATE", "nonsense") == ["400 UPDATE"]
    assert call.asks("UPDATE", sdp(version=2, media="UDP/BFCP *")) == ["488 UPDATE"]
    assert call.asks("UPDATE", "x", content_type="text/plain") == ["415 UPDATE"]
    assert call.asks("UPDATE", headers=(("Contact", "<tel:+1>"),)) == ["400 UPDATE"]
    assert call.asks("UPDATE", headers=(("Require", "foo"),)) == ["420 UPDATE"]


@pytest.mark.conformance("MOD-19")
def test_of_two_changes_of_the_peer_the_second_has_to_come_again() -> None:
    for method in ("UPDATE", "INVITE"):
        call = in_call()
        assert call.asks(method, sdp(30004, version=2)) == ["Offer"]
        assert call.asks("UPDATE", sdp(30006, version=3)) == ["500 UPDATE"]
        assert call.asks("UPDATE") == ["200 UPDATE"]
        assert call.says(Offer(audio(40002))) == ["Refuse general-error"]
        assert call.asks("INVITE", sdp(30006, version=3)) == ["500 INVITE"]
        assert call.says(Answer(audio(codecs=(PCMU,)))) == [f"200 {method}"]


@pytest.mark.conformance("MOD-19")
def test_a_change_that_crosses_ours_is_491_and_a_refresh_is_not() -> None:
    call = in_call()
    assert call.says(Offer(audio(40002))) == ["INVITE"]
    assert call.asks("UPDATE", sdp(30004, version=2)) == ["491 UPDATE"]
    assert call.asks("UPDATE") == ["200 UPDATE"]
    assert call.answered(491) == []
    assert call.asks("UPDATE", sdp(30004, version=2)) == ["491 UPDATE"], "ours is still to come"
    assert call.after(5) == ["INVITE"]
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    assert call.asks("INVITE", "") == ["200 INVITE"]
    assert call.asks("UPDATE", sdp(30004, version=2)) == ["491 UPDATE"], "the 200 offers"


def test_an_answer_that_takes_too_long_for_an_update_is_taken_back() -> None:
    call = in_call()
    assert call.asks("UPDATE", sdp(30004, version=2)) == ["Offer"]
    assert call.after(23) == []
    assert call.after(2) == ["504 UPDATE"]
    assert call.asks("INVITE", sdp(30004, version=2)) == ["500 INVITE"]
    assert call.says(Answer(audio())) == ["Offer"]
    assert port(Progress(description=call.signal(Offer).description)) == 30000  # type: ignore[union-attr]
    assert call.says(Answer(audio())) == []
    assert call.asks("INVITE", sdp(30004, version=2)) == ["Offer"]
    call = in_call()
    call.asks("UPDATE", sdp(30004, version=2))
    call.after(25)
    assert call.says(Refuse(EndReason.GENERAL_ERROR)) == []
    assert call.leg.phase is Phase.CONFIRMED


def test_whoever_hangs_up_an_update_gets_its_answer() -> None:
    call = in_call()
    call.asks("UPDATE", sdp(30004, version=2))
    assert call.ends() == ["487 UPDATE", "BYE"]
    call = picked_up()
    call.asks("UPDATE", sdp(30004, version=2))
    assert call.asks("BYE") == ["200 BYE", "487 UPDATE", "End success"]


def test_a_codec_that_only_the_change_has_is_not_answered_with() -> None:
    call = early(body=sdp(30002))
    assert updates(call, sdp(30004, version=2, media="RTP/AVP 9 8 0")) == ["200 UPDATE"]
    assert b"m=audio 40000 RTP/AVP 0 8\r\n" in call.responses[0].body
    call.answered(200)
    answer = call.signal(Answer)
    assert isinstance(answer, Answer)
    assert [codec.id for codec in answer.description.media[0].rtp.codecs] == [8, 0]
    assert all(isinstance(codec, Codec) for codec in answer.description.media[0].rtp.codecs)
