"""REFER and its news in a leg, and a leg that asks its peer for the offer: what the flows do not come by."""

import pytest

from gateway.sdp.history import SdpSession
from gateway.signals import Answer, Candidates, End, Offer, Progress, Refuse, Transfer, Transferred
from gateway.sip.leg import Credentials, LegSettings, SipLeg
from gateway.sip.message import Header
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Role

from .ladder import Ladder, audio, candidate, ice, ids, in_call, picked_up, rung, sdp, target, webrtc

REFER: tuple[Header, ...] = (("Refer-To", "<sip:carol@phones.example>"),)
DONE = End(EndReason.SUCCESS, transferred=True)
WEBRTC = (
    "v=0\r\no=- 9 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 50000 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 198.51.100.20\r\n"
    "a=mid:0\r\na=ice-ufrag:9uB6\r\na=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\na=rtcp-mux\r\na=setup:actpass\r\n"
    f"a=fingerprint:sha-256 {':'.join(['B7'] * 32)}\r\na=candidate:1 1 UDP 2130706431 198.51.100.20 50000 typ host\r\n"
)


def news(fragment: str = "", state: str = "active", event: str = "refer") -> tuple[tuple[Header, ...], str]:
    return (("Event", event), ("Subscription-State", state)), fragment


def told(call: Ladder, fragment: str = "", state: str = "active", event: str = "refer") -> list[str]:
    headers, body = news(fragment, state, event)
    return call.asks("NOTIFY", body, headers=headers, content_type="message/sipfrag")


# ---------------------------------------------------------------------------------------------------------- the peer's


@pytest.mark.conformance("EXT-07")
def test_a_refer_is_a_transfer_and_every_step_of_it_a_notify() -> None:
    call = picked_up()
    assert call.asks("REFER", headers=REFER) == ["Transfer"]
    assert call.says(Transferred(100)) == ["202 REFER", "NOTIFY"]
    assert call.says(Transferred(180)) == ["NOTIFY"]
    assert call.says(Transferred(486, "Busy Here")) == ["NOTIFY"]
    first, _, last = call.sent("NOTIFY")
    assert first.first("Subscription-State") == "active;expires=300"
    assert first.first("Content-Type") == "message/sipfrag;version=2.0"
    assert last.first("Subscription-State") == "terminated;reason=noresource"
    assert last.body == b"SIP/2.0 486 Busy Here\r\n"
    assert call.says(Transferred(200)) == [], "nobody is subscribed any more"


def test_a_refer_that_is_not_done_is_refused() -> None:
    call = picked_up()
    assert call.asks("REFER", headers=REFER) == ["Transfer"]
    assert call.asks("REFER", headers=REFER) == ["491 REFER"]
    assert call.says(Transferred(603, "Decline")) == ["603 REFER"]
    assert call.says(Transferred(180)) == []


def test_a_refer_in_an_early_dialog_means_nothing() -> None:
    assert rung().asks("REFER", headers=REFER) == ["481 REFER"]


@pytest.mark.parametrize(("end", "status"), [(DONE, 202), (End(EndReason.SUCCESS), 487)])
def test_a_refer_that_the_end_overtakes_has_its_answer(end: End, status: int) -> None:
    call = picked_up()
    assert call.asks("REFER", headers=REFER) == ["Transfer"]
    assert call.says(end) == [f"{status} REFER", "BYE"]


def test_a_peer_that_hangs_up_behind_its_refer_has_both_answers() -> None:
    call = picked_up()
    assert call.asks("REFER", headers=REFER) == ["Transfer"]
    assert call.asks("BYE") == ["200 BYE", "487 REFER", "End success"]
    assert call.leg.closed


def test_a_notify_that_nobody_wants_is_the_last() -> None:
    call = picked_up()
    call.asks("REFER", headers=REFER)
    call.says(Transferred(100))
    assert call.answered(200, to="NOTIFY") == []
    assert call.says(Transferred(180)) == ["NOTIFY"]
    assert call.answered(100, to="NOTIFY") == []
    assert call.answered(481, to="NOTIFY") == []
    assert call.says(Transferred(200)) == []
    call.asks("REFER", headers=REFER)
    call.says(Transferred(100))
    assert call.fails("NOTIFY") == []
    assert call.says(Transferred(200)) == []
    assert call.leg.deadline is None


