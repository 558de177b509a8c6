"""The leg that is called: from the INVITE to the BYE, as ladders."""

from dataclasses import replace

import pytest

from gateway.signals import Answer, Candidates, End, Offer, Progress, Refuse
from gateway.sip.leg import LegSettings
from gateway.sip.message import SipRequest, SipResponse
from mappings.description import Description, Ice
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Senders, Setup

from .ladder import (
    ALLOWED,
    PCMA,
    PCMU,
    PEER_TCP,
    SUPPORTED,
    Ladder,
    audio,
    called,
    candidate,
    ice,
    invite,
    picked_up,
    raw,
    rung,
    sdp,
    word,
)

YES = Answer(audio(codecs=(PCMU,)))
WEBRTC = (
    "v=0\r\no=- 9 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 50000 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 198.51.100.20\r\n"
    "a=mid:audio\r\na=ice-ufrag:9uB6\r\na=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\na=rtcp-mux\r\na=setup:actpass\r\n"
    f"a=fingerprint:sha-256 {':'.join(['B7'] * 32)}\r\na=candidate:1 1 UDP 2130706431 198.51.100.20 50000 typ host\r\n"
)


def trickled(*candidates: CandidateType, complete: bool = False) -> Description:
    """What a browser answers to WEBRTC."""
    transport = ice(*[candidate(kind) for kind in candidates], complete=complete)
    (fingerprint,) = transport.fingerprints
    active = type(fingerprint)(hash=fingerprint.hash, value=fingerprint.value, setup=Setup.ACTIVE)
    answer = Ice(
        ufrag=transport.ufrag,
        pwd=transport.pwd,
        candidates=transport.candidates,
        fingerprints=(active,),
        gathering_complete=transport.gathering_complete,
    )
    return audio(codecs=(PCMU,), transport=answer, rtcp_mux=True)


def offered(request: SipRequest | None = None, settings: LegSettings | None = None) -> Ladder:
    """A leg that has told its Offer."""
    request = request or invite()
    call = called(request, settings=settings)
    assert call.gets(request) == ["Offer"]
    return call


def response(call: Ladder) -> SipResponse:
    """The one response that came out just now."""
    (found,) = call.responses
    return found


# ----------------------------------------------------------------------------------------------------- the plain call


def test_an_invite_is_an_offer() -> None:
    call = offered()
    offer = call.signal(Offer)
    assert isinstance(offer, Offer)
    assert offer.description is not None
    (media,) = offer.description.media
    assert media.transport == raw(30000, "192.0.2.20") or media.transport.candidates[0].port == 30000
    assert not call.leg.closed
    assert call.leg.call_id == "c4ll@phones.example"


@pytest.mark.conformance("HLD-12", "HLD-13", "SX-23")
def test_ringing_is_one_180_with_our_tag_and_contact() -> None:
    call = offered()
    assert call.says(Progress()) == ["180 INVITE"]
    ringing = response(call)
    assert ringing.to.tag == "ours"
    assert ringing.first("Contact") == "<sip:gw@192.0.2.1:5060>"
    assert call.says(Progress()) == []
    assert call.leg.ringing_seen


def test_progress_without_ringing_says_nothing() -> None:
    assert offered().says(Progress(ringing=False)) == []


@pytest.mark.conformance("SX-03")
def test_an_answer_is_a_200_with_sdp_that_fits_the_offer() -> None:
    call = rung()
    assert call.says(YES) == ["200 INVITE"]
    answer = response(call)
    assert answer.first("Content-Type") == "application/sdp"
    assert answer.first("Allow") == ALLOWED
    assert answer.first("Server") == "jingle-sip/0.1.0"
    assert answer.to.tag == "ours"
    assert "m=audio 40000 RTP/AVP 0\r\n" in answer.body.decode()
    assert call.acks() == []
    assert call.leg.deadline is None
    assert call.leg.last_status == 200


def test_an_answer_may_come_before_any_ringing() -> None:
    assert offered().says(YES) == ["200 INVITE"]


