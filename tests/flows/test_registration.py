"""A trunk that registers: what the registrar is told, and what its answers are good for."""

import signal
from typing import Any

import pytest

from gateway.registration.binding import Binding
from gateway.registration.registrant import contact_user, instance
from gateway.registrations import BROKEN_SECONDS
from tests.flows.openings import romeo_leaves
from tests.flows.steps import Phone, Step, after, calls, does, holds, juliet, romeo, run, signals

TRUNK = 'user = "1001"\npassword_env = "SECRET"\nregister = true\ndomain = "pbx.example"'
USER = contact_user("gw.example", "pbx")
CONTACT = f"sip:{USER}@192.0.2.1:5060"
INSTANCE = instance("gw.example", "pbx")
ASKS = 'Digest realm="pbx.example", nonce="n1", algorithm=MD5, qop="auth"'
paris = Phone("paris", "198.51.100.66")


def grants(expires: int = 3600, *headers: tuple[str, str], params: str = "") -> Step:
    """The registrar says yes to our Contact, and names another one of that user's."""
    contact = f"<sip:desk@198.51.100.7>;expires=7, <{CONTACT}>;expires={expires}{params}"
    return juliet.sends(200, call="reg", headers=[("Contact", contact), *headers])


def forgets(world: Any) -> None:
    """What came, and came again, is not looked at."""
    for heard in (world.datagrams, world.repeated):
        for waiting in heard.values():
            waiting.clear()


def stands(state: str) -> Step:
    """There is one registration, and it is so."""
    return holds(
        lambda world: (
            {
                name: world.sample("jinglesip_registrations", state=name)
                for name in ("pending", "registered", "failing", "refused")
                if world.sample("jinglesip_registrations", state=name)
            }
            == {state: 1}
        ),
        f"not {state}",
    )


def said(*states: str) -> Step:
    """What the log has told of it, in order."""
    return holds(
        lambda world: (
            tuple(entry["state"] for entry in world.log if entry["event"] == "registration_changed") == states
        ),
        f"not told {states}",
    )


def between(least: float, most: float) -> Step:
    """Time passes until the registrar is asked, which happens within these seconds from now."""

    def do(world: Any) -> None:
        started = world.loop.now
        while not any(world.datagrams.values()):
            world.loop.advance(0.1)
            if world.loop.now - started > most:
                world.fail(f"not asked within {most:g} seconds")
        if world.loop.now - started < least:
            world.fail(f"asked before {least:g} seconds were over")

    return Step(do)


def asked(**has: Any) -> Step:
    """The registrar is asked."""
    return juliet.gets("REGISTER", call="reg", **has)


registered = (
    asked(has=["REGISTER sip:pbx.example ", "To: <sip:1001@pbx.example>", f"Contact: <{CONTACT}>", "Expires: 3600"]),
    stands("pending"),
    juliet.sends(401, call="reg", headers=[("WWW-Authenticate", ASKS)]),
    asked(has=['username="1001"', 'uri="sip:pbx.example"', "nc=00000001"]),
    grants(),
    stands("registered"),
)


def test_a_trunk_registers_refreshes_and_leaves() -> None:
    run(
        *registered,
        between(0.6 * 3600, 0.8 * 3600 + 1),
        asked(has=["nc=00000002", "CSeq: 3 REGISTER"]),
        grants(),
        said("registered"),
        signals(signal.SIGTERM),
        asked(has=["Expires: 0", "nc=00000003"]),
        juliet.sends(200, call="reg"),
        stops=True,
        trunk=TRUNK,
    )


def test_an_error_of_ours_costs_a_registration_one_turn_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = Binding.due, list[float]()

    def due(binding: Binding, now: float) -> Any:
        if binding.grant is not None and not failures:
            failures.append(now)
            raise ValueError("a bug of ours")
        return real(binding, now)

    monkeypatch.setattr(Binding, "due", due)
    run(
        *registered,
        between(0.6 * 3600 + BROKEN_SECONDS, 0.8 * 3600 + BROKEN_SECONDS + 1),
        asked(has=["nc=00000002", "CSeq: 3 REGISTER"]),
        grants(),
        stands("registered"),
        signals(signal.SIGTERM),
        asked(has="Expires: 0"),
        juliet.sends(200, call="reg"),
        stops=True,
        fails=True,
        trunk=TRUNK,
    )


def test_a_call_to_our_contact_is_the_trunks_whatever_its_address_list_says() -> None:
    run(
        *registered,
        juliet.sends("INVITE", number=CONTACT, headers=[("To", "<sip:+15550100@pbx.example>")]),
        juliet.gets(100),
        romeo.gets("propose"),
        calls(1),
        romeo.sends("reject busy"),
        juliet.gets(486),
        trunk=f"{TRUNK}\naddresses = []",
    )


