"""The leg that calls: from the offer to the BYE, as ladders."""

import pytest

from gateway.signals import Answer, Candidates, Complete, End, Offer, Progress, Refuse
from gateway.sip.flow import Hop
from gateway.sip.leg import Credentials, LegSettings, SipLeg
from gateway.sip.manners import Manners
from gateway.sip.message import respond
from gateway.sip.wire import Outgoing
from mappings.description import Codec, Ice
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Senders

from .ladder import (
    ALLOWED,
    PCMA,
    PCMU,
    PEER_TCP,
    SUPPORTED,
    Ladder,
    audio,
    calling,
    candidate,
    ice,
    ids,
    in_call,
    on_wire,
    raw,
    sdp,
    webrtc,
)

SRFLX = candidate(CandidateType.SRFLX)
HOST = candidate(CandidateType.HOST)
FOLLOWING = Manners(follow_redirects=True)
ROMEO = Credentials("romeo", "r0m30")
BROKEN = Codec(id=96, name="x\r\na=injected", clockrate=8000)
"Nothing that holds a line end can be written (ROB-01)."


def offered(call: Ladder | None = None) -> Ladder:
    """A leg whose INVITE is out."""
    call = call or calling()
    assert call.says(Offer(audio())) == ["INVITE"]
    return call


def ringing(call: Ladder | None = None) -> Ladder:
    """A leg whose callee is being alerted."""
    call = offered(call)
    assert call.answered(180) == ["Progress"]
    return call


def asked(stale: bool = False, nonce: str = "n1", header: str = "Proxy-Authenticate") -> tuple[tuple[str, str], ...]:
    """A challenge."""
    more = ", stale=true" if stale else ""
    return ((header, f'Digest realm="trunk.example", nonce="{nonce}", algorithm=MD5, qop="auth"{more}'),)


# ----------------------------------------------------------------------------------------------------- the plain call


@pytest.mark.conformance("XS-01")
def test_a_raw_udp_offer_leaves_at_once_with_its_address_and_payload_types_in_order() -> None:
    call = calling()
    assert call.says(Offer(audio(40000, codecs=(PCMA,)))) == ["INVITE"]
    (invite,) = call.sent("INVITE")
    text = invite.body.decode()
    assert "m=audio 40000 RTP/AVP 8\r\n" in text
    assert "c=IN IP4 192.0.2.7\r\n" in text


@pytest.mark.conformance("EXT-19")
def test_an_invite_says_who_calls_whom_and_what_we_can_do() -> None:
    call = offered(calling(headers=(("P-Asserted-Identity", "<sip:+1555@gw.example>"),)))
    outgoing = call.last("INVITE")
    invite = outgoing.request
    assert invite.uri == "sip:+15551230000@trunk.example"
    assert outgoing.hop == Hop("trunk.example")
    assert outgoing.branch.startswith("z9hG4bK")
    assert invite.first("From") == '"Romeo" <sip:romeo@gw.example>;tag=ours'
    assert invite.first("To") == "<sip:+15551230000@trunk.example>"
    assert invite.first("Call-ID") == "5f2c@gw"
    assert invite.first("CSeq") == "1 INVITE"
    assert invite.first("Max-Forwards") == "70"
    assert invite.first("Contact") == "<sip:gw@192.0.2.1:5060>"
    assert invite.first("Allow") == ALLOWED
    assert invite.first("Supported") == SUPPORTED
    assert invite.first("User-Agent") == "jingle-sip/0.1.0"
    assert invite.first("P-Asserted-Identity") == "<sip:+1555@gw.example>"
    assert invite.first("Content-Type") == "application/sdp"
    assert invite.first("Via") is None, "that is the socket's to say"


@pytest.mark.conformance("XS-02")
def test_a_100_is_told_to_nobody() -> None:
    assert offered().answered(100, tag="") == []


@pytest.mark.conformance("XS-03", "XS-04")
def test_ringing_is_told_once_whichever_fork_rings() -> None:
    call = ringing()
    assert call.answered(180) == []
    assert call.answered(180, tag="other") == []
    assert call.leg.ringing_seen


@pytest.mark.conformance("HLD-14")
def test_a_183_is_no_ringing_and_a_180_after_it_is() -> None:
    call = offered()
    assert call.answered(183) == []
    assert call.answered(180) == ["Progress"]


@pytest.mark.conformance("XS-05")
@pytest.mark.parametrize("status", [181, 182, 199])
def test_other_provisional_responses_are_not_told_even_with_sdp(status: int) -> None:
    assert offered().answered(status, sdp()) == []


@pytest.mark.conformance("XS-05")
def test_a_183_that_plays_something_is_told_once_and_its_answer_is_not() -> None:
    call = offered()
    assert call.answered(183, sdp()) == ["Progress"]
    assert call.signal(Progress) == Progress(ringing=False, description=None)
    assert call.answered(183, sdp()) == []
    assert call.answered(180, sdp()) == ["Progress"]


def test_a_180_with_sdp_is_still_a_ringing() -> None:
    assert offered().answered(180, sdp()) == ["Progress"]


