"""An account tried: what is asked, and what every answer means in words."""

from itertools import count

import pytest

from gateway.registration.registrant import Registrant
from gateway.registration.trial import MAX_REQUESTS, Trial, Verdict
from gateway.sip.wire import Failed, Outgoing
from tests.registration.registrar import ASKS, registrant, response

PROXY = 'Digest realm="other.example", nonce="p1", algorithm=MD5, qop="auth"'


class Talk:
    """One trial, answered."""

    def __init__(self, whom: Registrant | None = None) -> None:
        ids = count(1)
        self.trial = Trial(whom or registrant(), new_id=lambda: f"{next(ids):032x}", user_agent="test")
        self.out = self.trial.ask()
        self.asked = 1
        self.verdict: Verdict | None = None

    def take(self, found: Outgoing | Verdict | None) -> None:
        if isinstance(found, Outgoing):
            self.out, self.asked = found, self.asked + 1
        else:
            self.verdict = found

    def answer(self, status: int, *headers: tuple[str, str]) -> "Talk":
        self.take(self.trial.hear(response(self.out, status, *headers)))
        return self

    def challenge(self, text: str = ASKS) -> "Talk":
        return self.answer(401, ("WWW-Authenticate", text))

    def fail(self, cause: str, text: str) -> "Talk":
        self.take(self.trial.hear(Failed(self.out.branch, "REGISTER", cause, text)))  # type: ignore[arg-type]
        return self

    def says(self) -> str:
        assert self.verdict is not None
        assert not self.verdict.well
        return self.verdict.text


def test_nothing_is_bound_by_it() -> None:
    request = Talk().out.request
    assert (request.method, request.uri, str(request.to)) == ("REGISTER", "sip:pbx.example", "<sip:1001@pbx.example>")
    assert request.first("Contact") is None
    assert request.first("Expires") is None


def test_a_password_is_given_and_accepted() -> None:
    talk = Talk().challenge()
    assert talk.out.request.first("Authorization")
    assert talk.out.request.cseq.number == 2
    talk.answer(200)
    assert talk.verdict == Verdict(True, "the server knows the account and accepts the password")


def test_a_server_may_ask_for_no_password() -> None:
    assert Talk(registrant(password=None)).answer(200).verdict == Verdict(
        True, "the server knows the account, and asks for no password"
    )


def test_a_wrong_password_is_said_to_be_wrong() -> None:
    talk = Talk().challenge().challenge(ASKS.replace("n1", "n2"))
    assert talk.says() == "the server does not accept the user name or the password"
    assert talk.asked == 2


def test_a_nonce_that_is_stale_is_no_wrong_password() -> None:
    talk = Talk().challenge().challenge(ASKS.replace("n1", "n2") + ", stale=true")
    assert talk.asked == 3
    assert talk.answer(200).verdict == Verdict(True, "the server knows the account and accepts the password")


def test_a_proxy_may_ask_too() -> None:
    talk = Talk().answer(407, ("Proxy-Authenticate", PROXY)).challenge()
    assert talk.answer(200).verdict is not None
    assert talk.asked == 3


def test_who_asks_without_end_is_left() -> None:
    talk = Talk()
    for number in range(MAX_REQUESTS):
        talk.challenge(ASKS.replace("n1", f"n{number}").replace("pbx", f"pbx{number}"))
    assert talk.says() == "the server asks for the password again and again"
    assert talk.asked == MAX_REQUESTS


def test_a_question_without_an_answer() -> None:
    assert "there is none" in Talk(registrant(password=None)).challenge().says()
    assert "in a way" in Talk().challenge('Basic realm="pbx.example"').says()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "wrong password, or this account may not register from here (403 Forbidden)"),
        (404, "the server knows no such user (404 Not Found)"),
        (405, "takes no registrations"),
        (604, "no such user"),
        (406, "the server refuses (406 Not Acceptable)"),
        (503, "the server has failed (503 Service Unavailable)"),
        (302, "the server is elsewhere (302 Moved Temporarily)"),
    ],
)
def test_every_refusal_is_said_in_words(status: int, words: str) -> None:
    assert words in Talk().answer(status).says()


@pytest.mark.parametrize(
    ("cause", "text", "words"),
    [
        ("timeout", "no response in 4 s", "the server does not answer (no response in 4 s)"),
        ("transport", "sip.example: name does not resolve", "there is no such server"),
        ("transport", "192.0.2.20:5061: TLS: expired", "the server cannot be reached: 192.0.2.20:5061: TLS: expired"),
    ],
)
def test_a_server_that_is_not_reached(cause: str, text: str, words: str) -> None:
    assert Talk().fail(cause, text).says().startswith(words)


def test_only_the_final_response_to_the_last_request_counts() -> None:
    talk = Talk()
    first = talk.out
    assert talk.trial.hear(response(first, 100)) is None
    talk.challenge()
    assert talk.trial.hear(response(first, 403)) is None
    assert talk.trial.hear(talk.out.request) is None
