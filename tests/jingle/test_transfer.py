"""A client hands on and is handed on: the order, its reply, its result, each within the schemas."""

import pytest

from gateway.jingle import transfer
from gateway.jingle.refusal import UNKNOWN_SESSION, UNSUPPORTED_INFO
from gateway.signals import Answer, End, Transfer, Transferred
from mappings.reasons import EndReason
from mappings.transfer import TransferTo

from .ladder import Ladder, User, answering, content, describe, ice

nora = User()
DONE = End(EndReason.SUCCESS, transferred=True)
ORDER = "<transfer xmlns='urn:xmpp:jingle:transfer:0' {}/>"
TO_CAROL = ORDER.format("to='carol@phones.example.org'")


def talking() -> Ladder:
    """A call that nora began and that was answered."""
    first = nora.set("session-initiate", content())
    ladder = answering(first)
    assert ladder.receive(first) == ["result", "Offer voice"]
    assert ladder.send(Answer(describe(content(transport=ice(setup="active"))))) == ["session-accept voice"]
    assert ladder.acknowledge() == []
    return ladder


@pytest.mark.conformance("EXT-10")
def test_an_order_waits_for_its_reply_until_it_is_taken_up() -> None:
    ladder = talking()
    more = "from='nora@example.net/phone' sid='s 2' to='carol@phones.example.org/a room' kind='x'"
    assert ladder.receive(nora.set("session-info", ORDER.format(more))) == ["Transfer"]
    assert ladder.signal() == Transfer("carol@phones.example.org/a room", None, "nora@example.net/phone")
    assert ladder.receive(nora.set("session-info", TO_CAROL)) == ["error resource-constraint"]
    assert ladder.send(Transferred(100)) == ["result"]
    assert ladder.send(Transferred(180)) == []
    assert ladder.receive(nora.set("session-info", TO_CAROL)) == ["error resource-constraint"]
    assert ladder.send(DONE) == ["session-terminate success"]


@pytest.mark.parametrize("phrase", ["Busy Here", None])
def test_an_order_that_fails_after_it_was_taken_up_is_told_by_its_status(phrase: str | None) -> None:
    ladder = talking()
    ladder.receive(nora.set("session-info", TO_CAROL))
    ladder.send(Transferred(100))
    assert ladder.send(Transferred(486, phrase)) == ["session-info status"]
    status = ladder.stanza().children[0][0]
    assert (status.get("code"), status.get("phrase")) == ("486", phrase)
    assert ladder.receive(nora.set("session-info", TO_CAROL)) == ["Transfer"]


@pytest.mark.parametrize(
    ("status", "condition"),
    [(404, "item-not-found"), (403, "forbidden"), (488, "not-acceptable"), (603, "not-allowed")],
)
def test_an_order_that_is_not_taken_up_is_an_error(status: int, condition: str) -> None:
    ladder = talking()
    ladder.receive(nora.set("session-info", TO_CAROL))
    assert ladder.send(Transferred(status)) == [f"error {condition}"]


@pytest.mark.parametrize("order", ["", "to=''", "sid='s'"])
def test_an_order_to_nobody_is_a_bad_request(order: str) -> None:
    assert talking().receive(nora.set("session-info", ORDER.format(order))) == ["error bad-request"]


@pytest.mark.parametrize(
    ("end", "reply"), [(DONE, "result"), (End(EndReason.SUCCESS), "error item-not-found unknown-session")]
)
def test_the_end_answers_an_order_that_is_open(end: End, reply: str) -> None:
    ladder = talking()
    ladder.receive(nora.set("session-info", TO_CAROL))
    assert ladder.send(end) == [reply, "session-terminate success"]


def test_a_client_that_leaves_behind_its_order_has_both_answers() -> None:
    ladder = talking()
    ladder.receive(nora.set("session-info", TO_CAROL))
    assert ladder.receive(nora.terminate()) == ["error item-not-found unknown-session", "result", "End success"]


@pytest.mark.conformance("EXT-08")
def test_a_client_is_handed_on_and_says_what_it_did() -> None:
    ladder = talking()
    assert ladder.send(Transfer("carol@phones.example.org/sip")) == ["session-info transfer"]
    assert ladder.stanza().children[0][0].attrib == {"to": "carol@phones.example.org/sip"}
    assert ladder.acknowledge() == ["Transferred"]
    assert ladder.signal() == transfer.TAKEN_UP
    reason = "<reason><success/><transferred xmlns='urn:xmpp:jingle:transfer:0'/><text>done</text></reason>"
    assert ladder.receive(nora.set("session-terminate", reason)) == ["result", "End success"]
    assert ladder.signal() == End(EndReason.SUCCESS, "done", transferred=True)


def test_a_client_that_does_not_do_it() -> None:
    ladder = talking()
    ladder.send(Transfer("carol@phones.example.org/sip"))
    assert ladder.refuse("feature-not-implemented", detail=UNSUPPORTED_INFO) == ["Transferred"]
    assert ladder.signal() == transfer.DECLINED
    ladder.send(Transfer("carol@phones.example.org/sip"))
    assert ladder.wait(16) == ["Transferred"]
    assert ladder.signal() == transfer.DECLINED
    ladder.send(Transfer("carol@phones.example.org/sip"))
    assert ladder.refuse("item-not-found", detail=UNKNOWN_SESSION) == ["End general-error"]


def test_a_client_without_a_session_yet_is_not_handed_on() -> None:
    first = nora.set("session-initiate", content())
    ladder = answering(first)
    ladder.receive(first)
    assert ladder.send(Transfer("carol@phones.example.org/sip")) == ["Transferred"]
    assert ladder.signal() == Transferred(491)
    assert ladder.receive(nora.set("session-info", TO_CAROL)) == ["error unexpected-request out-of-order"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            "from='a@example.net' sid='s' to='b@example.net'",
            TransferTo(to="b@example.net", from_="a@example.net", sid="s"),
        ),
        ("from='a@example.net'", None),
        ("sid='s'", None),
    ],
)
def test_whose_place_somebody_takes(said: str, found: TransferTo | None) -> None:
    assert transfer.handed_on(nora.set("session-initiate", content() + ORDER.format(said))) == found
    assert transfer.handed_on(nora.set("session-initiate", content())) is None
