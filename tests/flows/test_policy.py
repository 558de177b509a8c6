"""Who may call what, and how much: what users and phones are told, and that there is no way round."""

from typing import Any

import pytest

from gateway.policy.preference import Preference
from tests.flows.inmemory import World
from tests.flows.openings import accepted, answered, initiated, juliet_leaves, romeo_leaves
from tests.flows.step import Step
from tests.flows.steps import Client, after, calls, does, holds, juliet, mercutio, nothing, nurse, romeo, run, sdp_of
from tests.flows.test_transfers import DONE, REFERRED, orders, refers
from tests.flows.test_trunks import GROUP, spare
from tests.flows.texting import MESSAGES, texts, writes

COSTLY = "+882123456"


def policy(keys: str = "", more: str = "") -> str:
    """A policy for everybody, and further tables."""
    return f'[[policy]]\nname = "all"\nwho = ["*"]\n{keys}\n{more}\n'


def refused(cause: str, number: int = 1, origin: str = "xmpp") -> Step:
    """So many calls were refused for that."""
    return holds(
        lambda world: world.sample("jinglesip_calls_refused_total", origin=origin, cause=cause) == number, cause
    )


def logged(text: str) -> Step:
    """The log says why."""
    return holds(lambda world: text in [entry.get("text") for entry in world.log], text)


@pytest.mark.conformance("ROB-04")
def test_a_number_that_may_not_be_called_is_refused_in_words() -> None:
    run(
        romeo.sends("session-initiate", number=COSTLY),
        romeo.gets("error policy-violation", has=["numbers beginning +882 may not be called here", 'type="modify"']),
        romeo.sends("propose", call="two", number=COSTLY),
        romeo.gets("reject decline", has="numbers beginning +882 may not be called here"),
        nothing(),
        calls(0),
        refused("prefix", 2),
        logged("policy: numbers beginning +882 may not be called here"),
    )


@pytest.mark.conformance("ROB-04")
def test_what_is_called_after_the_rewriting_counts() -> None:
    run(
        romeo.sends("session-initiate", number="9882123456"),
        romeo.gets("error policy-violation"),
        romeo.sends("session-initiate", call="two", number="#0088123"),
        romeo.gets("error policy-violation"),
        nothing(),
        trunk="[[dial]]\nmatch = '9(882.*)'\nrewrite = '+\\1'\ntrunk = \"pbx\"\n"
        "[[dial]]\nmatch = '#(.*)'\nrewrite = '\\1'\ntrunk = \"pbx\"\n",
        limits=policy("", '[calling]\ncountry = "1"'),
    )


@pytest.mark.parametrize("number", [COSTLY, "112", "00112"])
def test_a_phone_hands_on_to_no_number_that_the_user_may_not_call(number: str) -> None:
    run(*answered, refers(f"<sip:{number}@192.0.2.20>"), juliet.gets(603), nothing(), *juliet_leaves)


@pytest.mark.parametrize("number", [COSTLY, "112"])
def test_a_client_hands_on_to_no_number_that_it_may_not_call(number: str) -> None:
    run(
        *answered,
        orders(f"{number}@gw.example"),
        romeo.gets("error forbidden", has="403 "),
        nothing(),
        *juliet_leaves,
    )


@pytest.mark.parametrize("uri", ["sip:+882123456@192.0.2.20", "tel:+882123456", "sip:00882123456@192.0.2.20"])
def test_a_redirection_leads_to_no_number_that_the_user_may_not_call(uri: str) -> None:
    run(
        *initiated,
        juliet.sends(302, headers=[("Contact", f"<{uri}>")]),
        juliet.gets("ACK"),
        romeo.gets("session-terminate general-error"),
        nothing(),
        trunk="follow_redirects = true\n",
    )


@pytest.mark.parametrize("address", ["sip:+882123456@192.0.2.20", "tel:+882123456", "tel:112"])
def test_a_client_sends_no_caller_to_a_number_that_it_may_not_call(address: str) -> None:
    run(
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("propose"),
        romeo.sends("proceed"),
        romeo.gets("session-initiate", reply=None),
        romeo.sends("error redirect", xml=address),
        juliet.gets("500 INVITE", lacks="Contact"),
        romeo.gets("finish"),
    )


