"""Our presence: at a start, at a stop, when thousands ask at once, before a call, and when a contact goes in a call."""

import signal
from collections.abc import Iterable

import pytest

from gateway.entity.roster import Bond, Pair, Wish
from gateway.registration.schedule import CATCH_UP_SECONDS
from tests.flows.inmemory import DOMAIN, Arrow, World
from tests.flows.openings import answered, called, romeo_leaves
from tests.flows.steps import (
    NUMBER,
    Client,
    Step,
    after,
    calls,
    does,
    holds,
    juliet,
    nothing,
    romeo,
    run,
    server_goes,
    server_returns,
    signals,
    tablet,
)

RATE = 200
MANY = 10_000


def knows(number: int) -> Step:
    """So many users are subscribed to a number, every second one of whom lets it see them."""

    def remember(world: World) -> None:
        roster = world.app.appearance.contacts._roster
        roster.load(
            (Pair(f"u{one}@montague.example", f"{NUMBER}@{DOMAIN}"), Bond(True, Wish(2 * (one % 2))))
            for one in range(number)
        )

    return does(remember)


def presences(world: World, word: str = "presence") -> list[Arrow]:
    """What was told so far."""
    return [arrow for arrow in world.ladder if arrow.source == "gateway" and arrow.word == word]


def busiest(arrows: Iterable[Arrow], seconds: float = 1.0) -> int:
    """How many there were in the busiest stretch of that length."""
    times = sorted(arrow.at for arrow in arrows)
    first, most = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def told(number: int, word: str = "presence") -> Step:
    """So many presences of that type were sent."""

    def check(world: World) -> None:
        found = len(presences(world, word))
        if found != number:
            world.fail(f"{found} times {word}, not {number}")

    return Step(check)


