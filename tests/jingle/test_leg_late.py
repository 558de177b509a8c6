"""An XMPP user proposes a call whose media are anchored: the phone rings before the client has described anything."""

import pytest

from gateway.signals import Answer, Candidates, Complete, End, Offer, PickedUp, Progress
from mappings.description import Ice
from mappings.reasons import EndReason

from .ladder import LAPTOP, TIMERS, Ladder, User, answering, candidate, content, describe, ice, reason_text

nora = User()
ANSWER = describe(content(transport=ice(setup="active")))


def asked(*media: str) -> Ladder:
    """A propose is with the other side."""
    first = nora.propose(*media)
    ladder = answering(first, late=True, kinds=("audio", "video"))
    assert ladder.receive(first) == ["Offer"]
    return ladder


def picked_up() -> Ladder:
    """The other side has answered it."""
    ladder = asked()
    assert ladder.send(PickedUp()) == ["proceed"]
    return ladder


def test_a_propose_is_an_offer_of_kinds() -> None:
    first = nora.propose("audio", "video", "audio")
    ladder = answering(first, late=True, kinds=("audio", "video"))
    ladder.receive(first)
    assert ladder.said == [Offer(None, ("audio", "video"))]
    sound = answering(first, late=True, kinds=("audio",))
    sound.receive(first)
    assert sound.said == [Offer(None, ("audio",))]


@pytest.mark.conformance("JMI-18")
def test_ringing_is_told_by_message_once_and_proceed_waits_for_the_answer() -> None:
    ladder = asked()
    assert ladder.send(Progress()) == ["ringing"]
    assert ladder.send(Progress()) == []
    assert ladder.send(PickedUp()) == ["proceed"]
    assert ladder.send(PickedUp()) == []


def test_the_session_completes_what_was_offered_and_is_accepted_at_once() -> None:
    ladder = picked_up()
    assert ladder.receive(nora.set("session-initiate", content())) == ["result", "Complete"]
    assert ladder.signal() == Complete(describe())
    assert ladder.send(Answer(ANSWER)) == ["session-accept voice"]
    assert ladder.acknowledge() == []
    assert ladder.receive(nora.terminate()) == ["result", "finish success", "End success"]
    assert ladder.leg.closed


def test_candidates_of_ours_wait_for_the_accept_that_they_belong_to() -> None:
    ladder = picked_up()
    ladder.receive(nora.set("session-initiate", content()))
    early = describe(content(transport=ice(candidate(7))))
    transport = early.media[0].transport
    assert isinstance(transport, Ice)
    assert ladder.send(Candidates({"voice": transport})) == []
    assert ladder.send(Answer(ANSWER)) == ["session-accept voice"]
    assert ladder.request().children[0].find(".//{*}candidate") is not None


def test_a_client_that_does_not_wait_for_proceed_is_taken_at_its_word() -> None:
    ladder = asked()
    assert ladder.receive(nora.set("session-initiate", content())) == ["result", "Complete"]
    assert ladder.send(Progress()) == ["session-info ringing"]
    assert ladder.send(Answer(ANSWER)) == ["session-accept voice"]


@pytest.mark.conformance("JMI-19")
@pytest.mark.parametrize(
    ("reason", "said"),
    [(EndReason.BUSY, "reject busy"), (EndReason.DECLINE, "reject decline"), (EndReason.TIMEOUT, "reject timeout")],
)
def test_a_refusal_is_told_by_message(reason: EndReason, said: str) -> None:
    ladder = asked()
    ladder.send(Progress())
    assert ladder.send(End(reason, "486 Busy Here", 486)) == [said]
    assert reason_text(ladder.stanza()) == "486 Busy Here"
    assert not ladder.leg.closed
    # A session-initiate that crossed the refusal begins no new call.
    assert ladder.receive(nora.set("session-initiate", content())) == ["error item-not-found unknown-session"]
    ladder.wait(TIMERS.iq_timeout_seconds)
    assert ladder.leg.closed


@pytest.mark.parametrize("word", ["retract", "finish"])
def test_a_caller_that_gives_up_before_the_answer_ends_it(word: str) -> None:
    ladder = asked()
    assert ladder.receive(nora.message(word)) == ["End cancel"]
    assert ladder.leg.closed


def test_a_caller_that_retracts_after_the_answer_ends_it() -> None:
    ladder = picked_up()
    assert ladder.receive(nora.message("retract")) == ["End cancel"]
    assert ladder.leg.closed


def test_another_device_of_the_caller_has_no_say() -> None:
    ladder = asked()
    assert ladder.receive(User(LAPTOP).message("retract")) == []
    assert not ladder.leg.closed


def test_a_session_that_never_comes_ends_the_call() -> None:
    ladder = picked_up()
    assert ladder.wait(TIMERS.proceed_timeout_seconds) == ["reject timeout", "End timeout"]
    assert ladder.leg.closed


def test_a_caller_that_goes_offline_meanwhile_ends_it() -> None:
    ladder = asked()
    ladder.gone()
    assert ladder.wait(10) == ["End gone"]
    assert ladder.leg.closed


def test_a_direct_session_owes_nothing() -> None:
    first = nora.set("session-initiate", content())
    ladder = answering(first, late=True)
    assert ladder.receive(first) == ["result", "Offer voice"]
