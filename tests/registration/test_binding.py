"""One binding against a registrar's every answer, on a virtual clock."""

import re
from dataclasses import replace

import pytest

from gateway.registration.binding import MAX_REQUESTS, TABLE
from gateway.registration.registrant import Timing, contact_user, instance
from gateway.registration.terms import Event, Phase, Standing
from gateway.sip.flow import Hop
from gateway.sip.message import SipRequest
from tests.registration.registrar import ASKS, CONTACT, Conversation, registrant, response

STALE = ASKS.replace("n1", "n2") + ", stale=true"


def credentials(request: SipRequest, header: str = "Authorization") -> dict[str, str]:
    found = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', request.first(header) or "")
    return {name: quoted or plain for name, quoted, plain in found}


# Asking ---------------------------------------------------------------------------------------------------------------


def test_a_register_says_what_is_bound_where_and_for_how_long() -> None:
    talk = Conversation()
    request = talk.due()
    assert (request.method, request.uri) == ("REGISTER", "sip:pbx.example")
    assert request.from_.uri == request.to.uri
    assert str(request.to) == "<sip:1001@pbx.example>"
    assert request.first("Contact") == f'<{CONTACT}>;+sip.instance="<{instance("gw.example", "pbx")}>"'
    assert request.first("Expires") == "3600"
    assert request.tokens("Supported") == {"path", "gruu"}
    assert request.cseq.number == 1
    assert request.first("Authorization") is None


def test_over_a_stream_it_asks_for_outbound() -> None:
    request = Conversation(registrant(transport="TCP")).due()
    assert "outbound" in request.tokens("Supported")
    assert f"<{CONTACT};ob>" in (request.first("Contact") or "")
    assert (request.first("Contact") or "").endswith(";reg-id=1")


def test_a_registrar_without_outbound_is_asked_plainly() -> None:
    talk = Conversation(registrant(transport="TCP"))
    talk.due()
    assert talk.answer(439)
    assert "reg-id" not in (talk.last.first("Contact") or "")
    assert "outbound" not in talk.last.tokens("Supported")
    assert not talk.answer(439)
    assert talk.binding.standing is Standing.REFUSED


def test_a_contact_user_is_one_bindings_own_and_survives_a_restart() -> None:
    names = {contact_user("gw.example", f"account-{number}") for number in range(1000)}
    assert len(names) == 1000
    assert contact_user("gw.example", "account-1") in names
    assert contact_user("other.example", "account-1") not in names
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", instance("gw.example", "x")
    )


# Granted --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Contact", f"<{CONTACT}>;expires=600"), ("Expires", "100")], 600),
        ([("Contact", f"<{CONTACT}>"), ("Expires", "100")], 100),
        ([("Contact", f"<{CONTACT}>;expires=7200")], 3600),
        ([("Contact", f"<{CONTACT}>")], 3600),
        ([("Contact", f'<sip:other@198.51.100.1>;expires=7, <{CONTACT}>;expires="90"')], 90),
        ([("Contact", "<sip:x@198.51.100.1:1024>;expires=300")], 300),
        ([], 3600),
    ],
)
def test_it_is_refreshed_at_a_part_of_the_time_that_our_contact_was_granted(
    headers: list[tuple[str, str]], seconds: int
) -> None:
    for first in range(1, 30):
        talk = Conversation(first_id=first)
        talk.due()
        talk.answer(200, *headers)
        assert talk.binding.standing is Standing.REGISTERED
        assert 0.6 * seconds <= talk.binding.at - talk.now <= 0.8 * seconds
        (outcome,) = talk.outcomes
        assert outcome.cause is None
        assert outcome.delay_seconds == pytest.approx(talk.binding.at - talk.now)


def test_refreshes_are_spread() -> None:
    pauses = set()
    for first in range(1, 40):
        talk = Conversation(first_id=first)
        talk.due()
        talk.grant()
        pauses.add(round(talk.binding.at - talk.now))
    assert len(pauses) > 20


def test_a_refresh_is_the_same_call_with_the_next_number() -> None:
    talk = Conversation()
    first = talk.due()
    talk.grant()
    second = talk.due()
    assert first.call_id == second.call_id
    assert second.cseq.number == 2
    talk.grant()
    assert [outcome.cause for outcome in talk.outcomes] == [None, None]