@pytest.mark.conformance("XS-07", "SIP-07")
def test_a_200_is_acknowledged_at_once_in_a_transaction_of_its_own_and_then_told() -> None:
    call = ringing()
    assert call.answered(200, sdp(30000)) == ["ACK", "Answer"]
    ack, invite = call.last("ACK"), call.last("INVITE")
    assert ack.branch != invite.branch
    assert ack.request.uri == "sip:phone@192.0.2.20:5060"
    assert ack.request.first("CSeq") == "1 ACK"
    assert ack.request.to.tag == "phone"
    answer = call.signal(Answer)
    assert isinstance(answer, Answer)
    assert answer.description.media[0].transport.candidates[0].port == 30000
    assert call.leg.last_status == 200
    assert call.leg.deadline is None


@pytest.mark.conformance("SIP-07", "SIP-21")
def test_the_route_set_of_a_200_is_reversed_and_used_for_ack_and_bye() -> None:
    call = offered()
    routes = (("Record-Route", "<sip:p2.example;lr>, <sip:p1.example;lr>"), ("Record-Route", "<sip:p0.example;lr>"))
    call.answered(200, sdp(), headers=routes)
    call.ends()
    for method in ("ACK", "BYE"):
        outgoing = call.last(method)
        assert outgoing.request.all("Route") == ("<sip:p0.example;lr>", "<sip:p1.example;lr>", "<sip:p2.example;lr>")
        assert outgoing.request.uri == "sip:phone@192.0.2.20:5060"
        assert outgoing.hop.host == "p0.example"


@pytest.mark.conformance("XS-08")
def test_a_repeated_200_gets_the_same_ack_again_and_nothing_else() -> None:
    call = in_call()
    first = call.last("ACK")
    assert call.answered(200, sdp()) == ["ACK"]
    assert call.out == [first]
    assert call.ends() == ["BYE"]
    assert call.answered(200, sdp()) == ["ACK"]
    assert call.out == [first]


@pytest.mark.conformance("XS-09", "XS-10")
def test_a_second_fork_that_answers_is_acknowledged_and_hung_up() -> None:
    call = ringing()
    assert call.answered(180, tag="other") == []
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    assert call.answered(200, sdp(), tag="other", contact="<sip:other@192.0.2.21:5060>") == ["ACK", "BYE"]
    ack, bye = call.out
    assert isinstance(ack, Outgoing)
    assert isinstance(bye, Outgoing)
    assert ack.request.uri == bye.request.uri == "sip:other@192.0.2.21:5060"
    assert bye.request.to.tag == "other"
    assert bye.hop.host == "192.0.2.21"
    assert call.answered(200, sdp(), tag="other") == ["ACK"], "its ACK was lost; one BYE is enough"
    assert call.answered(481, to="BYE") == [], "the answer to that BYE is nobody's business"
    assert call.asks("BYE", from_tag="other") == ["481 BYE"], "the fork has no call here"
    assert call.asks("BYE") == ["200 BYE", "End success"]


def test_a_flood_of_forks_is_answered_but_not_remembered() -> None:
    call = in_call()
    for n in range(40):
        assert call.answered(200, sdp(), tag=f"fork{n}") == ["ACK", "BYE"]
    assert call.answered(200, sdp(), tag="fork0") == ["ACK"]
    assert call.answered(200, sdp(), tag="fork39") == ["ACK", "BYE"]


def test_a_200_to_a_change_long_ago_is_nobodys_any_more() -> None:
    call = in_call()
    first = on_wire(call.last("INVITE"))
    for version in (2, 3, 4):
        changing(call)
        assert call.answered(200, sdp(version=version)) == ["ACK", "Answer"]
    assert call.gets(respond(first, 200, tag="phone")) == []
    assert call.answered(200, sdp(version=4)) == ["ACK"]
    stranger = respond(on_wire(call.last("INVITE")), 200).replace_header("To", "<sip:x@y>;tag=other")
    assert call.gets(stranger) == []


@pytest.mark.conformance("XS-23")
def test_a_200_whose_sdp_does_not_parse_is_acknowledged_hung_up_and_told() -> None:
    call = ringing()
    assert call.answered(200, "v=0\r\nthis is no SDP") == ["ACK", "BYE", "End general-error"]
    assert call.answered(200, to="BYE") == []
    assert call.leg.closed


def test_a_200_without_sdp_is_acknowledged_hung_up_and_told() -> None:
    call = offered()
    assert call.answered(200) == ["ACK", "BYE", "End general-error"]
    assert call.end.text == "200 to INVITE: no session description in it"


@pytest.mark.conformance("XS-22")
@pytest.mark.parametrize("body", [sdp(media="RTP/AVP 18"), sdp(0)])
def test_an_answer_with_nothing_usable_is_acknowledged_hung_up_and_told(body: str) -> None:
    call = offered()
    assert call.answered(200, body) == ["ACK", "BYE", "End incompatible-parameters"]
    assert "SIP;cause=488" in (call.last("BYE").request.first("Reason") or "")


def test_a_200_without_a_readable_contact_is_acknowledged_where_the_invite_went() -> None:
    for contact in (None, "<mailto:phone@example.org>", "<sip:"):
        call = offered()
        assert call.answered(200, sdp(), contact=contact) == ["ACK", "Answer"]
        assert call.last("ACK").request.uri == "sip:+15551230000@trunk.example"
        assert call.last("ACK").hop.host in ("192.0.2.20", "trunk.example")


def test_sdp_in_a_multipart_200_is_found() -> None:
    body = f"--b\r\nContent-Type: text/plain\r\nContent-Disposition: render;handling=optional\r\n\r\nhi\r\n--b\r\nContent-Type: application/sdp\r\n\r\n{sdp()}\r\n--b--\r\n"  # noqa: E501
    call = offered()
    request = on_wire(call.last("INVITE"))
    made = respond(
        request,
        200,
        tag="phone",
        headers=(("Contact", "<sip:phone@192.0.2.20>"),),
        body=body.encode(),
        content_type='multipart/mixed; boundary="b"',
    )
    assert call.gets(made) == ["ACK", "Answer"]