@pytest.mark.conformance("ROB-04")
@pytest.mark.parametrize(("limit", "status"), [(2, "302"), (1, "500")])
def test_whom_a_client_sends_elsewhere_costs_a_call(limit: int, status: str) -> None:
    run(
        *answered,
        *romeo_leaves,
        juliet.sends("INVITE", call="in"),
        juliet.gets(100, call="in"),
        romeo.gets("propose", call="in"),
        romeo.sends("proceed", call="in"),
        romeo.gets("session-initiate", call="in", reply=None),
        romeo.sends("error redirect", call="in", xml="sip:+15557777@192.0.2.20"),
        juliet.gets(f"{status} INVITE", call="in"),
        romeo.gets("finish", call="in"),
        limits=policy(f"calls_per_day = {limit}"),
    )


# ----------------------------------------------------------------------------------------------------------- emergency


@pytest.mark.conformance("ROB-04")
@pytest.mark.parametrize("number", ["112", "+112", "00112", "911", "1-1-2", "112;phone-context=example.org"])
def test_a_call_for_help_is_refused_with_a_clear_word(number: str) -> None:
    run(
        romeo.sends("propose", number=number),
        romeo.gets("reject decline", has="emergency calls cannot be made here: use another phone now"),
        nothing(),
        refused("emergency"),
        holds(lambda world: world.sample("jinglesip_emergency_calls_total", action="refuse") == 1, "counted"),
    )