@pytest.mark.parametrize(
    "headers",
    [
        [("To", "<sip:nobody@pbx.example>"), ("P-Called-Party-ID", "<sip:+15550100@pbx.example>")],
        [("To", "<sip:nobody@pbx.example>")],
    ],
    ids=["P-Called-Party-ID", "the address-of-record"],
)
def test_what_was_called_is_looked_for_where_registrars_leave_it(headers: list[tuple[str, str]]) -> None:
    run(
        *registered,
        juliet.sends("INVITE", number=CONTACT, headers=headers),
        juliet.gets(100),
        romeo.gets("propose"),
        romeo.sends("reject busy"),
        juliet.gets(486),
        trunk=TRUNK,
        dial='[[number]]\nnumber = "1001"\njid = "romeo@montague.example"',
    )


def test_a_stranger_who_knows_our_contact_is_a_stranger() -> None:
    run(
        *registered,
        paris.sends("INVITE", number=CONTACT, headers=[("To", "<sip:+15550100@pbx.example>")]),
        paris.gets(100),
        paris.gets(403),
        calls(0),
        trunk=TRUNK,
    )


def test_calls_take_the_way_and_the_name_that_the_registrar_gives() -> None:
    gruu = f"sip:1001@pbx.example;gr={INSTANCE}"
    run(
        *registered[:-2],
        grants(
            3600,
            ("Service-Route", "<sip:192.0.2.20;lr>, <sip:home.pbx.example;lr>"),
            params=f';pub-gruu="{gruu}"',
        ),
        romeo.sends("session-initiate"),
        romeo.gets("result"),
        juliet.gets(
            "INVITE",
            has=[
                "INVITE sip:+15551230000@pbx.example",
                "Route: <sip:192.0.2.20;lr>\r\nRoute: <sip:home.pbx.example;lr>",
                f"Contact: <{gruu}>",
                "@pbx.example>;tag=",
            ],
        ),
        juliet.sends(180),
        romeo.gets("session-info ringing"),
        juliet.sends(200),
        juliet.gets("ACK", lacks="home.pbx.example"),
        romeo.gets("session-accept"),
        *romeo_leaves,
        trunk=TRUNK,
    )


def test_a_wrong_password_is_said_and_makes_no_storm() -> None:
    refusal = juliet.sends(401, call="reg", headers=[("WWW-Authenticate", ASKS)])
    twice = (asked(), refusal, asked(), juliet.sends(401, call="reg", headers=[("WWW-Authenticate", ASKS)]))
    run(
        *twice,
        stands("refused"),
        said("refused"),
        holds(
            lambda world: (
                [entry["text"] for entry in world.log if entry["event"] == "registration_changed"]
                == ["401: the user or the password is wrong"]
            ),
            "not told why",
        ),
        after(60),
        *twice,
        after(1700),
        said("refused"),
        holds(
            lambda world: world.sample("jinglesip_registration_failures_total", cause="credentials") == 2,
            "not counted",
        ),
        trunk=TRUNK,
    )


def test_a_registrar_that_is_silent_is_asked_again_and_taken_back() -> None:
    run(
        asked(),
        after(33),
        does(forgets),
        stands("failing"),
        said("failing"),
        after(61),
        asked(),
        grants(),
        stands("registered"),
        said("failing", "registered"),
        trunk=TRUNK,
    )


def test_a_grant_of_a_second_makes_no_storm() -> None:
    run(
        asked(),
        grants(1),
        between(14.9, 15.2),
        asked(),
        grants(1),
        between(14.9, 15.2),
        asked(),
        grants(3600),
        trunk=TRUNK,
    )


def test_too_short_a_time_is_asked_for_again() -> None:
    run(
        asked(has="Expires: 60"),
        juliet.sends(423, call="reg", headers=[("Min-Expires", "1800")]),
        asked(has="Expires: 1800"),
        grants(1800),
        stands("registered"),
        trunk=f"{TRUNK}\nregister_expires_seconds = 60",
    )


def test_a_stop_does_not_wait_for_ever_for_a_registrar() -> None:
    world = run(
        *registered,
        signals(signal.SIGINT),
        asked(has="Expires: 0"),
        after(5),
        does(forgets),
        stops=True,
        trunk=TRUNK,
    )
    assert [entry["registrations"] for entry in world.log if entry["event"] == "registrations_left"] == [1]