@pytest.mark.conformance("SX-09")
def test_what_the_client_does_not_answer_is_refused_in_its_place() -> None:
    call = offered(invite(sdp() + "m=video 30002 RTP/AVP 31\r\n"))
    call.says(YES)
    text = response(call).body.decode()
    assert text.index("m=audio 40000") < text.index("m=video 0 ")


@pytest.mark.conformance("SIP-21")
def test_record_routes_are_echoed_and_become_the_route_of_what_we_send() -> None:
    routes = (("Record-Route", "<sip:p1.example;lr>, <sip:p2.example;lr>"),)
    call = picked_up(invite(headers=routes))
    answer = next(item for item in call.every if isinstance(item, SipResponse) and item.status == 200)
    assert answer.all("Record-Route") == ("<sip:p1.example;lr>, <sip:p2.example;lr>",)
    call.ends()
    bye = call.last("BYE")
    assert bye.request.all("Route") == ("<sip:p1.example;lr>", "<sip:p2.example;lr>")
    assert bye.request.uri == "sip:phone@192.0.2.20:5060"
    assert bye.hop.host == "p1.example"


def test_what_we_send_is_from_whom_was_called() -> None:
    call = picked_up()
    call.ends()
    bye = call.last("BYE").request
    assert bye.first("From") == "<sip:romeo@gw.example>;tag=ours"
    assert bye.first("To") == '"Juliet" <sip:juliet@phones.example>;tag=phone'
    assert bye.first("CSeq") == "1 BYE"


def test_a_caller_on_a_connection_is_reached_by_it() -> None:
    call = called(request := invite(flow=PEER_TCP))
    call.flow = PEER_TCP
    call.gets(request)
    call.says(YES)
    call.acks()
    call.ends()
    assert call.last("BYE").hop.flow == PEER_TCP


def test_an_invite_without_contact_is_answered_to_its_from() -> None:
    call = picked_up(invite(contact=None))
    call.ends()
    assert call.last("BYE").request.uri == "sip:juliet@phones.example"


# ------------------------------------------------------------------------------------------------- refused at once


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        (invite(""), 488, "incompatible-parameters"),
        (invite("v=0\r\nnonsense"), 400, "general-error"),
        (invite("hello", content_type="text/plain"), 415, "unsupported-applications"),
        (invite(contact="<mailto:juliet@example.org>"), 400, "general-error"),
        (invite(headers=(("Record-Route", "<nonsense>"),)), 400, "general-error"),
    ],
)
def test_an_invite_that_cannot_be_used_is_refused_with_the_text(request_: SipRequest, status: int, reason: str) -> None:
    call = called(request_)
    assert call.gets(request_) == [f"{status} INVITE", f"End {reason}"]
    assert call.leg.closed
    assert call.end.status == status
    assert call.leg.last_status == status
    if status in (400, 488):
        assert (response(call).first("Warning") or "").startswith(("399 jingle-sip ", "305 jingle-sip "))
    assert call.gets(request_) in ([], ["481 INVITE"])


@pytest.mark.conformance("SX-08")
def test_a_fax_is_not_taken() -> None:
    fax = sdp().replace("m=audio 30000 RTP/AVP 0", "m=image 30000 udptl t38")
    call = called(request := invite(fax))
    (status, end) = call.gets(request)
    assert status == "488 INVITE"
    assert end.startswith("End ")


# ------------------------------------------------------------------------------------------------ refused by the other