@pytest.mark.conformance("ROB-04")
def test_a_call_for_help_goes_past_all_limits_and_is_never_anonymous() -> None:
    tight = "calls = 1\ncalls_per_second = 0.1\ncalls_per_minute = 0.1\nmax_call_seconds = 1\nminutes_per_day = 1"
    run(
        *answered,
        romeo.sends("session-initiate", call="two", number="+1-1-2"),
        romeo.gets("result"),
        juliet.gets("INVITE", call="two", has=["INVITE sip:112@192.0.2.20", "From: <sip:+15550100@"]),
        juliet.sends(200, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("session-accept"),
        after(1),
        romeo.gets("session-terminate expired", call="one"),
        juliet.gets("BYE"),
        juliet.sends(200),
        after(3600),
        calls(1),
        juliet.sends("BYE", call="two"),
        juliet.gets("200 BYE", call="two"),
        romeo.gets("session-terminate success", call="two"),
        holds(lambda world: world.sample("jinglesip_emergency_calls_total", action="route") == 1, "counted"),
        holds(lambda world: any(entry["event"] == "emergency_called" for entry in world.log), "logged"),
        trunk='calls = 1\ncaller_id = "anonymous"\ncaller_id_number = "+15550100"\n',
        limits="calls = 1\ncalls_per_caller = 1\n" + policy(tight, '[emergency]\naction = "route"\ntrunk = "pbx"'),
    )


# ------------------------------------------------------------------------------------------------------------- how much


@pytest.mark.conformance("ROB-04")
def test_who_calls_too_often_is_told_when_to_come_again() -> None:
    given_up = (
        romeo.sends("propose"),
        romeo.gets("proceed"),
        romeo.sends("retract cancel"),
    )
    run(
        *given_up,
        *given_up,
        romeo.sends("propose"),
        romeo.gets("reject decline", has="too many calls, try again in 30 seconds"),
        romeo.sends("session-initiate"),
        romeo.gets("error policy-violation", has='type="wait"'),
        mercutio.sends("propose"),
        mercutio.gets("proceed"),
        mercutio.sends("retract cancel"),
        after(30),
        *given_up,
        refused("rate", 2),
        limits=policy("calls_per_minute = 2"),
    )


def test_a_user_has_so_many_calls_out_and_may_still_be_called() -> None:
    run(
        *answered,
        romeo.sends("session-initiate", call="two", number="+1555"),
        romeo.gets("error policy-violation", has="1 calls at a time"),
        juliet.sends("INVITE", call="in"),
        juliet.gets(100, call="in"),
        romeo.gets("propose", call="in"),
        juliet.sends("CANCEL", call="in"),
        juliet.gets("200 CANCEL", call="in"),
        juliet.gets("487 INVITE", call="in"),
        romeo.gets("retract cancel", call="in"),
        *juliet_leaves,
        refused("limit"),
        limits=policy("calls = 1"),
    )


@pytest.mark.conformance("ROB-04")
def test_a_call_ends_when_the_days_minutes_are_used_up_and_no_other_begins() -> None:
    run(
        *answered,
        after(59.9),
        nothing(),
        after(0.1),
        juliet.gets("BYE", has="daily limit of 1 minutes reached"),
        romeo.gets("session-terminate expired", has="daily limit of 1 minutes reached"),
        juliet.sends(200),
        romeo.sends("propose", call="two"),
        romeo.gets("reject decline", has="daily limit of 1 minutes reached"),
        refused("daily_minutes"),
        holds(lambda world: world.sample("jinglesip_talked_seconds_total") == pytest.approx(60), "talked"),
        limits=policy("minutes_per_day = 1"),
    )


@pytest.mark.conformance("ROB-04")
def test_a_call_goes_on_when_another_day_has_begun() -> None:
    run(
        *answered,
        after(13 * 3600),
        nothing(),
        *juliet_leaves,
        limits="max_call_seconds = 86400\n" + policy("minutes_per_day = 721"),
        sip="session_expires_seconds = 0",
    )


def test_two_calls_use_the_minutes_up_in_half_the_time() -> None:
    run(
        *answered,
        romeo.sends("session-initiate", call="two"),
        romeo.gets("result"),
        juliet.gets("INVITE", call="two"),
        juliet.sends(200, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("session-accept", call="two"),
        after(29.9),
        nothing(),
        after(0.2),
        romeo.gets("session-terminate expired"),
        romeo.gets("session-terminate expired"),
        juliet.gets("BYE"),
        juliet.sends(200),
        juliet.gets("BYE", call="two"),
        juliet.sends(200, call="two"),
        limits=policy("minutes_per_day = 1"),
    )


def test_minutes_of_calls_in_are_not_counted() -> None:
    run(*accepted, after(120), *juliet_leaves, romeo.gets("finish success"), limits=policy("minutes_per_day = 1"))


def test_the_longest_call_is_the_policys_where_it_is_shorter() -> None:
    run(
        *answered,
        after(30),
        juliet.gets("BYE"),
        romeo.gets("session-terminate expired", has="the longest call here is 30 seconds"),
        juliet.sends(200),
        limits=policy("max_call_seconds = 30"),
    )


def test_the_day_has_so_many_calls() -> None:
    run(
        *answered,
        *romeo_leaves,
        romeo.sends("propose", call="two"),
        romeo.gets("reject decline", has="daily limit of 1 calls reached"),
        refused("daily_calls"),
        limits=policy("calls_per_day = 1"),
    )


# --------------------------------------------------------------------------------------------------------- no way round


@pytest.mark.conformance("ROB-04")
def test_whom_a_client_hands_on_costs_a_call() -> None:
    run(
        *answered,
        orders(),
        romeo.gets("error forbidden", has="daily limit of 1 calls reached"),
        nothing(),
        *juliet_leaves,
        limits=policy("calls_per_day = 1"),
    )


@pytest.mark.conformance("ROB-04")
def test_a_call_that_a_phone_has_the_gateway_make_costs_a_call() -> None:
    run(
        *answered,
        refers(),
        juliet.gets(603, has="SIP/2.0 603 policy: daily limit of 1 calls reached"),
        nothing(),
        *juliet_leaves,
        limits=policy("calls_per_day = 1"),
    )


@pytest.mark.conformance("ROB-04")
def test_a_call_that_came_in_costs_minutes_when_it_is_handed_on_to_whom_the_user_calls() -> None:
    run(
        *accepted,
        after(300),
        *REFERRED,
        juliet.sends(200, call="two", sdp=sdp_of(port=30100)),
        romeo.gets("transport-info", has='port="30100"'),
        juliet.gets("ACK", call="two", has="m=audio 40100"),
        *DONE,
        after(59),
        nothing(),
        after(1),
        romeo.gets("session-terminate expired", has="daily limit of 1 minutes reached"),
        juliet.gets("BYE", call="two"),
        juliet.sends(200, call="two"),
        romeo.gets("finish expired"),
        limits=policy("minutes_per_day = 1"),
    )


@pytest.mark.conformance("ROB-04")
def test_a_trunk_that_has_become_full_takes_no_call_from_another_either() -> None:
    run(
        *initiated,
        mercutio.sends("session-initiate", call="two", number="7"),
        mercutio.gets("result", call="two"),
        spare.gets("INVITE", call="two"),
        juliet.sends(503),
        juliet.gets("ACK"),
        romeo.gets("session-terminate connectivity-error"),
        spare.sends(486, call="two"),
        spare.gets("ACK", call="two"),
        mercutio.gets("session-terminate busy", call="two"),
        trunk="[[dial]]\nmatch = '7'\ntrunk = \"spare\"\n"
        + GROUP.replace('caller_id = "fixed"', 'calls = 1\ncaller_id = "fixed"'),
    )


def test_a_trunk_brings_so_many_calls_in_a_second() -> None:
    run(
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("propose"),
        juliet.sends("INVITE", call="two", number="+15550101"),
        juliet.gets(100, call="two"),
        juliet.gets("503 INVITE", call="two", has=["Retry-After: 1", "too many calls in a second through pbx"]),
        after(1),
        juliet.sends("INVITE", call="three", number="+15550101"),
        juliet.gets(100, call="three"),
        nurse.gets("propose"),
        juliet.sends("CANCEL"),
        juliet.gets("200 CANCEL"),
        juliet.gets("487 INVITE"),
        romeo.gets("retract cancel"),
        juliet.sends("CANCEL", call="three"),
        juliet.gets("200 CANCEL", call="three"),
        juliet.gets("487 INVITE", call="three"),
        nurse.gets("retract cancel"),
        refused("rate", origin="sip"),
        trunk="calls_in_per_second = 1\n",
    )


def test_a_flood_of_proposals_makes_few_invites() -> None:
    def flood(world: World) -> None:
        for _ in range(1_000):
            romeo.sends("propose").do(world)
            romeo.sends("retract cancel").do(world)

    def heard(world: World) -> None:
        world.stanzas.clear()

    run(does(flood), does(heard), refused("rate", 995))


def test_a_thousand_users_that_begin_calls_and_give_them_up_make_no_more_than_all_may() -> None:
    users = [Client(f"u{number}@montague.example/x", f"u{number}") for number in range(1_000)]

    def flood(world: World) -> None:
        for user in users:
            user.sends("propose").do(world)
            user.sends("retract cancel").do(world)

    def heard(world: World) -> None:
        opened = world.sample("jinglesip_calls_opened_total", origin="xmpp")
        world.stanzas.clear()
        assert opened == 50

    run(does(flood), does(heard), refused("rate", 950), calls(0))


# ------------------------------------------------------------------------------------------------------------- calls in


def rings_not(status: str, *has: str, cause: str = "blocked", **invite: Any) -> tuple[Step, ...]:
    """A phone calls, and nobody hears of it."""
    return (
        juliet.sends("INVITE", **invite),
        juliet.gets(100),
        juliet.gets(f"{status} INVITE", has=has),
        nothing(),
        calls(0),
        refused(cause, origin="sip"),
    )


def wants(**preference: Any) -> Step:
    """Romeo wants this of calls in."""

    def do(world: World) -> None:
        world.loop.run_until_complete(world.app.preferences.put("romeo@montague.example", Preference(**preference)))

    return does(do)


@pytest.mark.parametrize(("response", "status"), [("decline", "603"), ("busy", "486"), ("unavailable", "480")])
def test_a_caller_whom_the_operator_blocks_is_told_no_more_than_that(response: str, status: str) -> None:
    block = f'[[block]]\ncallers = ["juliet@192.0.2.20"]\nresponse = "{response}"\n'
    run(*rings_not(status, "it is not taken"), limits=block)


def test_a_caller_whom_the_user_blocks_does_not_get_through() -> None:
    run(wants(blocked=("*@192.0.2.20",)), *rings_not("603"))


def test_nobody_gets_through_to_who_is_not_to_be_disturbed() -> None:
    run(wants(do_not_disturb=True), *rings_not("480", cause="do_not_disturb"))


@pytest.mark.parametrize("operator", [True, False])
def test_who_does_not_say_who_they_are_is_told_to(operator: bool) -> None:
    hidden = {"headers": [("Privacy", "id")]}
    run(
        *([] if operator else [wants(anonymous=False)]),
        *rings_not("433", "anonymous calls are not taken", cause="anonymous", **hidden),
        limits="[callers]\nanonymous = false\n" if operator else "",
    )


def test_a_caller_who_is_blocked_writes_nothing_either() -> None:
    run(
        wants(blocked=("juliet@192.0.2.20",), do_not_disturb=True),
        texts(juliet),
        juliet.gets("603 MESSAGE"),
        nothing(),
        wants(do_not_disturb=True),
        texts(juliet),
        romeo.gets("body"),
        after(2.1),
        juliet.gets(202),
        trunk=MESSAGES,
    )


def test_a_message_goes_to_no_number_that_may_not_be_called() -> None:
    run(
        writes(romeo, number=COSTLY),
        romeo.gets("message error policy-violation", has="numbers beginning +882 may not be called here"),
        nothing(),
        trunk=MESSAGES,
    )