# ----------------------------------------------------------------------------------------------------------- gathering


def test_an_ice_offer_waits_for_candidates_and_takes_them_along() -> None:
    call = calling()
    assert call.says(Offer(webrtc())) == []
    assert call.says(Candidates({"0": ice(HOST)})) == [], "host candidates are only the beginning"
    assert call.says(Candidates({"0": ice(SRFLX)})) == ["INVITE"]
    text = call.last("INVITE").request.body.decode()
    assert text.count("a=candidate:") == 2
    assert call.leg.deadline is None


def test_the_news_that_gathering_is_complete_lets_the_invite_go() -> None:
    call = calling()
    assert call.says(Offer(webrtc(HOST))) == []
    assert call.says(Candidates({"0": ice(complete=True)})) == ["INVITE"]
    assert "a=end-of-candidates" in call.last("INVITE").request.body.decode()


def test_an_offer_that_has_everything_does_not_wait() -> None:
    assert calling().says(Offer(webrtc(SRFLX))) == ["INVITE"]
    assert calling().says(Offer(webrtc(HOST, complete=True))) == ["INVITE"]


def test_after_a_second_and_a_half_the_invite_leaves_with_what_there_is() -> None:
    call = calling()
    assert call.says(Offer(webrtc(HOST))) == []
    assert call.after(1.49) == []
    assert call.after(0.02) == ["INVITE"]


def test_the_wait_is_never_longer_than_three_seconds() -> None:
    call = calling(settings=LegSettings(gather_seconds=60))
    assert call.says(Offer(webrtc())) == []
    assert call.after(3.0) == ["INVITE"]


def test_candidates_that_fit_no_medium_or_come_twice_change_nothing() -> None:
    call = calling()
    call.says(Offer(webrtc(HOST)))
    assert call.says(Candidates({"other": ice(SRFLX), "0": raw(4000)})) == []
    assert call.says(Candidates({"0": ice(HOST)})) == []
    assert call.after(2) == ["INVITE"]
    assert call.last("INVITE").request.body.decode().count("a=candidate:") == 1


def test_an_ice_restart_while_gathering_replaces_what_was_gathered() -> None:
    call = calling()
    call.says(Offer(webrtc(HOST)))
    fresh = Ice(ufrag="9uB6", pwd="YH75Fviy6338Vbrhrlp8Yh", candidates=(SRFLX,))
    assert call.says(Candidates({"0": fresh})) == ["INVITE"]
    text = call.last("INVITE").request.body.decode()
    assert "a=ice-ufrag:9uB6" in text
    assert "8hhY" not in text
    assert text.count("a=candidate:") == 1
    assert "a=fingerprint:" in text


def test_a_description_that_is_owed_is_waited_for() -> None:
    call = calling()
    assert call.says(Offer(None, ("audio",))) == []
    assert call.says(Candidates({"0": ice(SRFLX)})) == []
    assert call.says(Complete(webrtc())) == []
    assert call.says(Complete(audio())) == [], "it was owed once"
    assert call.says(Candidates({"0": ice(SRFLX)})) == ["INVITE"]


def test_an_end_while_gathering_sends_nothing() -> None:
    call = calling()
    call.says(Offer(webrtc()))
    assert call.ends(EndReason.CANCEL) == []
    assert call.leg.closed
    assert call.after(100) == []


def test_an_offer_that_cannot_be_written_ends_the_call_without_an_invite() -> None:
    call = calling()
    (word,) = call.says(Offer(audio(codecs=(BROKEN,))))
    assert word.startswith("End ")
    assert call.leg.closed


def test_a_calling_leg_without_an_offer_keeps_no_call_open() -> None:
    call = calling()
    assert call.leg.closed
    assert call.leg.deadline is None
    assert not offered(call).leg.closed


def test_what_the_translation_leaves_out_is_reported() -> None:
    call = offered()
    call.answered(200, sdp() + "a=x-private:1\r\n")
    assert call.leg.dropped


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.conformance("END-05", "END-06", "END-07", "END-08", "END-09", "END-12", "END-14", "END-15", "END-16")
@pytest.mark.conformance("END-17", "END-18", "END-19")
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, EndReason.BUSY),
        (600, EndReason.BUSY),
        (603, EndReason.DECLINE),
        (404, EndReason.GONE),
        (408, EndReason.TIMEOUT),
        (488, EndReason.INCOMPATIBLE_PARAMETERS),
        (415, EndReason.UNSUPPORTED_APPLICATIONS),
        (500, EndReason.GENERAL_ERROR),
        (503, EndReason.CONNECTIVITY_ERROR),
        (487, EndReason.CANCEL),
        (699, EndReason.DECLINE),
        (499, EndReason.GENERAL_ERROR),
        (401, EndReason.SECURITY_ERROR),
        (407, EndReason.SECURITY_ERROR),
        (422, EndReason.GENERAL_ERROR),
        (420, EndReason.INCOMPATIBLE_PARAMETERS),
    ],
)
def test_a_refusal_ends_the_call_with_the_reason_of_the_table_and_code_and_phrase(
    status: int, reason: EndReason
) -> None:
    call = offered()
    assert call.answered(status, phrase="Because") == [f"End {reason.value}"]
    assert call.end == End(reason, f"{status} Because", status, "Because")
    assert call.leg.closed
    assert call.leg.last_status == status