@pytest.mark.conformance("END-20", "END-21", "END-22", "END-23", "END-24", "END-25", "END-26", "END-27", "END-28")
@pytest.mark.conformance("END-29", "END-30", "END-31", "END-32")
@pytest.mark.parametrize(
    ("reason", "status", "warning", "cause"),
    [
        (EndReason.BUSY, 486, None, "Q.850;cause=17"),
        (EndReason.DECLINE, 603, None, "Q.850;cause=21"),
        (EndReason.UNSUPPORTED_APPLICATIONS, 488, "304 ", "Q.850;cause=65"),
        (EndReason.UNSUPPORTED_TRANSPORTS, 488, "302 ", None),
        (EndReason.INCOMPATIBLE_PARAMETERS, 488, "305 ", "Q.850;cause=88"),
        (EndReason.FAILED_APPLICATION, 488, "370 ", None),
        (EndReason.FAILED_TRANSPORT, 480, None, "Q.850;cause=41"),
        (EndReason.CONNECTIVITY_ERROR, 480, None, "Q.850;cause=41"),
        (EndReason.GONE, 480, None, "Q.850;cause=20"),
        (EndReason.GENERAL_ERROR, 500, None, None),
        (EndReason.MEDIA_ERROR, 500, None, "Q.850;cause=47"),
        (EndReason.SECURITY_ERROR, 488, None, None),
        (EndReason.UNSPECIFIED, 480, None, None),
        (EndReason.CANCEL, 480, None, None),
        (EndReason.SUCCESS, 480, None, None),
        (EndReason.EXPIRED, 480, None, None),
        (EndReason.ALTERNATIVE_SESSION, 486, None, None),
    ],
)
def test_an_end_before_the_answer_is_the_final_response_of_the_table(
    reason: EndReason, status: int, warning: str | None, cause: str | None
) -> None:
    call = rung()
    assert call.ends(reason) == [f"{status} INVITE"]
    said = response(call)
    assert said.to.tag == "ours"
    assert said.first("Reason") == cause
    assert (said.first("Warning") or "")[:4] == (warning or "")
    assert call.leg.closed
    assert call.leg.end_said


def test_a_timeout_is_480_when_it_rang_and_408_when_not() -> None:
    call = rung()
    assert call.ends(EndReason.TIMEOUT) == ["480 INVITE"]
    assert response(call).first("Reason") == "Q.850;cause=19"
    call = offered()
    assert call.ends(EndReason.TIMEOUT) == ["408 INVITE"]
    assert response(call).first("Reason") == "Q.850;cause=18"


def test_a_refusal_of_the_first_offer_is_final_too() -> None:
    call = offered()
    assert call.says(Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "no codec")) == ["488 INVITE"]
    assert response(call).first("Warning") == '305 jingle-sip "no codec"'
    assert call.leg.closed


def test_an_end_may_bring_its_own_status_and_phrase() -> None:
    call = offered()
    assert call.says(End(EndReason.GONE, "no such user", 404, "Not here")) == ["404 INVITE"]
    assert response(call).phrase == "Not here"
    call = offered()
    assert call.says(End(EndReason.SECURITY_ERROR, None, 407)) == ["403 INVITE"], "a 407 would need a challenge"


def test_an_end_with_an_address_is_a_redirection() -> None:
    call = offered()
    assert call.says(End(EndReason.GONE, redirect="sip:juliet@new.example")) == ["302 INVITE"]
    assert response(call).first("Contact") == "<sip:juliet@new.example>"
    call = offered()
    assert call.says(End(EndReason.GONE, status=301, redirect="tel:+15551")) == ["301 INVITE"]
    for bad in ("xmpp:juliet@new.example", "sip:a@b>\r\nX: y", "sip:a b"):
        call = offered()
        assert call.says(End(EndReason.GONE, redirect=bad)) == ["480 INVITE"]
        assert response(call).first("Contact") is None


@pytest.mark.conformance("ROB-01")
def test_a_text_with_line_ends_injects_nothing() -> None:
    call = offered()
    call.ends(EndReason.INCOMPATIBLE_PARAMETERS, 'bad"\r\nX-Evil: 1')
    assert response(call).first("Warning") == '305 jingle-sip "bad\\" X-Evil: 1"'
    assert b"\r\nX-Evil" not in response(call).encode()


def test_an_answer_that_does_not_fit_the_offer_ends_both_sides() -> None:
    call = offered()
    assert call.says(Answer(audio(codecs=(PCMA,)))) == ["488 INVITE", "End incompatible-parameters"]
    assert call.leg.closed


# -------------------------------------------------------------------------------------------- the caller gives up


