"""Digits by INFO: read as phones write them, written one after the other, and given up where nobody takes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.signals import Answer, Digit, Offer
from gateway.sip import digits
from gateway.sip.leg import Credentials
from mappings.digits import KEYS, PLAIN, RELAY
from tests.sip.ladder import PCMU, Ladder, audio, called, calling, in_call, invite, picked_up, sdp

ALLOW_INFO = (("Allow", "INVITE, ACK, BYE, INFO"),)
ASKED = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
NO_INFO = (("Allow", "INVITE, ACK, BYE"),)


def body(call: Ladder) -> bytes:
    return call.last("INFO").request.body


# ------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("said", "digit", "duration"),
    [
        ("Signal=5\r\nDuration=160\r\n", "5", 160),
        ("Signal= #\r\nDuration= 250 \r\n", "#", 250),
        ("signal=a\nduration=0", "A", 0),
        ("Signal=*", "*", 100),
        ("Signal=7\r\nDuration=999999\r\n", "7", 10_000),
        ("\r\nDuration=80\r\nSignal=0\r\nSignal=1\r\n", "0", 80),
    ],
)
def test_a_relayed_digit_is_read_as_phones_write_it(said: str, digit: str, duration: int) -> None:
    assert digits.read(RELAY, said.encode()) == Digit(digit, duration)


@pytest.mark.conformance("HLD-22")
@pytest.mark.parametrize(
    ("signal", "digit"), [("10", "*"), ("11", "#"), ("12", "A"), ("13", "B"), ("14", "C"), ("15", "D")]
)
@pytest.mark.parametrize("kind", [RELAY, PLAIN])
def test_a_numbered_signal_is_the_key_of_its_event(kind: str, signal: str, digit: str) -> None:
    said = f"Signal={signal}\r\nDuration=100\r\n" if kind == RELAY else f"{signal}\r\n"
    assert digits.read(kind, said.encode()) == Digit(digit, 100)


@pytest.mark.parametrize("flash", ["16", "F", "hookflash"])
def test_a_hook_flash_is_no_key_and_no_fault(flash: str) -> None:
    assert digits.read(RELAY, f"Signal={flash}\r\n".encode()) is None


@pytest.mark.parametrize(
    ("kind", "said", "text"),
    [
        (RELAY, "", "no Signal"),
        (RELAY, "Duration=5", "no Signal"),
        (RELAY, "Signal=E", "no digit, 'E'"),
        (RELAY, "Signal=55", "no digit, '55'"),
        (RELAY, "Signal=5\r\nDuration=long", "Duration='long'"),
        (RELAY, "Signal=5\r\nDuration=-1", "Duration='-1'"),
        (PLAIN, "", "no digit"),
        (PLAIN, "five", "no digit, 'five'"),
    ],
)
def test_what_is_no_digit_is_said_to_be_none(kind: str, said: str, text: str) -> None:
    with pytest.raises(PeerError, match=text):
        digits.read(kind, said.encode())


@given(st.sampled_from([RELAY, PLAIN]), st.binary(max_size=300))
def test_any_bytes_are_a_digit_or_an_error(kind: str, said: bytes) -> None:
    try:
        found = digits.read(kind, said)
    except PeerError:
        return
    assert found is None or (found.digit in KEYS and 0 <= found.duration <= digits.LONGEST)


# -------------------------------------------------------------------------------------------------------- from the peer


@pytest.mark.parametrize(("kind", "said"), [(RELAY, "Signal=5\r\nDuration=160\r\n"), (PLAIN, "5")])
def test_a_digit_of_a_phone_is_taken_and_passed_on(kind: str, said: str) -> None:
    assert picked_up().asks("INFO", said, content_type=kind)[:1] == ["200 INFO"]
    assert in_call().asks("INFO", said, content_type=kind)[1:] == [f"Digit 5 {160 if kind == RELAY else 100}"]


def test_a_digit_without_duration_and_a_flash_are_taken_and_go_no_further() -> None:
    call = in_call()
    assert call.asks("INFO", "Signal=5\r\nDuration=0\r\n", content_type=RELAY) == ["200 INFO"]
    assert call.leg.dropped == []
    assert call.asks("INFO", "Signal=16\r\n", content_type=RELAY) == ["200 INFO"]
    assert call.leg.dropped == [f"INFO {RELAY}"]


def test_what_is_no_digit_is_a_bad_request_that_says_why() -> None:
    call = in_call()
    assert call.asks("INFO", "Signal=x\r\n", content_type=RELAY) == ["400 INFO"]
    assert "no digit" in (call.responses[0].first("Warning") or "")


# ---------------------------------------------------------------------------------------------------------- to the peer


@pytest.mark.conformance("HLD-18")
def test_a_digit_becomes_an_info_and_the_next_waits_for_its_response() -> None:
    call = in_call()
    assert call.says(Digit("#", 100)) == ["INFO"]
    assert call.last("INFO").request.first("Content-Type") == "application/dtmf-relay"
    assert call.last("INFO").request.first("Info-Package") is None
    assert body(call) == b"Signal=#\r\nDuration=100\r\n"
    assert call.says(Digit("1", 250)) == []
    assert call.says(Digit("2", 100)) == []
    assert call.answered(100, to="INFO") == []
    assert call.answered(200, to="INFO") == ["INFO"]
    assert body(call) == b"Signal=1\r\nDuration=250\r\n"
    assert call.answered(200, to="INFO") == ["INFO"]
    assert call.answered(200, to="INFO") == []


def test_what_is_typed_ahead_is_told_when_the_call_is_up() -> None:
    call = calling()
    assert call.says(Offer(audio())) == ["INVITE"]
    assert call.says(Digit("1", 100)) == []
    assert call.answered(180) == ["Progress"]
    assert call.says(Digit("2", 100)) == []
    assert call.answered(200, sdp(), headers=ALLOW_INFO) == ["ACK", "Answer", "INFO"]
    assert body(call) == b"Signal=1\r\nDuration=100\r\n"
    assert call.answered(200, to="INFO") == ["INFO"]


def test_a_called_phone_is_told_after_its_ack() -> None:
    call = called()
    call.gets(invite())
    assert call.says(Answer(audio(codecs=(PCMU,)))) == ["200 INVITE"]
    assert call.says(Digit("9", 100)) == []
    assert call.acks() == ["INFO"]


@pytest.mark.conformance("HLD-19")
def test_a_peer_without_info_is_told_none_and_the_other_side_hears_so() -> None:
    call = calling()
    call.says(Offer(audio()))
    assert call.says(Digit("1", 100)) == []
    assert call.answered(200, sdp(), headers=NO_INFO) == ["ACK", "Answer", "NoDigits"]
    assert call.says(Digit("2", 100)) == []
    assert call.leg.dropped == ["dtmf", "dtmf"]
    request = invite(headers=NO_INFO)
    assert called(request).gets(request) == ["Offer", "NoDigits"]


@pytest.mark.parametrize("status", sorted(digits.UNABLE))
def test_a_peer_that_refuses_one_is_told_no_other(status: int) -> None:
    call = in_call()
    call.says(Digit("1", 100))
    call.says(Digit("2", 100))
    assert call.answered(status, to="INFO") == ["NoDigits"]
    assert call.leg.dropped == ["dtmf", "dtmf"]
    assert call.says(Digit("3", 100)) == []


def test_a_digit_that_fails_is_not_repeated_and_the_next_is_told() -> None:
    call = in_call()
    call.says(Digit("1", 100))
    call.says(Digit("2", 100))
    call.says(Digit("3", 100))
    assert call.answered(500, to="INFO") == ["INFO"]
    assert call.fails("INFO") == ["INFO"]
    assert body(call) == b"Signal=3\r\nDuration=100\r\n"
    assert call.leg.dropped == ["dtmf", "dtmf"]


def test_a_digit_is_said_again_to_who_asks_for_a_password() -> None:
    call = in_call(credentials=Credentials("romeo", "secret"))
    call.says(Digit("1", 100))
    assert call.answered(401, to="INFO", headers=(ASKED,)) == ["INFO"]
    assert call.last("INFO").request.first("Authorization") is not None
    assert body(call) == b"Signal=1\r\nDuration=100\r\n"
    assert call.answered(200, to="INFO") == []


def test_no_more_digits_wait_than_there_is_room_for() -> None:
    call = in_call()
    for _ in range(digits.MOST_WAITING + 5):
        call.says(Digit("1", 100))
    assert len(call.leg.digits) == digits.MOST_WAITING
    assert call.leg.dropped == ["dtmf"] * 5


def test_digits_end_with_the_call() -> None:
    call = in_call()
    call.says(Digit("1", 100))
    call.says(Digit("2", 100))
    assert call.ends() == ["BYE"]
    assert call.answered(200, to="INFO") == []
    assert call.answered(200, to="BYE") == []
    assert call.leg.closed