def test_a_subscription_ends_by_itself() -> None:
    call = picked_up()
    call.asks("REFER", headers=REFER)
    call.says(Transferred(100))
    assert call.after(299) == []
    assert call.after(2) == ["NOTIFY"]
    assert call.last("NOTIFY").request.first("Subscription-State") == "terminated;reason=timeout"


# --------------------------------------------------------------------------------------------------------------- ours


@pytest.mark.conformance("EXT-10")
def test_our_refer_is_taken_up_and_done() -> None:
    call = in_call()
    assert call.says(Transfer("sip:carol@phones.example")) == ["REFER"]
    refer = call.last("REFER").request
    assert refer.first("Refer-To") == "<sip:carol@phones.example>"
    assert refer.first("Referred-By") == "<sip:romeo@gw.example>"
    assert call.answered(100, to="REFER") == []
    assert call.answered(202, to="REFER") == ["Transferred 100"]
    assert told(call, "SIP/2.0 180 Ringing") == ["200 NOTIFY"]
    assert told(call, "SIP/2.0 200 OK", "terminated") == ["200 NOTIFY", "End success", "BYE"]
    assert call.end == DONE
    assert call.last("BYE").request.first("Reason") == 'SIP;cause=200;text="Transferred"'


@pytest.mark.parametrize(("cause", "status"), [("timeout", 408), ("transport", 503)])
def test_our_refer_is_lost(cause: str, status: int) -> None:
    call = in_call()
    call.says(Transfer("sip:carol@phones.example"))
    assert call.fails("REFER", cause) == [f"Transferred {status}"]
    assert call.fails("REFER", cause) == []


def test_credentials_are_given_to_who_asks_for_them() -> None:
    call = in_call(credentials=Credentials("romeo", "r0m30"))
    asks = (("Proxy-Authenticate", 'Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"'),)
    call.says(Transfer("sip:carol@phones.example"))
    assert call.answered(407, to="REFER", headers=asks) == ["REFER"]
    again = call.last("REFER").request
    assert again.first("Refer-To") == "<sip:carol@phones.example>"
    assert again.first("Proxy-Authorization") is not None
    assert told(call, "SIP/2.0 404 Not Found", "terminated") == ["200 NOTIFY", "Transferred 404"]

    assert call.asks("REFER", headers=REFER) == ["Transfer"]
    assert call.says(Transferred(100)) == ["202 REFER", "NOTIFY"]
    stale = (("Proxy-Authenticate", 'Digest realm="pbx", nonce="n2", algorithm=MD5, qop="auth", stale=true'),)
    assert call.answered(407, to="NOTIFY", headers=stale) == ["NOTIFY"]
    assert call.last("NOTIFY").request.body == b"SIP/2.0 100 Trying\r\n"
    assert call.last("NOTIFY").request.first("Event") == "refer"


def test_our_refer_is_overtaken_by_its_result() -> None:
    call = in_call()
    call.says(Transfer("sip:carol@phones.example"))
    assert told(call, "SIP/2.0 404 Not Found") == ["200 NOTIFY", "Transferred 404"]
    assert call.answered(202, to="REFER") == []
    assert told(call, "", "terminated") == ["200 NOTIFY"]
    assert told(call, "", "terminated") == ["481 NOTIFY"]


def test_there_is_one_transfer_at_a_time() -> None:
    call = in_call()
    call.says(Transfer("sip:carol@phones.example"))
    assert call.says(Transfer("sip:bob@phones.example")) == ["Transferred 491"]
    assert call.asks("REFER", headers=REFER) == ["491 REFER"]


def test_nobody_is_handed_on_before_the_ack() -> None:
    call = rung()
    assert call.says(Answer(audio())) == ["200 INVITE"]
    assert call.says(Transfer("sip:carol@phones.example")) == ["Transferred 491"]


def test_news_of_another_transfer_or_event_are_refused() -> None:
    call = in_call()
    call.says(Transfer("sip:carol@phones.example"))
    assert told(call, "SIP/2.0 200 OK", event="refer;id=99") == ["481 NOTIFY"]
    assert told(call, "SIP/2.0 200 OK", event="dialog") == ["489 NOTIFY"]
    number = call.last("REFER").request.cseq.number
    assert told(call, "SIP/2.0 100 Trying", event=f"refer;id={number}") == ["200 NOTIFY", "Transferred 100"]


# ------------------------------------------------------------------------------------- a leg that asks for the offer