def test_a_cancel_is_487_and_the_end() -> None:
    call = rung()
    assert call.asks("CANCEL", cseq=100) == ["487 INVITE", "End cancel"]
    assert response(call).to.tag == "ours"
    assert call.leg.closed
    assert call.says(YES) == []


@pytest.mark.conformance("END-35")
def test_the_text_of_a_cancels_reason_goes_along() -> None:
    call = rung()
    call.asks("CANCEL", cseq=100, headers=(("Reason", 'SIP;cause=200;text="Call completed elsewhere"'),))
    assert call.end == End(EndReason.CANCEL, "Call completed elsewhere", elsewhere=True)


@pytest.mark.conformance("SIP-12")
def test_a_cancel_after_the_200_changes_nothing() -> None:
    call = rung()
    call.says(YES)
    assert call.asks("CANCEL", cseq=100) == []
    assert call.acks() == []
    assert not call.leg.closed
    assert call.asks("CANCEL", cseq=100) == []


@pytest.mark.conformance("SX-16")
@pytest.mark.parametrize("ring", [False, True])
def test_an_invite_expires(ring: bool) -> None:
    call = offered(invite(headers=(("Expires", "20"),)))
    if ring:
        call.says(Progress())
    assert call.after(19.9) == []
    assert call.after(0.2) == ["487 INVITE", "End timeout"]
    assert call.leg.closed


def test_an_answered_invite_does_not_expire() -> None:
    call = offered(invite(headers=(("Expires", "20"),)))
    call.says(YES)
    call.acks()
    assert call.after(100) == []


@pytest.mark.parametrize("value", ["soon", "-1", "99999999999"])
def test_an_expires_that_says_nothing_is_passed_over(value: str) -> None:
    assert offered(invite(headers=(("Expires", value),))).leg.deadline is None


@pytest.mark.conformance("SIP-14")
def test_a_bye_in_the_early_dialog_is_answered_and_ends_the_invite() -> None:
    call = rung()
    assert call.asks("BYE") == ["200 BYE", "487 INVITE", "End cancel"]
    assert call.leg.closed


def test_a_second_invite_before_the_first_is_answered_is_told_to_wait() -> None:
    call = rung()
    assert call.asks("INVITE", sdp(version=2)) == ["500 INVITE"]
    assert 0 <= int(response(call).first("Retry-After") or "") <= 10
    assert call.says(YES) == ["200 INVITE"]
    assert response(call).cseq.number == 100


# ------------------------------------------------------------------------------------------------------ 200 and ACK


@pytest.mark.conformance("SX-05")
def test_the_200_is_sent_again_until_the_ack_comes() -> None:
    call = rung()
    call.says(YES)
    first = response(call)
    begin, times = call.now, []
    while call.now - begin < 20:
        if call.after(0.25):
            assert call.out == [first]
            times.append(call.now - begin)
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5]
    assert call.acks() == []
    assert call.after(100) == []


@pytest.mark.conformance("SX-04")
def test_a_200_that_is_never_acknowledged_ends_the_call() -> None:
    call = rung()
    call.says(YES)
    words = call.after(32)
    assert words[:-2] == ["200 INVITE"] * 10
    assert words[-2:] == ["BYE", "End timeout"]
    assert call.end.text == "no ACK within 32 seconds"
    assert call.answered(481, to="BYE") == []
    assert call.leg.closed


def test_an_ack_of_something_else_does_not_count() -> None:
    call = rung()
    call.says(YES)
    assert call.acks(99) == []
    assert call.after(0.5) == ["200 INVITE"]


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    call = rung()
    call.says(YES)
    assert call.ends(EndReason.MEDIA_ERROR) == []
    assert call.after(0.5) == ["200 INVITE"]
    assert call.acks(7) == []
    assert call.acks() == ["BYE"]
    assert call.last("BYE").request.first("Reason") == "Q.850;cause=47"
    assert call.after(32) == []
    assert call.leg.closed


