"""Candidates that come late to a peer that does not trickle: waited for, and offered where they change something."""

from dataclasses import replace

import pytest

from gateway.signals import Answer, Candidates, Offer
from gateway.sip.leg import Phase
from mappings.description import Description, Ice
from tests.sip.ladder import Ladder, called, calling, ice, invite, sdp, webrtc
from tests.sip.test_leg_trickle import CAN, HOST, RELAY, SRFLX, TOO, browser


def up() -> Ladder:
    """A call to a peer with ICE that does not trickle."""
    call = calling()
    assert call.says(Offer(webrtc(HOST))) == []
    assert call.after(1.5) == ["INVITE"]
    assert call.answered(200, browser("30000")) == ["ACK", "Answer"]
    call.leg.dropped.clear()
    return call


def ports(call: Ladder) -> tuple[str, int]:
    """The default port, and how many candidates there are."""
    text = call.last("INVITE").request.body.decode()
    return text.partition("m=audio ")[2].partition(" ")[0], text.count("a=candidate:")


def test_reachable_candidates_of_all_components_are_offered_at_once() -> None:
    call = up()
    assert call.says(Candidates({"0": ice(SRFLX)})) == ["INVITE"]
    assert ports(call) == ("50001", 2)
    assert call.last("INVITE").request.cseq.number == 2
    assert call.answered(200, browser("30000")) == ["ACK"]
    assert call.leg.dropped.count("candidate") == 0


@pytest.mark.parametrize("last", [ice(TOO), ice(complete=True)])
def test_others_are_waited_for_and_left_out_where_nothing_changes_by_default(last: Ice) -> None:
    call = up()
    worse = replace(TOO, priority=1)
    assert call.says(Candidates({"0": ice(worse)})) == []
    if last.gathering_complete is None:
        assert call.after(1.4) == []
        assert call.leg.dropped == []
        assert call.after(0.2) == []
    else:
        assert call.says(Candidates({"0": last})) == []
    assert call.leg.dropped == ["candidate"]
    assert call.leg.phase is Phase.CONFIRMED
    assert call.says(Candidates({"0": ice(RELAY)})) == ["INVITE"]
    assert ports(call) == ("50002", 3), "what was left out goes along"


def test_a_generation_is_offered_once_and_the_next_one_again() -> None:
    call = up()
    assert call.says(Candidates({"0": ice(SRFLX)})) == ["INVITE"]
    assert call.says(Candidates({"0": ice(RELAY)})) == []
    assert call.answered(200, browser("30000")) == ["ACK"]
    assert call.leg.dropped.count("candidate") == 1
    fresh = Ice(ufrag="2nd/", pwd="asd88fgpdd777uzjYhagZ2", candidates=(HOST,), fingerprints=ice().fingerprints)
    restart = Description(media=(replace(webrtc().media[0], transport=fresh),))
    assert call.says(Offer(restart)) == ["INVITE"]
    assert ports(call) == ("50000", 1), "nothing of the generation before"
    assert call.answered(200, browser("30000")) == ["ACK", "Answer"]
    assert call.says(Candidates({"0": replace(fresh, candidates=(RELAY,))})) == ["INVITE"]
    assert ports(call) == ("50002", 2)


def test_an_offer_without_a_sender_after_a_restart_holds_nothing_of_the_time_before() -> None:
    call = calling()
    call.says(Offer(webrtc(SRFLX)))
    call.answered(200, browser("30000"), headers=CAN)
    assert call.says(Candidates({"0": ice(RELAY)})) == ["INFO"]
    assert call.answered(200, to="INFO") == []
    fresh = Ice(ufrag="2nd/", pwd="asd88fgpdd777uzjYhagZ2", candidates=(SRFLX,), fingerprints=ice().fingerprints)
    assert call.says(Offer(Description(media=(replace(webrtc().media[0], transport=fresh),)))) == ["INVITE"]
    assert call.answered(200, browser("30000"), headers=CAN) == ["ACK", "Answer"]
    assert call.asks("INVITE") == ["200 INVITE"]
    text = call.responses[0].body.decode()
    assert "a=ice-ufrag:2nd/" in text
    assert text.count("a=candidate:") == 1


def test_a_called_leg_offers_them_after_the_ack() -> None:
    request = invite(browser("30000", setup="actpass"))
    call = called(request)
    call.gets(request)
    answer = webrtc(HOST)
    assert call.says(Answer(answer)) == ["200 INVITE"]
    assert call.says(Candidates({"0": ice(SRFLX)})) == []
    assert call.acks() == ["INVITE"]
    assert ports(call) == ("50001", 2)
    assert call.answered(481) == ["BYE", "End general-error"]


def test_one_that_is_asked_for_credentials_or_meets_a_change_goes_again_and_its_end_is_silent() -> None:
    call = up()
    assert call.says(Candidates({"0": ice(SRFLX)})) == ["INVITE"]
    for _ in range(5):
        assert call.answered(491) == []
        assert call.after(4) == ["INVITE"]
    assert call.answered(491) == []
    assert call.leg.phase is Phase.CONFIRMED
    assert call.says(Offer(webrtc(HOST, SRFLX))) == ["INVITE"]
    assert call.answered(200, browser("30000")) == ["ACK", "Answer"]


def test_a_change_of_the_peer_voids_it_and_it_is_made_again_if_it_is_still_news() -> None:
    call = up()
    assert call.says(Candidates({"0": ice(SRFLX)})) == ["INVITE"]
    assert call.answered(491) == []
    moved = browser("30002")
    assert call.asks("INVITE", moved) == ["Offer"]
    assert call.says(Answer(webrtc(HOST))) == ["200 INVITE"]
    assert call.acks() == ["INVITE"]
    assert ports(call) == ("50001", 2)


def test_no_candidates_are_offered_to_a_peer_without_ice() -> None:
    call = calling()
    plain = Description(media=(replace(webrtc().media[0], transport=replace(ice(HOST), fingerprints=())),))
    call.says(Offer(plain))
    call.after(2)
    assert call.answered(200, sdp()) == ["ACK", "Answer"]
    assert call.says(Candidates({"0": ice(RELAY)})) == []
    assert call.after(5) == []
