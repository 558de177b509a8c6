"""The caller of a test call, in a call."""

from gateway.call.trial import Dial, HangUp, Heard, TrialLeg
from gateway.signals import Answer, Candidates, End, Offer, Progress, Refuse, Transfer, Transferred
from gateway.stanza import Stanza
from mappings.reasons import EndReason
from tests.call.script import AUDIO

USER = "romeo@example.net/orchard"


def test_it_calls_hears_what_becomes_of_it_and_hangs_up() -> None:
    leg = TrialLeg(USER, "a-test")
    assert leg.receive(Dial(AUDIO), 0) == [Offer(AUDIO)]
    for signal in (Progress(), Answer(AUDIO)):
        assert leg.send(signal, 1) == [Heard(signal)]
    assert leg.send(Candidates({}), 1) == []
    assert (leg.closed, leg.deadline, leg.expire(2)) == (False, None, [])
    (end,) = leg.receive(HangUp(), 2)
    assert (end, leg.closed) == (End(EndReason.SUCCESS, "the test is over"), True)
    assert leg.receive(HangUp(), 3) == []


def test_it_tells_of_the_end() -> None:
    leg = TrialLeg(USER, "a-test")
    leg.receive(Dial(AUDIO), 0)
    end = End(EndReason.BUSY, status=486)
    assert leg.send(end, 1) == [Heard(end)]
    assert leg.closed


def test_a_test_call_stays_as_it_is() -> None:
    (refused,) = TrialLeg(USER, "a-test").send(Offer(AUDIO), 1)
    assert isinstance(refused, Refuse)
    assert not refused.glare
    assert TrialLeg(USER, "a-test").send(Transfer("sip:bob@sip.example"), 1) == [Transferred(603)]


def test_it_ends_when_its_user_is_gone() -> None:
    leg = TrialLeg(USER, "a-test")
    gone = Stanza(kind="presence", type="unavailable", sender=USER, to="echo@gw.example")
    (end,) = leg.receive(gone, 1)
    assert isinstance(end, End)
    assert leg.closed
    assert (leg.outranks("a", "b"), leg.contested, leg.movable) == (False, False, False)