def test_hanging_up_without_any_ack_is_not_told_twice() -> None:
    call = rung()
    call.says(YES)
    call.ends()
    assert call.after(32)[-1] == "BYE"
    assert not any(isinstance(item, End) for item in call.every)


def test_a_bye_instead_of_the_ack_ends_the_call() -> None:
    call = rung()
    call.says(YES)
    assert call.asks("BYE") == ["200 BYE", "End success"]
    assert call.after(100) == []
    call = rung()
    call.says(YES)
    call.ends()
    assert call.asks("BYE") == ["200 BYE"]
    assert call.leg.closed


# ------------------------------------------------------------------------------------------- candidates of the answer


def test_an_answer_that_has_candidates_leaves_at_once() -> None:
    assert offered(invite(WEBRTC)).says(Answer(trickled(CandidateType.HOST))) == ["200 INVITE"]


def test_an_answer_that_has_none_yet_waits_a_moment_for_them() -> None:
    call = offered(invite(WEBRTC))
    assert call.says(Answer(trickled())) == []
    assert call.says(Candidates({"audio": ice(candidate(CandidateType.HOST))})) == []
    assert call.says(Candidates({"audio": ice(candidate(CandidateType.SRFLX))})) == ["200 INVITE"]
    assert response(call).body.count(b"a=candidate:") == 2


def test_the_answer_does_not_wait_longer_than_that() -> None:
    call = offered(invite(WEBRTC, headers=(("Expires", "20"),)))
    call.says(Answer(trickled()))
    assert call.after(1.5) == ["200 INVITE"]


def test_an_answer_that_waits_beats_the_invites_expiry() -> None:
    call = offered(invite(WEBRTC, headers=(("Expires", "1"),)))
    call.says(Answer(trickled()))
    assert call.after(1) == ["200 INVITE"]


def test_what_falls_due_at_the_same_time_happens_once() -> None:
    call = offered(invite(WEBRTC, headers=(("Expires", "1"),)), LegSettings(gather_seconds=1))
    call.says(Answer(trickled()))
    call.now += 1
    assert [word(item) for item in call.leg.expire(call.now)] == ["200 INVITE"]


def test_a_cancel_or_an_end_beats_the_answer_that_waits() -> None:
    call = offered(invite(WEBRTC))
    call.says(Answer(trickled()))
    assert call.asks("CANCEL", cseq=100) == ["487 INVITE", "End cancel"]
    call = offered(invite(WEBRTC))
    call.says(Answer(trickled()))
    assert call.ends(EndReason.SUCCESS) == ["480 INVITE"]
    assert call.after(10) == []


# -------------------------------------------------------------------------------------------------- their re-INVITE


@pytest.mark.conformance("MOD-16", "HLD-06")
def test_a_reinvite_is_an_offer_and_its_answer_a_200() -> None:
    call = picked_up()
    assert call.asks("INVITE", sdp(version=2, direction="sendonly")) == ["Offer"]
    offer = call.signal(Offer)
    assert isinstance(offer, Offer)
    assert offer.description is not None
    assert offer.description.media[0].senders is Senders.INITIATOR
    assert call.says(Answer(audio(codecs=(PCMU,), senders=Senders.INITIATOR))) == ["200 INVITE"]
    assert b"a=recvonly" in response(call).body
    assert call.after(0.5) == ["200 INVITE"]
    assert call.acks() == []
    assert call.ends() == ["BYE"]


@pytest.mark.conformance("MOD-13")
def test_a_reinvite_that_says_nothing_new_is_answered_with_the_same_sdp_and_told_to_nobody() -> None:
    call = picked_up()
    before = next(item for item in call.every if isinstance(item, SipResponse) and item.status == 200)
    assert call.asks("INVITE", sdp()) == ["200 INVITE"]
    assert response(call).body == before.body
    assert call.acks() == []