@pytest.mark.conformance("END-10")
def test_a_480_after_ringing_is_a_timeout() -> None:
    assert ringing().answered(480) == ["End timeout"]


@pytest.mark.conformance("END-11")
def test_a_480_without_ringing_is_gone() -> None:
    assert offered().answered(480) == ["End gone"]


@pytest.mark.conformance("END-13")
def test_a_warning_tells_what_a_488_means() -> None:
    warned = (("Warning", '304 trunk.example "Media type not available"'),)
    assert offered().answered(488, headers=warned) == ["End unsupported-applications"]


@pytest.mark.conformance("XS-19")
def test_no_answer_at_all_is_a_timeout() -> None:
    call = offered()
    assert call.fails("INVITE") == ["End timeout"]
    assert call.leg.closed


def test_an_invite_that_cannot_be_sent_is_a_connectivity_error() -> None:
    call = offered()
    assert call.fails("INVITE", "transport", "connection refused") == ["End connectivity-error"]
    assert call.end.text == "connection refused"


def test_ringing_without_end_is_cancelled_as_a_timeout() -> None:
    call = ringing(calling(settings=LegSettings(trying_timeout_seconds=60)))
    assert call.after(59) == []
    assert call.answered(183) == []
    assert call.after(59) == [], "every provisional response is a sign of life"
    assert call.after(1) == ["End timeout", "CANCEL"]
    assert call.last("CANCEL").request.first("Reason") == ('Q.850;cause=19;text="no final response within 60 seconds"')
    assert call.answered(487) == []
    assert call.leg.closed


# -------------------------------------------------------------------------------------------------------------- CANCEL


@pytest.mark.conformance("XS-11")
def test_a_cancel_waits_for_the_first_provisional_response() -> None:
    call = offered()
    assert call.ends(EndReason.CANCEL) == []
    assert not call.leg.closed
    assert call.answered(100, tag="") == ["CANCEL"]
    assert call.answered(487) == []
    assert call.leg.closed


@pytest.mark.conformance("XS-11")
def test_a_200_before_the_cancel_could_leave_is_acknowledged_and_hung_up() -> None:
    call = offered()
    call.ends(EndReason.CANCEL)
    assert call.answered(200, sdp()) == ["ACK", "BYE"]
    assert call.answered(200, to="BYE") == []
    assert call.leg.closed


@pytest.mark.conformance("XS-12")
def test_a_cancel_is_the_invites_twin() -> None:
    call = ringing(calling(headers=(("Route", "<sip:edge.example;lr>"),)))
    assert call.ends(EndReason.CANCEL) == ["CANCEL"]
    cancel, invite = call.last("CANCEL"), call.last("INVITE")
    assert cancel.branch == invite.branch
    assert cancel.request.uri == invite.request.uri
    for name in ("From", "To", "Call-ID", "Route"):
        assert cancel.request.all(name) == invite.request.all(name)
    assert cancel.request.first("CSeq") == "1 CANCEL"
    assert cancel.request.first("Reason") == "Q.850;cause=16"
    assert cancel.hop.flow == call.flow, "it goes where the INVITE was heard"
    assert call.answered(200, to="CANCEL") == []
    assert call.answered(487) == []
    assert call.leg.closed
    assert call.leg.end_said


@pytest.mark.conformance("XS-13")
def test_a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up() -> None:
    call = ringing()
    call.ends(EndReason.CANCEL, "changed my mind")
    assert call.answered(200, sdp()) == ["ACK", "BYE"]
    assert call.last("BYE").request.first("Reason") == 'Q.850;cause=16;text="changed my mind"'
    assert call.answered(200, sdp()) == ["ACK"]
    assert call.answered(200, sdp(), tag="other") == ["ACK", "BYE"]
    assert call.answered(200, to="BYE", tag="phone") == []


def test_a_cancel_that_nobody_answers_is_given_up() -> None:
    call = ringing()
    call.ends(EndReason.CANCEL)
    assert call.after(31.9) == []
    assert not call.leg.closed
    assert call.after(0.1) == []
    assert call.leg.closed


def test_an_invite_that_nobody_answers_needs_no_cancel() -> None:
    call = offered()
    call.ends(EndReason.CANCEL)
    assert call.fails("INVITE") == []
    assert call.leg.closed


@pytest.mark.parametrize("status", [401, 407, 302, 491, 486])
def test_a_cancelled_invite_is_not_tried_again(status: int) -> None:
    call = ringing(calling(manners=FOLLOWING, credentials=ROMEO))
    call.ends(EndReason.CANCEL)
    assert call.answered(status, headers=(*asked(), ("Contact", "<sip:b@192.0.2.9>"))) == []
    assert call.leg.closed


# -------------------------------------------------------------------------------------------------------------- digest


@pytest.mark.conformance("XS-15")
def test_a_challenge_is_answered_and_nobody_hears_of_it() -> None:
    call = offered(calling(credentials=ROMEO))
    assert call.answered(407, headers=asked()) == ["INVITE"]
    first, second = call.sent("INVITE")
    assert second.first("CSeq") == "2 INVITE"
    assert second.call_id == first.call_id
    assert second.from_.tag == first.from_.tag
    assert second.body == first.body
    assert 'nonce="n1"' in (second.first("Proxy-Authorization") or "")
    assert call.answered(180) == ["Progress"]
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    ack = call.last("ACK").request
    assert ack.first("CSeq") == "2 ACK"
    assert ack.first("Proxy-Authorization") == second.first("Proxy-Authorization")


