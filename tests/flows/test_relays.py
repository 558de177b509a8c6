"""STUN and TURN servers that the XMPP server is asked for, and asked for again (XEP-0215)."""

import time
from datetime import UTC, datetime

import pytest

from gateway.media.embedded.settings import IceServer
from gateway.secret import Secret
from tests.flows.inmemory import World
from tests.flows.steps import Client, Step, after, holds, nothing, romeo, run, server_goes, server_returns

house = Client("montague.example", "house")
MEDIA = 'addresses = ["192.0.2.1"]\nstun = ["198.51.100.1"]\nservices_from = "montague.example"'
OURS = IceServer(kind="stun", host="198.51.100.1")


def told(password: str, seconds: float | None) -> tuple[Step, ...]:
    """The server is asked, and names a TURN server whose credentials last so long."""

    def answer(world: World) -> None:
        until = "" if seconds is None else datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()
        expires = f"expires='{until}'" if until else ""
        service = f"<service type='turn' host='turn.example' username='u' password='{password}' {expires}/>"
        house.sends("result", xml=f"<services xmlns='urn:xmpp:extdisco:2'>{service}</services>").do(world)

    return house.gets("services", reply=None), Step(answer)


def used(password: str | None) -> Step:
    """What the back-end asks now, beside the operator's own."""
    secret = None if password is None else Secret(password)
    turn = IceServer(kind="turn", host="turn.example", username="u", password=secret)
    wanted = (OURS,) if password is None else (OURS, turn)
    return holds(lambda world: world.anchors.servers == wanted, f"not {password}")


def asking(*steps: Step) -> World:
    return run(*steps, media=MEDIA)


@pytest.mark.conformance("MED-13")
def test_credentials_are_renewed_before_they_end() -> None:
    asking(
        *told("one", 3000),
        used("one"),
        after(1490),
        nothing(),
        after(20),
        *told("two", 600),
        used("two"),
        after(310),
        *told("three", None),
        used("three"),
        after(3590),
        nothing(),
        after(20),
        *told("four", None),
    )


def test_it_is_asked_once_a_minute_at_most() -> None:
    asking(*told("one", 10), after(58), nothing(), after(3), *told("two", None))


def _waits_in_vain(world: World) -> None:
    house._memory(world).unanswered.clear()
    after(30).do(world)


NO_ANSWER = [house.sends("error service-unavailable"), house.sends("result"), Step(_waits_in_vain)]


@pytest.mark.parametrize("answer", NO_ANSWER, ids=["error", "empty", "silence"])
def test_without_an_answer_it_is_asked_less_and_less(answer: Step) -> None:
    waits = [60, 120, 240]
    asked = house.gets("services", reply=None)
    steps = [step for wait in waits for step in (asked, answer, after(wait - 8), nothing(), after(9))]
    made = asking(*steps, *told("one", None), used("one"))
    lines = [entry for entry in made.log if entry["event"] == "relays_not_told"]
    assert [line["delay_seconds"] for line in lines] == waits


def test_an_answer_of_somebody_else_is_none() -> None:
    def forged(world: World) -> None:
        id = house._memory(world).unanswered[0].get("id")
        service = "<service type='turn' host='evil.example' username='u' password='p'/>"
        romeo._in(
            world,
            f"<iq type='result' id='{id}' from='{romeo.jid}' to='gw.example'>"
            f"<services xmlns='urn:xmpp:extdisco:2'>{service}</services></iq>",
        )

    asking(
        house.gets("services", reply=None),
        Step(forged),
        holds(lambda world: world.anchors.servers == (), "they are used"),
        house.sends("error forbidden"),
    )


def test_the_server_says_that_something_has_changed() -> None:
    def changes(world: World) -> None:
        house._in(
            world,
            "<iq type='set' id='p1' from='montague.example' to='gw.example'>"
            "<services xmlns='urn:xmpp:extdisco:2'><service type='turn' host='turn.example' action='delete'/>"
            "</services></iq>",
        )

    asking(
        *told("one", None),
        after(10),
        Step(changes),
        house.gets("result"),
        after(49),
        nothing(),
        after(2),
        *told("two", None),
        used("two"),
        after(100),
        Step(changes),
        house.gets("result"),
        after(0.1),
        *told("three", None),
    )


def test_a_server_that_was_away_is_asked_when_it_is_back() -> None:
    asking(*told("one", 400), server_goes(), after(150), server_returns(), after(60), *told("two", None), used("two"))


def test_nobody_is_asked_where_the_operator_does_not_want_it() -> None:
    run(after(10), nothing(), media='addresses = ["192.0.2.1"]')