@pytest.mark.conformance("MOD-24", "MOD-19", "MOD-16")
def test_a_refused_change_leaves_the_call_as_it_was() -> None:
    call = picked_up()
    call.asks("INVITE", sdp(version=2))
    assert call.says(Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "no common codec")) == ["488 INVITE"]
    assert response(call).first("Warning") == '305 jingle-sip "no common codec"'
    assert call.asks("INVITE", sdp(version=3)) == ["Offer"]
    assert call.says(YES) == ["200 INVITE"]


def test_a_change_that_meets_the_other_sides_is_491() -> None:
    call = picked_up()
    call.asks("INVITE", sdp(version=2))
    assert call.says(Refuse(EndReason.GENERAL_ERROR, glare=True)) == ["491 INVITE"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("nonsense", "application/sdp", 400),
        (sdp().replace("audio 30000 RTP/AVP 0", "image 30000 udptl t38"), "application/sdp", 488),
        ("x", "text/plain", 415),
    ],
)
def test_a_change_that_cannot_be_used_is_refused_and_the_call_goes_on(
    body: str, content_type: str, status: int
) -> None:
    call = picked_up()
    assert call.asks("INVITE", body, content_type=content_type) == [f"{status} INVITE"]
    assert call.asks("INVITE", sdp(version=2)) == ["Offer"]


def test_the_answer_to_a_restart_waits_for_candidates_and_no_longer_than_a_moment() -> None:
    call = picked_up()
    host = candidate(CandidateType.HOST)
    fresh = replace(ice(), ufrag="9iiZ", pwd="another-password-of-22", fingerprints=())
    media = replace(audio(codecs=(PCMU,)).media[0], transport=fresh)
    anew = Description(media=(media,))
    assert call.asks("INVITE", sdp(version=2)) == ["Offer"]
    assert call.says(Answer(anew)) == []
    assert call.asks("INVITE", sdp(version=3)) == ["500 INVITE"]
    assert call.says(Candidates({"audio": replace(fresh, candidates=(host,))})) == []
    assert call.says(Offer(audio())) == [], "held back until the ACK"
    assert call.after(1.5) == ["200 INVITE"]
    assert b"198.51.100.7 50000 typ host" in response(call).body
    assert call.acks() == ["INVITE"]


@pytest.mark.conformance("MOD-23")
def test_an_offer_that_is_asked_for_is_all_that_was_told_and_is_answered_by_the_ack() -> None:
    call = picked_up()
    assert call.asks("INVITE") == ["200 INVITE"]
    assert b"m=audio 40000" in response(call).body
    assert call.asks("INVITE") == ["500 INVITE"]
    assert call.says(Offer(audio(codecs=(PCMU,), senders=Senders.NONE))) == [], "ours has to wait"
    assert call.after(0.5) == ["200 INVITE"]
    answered = call.responses[0].cseq.number
    assert call.asks("ACK", sdp(version=2, direction="sendonly"), cseq=answered + 5) == []
    assert call.asks("ACK", sdp(version=2, direction="sendonly"), cseq=answered) == ["Offer"]
    offer = call.signal(Offer)
    assert isinstance(offer, Offer)
    assert offer.description is not None
    assert offer.description.media[0].senders is Senders.INITIATOR
    assert call.asks("INVITE", sdp(version=3)) == ["500 INVITE"]
    assert call.says(YES) == ["INVITE"]
    assert b"a=inactive" in call.last("INVITE").request.body


@pytest.mark.conformance("MOD-23")
def test_an_ack_without_the_answer_that_it_owes_ends_the_call() -> None:
    call = picked_up()
    call.asks("INVITE")
    assert call.acks() == ["BYE", "End general-error"]


def test_a_change_with_an_unreadable_contact_is_refused() -> None:
    call = picked_up()
    assert call.asks("INVITE", sdp(version=2), headers=(("Contact", "<mailto:x@example.org>"),)) == ["400 INVITE"]


def test_a_second_change_before_the_first_is_answered_is_told_to_wait() -> None:
    call = picked_up()
    call.asks("INVITE", sdp(version=2))
    assert call.asks("INVITE", sdp(version=3)) == ["500 INVITE"]
    assert response(call).first("Retry-After")
    assert call.says(YES) == ["200 INVITE"]