@pytest.mark.parametrize("expires", [1, 2, 10])
def test_a_tiny_expiry_makes_no_storm(expires: int) -> None:
    talk = Conversation()
    for _ in range(20):
        talk.due()
        talk.grant(expires)
    assert min(after - before for before, after in zip(talk.at, talk.at[1:], strict=False)) >= Timing().shortest_seconds
    assert talk.binding.standing is Standing.REGISTERED


@pytest.mark.parametrize("contact", [f"<{CONTACT}>;expires=0", "<sip:a@198.51.100.1>, <sip:b@198.51.100.2>"])
def test_a_200_that_binds_nothing_is_a_failure(contact: str) -> None:
    talk = Conversation()
    talk.due()
    talk.answer(200, ("Contact", contact))
    assert talk.binding.standing is Standing.FAILING
    assert talk.binding.grant is None
    assert talk.outcomes[-1].cause == "server"
    assert "without our Contact" in talk.outcomes[-1].text


# Questions ------------------------------------------------------------------------------------------------------------


def test_a_password_is_given_when_it_is_asked_for_and_then_unasked() -> None:
    talk = Conversation()
    talk.due()
    assert talk.answer(401, ("WWW-Authenticate", ASKS))
    assert credentials(talk.last)["nc"] == "00000001"
    assert talk.last.cseq.number == 2
    assert not talk.grant()
    assert credentials(talk.due())["nc"] == "00000002"
    assert talk.answer(401, ("WWW-Authenticate", STALE))
    assert (credentials(talk.last)["nonce"], credentials(talk.last)["nc"]) == ("n2", "00000001")
    talk.grant()
    assert talk.binding.standing is Standing.REGISTERED


def test_a_proxy_and_the_registrar_may_both_ask() -> None:
    talk = Conversation()
    talk.due()
    assert talk.answer(407, ("Proxy-Authenticate", ASKS.replace("pbx", "edge")))
    assert talk.answer(401, ("WWW-Authenticate", ASKS))
    assert credentials(talk.last)["realm"] == "pbx.example"
    assert credentials(talk.last, "Proxy-Authorization")["realm"] == "edge.example"
    talk.grant()
    assert talk.binding.standing is Standing.REGISTERED


def test_a_wrong_password_is_tried_twice_and_then_once_an_hour() -> None:
    talk = Conversation()
    for _ in range(5):
        talk.due()
        assert talk.answer(401, ("WWW-Authenticate", ASKS.replace("n1", f"n{len(talk.sent)}")))
        assert not talk.answer(401, ("WWW-Authenticate", ASKS.replace("n1", f"n{len(talk.sent)}")))
        assert talk.binding.standing is Standing.REFUSED
        assert talk.outcomes[-1].cause == "credentials"
        assert talk.binding.text == "401: the user or the password is wrong"
    pauses = [outcome.delay_seconds for outcome in talk.outcomes]
    assert 30 <= pauses[0] <= 60
    assert all(1800 <= pause <= 3600 for pause in pauses[1:])
    assert len(talk.sent) == 10


def test_a_password_that_was_repaired_registers_by_itself() -> None:
    talk = Conversation()
    talk.due()
    talk.answer(403)
    assert talk.binding.standing is Standing.REFUSED
    talk.due()
    talk.grant()
    assert (talk.binding.standing, talk.binding.text) == (Standing.REGISTERED, "")
    talk.due()
    talk.answer(403)
    assert talk.outcomes[-1].delay_seconds <= 60  # counted anew