def asking() -> Ladder:
    call = Ladder(
        SipLeg.calling(
            target(),
            call_id="5f2c@gw",
            tag="ours",
            contact="<sip:gw@192.0.2.1:5060>",
            sdp=SdpSession(Role.INITIATOR, 4711, address="192.0.2.1"),
            new_id=ids(),
            settings=LegSettings(),
            asks=True,
        )
    )
    assert call.says(Offer(None)) == ["INVITE"]
    assert not call.last("INVITE").request.body
    assert call.last("INVITE").request.first("Content-Type") is None
    return call


@pytest.mark.conformance("EXT-09")
def test_an_offer_that_was_asked_for_is_answered_with_the_ack() -> None:
    call = asking()
    assert call.answered(180) == ["Progress"]
    assert call.answered(200, sdp()) == ["Offer"]
    assert call.answered(200, sdp()) == [], "the ACK waits for the answer"
    assert call.says(Answer(audio())) == ["ACK"]
    assert b"m=audio 40000" in call.last("ACK").request.body
    assert call.answered(200, sdp()) == ["ACK"]
    assert call.says(Offer(audio(40002))) == ["INVITE"]


def test_a_session_that_began_so_has_its_timer_too() -> None:
    call = asking()
    timer = (("Session-Expires", "90;refresher=uac"), ("Require", "timer"))
    call.answered(200, sdp(), headers=timer)
    assert call.says(Answer(audio())) == ["ACK"]
    assert call.after(44.9) == []
    assert call.after(0.2) == ["INVITE"]


@pytest.mark.parametrize("body", ["", "garbage", sdp(media="RTP/AVP 99")])
def test_an_answer_without_a_usable_offer_ends_it(body: str) -> None:
    call = asking()
    assert call.answered(200, body)[:2] == ["ACK", "BYE"]
    assert call.end.reason is not EndReason.SUCCESS


@pytest.mark.parametrize("signal", [Refuse(EndReason.INCOMPATIBLE_PARAMETERS), End(EndReason.SUCCESS)])
def test_an_offer_that_nobody_wants_is_left(signal: Refuse | End) -> None:
    call = asking()
    call.answered(200, sdp())
    expected = ["ACK", "BYE", "End incompatible-parameters"] if isinstance(signal, Refuse) else ["ACK", "BYE"]
    assert call.says(signal) == expected
    assert not call.last("ACK").request.body


def test_an_answer_that_does_not_fit_ends_it() -> None:
    call = asking()
    call.answered(200, sdp(media="RTP/AVP 8"))
    refused = Answer(audio(codecs=(audio().media[0].rtp.codecs[0],)))
    assert call.says(refused) == ["ACK", "BYE", "End incompatible-parameters"]


def test_an_answer_that_comes_too_late_ends_it() -> None:
    call = asking()
    call.answered(200, sdp())
    assert call.after(31.9) == []
    assert call.after(0.2) == ["ACK", "BYE", "End timeout"]


def test_a_peer_that_does_not_wait_for_the_answer() -> None:
    call = asking()
    call.answered(200, sdp())
    assert call.asks("BYE") == ["200 BYE", "ACK", "End success"]
    assert call.leg.closed


@pytest.mark.parametrize("complete", [True, False])
def test_an_answer_waits_for_its_first_candidates(complete: bool) -> None:
    call = asking()
    assert call.answered(200, WEBRTC) == ["Offer"]
    assert call.says(Candidates({"0": ice(candidate(CandidateType.HOST))})) == []
    assert call.says(Answer(webrtc())) == []
    assert call.says(Candidates({"0": ice(candidate(CandidateType.HOST))})) == []
    if complete:
        assert call.says(Candidates({"0": ice(candidate(CandidateType.SRFLX), complete=True)})) == ["ACK"]
    else:
        assert call.after(2) == ["ACK"]
    assert b"a=candidate:" in call.last("ACK").request.body


def test_a_call_that_is_taken_back_before_its_offer_came() -> None:
    call = asking()
    call.answered(180)
    assert call.ends(EndReason.CANCEL) == ["CANCEL"]
    assert call.answered(200, sdp()) == ["ACK", "BYE"]


def test_a_signal_that_says_nothing_to_a_leg_that_asks() -> None:
    call = asking()
    call.answered(200, sdp())
    assert call.says(Progress()) == []