def test_our_own_change_has_to_wait_while_theirs_is_open() -> None:
    call = picked_up()
    call.asks("INVITE", sdp(version=2))
    assert call.says(Offer(audio())) == ["Refuse general-error"]


def test_our_own_change_waits_for_the_ack() -> None:
    call = rung()
    call.says(YES)
    assert call.says(Offer(audio(codecs=(PCMU,), senders=Senders.NONE))) == []
    assert call.acks() == ["INVITE"]
    assert call.last("INVITE").request.first("CSeq") == "1 INVITE"
    assert b"a=inactive" in call.last("INVITE").request.body
    assert call.answered(491, to="INVITE") == []
    assert call.after(2.01) == ["INVITE"], "who did not make the Call-ID waits at most two seconds"


@pytest.mark.conformance("MOD-20")
def test_an_accepted_change_may_move_the_peer_and_a_refused_one_does_not() -> None:
    call = picked_up()
    moved = (("Contact", "<sip:phone@192.0.2.99:5080>"),)
    call.asks("INVITE", sdp(version=2), headers=moved)
    call.says(Refuse(EndReason.INCOMPATIBLE_PARAMETERS))
    assert call.leg.dialog is not None
    assert call.leg.dialog.target == "sip:phone@192.0.2.20:5060"
    call.asks("INVITE", sdp(version=3), headers=moved)
    call.asks("OPTIONS")
    call.says(YES)
    call.acks()
    call.ends()
    assert call.last("BYE").request.uri == "sip:phone@192.0.2.99:5080"


def test_a_change_that_is_never_acknowledged_ends_the_call() -> None:
    call = picked_up()
    call.asks("INVITE", sdp(version=2))
    call.says(YES)
    assert call.after(32)[-2:] == ["BYE", "End timeout"]


def test_a_change_before_the_ack_proves_that_the_200_came() -> None:
    call = rung()
    call.says(YES)
    assert call.asks("INVITE", sdp(version=2)) == ["Offer"]
    assert call.acks(100) == [], "the late ACK"
    assert call.says(YES) == ["200 INVITE"]
    assert call.acks() == []
    assert call.after(100) == []


def test_a_change_before_the_ack_meets_ours_that_waits() -> None:
    call = rung()
    call.says(YES)
    call.says(Offer(audio(codecs=(PCMU,), senders=Senders.NONE)))
    assert call.asks("INVITE", sdp(version=2)) == ["491 INVITE", "INVITE"]


def test_a_cancelled_change_is_still_answered() -> None:
    call = picked_up()
    call.asks("INVITE", sdp(version=2), cseq=120)
    assert call.asks("CANCEL", cseq=120) == []
    assert call.says(YES) == ["200 INVITE"]


def test_what_is_open_when_the_call_ends_gets_its_final_response() -> None:
    call = picked_up()
    call.asks("INVITE", sdp(version=2))
    assert call.asks("BYE") == ["200 BYE", "487 INVITE", "End success"]
    call = picked_up()
    call.asks("INVITE", sdp(version=2))
    assert call.ends() == ["487 INVITE", "BYE"]


def test_an_answer_that_does_not_fit_a_change_refuses_it() -> None:
    call = picked_up()
    call.asks("INVITE", sdp(version=2))
    assert call.says(Answer(audio(codecs=(PCMA,)))) == ["488 INVITE"]
    assert call.ends() == ["BYE"]


# ------------------------------------------------------------------------------------------------ other requests


@pytest.mark.conformance("SIP-15", "SIP-16")
def test_requests_come_in_order_and_may_leave_gaps() -> None:
    call = picked_up()
    assert call.asks("OPTIONS", cseq=110) == ["200 OPTIONS"]
    assert call.asks("OPTIONS", cseq=109) == ["500 OPTIONS"]
    assert call.asks("OPTIONS", cseq=115) == ["200 OPTIONS"]
    assert call.asks("BYE", cseq=99) == ["500 BYE"]