def test_later_requests_bring_their_credentials_along() -> None:
    call = offered(calling(credentials=ROMEO))
    call.answered(407, headers=asked())
    call.answered(200, sdp())
    call.ends()
    assert "nc=00000002" in (call.last("BYE").request.first("Proxy-Authorization") or "")


@pytest.mark.conformance("XS-16")
def test_a_second_refusal_of_the_same_credentials_is_a_security_error() -> None:
    call = offered(calling(credentials=ROMEO))
    call.answered(407, headers=asked())
    assert call.answered(407, headers=asked(nonce="n2")) == ["End security-error"]
    assert call.leg.closed


def test_a_stale_nonce_is_no_refusal() -> None:
    call = offered(calling(credentials=ROMEO))
    call.answered(401, headers=asked(header="WWW-Authenticate"))
    assert call.answered(401, headers=asked(stale=True, nonce="n2", header="WWW-Authenticate")) == ["INVITE"]
    assert 'nonce="n2"' in (call.last("INVITE").request.first("Authorization") or "")
    assert call.last("INVITE").request.first("CSeq") == "3 INVITE"


def test_proxy_and_server_may_both_ask() -> None:
    call = offered(calling(credentials=ROMEO))
    call.answered(407, headers=asked())
    assert call.answered(401, headers=asked(nonce="n9", header="WWW-Authenticate")) == ["INVITE"]
    last = call.last("INVITE").request
    assert last.first("Proxy-Authorization")
    assert last.first("Authorization")


def test_a_challenge_in_an_unknown_scheme_is_a_security_error() -> None:
    call = offered(calling(credentials=ROMEO))
    assert call.answered(401, headers=(("WWW-Authenticate", 'Bearer realm="trunk.example"'),)) == ["End security-error"]


def test_a_challenged_bye_is_sent_again_once() -> None:
    call = in_call(credentials=ROMEO)
    call.ends(EndReason.BUSY)
    assert call.answered(407, to="BYE", headers=asked()) == ["BYE"]
    first, second = call.sent("BYE")
    assert second.cseq.number == first.cseq.number + 1
    assert second.first("Reason") == first.first("Reason") == "Q.850;cause=17"
    assert call.answered(407, to="BYE", headers=asked()) == []
    assert call.leg.closed


def test_settings_and_credentials_show_no_password() -> None:
    assert "r0m30" not in repr(ROMEO)
    assert "r0m30" not in repr(calling(credentials=ROMEO).leg.target)


# --------------------------------------------------------------------------------------------------------- redirection


def test_a_redirection_is_told_with_its_address() -> None:
    call = offered()
    contacts = (("Contact", "<sip:c@192.0.2.9>;q=0.2, <sip:b@192.0.2.9>;q=0.7"),)
    assert call.answered(302, headers=contacts, contact=None) == ["End general-error"]
    assert call.end.redirect == "sip:b@192.0.2.9"
    assert call.end.text == "302 Moved Temporarily: sip:b@192.0.2.9"


@pytest.mark.conformance("XS-14")
def test_a_redirection_is_followed_where_that_is_wanted() -> None:
    call = offered(calling(manners=FOLLOWING))
    contacts = (("Contact", "<sip:b@192.0.2.9:5070;transport=tcp>, <mailto:b@example.org>, <tel:+15559>;q=0.1"),)
    assert call.answered(302, headers=contacts, contact=None) == ["INVITE"]
    first, second = call.sent("INVITE")
    assert second.uri == "sip:b@192.0.2.9:5070;transport=tcp"
    assert call.last("INVITE").hop == Hop("192.0.2.9", 5070, "TCP")
    assert second.call_id == first.call_id
    assert second.from_.tag == first.from_.tag
    assert second.to == first.to
    assert second.cseq.number == first.cseq.number + 1
    assert call.answered(404) == ["INVITE"], "the next of the addresses"
    assert call.last("INVITE").request.uri == "tel:+15559"
    assert call.last("INVITE").hop == Hop("trunk.example")
    assert call.answered(486) == ["End busy"]


@pytest.mark.conformance("XS-14")
def test_redirections_have_an_end() -> None:
    call = offered(calling(manners=FOLLOWING))
    for n in range(5):
        contacts = (("Contact", f"<sip:b{n}@192.0.2.9>"),)
        assert call.answered(302, headers=contacts, contact=None) == ["INVITE"]
    assert call.answered(302, headers=(("Contact", "<sip:b9@192.0.2.9>"),), contact=None) == ["End general-error"]


def test_a_redirection_in_a_circle_is_no_way() -> None:
    call = offered(calling(manners=FOLLOWING))
    call.answered(302, headers=(("Contact", "<sip:b@192.0.2.9>"),), contact=None)
    back = (("Contact", "<sip:b@192.0.2.9>, <sip:+15551230000@trunk.example>, <sip:"),)
    assert call.answered(302, headers=back, contact=None) == ["End general-error"]


def test_the_addresses_of_a_redirection_are_tried_in_the_order_of_their_preference() -> None:
    call = offered(calling(manners=FOLLOWING))
    contacts = (
        ("Contact", "<sip:c@192.0.2.9>;q=0.2, <sip:b@192.0.2.9>;q=0.7"),
        ("Contact", "<sip:d@192.0.2.9>;q=x, <sip:e@192.0.2.9>"),
    )
    call.answered(300, headers=contacts, contact=None)
    while call.answered(404) == ["INVITE"]:
        pass
    assert [request.request_uri.user for request in call.sent("INVITE")[1:]] == ["d", "e", "b", "c"]


