"""A trunk that asks who calls: what is answered, to whom, and what the next call remembers."""

import re
from typing import Any

import pytest

from tests.flows.openings import initiated
from tests.flows.steps import Step, holds, juliet, romeo, run

TRUNK = 'user = "gw"\npassword_env = "SECRET"'
WHO = 'Digest realm="pbx.example", nonce="{nonce}", algorithm=SHA-256, qop="auth"'


def asks(nonce: str = "n1", realm: str = "pbx.example", call: str = "one", ending: str = "") -> tuple[Step, ...]:
    """The phone asks who calls, and the gateway takes note."""
    value = WHO.format(nonce=nonce).replace("pbx.example", realm) + ending
    return (
        juliet.sends(407, call=call, headers=[("Proxy-Authenticate", value)]),
        juliet.gets("ACK", call=call),
    )


def ends(call: str) -> tuple[Step, ...]:
    """The phone is busy."""
    return (
        juliet.sends(486, call=call),
        juliet.gets("ACK", call=call),
        romeo.gets("session-terminate busy", call=call),
    )


def again(call: str) -> tuple[Step, ...]:
    """Another call, up to its INVITE."""
    return romeo.sends("session-initiate", call=call), romeo.gets("result", call=call)


def uses(*counts: tuple[str, str]) -> Step:
    """Every answer so far, by nonce and count, in order."""

    def is_so(world: Any) -> bool:
        told = [data.decode() for _, data in world.known if b"Proxy-Authorization: Digest" in data]
        invites = [text for text in told if text.startswith("INVITE")]
        found = {re.search(r'nonce="(\w+)".*nc=(\w+)', text).groups() for text in invites}  # type: ignore[union-attr]
        return found == set(counts) and len(invites) == len(counts)

    return holds(is_so, f"not {counts}")


@pytest.mark.conformance("EXT-02")
def test_the_next_call_answers_before_it_is_asked_and_counts_on() -> None:
    run(
        *initiated,
        *asks(),
        juliet.gets("INVITE", has=['nonce="n1"', "nc=00000001"]),
        *ends("one"),
        *again("two"),
        juliet.gets("INVITE", call="two", has=['nonce="n1"', "nc=00000002"]),
        *ends("two"),
        *again("three"),
        juliet.gets("INVITE", call="three", has=['nonce="n1"', "nc=00000003"]),
        *asks("n2", call="three", ending=", stale=true"),
        juliet.gets("INVITE", call="three", has=['nonce="n2"', "nc=00000001"]),
        *ends("three"),
        uses(("n1", "00000001"), ("n1", "00000002"), ("n1", "00000003"), ("n2", "00000001")),
        trunk=TRUNK,
    )


def test_a_trunk_s_password_is_for_its_realm_only() -> None:
    run(
        *initiated,
        *asks(realm="evil.example"),
        romeo.gets("session-terminate security-error"),
        trunk=f'{TRUNK}\nrealm = "pbx.example"',
    )


def test_server_and_proxy_of_other_realms_ask_at_once_and_are_both_answered() -> None:
    run(
        *initiated,
        juliet.sends(
            401,
            headers=[
                ("WWW-Authenticate", WHO.format(nonce="w1")),
                ("Proxy-Authenticate", WHO.format(nonce="p1").replace("pbx", "edge")),
                ("Proxy-Authenticate", WHO.format(nonce="p2").replace("pbx", "core")),
            ],
        ),
        juliet.gets("ACK"),
        juliet.gets(
            "INVITE",
            has=[
                'Authorization: Digest username="gw", realm="pbx.example", nonce="w1"',
                'Proxy-Authorization: Digest username="gw", realm="edge.example", nonce="p1"',
                'Proxy-Authorization: Digest username="gw", realm="core.example", nonce="p2"',
            ],
        ),
        *ends("one"),
        trunk=TRUNK,
    )
