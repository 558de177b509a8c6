"""The names that every message of a call carries (RFC 7989), and a call of ours that comes back."""

import pytest

from gateway.signals import Answer, Progress
from gateway.sip.matching import companion
from gateway.sip.message import Header
from gateway.sip.session_id import NIL, SessionId

from .ladder import PCMU, audio, in_call, invite, on_wire, rung, sdp
from .test_leg_calling import offered

THEIRS = "47755a9de7794ba387653f2099600ef2"
SAID: Header = ("Session-ID", f"{THEIRS};remote={NIL}")


@pytest.mark.conformance("EXT-17")
def test_every_message_of_a_call_of_ours_has_both_names() -> None:
    call = offered()
    ours = call.leg.session_id.local
    assert call.sent("INVITE")[0].first("Session-ID") == f"{ours};remote={NIL}"
    call.answered(180, headers=(SAID,))
    call.answered(200, sdp(), headers=(SAID,))
    assert call.last("ACK").request.all("Session-ID") == (f"{ours};remote={THEIRS}",)
    call.asks("OPTIONS")
    assert call.responses[0].all("Session-ID") == (f"{ours};remote={THEIRS}",)
    call.ends()
    assert call.last("BYE").request.all("Session-ID") == (f"{ours};remote={THEIRS}",)


@pytest.mark.conformance("EXT-17")
def test_every_answer_to_a_call_has_both_names() -> None:
    call = rung(invite(headers=(SAID,)))
    pair = f"{call.leg.session_id.local};remote={THEIRS}"
    assert call.responses[0].first("Session-ID") == pair
    call.says(Answer(audio(codecs=(PCMU,))))
    assert call.responses[0].first("Session-ID") == pair


def test_a_cancel_and_the_ack_of_a_refusal_have_them_too() -> None:
    call = offered()
    call.answered(180)
    call.ends()
    said = call.sent("INVITE")[0].first("Session-ID")
    assert call.last("CANCEL").request.first("Session-ID") == said
    assert companion(on_wire(call.last("INVITE")), "ACK", "<sip:b@h>").first("Session-ID") == said


def test_our_name_is_that_of_the_dialog_and_of_no_other() -> None:
    one = SessionId("a@h", "1")
    assert one.local == SessionId("a@h", "1").local
    assert len({one.local, SessionId("a@h", "2").local, SessionId("b@h", "1").local}) == 3
    assert len(one.local) == 32


@pytest.mark.parametrize("text", [NIL, "x", THEIRS.upper(), THEIRS + "0", THEIRS[1:], ""])
def test_what_is_no_name_is_none(text: str) -> None:
    call = rung(invite(headers=(("Session-ID", text),)))
    assert call.leg.session_id.remote == NIL


@pytest.mark.conformance("EXT-18")
def test_an_invite_of_ours_is_known_when_it_comes_back_and_not_when_it_was_sent_on() -> None:
    call = offered()
    ours = on_wire(call.last("INVITE"))
    assert call.leg.came_back(ours)
    assert not call.leg.came_back(invite())
    call.answered(180)
    assert call.leg.came_back(ours)
    assert not rung().leg.came_back(ours)
    elsewhere = type(ours)(ours.method, "sip:juliet@gw.example", ours.headers)
    assert not call.leg.came_back(elsewhere), "a spiral: whoever is called there may be called"
    assert in_call().says(Progress()) == []