def test_a_question_that_cannot_be_answered_is_said_as_what_it_is() -> None:
    talk = Conversation(registrant(password=None))
    talk.due()
    assert not talk.answer(401, ("WWW-Authenticate", ASKS))
    assert talk.binding.text == "401: it asks for a password, and there is none"
    talk = Conversation()
    talk.due()
    assert not talk.answer(401, ("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=ROT13'))
    assert talk.binding.text == "401: it asks in a way, or for a realm, that we have no answer for"


def test_too_short_a_time_is_asked_for_again_as_the_registrar_wants_it() -> None:
    talk = Conversation(registrant(expires=60))
    talk.due()
    assert talk.answer(423, ("Min-Expires", "600"))
    assert talk.last.first("Expires") == "600"
    talk.grant(600)
    assert talk.due().first("Expires") == "600"


@pytest.mark.parametrize("headers", [[], [("Min-Expires", "60")], [("Min-Expires", "x")], [("Min-Expires", "9999999")]])
def test_a_423_that_does_not_say_what_would_do_is_a_refusal(headers: list[tuple[str, str]]) -> None:
    talk = Conversation(registrant(expires=60))
    talk.due()
    assert not talk.answer(423, *headers)
    assert talk.outcomes[-1].cause == "interval"


def test_a_redirection_is_followed_once_to_each_address() -> None:
    talk = Conversation()
    talk.due()
    elsewhere = "<sip:reg2.example;transport=tcp>;q=0.5, <sip:reg1.example:5070>;q=0.9, <tel:+1>, <sips:reg3.example>"
    assert talk.answer(302, ("Contact", elsewhere))
    assert (talk.last.uri, talk.sent[-1].hop.host, talk.sent[-1].hop.port) == (
        "sip:reg1.example:5070",
        "reg1.example",
        5070,
    )
    assert talk.answer(302, ("Contact", elsewhere))
    assert (talk.sent[-1].hop.host, talk.sent[-1].hop.transport) == ("reg2.example", "TCP")
    assert not talk.answer(302, ("Contact", elsewhere))
    assert talk.binding.standing is Standing.REFUSED
    assert talk.due().uri == "sip:pbx.example"


def test_who_may_not_lead_everywhere_may_not_by_a_redirection_or_a_route() -> None:
    whom = replace(registrant(), hop=replace(registrant().hop, fenced=True))
    talk = Conversation(whom)
    talk.due()
    talk.answer(302, ("Contact", "<sip:127.0.0.1:5070>"))
    talk.answer(200, ("Contact", f"<{CONTACT}>"), ("Service-Route", "<sip:10.0.0.1;lr>"))
    assert [sent.hop.fenced for sent in talk.sent] == [True, True]
    assert talk.binding.grant is not None
    assert talk.binding.grant.way(whom.hop) == Hop("10.0.0.1", fenced=True)


def test_where_a_redirection_led_it_is_refreshed() -> None:
    talk = Conversation()
    talk.due()
    talk.answer(301, ("Contact", "<sip:reg1.example>"))
    talk.grant()
    assert talk.due().uri == "sip:reg1.example"
    talk.fail()
    assert talk.due().uri == "sip:pbx.example"


def test_a_registrar_that_only_asks_is_left_alone_in_the_end() -> None:
    talk = Conversation()
    talk.due()
    number = 0
    while talk.answer(302, ("Contact", f"<sip:reg{number}.example>")):
        number += 1
    assert len(talk.sent) == MAX_REQUESTS
    assert talk.binding.standing is Standing.FAILING


# Failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [408, 480, 500, 503, 504, "timeout", "transport"])
def test_what_may_pass_is_tried_again_with_growing_pauses(failure: int | str) -> None:
    talk = Conversation()
    for _ in range(12):
        talk.due()
        if isinstance(failure, int):
            assert not talk.answer(failure)
        else:
            talk.fail(failure)
    assert talk.binding.standing is Standing.FAILING
    assert {outcome.cause for outcome in talk.outcomes} == {failure if isinstance(failure, str) else "server"}
    for number, outcome in enumerate(talk.outcomes, 1):
        most = min(1800.0, 30.0 * 2**number)
        assert most / 2 <= outcome.delay_seconds <= most


def test_a_registrar_may_say_how_long_to_stay_away() -> None:
    talk = Conversation()
    talk.due()
    talk.answer(503, ("Retry-After", "900 (maintenance);duration=60"))
    assert talk.outcomes[-1].delay_seconds == 900
    talk.due()
    talk.answer(503, ("Retry-After", "99999999"))
    assert talk.outcomes[-1].delay_seconds == 3600
    talk.due()
    talk.answer(403, ("Retry-After", "nonsense"))
    assert 30 <= talk.outcomes[-1].delay_seconds <= 60


def test_a_refresh_that_fails_is_tried_again_before_the_binding_lapses() -> None:
    talk = Conversation()
    talk.due()
    talk.grant(600)
    until = talk.now + 600
    talk.due()
    while talk.now < until:
        talk.answer(500)
        assert talk.binding.standing is (Standing.REGISTERED if talk.now < until else Standing.FAILING)
        assert talk.now >= until or talk.binding.at <= max(until, talk.now + 15)
        talk.due()
    assert talk.binding.grant is not None
    talk.answer(500)
    assert talk.binding.standing is Standing.FAILING
    assert talk.binding.grant is None


def test_a_refresh_that_is_refused_ends_the_binding() -> None:
    talk = Conversation()
    talk.due()
    talk.grant(600)
    talk.due()
    talk.answer(404)
    assert talk.binding.standing is Standing.REFUSED
    assert talk.binding.grant is None
    assert talk.outcomes[-1].text == "404 Not Found"


def test_what_answers_nothing_of_ours_changes_nothing() -> None:
    talk = Conversation()
    talk.due()
    assert talk.binding.receive(response(talk.sent[-1], 100), talk.now) == []
    assert talk.binding.receive(talk.last, talk.now) == []
    old = talk.sent[-1]
    talk.grant()
    assert talk.binding.receive(response(old, 403), talk.now) == []
    assert talk.binding.standing is Standing.REGISTERED


def test_a_flow_that_is_lost_is_replaced_at_once_but_in_no_storm() -> None:
    talk = Conversation(registrant(transport="TCP"))
    talk.due()
    talk.binding.flow_lost(talk.now)  # while it asks that changes nothing
    talk.grant(3600, ("Require", "outbound"))
    talk.now += 100
    talk.binding.flow_lost(talk.now)
    assert talk.binding.at == talk.now
    talk.due()
    talk.grant(3600, ("Require", "outbound"))
    talk.binding.flow_lost(talk.now)
    assert talk.binding.at == talk.now + Timing().shortest_seconds
    talk.due()
    talk.fail("transport")
    assert talk.binding.standing is Standing.FAILING
    at = talk.binding.at
    talk.binding.flow_lost(talk.now)
    assert talk.binding.at == at


# Leaving --------------------------------------------------------------------------------------------------------------


def test_who_leaves_takes_the_binding_away() -> None:
    talk = Conversation()
    talk.due()
    talk.answer(401, ("WWW-Authenticate", ASKS))
    talk.grant()
    assert talk.leave()
    assert talk.last.first("Expires") == "0"
    assert credentials(talk.last)["nc"] == "00000002"
    assert talk.answer(401, ("WWW-Authenticate", STALE))
    assert talk.last.first("Expires") == "0"
    talk.answer(200)
    assert talk.binding.phase is Phase.GONE
    assert len(talk.outcomes) == 1


def test_who_is_not_registered_leaves_without_a_word() -> None:
    talk = Conversation()
    assert not talk.leave()
    assert talk.binding.phase is Phase.GONE
    talk = Conversation()
    talk.due()
    talk.answer(403)
    assert not talk.leave()
    assert talk.binding.due(talk.now) == []


@pytest.mark.parametrize("registered", [False, True])
def test_who_leaves_while_it_asks_waits_for_the_answer(registered: bool) -> None:
    """RFC 3261 §10.2: no REGISTER while another is out."""
    talk = Conversation()
    talk.due()
    if registered:
        talk.grant()
        talk.due()
    assert not talk.leave()
    assert talk.grant() if not registered else talk.answer(500)
    assert talk.last.first("Expires") == "0"
    talk.fail()
    assert talk.binding.phase is Phase.GONE


def test_who_leaves_while_it_asks_in_vain_is_gone() -> None:
    talk = Conversation()
    talk.due()
    assert not talk.leave()
    assert not talk.answer(401, ("WWW-Authenticate", ASKS))
    assert talk.binding.phase is Phase.GONE


@pytest.mark.parametrize("status", [300, 401, 403, 423, 439, 500])
def test_leaving_ends_whatever_the_answer(status: int) -> None:
    talk = Conversation(registrant(password=None))
    talk.due()
    talk.grant()
    talk.leave()
    assert not talk.answer(status)
    assert talk.binding.phase is Phase.GONE


def test_every_answer_has_a_row_in_every_phase_that_waits_for_one() -> None:
    answers = set(Event) - {Event.DUE, Event.LEAVE}
    for phase in (Phase.ASKING, Phase.PARTING, Phase.LEAVING):
        assert {event for event in answers if (phase, event) in TABLE} == answers


def test_a_registrar_that_only_asks_who_leaves_is_left() -> None:
    talk = Conversation()
    talk.due()
    talk.grant()
    talk.leave()
    number = 0
    while talk.answer(401, ("WWW-Authenticate", ASKS.replace("pbx", f"pbx{number}"))):
        number += 1
    assert number < MAX_REQUESTS
    assert talk.binding.phase is Phase.GONE