def test_a_stranger_is_told_no_password_and_no_identity() -> None:
    identity = "<sip:+1555@gw.example>"
    trusted = (("P-Asserted-Identity", identity), ("Remote-Party-ID", identity), ("Privacy", "id"))
    call = offered(calling(manners=FOLLOWING, credentials=ROMEO, headers=trusted))
    assert call.answered(407, headers=asked()) == ["INVITE"]
    assert call.answered(302, headers=(("Contact", "<sip:b@192.0.2.9>, <sip:c@Trunk.example>;q=0.1"),)) == ["INVITE"]
    abroad = call.last("INVITE").request
    assert abroad.first("Proxy-Authorization") is None
    assert abroad.first("P-Asserted-Identity") is None
    assert abroad.first("Remote-Party-ID") is None
    assert abroad.first("Privacy") == "id"
    assert call.answered(407, headers=asked(nonce="n2")) == ["INVITE"], "who asks there is not answered"
    home = call.last("INVITE").request
    assert home.uri == "sip:c@trunk.example"
    assert home.first("P-Asserted-Identity") == identity
    assert home.all("Remote-Party-ID") == (identity,)
    assert home.first("Proxy-Authorization") is None
    assert call.answered(407, headers=asked(nonce="n3")) == ["INVITE"]
    assert call.last("INVITE").request.first("Proxy-Authorization") is not None


def test_where_the_way_is_given_a_redirection_changes_only_who_is_called() -> None:
    call = offered(calling(manners=FOLLOWING, headers=(("Route", "<sip:edge.example;lr>"),)))
    assert call.answered(302, headers=(("Contact", "<sip:b@192.0.2.9>"),), contact=None) == ["INVITE"]
    assert call.last("INVITE").hop == Hop("trunk.example")
    assert call.last("INVITE").request.first("Route") == "<sip:edge.example;lr>"


def test_what_a_redirection_names_is_kept_within_bounds() -> None:
    call = offered(calling(manners=FOLLOWING))
    many = ", ".join(f"<sip:b{n}@192.0.2.9>" for n in range(500))
    call.answered(302, headers=(("Contact", many),), contact=None)
    assert len(call.leg.untried) < 40


def test_a_refusal_by_all_is_not_taken_elsewhere() -> None:
    call = offered(calling(manners=FOLLOWING))
    call.answered(300, headers=(("Contact", "<sip:b@192.0.2.9>, <sip:c@192.0.2.9>"),), contact=None)
    assert call.answered(603) == ["End decline"]


def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    call = offered(calling(manners=FOLLOWING))
    call.answered(300, headers=(("Contact", "<sip:b@192.0.2.9>, <sip:c@192.0.2.9>"),), contact=None)
    assert call.fails("INVITE") == ["INVITE"]
    assert call.fails("INVITE") == ["End timeout"]


# ----------------------------------------------------------------------------------------------------------------- 491


def test_a_491_to_the_first_invite_is_tried_once_more() -> None:
    call = offered()
    assert call.answered(491) == []
    assert call.after(2.09) == []
    assert call.after(1.92) == ["INVITE"]
    assert call.last("INVITE").request.first("CSeq") == "2 INVITE"
    assert call.answered(491) == ["End general-error"]


def test_an_end_in_that_wait_sends_nothing() -> None:
    call = offered()
    call.answered(491)
    assert call.ends(EndReason.CANCEL) == []
    assert call.leg.closed
    assert call.after(10) == []


# ------------------------------------------------------------------------------------------------------------- the end


@pytest.mark.conformance("END-01")
def test_a_bye_is_answered_and_ends_the_call_with_success() -> None:
    call = in_call()
    assert call.asks("BYE") == ["200 BYE", "End success"]
    assert call.leg.closed


@pytest.mark.conformance("END-02")
def test_a_bye_may_say_why() -> None:
    call = in_call()
    assert call.asks("BYE", headers=(("Reason", 'Q.850;cause=17;text="User busy"'),)) == ["200 BYE", "End busy"]
    assert call.end.text == "User busy"


@pytest.mark.conformance("END-03")
def test_hanging_up_sends_bye_with_its_reason() -> None:
    call = in_call()
    assert call.ends(EndReason.SUCCESS) == ["BYE"]
    bye = call.last("BYE").request
    assert bye.first("Reason") == 'Q.850;cause=16;text="Normal call clearing"'
    assert bye.first("CSeq") == "2 BYE"
    assert not call.leg.closed
    assert call.answered(200, to="BYE") == []
    assert call.leg.closed


@pytest.mark.conformance("END-04", "END-37")
def test_a_timeout_in_the_call_is_said_as_one() -> None:
    call = in_call()
    call.ends(EndReason.TIMEOUT)
    assert call.last("BYE").request.first("Reason") == 'SIP;cause=408;text="Media timeout"'


@pytest.mark.conformance("END-36")
def test_the_longest_call_ends_as_expired() -> None:
    call = in_call()
    call.ends(EndReason.EXPIRED)
    assert call.last("BYE").request.first("Reason") == "Q.850;cause=102"


