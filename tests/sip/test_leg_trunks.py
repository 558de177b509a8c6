"""The leg that calls has several ways: what it sends through the next one, and when it no longer may."""

from dataclasses import replace

import pytest

from gateway.signals import End, Offer
from gateway.sip.address import NameAddr
from gateway.sip.flow import Hop
from gateway.sip.leg import Credentials, LegSettings, SipLeg, SipTarget
from gateway.sip.manners import Manners
from gateway.sip.trickling import Mode
from mappings.reasons import EndReason
from mappings.terms import CandidateType

from .ladder import Ladder, audio, calling, candidate, on_wire, sdp, target, webrtc

OTHER = SipTarget(
    uri="sip:+15551230000@other.example",
    hop=Hop("other.example", 5070),
    from_=NameAddr.parse("<sip:+15550001@other.example>"),
    to=NameAddr.parse("<sip:+15551230000@other.example>"),
    headers=(("P-Asserted-Identity", "<sip:+15550001@other.example>"),),
    credentials=Credentials("acct", "pw"),
    trunk="other",
    contact="<sip:+15550001@192.0.2.1:5060>",
)
THIRD = replace(OTHER, trunk="third", uri="sip:+15551230000@third.example", hop=Hop("third.example"))


def through(*others: SipTarget, statuses: tuple[int, ...] = (503,), trickle: Mode = "auto") -> Ladder:
    """A leg that calls through a trunk, and may for 20 seconds through these."""
    call = calling(settings=LegSettings(failover_seconds=20.0), trickle=trickle)
    leg: SipLeg = call.leg
    leg.target = replace(target(), trunk="first", others=others or (OTHER,), statuses=frozenset(statuses))
    return call


@pytest.mark.parametrize("failure", ["timeout", "transport", "503"])
def test_what_fails_through_one_trunk_is_sent_through_the_next_as_that_one_wants_it(failure: str) -> None:
    call = through()
    assert call.says(Offer(audio())) == ["INVITE"]
    assert call.last("INVITE").spare
    assert call.leg.trunk == "first"
    again = call.answered(503) if failure == "503" else call.fails("INVITE", failure)
    assert again == ["INVITE"]
    first, second = call.sent("INVITE")
    out = call.last("INVITE")
    assert (second.uri, out.hop, out.spare) == (OTHER.uri, OTHER.hop, False)
    assert (second.call_id, second.cseq.number, second.from_.tag) == (first.call_id, 2, first.from_.tag)
    assert str(second.from_.uri) == "sip:+15550001@other.example"
    assert second.first("P-Asserted-Identity") == "<sip:+15550001@other.example>"
    assert second.first("Contact") == OTHER.contact
    assert call.leg.trunk == "other"
    assert call.answered(180) == ["Progress"]
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    assert call.sent("ACK")[0].cseq.number == 2


def test_the_next_trunk_has_an_account_of_its_own() -> None:
    call = through()
    call.says(Offer(audio()))
    call.answered(503)
    challenge = ("WWW-Authenticate", 'Digest realm="other", nonce="f00d", algorithm=MD5')
    assert call.answered(401, headers=(challenge,)) == ["INVITE"]
    assert 'username="acct"' in (on_wire(call.last("INVITE")).first("Authorization") or "")
    assert call.sent("INVITE")[2].cseq.number == 3


def test_all_are_tried_once_and_the_last_failure_is_told() -> None:
    call = through(OTHER, THIRD)
    call.says(Offer(audio()))
    assert call.fails("INVITE") == ["INVITE"]
    assert call.last("INVITE").spare
    assert call.answered(503) == ["INVITE"]
    assert not call.last("INVITE").spare
    assert call.leg.trunk == "third"
    assert call.answered(503, phrase="Full") == ["End connectivity-error"]
    assert call.leg.closed


@pytest.mark.parametrize(("status", "goes_on"), [(503, True), (500, True), (486, False), (404, False), (603, False)])
def test_only_the_statuses_that_were_named_are_a_failure_of_the_trunk(status: int, goes_on: bool) -> None:
    call = through(statuses=(500, 503))
    call.says(Offer(audio()))
    assert (call.answered(status) == ["INVITE"]) is goes_on


def test_once_a_phone_has_rung_there_is_no_other_way() -> None:
    call = through()
    call.says(Offer(audio()))
    call.answered(180)
    assert call.answered(503) == ["End connectivity-error"]


def test_what_nobody_has_heard_is_no_reason_to_stay() -> None:
    call = through()
    call.says(Offer(audio()))
    call.answered(100)
    call.answered(183, sdp())
    assert call.answered(503) == ["INVITE"]


def test_after_its_time_nothing_else_is_tried() -> None:
    call = through(OTHER, THIRD)
    call.says(Offer(audio()))
    call.after(19.0)
    assert call.fails("INVITE") == ["INVITE"]
    call.after(1.0)
    assert call.fails("INVITE") == ["End timeout"]


def test_a_caller_who_has_gone_is_connected_through_nobody() -> None:
    call = through()
    call.says(Offer(audio()))
    assert call.says(End(EndReason.CANCEL)) == []
    assert call.answered(503) == []
    assert call.leg.closed


def test_a_cancel_is_for_the_last_invite() -> None:
    call = through()
    call.says(Offer(audio()))
    call.answered(503)
    call.answered(100)
    assert call.says(End(EndReason.CANCEL)) == ["CANCEL"]
    cancel = call.last("CANCEL")
    assert (cancel.branch, cancel.request.uri) == (call.last("INVITE").branch, OTHER.uri)
    assert cancel.request.cseq.number == 2


def test_a_trunk_that_insisted_on_trickling_is_followed_by_one_that_gets_all_candidates() -> None:
    call = through(replace(OTHER, trickle="never", manners=Manners(prack="never")), trickle="required")
    assert call.says(Offer(webrtc(candidate(CandidateType.HOST)))) == ["INVITE"]
    assert "trickle-ice" in (call.sent("INVITE")[0].first("Require") or "")
    assert call.answered(503) == []
    assert call.after(call.leg.settings.gather_seconds) == ["INVITE"]
    second = call.sent("INVITE")[1]
    assert second.uri == OTHER.uri
    assert second.first("Require") is None
    assert b"a=ice-options" not in second.body
    assert "100rel" not in (second.first("Supported") or "")


def test_a_collision_or_a_challenge_leaves_the_other_ways_open() -> None:
    call = through()
    call.says(Offer(audio()))
    call.answered(491)
    assert call.after(5.0) == ["INVITE"]
    assert call.last("INVITE").spare
    assert call.fails("INVITE") == ["INVITE"]
    assert call.leg.trunk == "other"