def test_options_are_answered_with_what_we_can_do() -> None:
    call = rung()
    assert call.asks("OPTIONS") == ["200 OPTIONS"]
    said = response(call)
    assert said.first("Allow") == ALLOWED
    assert said.first("Supported") == SUPPORTED
    assert "application/sdp" in (said.first("Accept") or "")


@pytest.mark.parametrize("method", ["MESSAGE", "REGISTER", "PUBLISH"])
def test_methods_that_we_do_not_serve_are_405(method: str) -> None:
    call = picked_up()
    assert call.asks(method) == [f"405 {method}"]
    assert response(call).first("Allow") == ALLOWED


@pytest.mark.conformance("SIP-17")
def test_methods_that_nobody_knows_are_501() -> None:
    assert picked_up().asks("DANCE") == ["501 DANCE"]


def test_required_extensions_are_refused_but_a_bye_is_always_heard() -> None:
    call = picked_up()
    assert call.asks("OPTIONS", headers=(("Require", "gruu, foo"),)) == ["420 OPTIONS"]
    assert response(call).first("Unsupported") == "foo, gruu"
    assert call.asks("INVITE", sdp(version=2), headers=(("Require", "precondition"),)) == ["420 INVITE"]
    assert call.asks("BYE", headers=(("Require", "foo"),)) == ["200 BYE", "End success"]


@pytest.mark.conformance("HLD-23")
def test_an_empty_info_is_taken_and_a_package_refused() -> None:
    call = picked_up()
    assert call.asks("INFO") == ["200 INFO"]
    assert call.asks("INFO", headers=(("Info-Package", "foo"),)) == ["469 INFO"]
    assert response(call).first("Recv-Info") == ""


def test_an_info_of_another_kind_is_415_and_told_what_is_read() -> None:
    call = picked_up()
    assert call.asks("INFO", "x", content_type="application/foo") == ["415 INFO"]
    assert "application/dtmf-relay" in (response(call).first("Accept") or "")


@pytest.mark.conformance("ROB-10")
def test_a_request_with_another_tag_is_for_another_dialog() -> None:
    call = picked_up()
    assert call.asks("BYE", from_tag="stranger") == ["481 BYE"]
    assert call.gets(call.request("BYE").replace_header("Call-ID", "another@phones.example")) == ["481 BYE"]
    assert call.gets(call.request("BYE").replace_header("To", "<sip:romeo@gw.example>;tag=theirs")) == ["481 BYE"]
    assert not call.leg.closed


def test_an_ack_of_a_stranger_acknowledges_nothing() -> None:
    call = rung()
    call.says(YES)
    assert call.asks("ACK", cseq=100, from_tag="stranger") == []
    assert call.after(0.5) == ["200 INVITE"]


def test_a_request_that_cannot_be_read_is_400_and_changes_nothing() -> None:
    call = picked_up()
    assert call.asks("OPTIONS", headers=(("Require", '"open, foo'),)) == ["400 OPTIONS"]
    assert call.asks("ACK", headers=(("Require", '"open, foo'),)) == []
    assert call.asks("BYE", headers=(("Reason", 'Q.850;cause=17;text="open, foo'),)) == ["200 BYE", "End success"]


def test_candidates_that_come_too_late_are_counted() -> None:
    call = picked_up()
    assert call.says(Candidates({"audio": ice(candidate(CandidateType.HOST))})) == []
    assert call.leg.dropped == ["candidate"]


def test_after_the_end_every_request_is_for_a_call_that_is_gone() -> None:
    call = picked_up()
    assert call.asks("BYE") == ["200 BYE", "End success"]
    assert call.asks("BYE") == ["481 BYE"]
    assert call.asks("INVITE", sdp(version=2)) == ["481 INVITE"]
    assert call.says(YES) == []
    assert call.ends() == []
    assert call.after(1000) == []


def test_a_leg_that_is_told_of_the_end_before_its_invite_is_closed() -> None:
    call = called()
    assert not call.leg.closed
    assert call.ends() == []
    assert call.leg.closed
    assert isinstance(call.leg.dropped, list)