@pytest.mark.conformance("END-33")
@pytest.mark.parametrize("status", [481, 408, 500, 603])
def test_any_answer_to_bye_ends_the_call(status: int) -> None:
    call = in_call()
    call.ends()
    assert call.answered(100, to="BYE") == []
    assert not call.leg.closed
    assert call.answered(status, to="BYE") == []
    assert call.leg.closed


@pytest.mark.conformance("END-33")
def test_a_bye_that_nobody_answers_ends_the_call_too() -> None:
    call = in_call()
    call.ends()
    assert call.fails("BYE") == []
    assert call.leg.closed
    call = in_call()
    call.ends()
    assert call.after(32) == []
    assert call.leg.closed


@pytest.mark.conformance("END-34")
def test_both_may_hang_up_at_once() -> None:
    call = in_call()
    call.ends()
    assert call.asks("BYE") == ["200 BYE"]
    assert call.answered(481, to="BYE") == []
    assert call.leg.closed


def test_after_the_end_every_request_is_for_a_call_that_is_gone() -> None:
    call = in_call()
    call.ends()
    assert call.asks("INVITE", sdp(version=2)) == ["481 INVITE"]
    assert call.asks("OPTIONS") == ["481 OPTIONS"]
    call.answered(200, to="BYE")
    assert call.asks("BYE") == ["481 BYE"]
    assert call.asks("ACK") == []
    assert call.answered(200, sdp()) == []
    assert call.ends() == []


def test_requests_before_there_is_a_dialog_are_refused() -> None:
    call = ringing()
    probe = in_call().request("BYE")
    assert call.gets(probe) == ["481 BYE"]
    fresh = calling()
    assert fresh.gets(probe) == ["481 BYE"]
    assert fresh.gets(in_call().request("INVITE", sdp())) == ["481 INVITE"]


def test_responses_to_what_was_never_asked_are_dropped() -> None:
    call = in_call()
    other = in_call(new_id=ids(1 << 64))
    request = on_wire(other.last("INVITE"))
    for status in (100, 180, 486):
        assert call.gets(respond(request, status, tag="phone")) == []
    assert call.fails("INVITE") == []
    assert call.answered(200, to="ACK") == []


def test_over_a_connection_the_call_stays_on_it() -> None:
    call = calling()
    call.flow = PEER_TCP
    call.says(Offer(audio()))
    call.answered(200, sdp(), contact="<sip:phone@192.0.2.20:5060;transport=tcp>")
    call.ends()
    assert call.last("ACK").hop.flow == PEER_TCP
    assert call.last("BYE").hop.flow == PEER_TCP
    assert call.last("BYE").hop.transport == "TCP"


# ----------------------------------------------------------------------------------------------------- our re-INVITE


def changing(call: Ladder | None = None) -> Ladder:
    """A call in which we offer a change."""
    call = call or in_call()
    assert call.says(Offer(audio(senders=Senders.INITIATOR))) == ["INVITE"]
    return call


@pytest.mark.conformance("MOD-11")
def test_an_offer_inside_the_call_is_a_reinvite_and_its_200_the_answer() -> None:
    call = changing()
    invite = call.last("INVITE").request
    assert invite.first("CSeq") == "2 INVITE"
    assert invite.uri == "sip:phone@192.0.2.20:5060"
    assert invite.to.tag == "phone"
    assert invite.first("Contact") == "<sip:gw@192.0.2.1:5060>"
    assert "o=- 4711 2 " in invite.body.decode()
    assert "a=sendonly" in invite.body.decode()
    assert call.answered(100, tag="") == []
    assert call.answered(200, sdp(version=2, direction="recvonly")) == ["ACK", "Answer"]
    assert call.last("ACK").request.first("CSeq") == "2 ACK"
    assert call.answered(200, sdp(version=2, direction="recvonly")) == ["ACK"]
    assert call.ends() == ["BYE"]
    assert call.last("BYE").request.first("CSeq") == "3 BYE"


@pytest.mark.conformance("MOD-16", "MOD-03")
@pytest.mark.parametrize("status", [488, 500, 606, 302, 603])
def test_a_refused_change_leaves_the_call_as_it_was(status: int) -> None:
    call = changing()
    (word,) = call.answered(status)
    assert word.startswith("Refuse ")
    refuse = call.signal(Refuse)
    assert isinstance(refuse, Refuse)
    assert refuse.text is not None
    assert refuse.text.startswith(f"{status} ")
    assert not refuse.glare
    changing(call)


@pytest.mark.conformance("MOD-17")
@pytest.mark.parametrize(("status", "reason"), [(481, "general-error"), (408, "timeout")])
def test_a_change_that_the_peer_knows_no_call_for_ends_it(status: int, reason: str) -> None:
    assert changing().answered(status) == ["BYE", f"End {reason}"]


def test_a_change_without_any_answer_ends_the_call() -> None:
    assert changing().fails("INVITE") == ["BYE", "End timeout"]
    call = changing(in_call(settings=LegSettings(trying_timeout_seconds=60)))
    call.answered(183)
    assert call.after(60) == ["BYE", "End timeout"]
    assert call.answered(200, sdp(version=2)) == ["ACK"], "what we had given up is acknowledged all the same"


@pytest.mark.conformance("MOD-15")
def test_a_change_that_meets_another_is_sent_again_after_a_while() -> None:
    call = changing()
    body = call.last("INVITE").request.body
    assert call.answered(491) == []
    assert call.after(2.09) == []
    assert call.after(1.92) == ["INVITE"]
    assert call.last("INVITE").request.body == body
    assert call.last("INVITE").request.first("CSeq") == "3 INVITE"
    assert call.answered(200, sdp(version=2)) == ["ACK", "Answer"]


