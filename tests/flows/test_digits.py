"""Keys outside the sound, through the whole gateway."""

import pytest

from tests.flows.openings import accepted, answered, juliet_leaves, romeo_leaves
from tests.flows.steps import Step, juliet, nothing, romeo, run, sdp_of

DTMF = "<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='#' duration='250'/>"
RELAY = (("Content-Type", "application/dtmf-relay"),)
CAPS = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>"
FEATURES = "".join(
    f"<feature var='{feature}'/>"
    for feature in ("urn:xmpp:jingle:1", "urn:xmpp:jingle-message:0", "urn:xmpp:jingle:dtmf:0")
)
BY_PHONE = (*juliet_leaves, romeo.gets("finish success"))


@pytest.mark.conformance("HLD-18")
@pytest.mark.parametrize(("opening", "leaving"), [(answered, juliet_leaves), (accepted, BY_PHONE)])
def test_a_client_presses_keys(opening: tuple[Step, ...], leaving: tuple[Step, ...]) -> None:
    run(
        *opening,
        romeo.sends("session-info", xml=DTMF),
        romeo.gets("result"),
        juliet.gets("INFO", has=["application/dtmf-relay", "Signal=#\r\nDuration=250\r\n"]),
        juliet.sends(200, to="INFO"),
        *leaving,
    )


@pytest.mark.conformance("HLD-19", "HLD-20")
def test_a_client_presses_keys_that_a_phone_does_not_take() -> None:
    run(
        *answered,
        romeo.sends("session-info", xml=DTMF.replace("#", "X")),
        romeo.gets("error feature-not-implemented"),
        romeo.sends("session-info", xml=DTMF),
        romeo.gets("result"),
        juliet.gets("INFO"),
        juliet.sends(415, to="INFO"),
        romeo.sends("session-info", xml=DTMF),
        romeo.gets("error not-acceptable"),
        *juliet_leaves,
    )


@pytest.mark.conformance("HLD-21")
def test_a_key_of_no_duration_is_acknowledged_and_pressed_nowhere() -> None:
    run(
        *answered,
        romeo.sends("session-info", xml=DTMF.replace("250", "0")),
        romeo.gets("result"),
        nothing(),
        *juliet_leaves,
    )


@pytest.mark.conformance("HLD-23")
def test_an_info_that_says_nothing_is_taken_and_one_of_an_unknown_package_is_not() -> None:
    run(
        *answered,
        juliet.sends("INFO"),
        juliet.gets("200 INFO"),
        juliet.sends("INFO", headers=[("Info-Package", "weather"), ("Content-Type", "text/plain")], body="rain"),
        juliet.gets("469 INFO"),
        nothing(),
        *juliet_leaves,
    )


@pytest.mark.conformance("HLD-22")
def test_a_phone_presses_a_key_and_the_client_that_knows_of_keys_hears_it() -> None:
    run(
        romeo.sends("presence", xml=CAPS),
        romeo.gets("query", reply=None),
        romeo.sends("result", xml=f"<query xmlns='http://jabber.org/protocol/disco#info'>{FEATURES}</query>"),
        *answered,
        juliet.sends("INFO", headers=RELAY, body="Signal=11\r\nDuration=160\r\n"),
        juliet.gets(200),
        romeo.gets("session-info dtmf", has=['code="#"', 'duration="160"']),
        *romeo_leaves,
    )


def test_a_phone_presses_a_key_and_a_client_that_knows_of_none_is_spared() -> None:
    run(
        *answered,
        juliet.sends("INFO", headers=RELAY, body="Signal=5\r\nDuration=160\r\n"),
        juliet.gets(200),
        juliet.sends("re-INVITE", sdp=sdp_of()),
        juliet.gets(100),
        juliet.gets(200),
        juliet.sends("ACK"),
        *romeo_leaves,
    )
