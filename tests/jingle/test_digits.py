"""Keys outside the sound, on the XMPP side (XEP-0181)."""

from collections.abc import Callable

import pytest

from gateway.signals import Answer, Digit, NoDigits, Offer
from mappings.namespaces import DTMF
from tests.jingle.ladder import PHONE, Ladder, User, answering, calling, content, describe

user = User()


def dtmf(code: str = "7", more: str = "") -> str:
    return f"<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='{code}'{more}/>"


def announces(jid: str, feature: str) -> bool:
    return (jid, feature) == (PHONE, DTMF)


def up(knows: Callable[[str, str], bool] = announces) -> Ladder:
    """A session with the user's phone, which we began."""
    ladder = calling(peer=PHONE, direct=True, knows=knows)
    assert ladder.send(Offer(describe())) == ["session-initiate voice"]
    assert ladder.receive(user.set("session-accept", content())) == ["result", "Answer voice"]
    ladder.acknowledge()
    return ladder


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (dtmf("7", " duration='400' volume='42'"), "Digit 7 400"),
        (dtmf("#"), "Digit # 100"),
        (dtmf("a", " duration='90000'"), "Digit A 10000"),
        (dtmf("*", " duration='short'"), "Digit * 100"),
    ],
)
def test_a_key_of_the_client_is_passed_on(said: str, word: str) -> None:
    ladder = up()
    assert ladder.receive(user.set("session-info", said)) == ["result", word]


def test_its_volume_goes_along() -> None:
    ladder = up()
    ladder.receive(user.set("session-info", dtmf("7", " volume='42'")))
    assert ladder.signal() == Digit("7", 100, 42)


@pytest.mark.conformance("HLD-20")
@pytest.mark.parametrize("code", ["X", "", "10", "E", "77"])
def test_what_is_no_key_is_not_implemented(code: str) -> None:
    assert up().receive(user.set("session-info", dtmf(code))) == ["error feature-not-implemented"]


@pytest.mark.conformance("HLD-21")
def test_a_key_of_no_duration_is_acknowledged_and_makes_no_tone() -> None:
    assert up().receive(user.set("session-info", dtmf("7", " duration='0'"))) == ["result"]


@pytest.mark.conformance("HLD-19")
def test_a_key_that_nobody_can_be_told_is_not_acceptable() -> None:
    ladder = up()
    assert ladder.send(NoDigits()) == []
    assert ladder.receive(user.set("session-info", dtmf())) == ["error not-acceptable"]


def test_a_key_may_come_before_the_answer() -> None:
    first = user.set("session-initiate", content())
    ladder = answering(first)
    assert ladder.receive(first) == ["result", "Offer voice"]
    assert ladder.receive(user.set("session-info", dtmf("1"))) == ["result", "Digit 1 100"]
    assert ladder.send(Answer(describe())) == ["session-accept voice"]


def test_a_key_of_the_other_side_is_told_to_a_client_that_knows_such_things() -> None:
    ladder = up()
    assert ladder.send(Digit("#", 250)) == ["session-info dtmf"]
    said = ladder.request().children[0][0]
    assert (said.tag, said.attrib) == (f"{{{DTMF}}}dtmf", {"code": "#", "duration": "250"})


def test_a_client_that_announces_nothing_is_told_none() -> None:
    ladder = up(lambda jid, feature: False)
    assert ladder.send(Digit("#", 250)) == []
    assert ladder.leg.dropped == ["dtmf"]


@pytest.mark.parametrize("condition", ["service-unavailable", "not-acceptable", "feature-not-implemented"])
def test_a_client_that_refuses_one_is_told_no_other(condition: str) -> None:
    ladder = up()
    ladder.send(Digit("1", 100))
    assert ladder.refuse(condition) == []
    assert ladder.send(Digit("2", 100)) == []
    ladder = up()
    ladder.send(Digit("1", 100))
    assert ladder.wait(20) == []
    assert ladder.send(Digit("2", 100)) == ["session-info dtmf"]
    assert ladder.refuse("item-not-found", detail="{urn:xmpp:jingle:errors:1}unknown-session") == ["End general-error"]


def test_a_proposal_is_told_no_digit() -> None:
    ladder = calling()
    ladder.send(Offer(describe()))
    assert ladder.send(Digit("1", 100)) == []