def test_a_change_that_always_meets_another_is_given_up() -> None:
    call = changing()
    for _ in range(5):
        assert call.answered(491) == []
        assert call.after(4.1) == ["INVITE"]
    assert call.answered(491) == ["Refuse general-error"]
    refuse = call.signal(Refuse)
    assert isinstance(refuse, Refuse)
    assert refuse.glare


@pytest.mark.conformance("MOD-15")
def test_while_our_change_is_out_theirs_has_to_wait() -> None:
    call = changing()
    assert call.asks("INVITE", sdp(version=2)) == ["491 INVITE"]
    assert call.answered(200, sdp(version=2)) == ["ACK", "Answer"]
    assert call.asks("INVITE", sdp(version=3)) == ["Offer"]


@pytest.mark.conformance("MOD-15")
def test_a_change_that_overtakes_ours_is_told_after_ours_is_taken_back() -> None:
    call = changing()
    call.answered(491)
    assert call.asks("INVITE", sdp(version=2)) == ["Refuse general-error", "Offer"]
    refuse = call.signal(Refuse)
    assert isinstance(refuse, Refuse)
    assert refuse.glare
    assert call.after(10) == []
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 INVITE"]
    assert call.acks() == []
    changing(call)


def test_a_refresh_does_not_overtake_our_change() -> None:
    call = changing()
    call.answered(491)
    assert call.asks("INVITE", sdp()) == ["200 INVITE"]
    assert b"a=sendrecv" in call.responses[0].body, "what was agreed, not what we want"
    assert call.acks() == ["INVITE"]
    assert b"a=sendonly" in call.last("INVITE").request.body
    assert call.answered(200, sdp(version=2)) == ["ACK", "Answer"]


def test_an_unusable_change_does_not_overtake_ours() -> None:
    call = changing()
    call.answered(491)
    assert call.asks("INVITE", "nonsense") == ["400 INVITE"]
    assert call.after(4.1) == ["INVITE"]
    assert call.answered(200, sdp(version=2)) == ["ACK", "Answer"]


def test_a_refresh_after_our_offer_names_the_side_that_opens_dtls() -> None:
    answer = sdp(media="UDP/TLS/RTP/SAVPF 0") + (
        "a=ice-ufrag:9uB6\r\na=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\na=rtcp-mux\r\na=setup:{}\r\n"
        f"a=fingerprint:sha-256 {':'.join(['B7'] * 32)}\r\na=candidate:1 1 UDP 99 192.0.2.20 30000 typ host\r\n"
    )
    for theirs, ours in (("active", "passive"), ("passive", "active")):
        call = calling()
        call.says(Offer(webrtc(SRFLX)))
        assert b"a=setup:actpass" in call.last("INVITE").request.body
        assert call.answered(200, answer.format(theirs)) == ["ACK", "Answer"]
        assert call.asks("INVITE", answer.format(theirs)) == ["200 INVITE"]
        assert f"a=setup:{ours}".encode() in call.responses[0].body


def test_a_second_change_of_ours_is_refused_while_one_is_out() -> None:
    call = changing()
    assert call.says(Offer(audio())) == ["Refuse general-error"]
    refuse = call.signal(Refuse)
    assert isinstance(refuse, Refuse)
    assert refuse.glare


def test_a_challenged_change_is_sent_again() -> None:
    call = changing(in_call(credentials=ROMEO))
    assert call.answered(407, headers=asked()) == ["INVITE"]
    assert call.answered(200, sdp(version=2)) == ["ACK", "Answer"]
    assert call.last("ACK").request.first("Proxy-Authorization")


def test_an_unreadable_answer_to_a_change_ends_the_call() -> None:
    assert changing().answered(200, "nonsense") == ["ACK", "BYE", "End general-error"]
    assert changing().answered(200) == ["ACK", "BYE", "End general-error"]


def test_a_change_that_cannot_be_written_is_refused_here() -> None:
    call = in_call()
    (word,) = call.says(Offer(audio(codecs=(BROKEN,))))
    assert word.startswith("Refuse ")
    changing(call)


def test_a_change_that_is_owed_waits_for_its_description() -> None:
    call = in_call()
    assert call.says(Offer(None, ("audio",))) == []
    assert call.says(Complete(audio(40002))) == ["INVITE"]


@pytest.mark.conformance("MOD-20")
def test_the_200_to_a_change_may_move_the_peer() -> None:
    call = changing()
    call.answered(200, sdp(version=2), contact="<sip:phone@192.0.2.99:5080>")
    assert call.last("ACK").request.uri == "sip:phone@192.0.2.99:5080"
    call.ends()
    assert call.last("BYE").request.uri == "sip:phone@192.0.2.99:5080"
    assert call.last("BYE").hop.host == "192.0.2.99"


def test_hanging_up_need_not_wait_for_our_change() -> None:
    call = changing()
    assert call.ends() == ["BYE"]
    assert call.answered(200, sdp(version=2)) == ["ACK"]
    call = changing()
    assert call.asks("BYE") == ["200 BYE", "End success"]


def test_progress_of_the_other_side_is_nothing_to_a_leg_that_calls() -> None:
    call = in_call()
    assert call.says(Progress()) == []
    assert call.says(Answer(audio())) == []
    assert isinstance(call.leg, SipLeg)