def test_ten_thousand_contacts_hear_of_us_again_within_two_minutes_and_no_call_waits_for_them() -> None:
    made = run(
        knows(MANY),
        server_goes(),
        server_returns(),
        after(30),
        *answered,  # nothing passes in time but what the steps say: each message is out at once
        holds(lambda world: 1_000 < len(presences(world)) < MANY, "the call was not in the middle of it"),
        holds(lambda world: world.sample("jinglesip_presences_waiting") > 1_000, "nothing waits"),
        after(90),
        *romeo_leaves,
        told(MANY),
        told(MANY // 2, "presence probe"),
        holds(lambda world: world.sample("jinglesip_presences_waiting") == 0, "something waits"),
    )
    all_told = [*presences(made), *presences(made, "presence probe")]
    assert busiest(all_told) <= RATE * (1 + CATCH_UP_SECONDS) + 1
    assert len({arrow.target for arrow in presences(made)}) == MANY


def test_a_stream_that_comes_and_goes_lets_nothing_pile_up() -> None:
    run(
        knows(1_000),
        *[step for _ in range(20) for step in (server_goes(), after(0.5), server_returns(), after(0.6))],
        holds(lambda world: world.sample("jinglesip_presences_waiting") <= 1_500, "it piles up"),
        server_goes(),
        holds(lambda world: world.sample("jinglesip_presences_waiting") == 0, "something waits for nobody"),
        server_returns(),
        after(30),
    )


def test_a_server_that_asks_for_thousands_gets_them_in_turn() -> None:
    def probes(world: World) -> None:
        for one in range(2_000):
            Client(f"u{one}@montague.example/x", "").sends("presence probe").do(world)

    made = run(
        Step(probes),
        holds(lambda world: len(presences(world)) < 50, "all at once"),
        after(12),
        told(2_000),
        holds(lambda world: world.sample("jinglesip_subscribers") == 2_000, "not remembered"),
    )
    assert busiest(presences(made)) <= RATE * (1 + CATCH_UP_SECONDS) + 1


def test_who_has_seen_us_is_told_that_we_go_and_nobody_else() -> None:
    run(
        romeo.sends("presence subscribe"),
        romeo.gets("presence subscribed"),
        romeo.gets("presence subscribe"),
        romeo.gets("presence"),
        romeo.sends("presence subscribe", to=DOMAIN),
        knows(100),
        after(5),
        signals(signal.SIGTERM),
        after(1),
        romeo.gets("presence unavailable"),
        told(2, "presence unavailable"),
        stops=True,
    )


@pytest.mark.parametrize(("seconds", "number"), [(2.0, 5_000), (0.0, 0)])
def test_a_stop_takes_no_longer_than_it_may(seconds: float, number: int) -> None:
    made = run(
        knows(5_000),
        server_goes(),
        server_returns(),
        after(60),
        told(5_000),
        signals(signal.SIGTERM),
        after(seconds + 0.1),
        told(number, "presence unavailable"),
        stops=True,
        presence=f"leave_timeout_seconds = {seconds}",
    )
    assert busiest(presences(made, "presence unavailable"), 0.1) <= 5_000 * 0.1 / 2 + 51


def test_before_the_first_call_the_domain_asks_to_be_a_contact_and_then_no_more() -> None:
    run(
        *called,
        told(1, "presence subscribe"),
        holds(lambda world: presences(world, "presence subscribe")[0].at <= world.ladder[-1].at, "too late"),
        romeo.sends("reject busy"),
        juliet.gets(486),
        romeo.sends("presence unsubscribed", to=DOMAIN),
        *called,
        romeo.sends("reject busy"),
        juliet.gets(486),
        told(1, "presence subscribe"),
    )


def test_the_subscription_comes_before_the_call() -> None:
    made = run(*called, romeo.sends("reject busy"), juliet.gets(486))
    words = [arrow.word for arrow in made.ladder if arrow.source == "gateway"]
    assert words.index("presence subscribe") < words.index("propose")


@pytest.mark.parametrize(("who", "number"), [("number", 1), ("never", 0)])
def test_the_number_asks_or_nobody_where_that_is_wanted(who: str, number: int) -> None:
    made = run(
        *called, romeo.sends("reject busy"), juliet.gets(486), told(number, "presence subscribe"),
        presence=f'subscribe = "{who}"',
    )  # fmt: skip
    asked = [stanza for stanza in made.presences if stanza.get("type") == "subscribe"]
    assert [(stanza.get("from"), stanza[0].text) for stanza in asked] == [(f"juliet@{DOMAIN}", "Juliet")] * number


REMOVES = ("presence unsubscribe", "presence unsubscribed")


@pytest.mark.parametrize("first", [True, False], ids=["unavailable-first", "unavailable-last"])
def test_who_removes_the_number_in_the_middle_of_a_call_goes_on_talking(first: bool) -> None:
    leaves = (romeo.sends("presence unavailable"),)
    removes = tuple(romeo.sends(word) for word in REMOVES)
    run(
        romeo.sends("presence subscribe"),
        romeo.sends("presence subscribed"),
        *answered,
        *((*leaves, *removes) if first else (*removes, *leaves)),
        romeo.gets("presence unsubscribed"),
        after(60),
        nothing(),
        calls(1),
        told(0, "presence unavailable"),
        *romeo_leaves,
    )


def test_who_removes_another_number_in_the_middle_of_a_call_goes_on_talking() -> None:
    run(
        *answered,
        romeo.sends("presence unsubscribed", number="201"),
        romeo.sends("presence unavailable", number="201"),
        after(60),
        calls(1),
        *romeo_leaves,
    )


def test_a_client_that_goes_after_the_number_was_removed_in_another_call_is_noticed() -> None:
    run(
        *called,
        romeo.sends("presence unsubscribed"),
        romeo.sends("reject busy"),
        juliet.gets(486),
        romeo.sends("session-initiate", call="two"),
        romeo.gets("result", call="two"),
        juliet.gets("INVITE"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept", call="two"),
        romeo.sends("presence unavailable"),
        after(10),
        romeo.gets("session-terminate gone", call="two"),
        juliet.gets("BYE"),
        juliet.sends(200),
    )


def test_presence_that_comes_back_as_an_error_is_not_answered() -> None:
    run(
        romeo.sends("presence subscribe"),
        does(lambda world: world.presences.clear()),
        romeo.sends(
            "presence error", xml="<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
        ),
        holds(lambda world: not world.presences, "an error was answered"),
        holds(lambda world: len(world.app.appearance.contacts._roster) == 0, "still known"),
        *called,
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        juliet.gets(487),
        romeo.gets("retract"),
    )


def comes(device: Client, kind: str, show: str = "") -> tuple[Step, ...]:
    """A device shows presence, and says what it is; its software is another one's than that of other kinds."""
    caps = f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='{kind}'/>"
    features = "".join(f"<feature var='{feature}'/>" for feature in CALLS)
    told = f"<identity category='client' type='{kind}'/>{features}"
    return (
        device.sends("presence", to=DOMAIN, xml=f"<show>{show}</show>{caps}" if show else caps),
        device.gets("query", reply=None),
        device.sends("result", xml=f"<query xmlns='http://jabber.org/protocol/disco#info'>{told}</query>"),
    )


CALLS = (
    "urn:xmpp:jingle:1",
    "urn:xmpp:jingle:apps:rtp:1",
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle-message:0",
)
pc = Client("romeo@montague.example/pc", "pc")


def test_only_devices_of_the_wanted_kinds_are_called_and_those_alone_hear_that_it_is_over() -> None:
    made = run(
        *comes(romeo, "phone"),
        *comes(tablet, "tablet"),
        *comes(pc, "pc"),
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("propose"),
        tablet.gets("propose"),
        romeo.sends("ringing"),
        juliet.gets(180),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        juliet.gets(487),
        romeo.gets("retract"),
        tablet.gets("retract"),
        incoming='classes = ["phone", "tablet"]',
    )
    asked = [arrow.target for arrow in made.ladder if arrow.word.startswith(("propose", "retract"))]
    assert asked == ["romeo", "tablet"] * 2


def test_a_device_of_those_takes_the_call_and_an_error_of_another_one_does_not_end_it() -> None:
    run(
        *comes(romeo, "phone"),
        *comes(tablet, "tablet"),
        *comes(pc, "pc"),
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("propose"),
        tablet.gets("propose"),
        tablet.sends("proceed"),
        tablet.gets("session-initiate"),
        tablet.sends("session-accept"),
        tablet.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        tablet.gets("session-terminate success"),
        tablet.gets("finish"),
        incoming='classes = ["phone", "tablet"]',
    )


@pytest.mark.parametrize(
    ("wish", "kind", "show", "text"),
    [
        ('dnd = "refuse"', "phone", "dnd", "the user is not to be disturbed"),
        ('classes = ["pc"]', "phone", "", "no device of the user's is of a kind that rings"),
    ],
)
def test_where_no_device_rings_the_caller_is_told_that_nobody_can_be_reached(
    wish: str, kind: str, show: str, text: str
) -> None:
    run(
        *comes(romeo, kind, show),
        juliet.sends("INVITE"),
        juliet.gets(100),
        juliet.gets(480, has=text),
        calls(0),
        told(0, "presence subscribe"),
        incoming=wish,
    )


def test_devices_not_to_be_disturbed_ring_unless_the_operator_says_otherwise() -> None:
    run(*comes(romeo, "phone", "dnd"), *called, romeo.sends("reject busy"), juliet.gets(486))
