"""Calls into conferences: who comes and who goes, as a focus tells it and a client is told (RFC 4575, XEP-0298)."""

from collections.abc import Iterable
from typing import Any

import pytest

from gateway.conferences import GATHER_SECONDS, RENEW_SECONDS
from tests.flows.inmemory import World
from tests.flows.openings import accepted, juliet_leaves, ringing, romeo_leaves
from tests.flows.steps import Client, Step, after, does, holds, juliet, nothing, romeo, run, tablet
from tests.flows.test_moving import NEW, OTHER, TO_NUMBER, ends, left, proposes

CAPS = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>"
FOCUS = (("Contact", "<sip:conf7@192.0.2.20:5060>;isfocus"),)
CHAT = 'anchor = "none"\nconferences = "chat"'


def knows(*features: str, device: Client = romeo) -> tuple[Step, ...]:
    """The client has announced these."""
    said = "".join(f"<feature var='{one}'/>" for one in ("urn:xmpp:jingle:1", *features))
    return (
        device.sends("presence", xml=CAPS),
        device.gets("query", reply=None),
        device.sends("result", xml=f"<query xmlns='http://jabber.org/protocol/disco#info'>{said}</query>"),
    )


coin = knows("urn:xmpp:jingle-message:0", "urn:xmpp:coin:1")


def user(name: str, state: str = "full", status: str = "connected") -> str:
    """A user of a document."""
    inner = (
        ""
        if state == "deleted"
        else f"<display-text>{name.title()}</display-text><endpoint entity='sip:{name}@192.0.2.77'>"
        f"<status>{status}</status><media id='1'><type>audio</type><status>sendrecv</status></media></endpoint>"
    )
    return f"<user entity='sip:{name}@192.0.2.20' state='{state}'>{inner}</user>"


def document(version: int, users: Iterable[str] = (), state: str = "full", inner: str = "") -> str:
    """The body of a NOTIFY."""
    return (
        "<?xml version='1.0'?><conference-info xmlns='urn:ietf:params:xml:ns:conference-info' "
        f"entity='sip:conf7@192.0.2.20' state='{state}' version='{version}'>{inner}"
        f"<users state='{state}'>{''.join(users)}</users></conference-info>"
    )


def subscribed(status: int = 200, headers: tuple[tuple[str, str], ...] = (("Expires", "600"),)) -> Step:
    """The SUBSCRIBE for the conference is there, and is answered; its NOTIFYs go into its dialog."""

    def do(world: World) -> None:
        has = ["SUBSCRIBE sip:conf7@192.0.2.20", "Event: conference", "Accept: application/conference-info+xml"]
        juliet.gets("SUBSCRIBE", call="conf", has=has).do(world)
        line: Any = juliet._line(world, "conf")
        request = line.pending[-1]
        line.invite, line.call_id = request, request.call_id
        line.remote, line.local = request.first("From"), f"{request.first('To').partition(';tag')[0]};tag=juliet-tag"
        juliet.sends(status, call="conf", to="SUBSCRIBE", headers=headers).do(world)

    return Step(do)


def notifies(
    body: str, *, state: str = "active;expires=600", answer: str = "200 NOTIFY", type: str = "conference-info+xml"
) -> tuple[Step, ...]:
    """A NOTIFY of the focus, and its answer."""

    def do(world: World) -> None:
        line: Any = juliet._line(world, "conf")
        line.cseq += 1
        said = (("Event", "conference"), ("Subscription-State", state), ("Content-Type", f"application/{type}"))
        uri = line.invite.first("Contact").strip("<>")
        juliet._request(world, line, "NOTIFY", uri, line.cseq, body=body.encode(), headers=said)

    return (Step(do), juliet.gets(answer, call="conf"))


def leaves(*ending: Step) -> tuple[Step, ...]:
    """The call ends, and so does the subscription."""
    return (
        *ending,
        juliet.gets("SUBSCRIBE", call="conf", has="Expires: 0"),
        juliet.sends(200, call="conf", to="SUBSCRIBE"),
    )


into = (
    *ringing,
    juliet.sends(200, headers=FOCUS),
    juliet.gets("ACK"),
    romeo.gets("session-accept"),
)
"A call that turns out to be into a conference."

told = romeo.gets("session-info conference-info", has=['isfocus="true"', "urn:xmpp:coin:1"])
roster = "session-info conference-info"


@pytest.mark.conformance("EXT-14")
def test_a_client_that_knows_coin_is_told_of_the_focus_and_of_joins_and_leaves() -> None:
    run(
        *coin,
        *into,
        subscribed(),
        told,
        *notifies(document(1, [user("nurse"), user("tybalt")])),
        romeo.gets(
            roster,
            has=[
                'state="full"',
                'version="1"',
                'entity="xmpp:nurse@gw.example"',
                "Nurse",
                "Tybalt",
                "sip:conf7@192.0.2.20",
            ],
        ),
        *notifies(document(2, [user("paris")], "partial")),
        after(GATHER_SECONDS),
        romeo.gets(roster, has=['state="partial"', 'version="2"', "Paris"], lacks="Nurse"),
        *notifies(document(3, [user("nurse", "deleted")], "partial")),
        after(GATHER_SECONDS),
        romeo.gets(roster, has=['version="3"', 'entity="xmpp:nurse@gw.example"', 'state="deleted"'], lacks="Paris"),
        *notifies(document(4, [user("tybalt", "partial", "disconnected")], "partial")),
        after(GATHER_SECONDS),
        romeo.gets(roster, has=['version="4"', 'entity="xmpp:tybalt@gw.example"', 'state="deleted"']),
        *leaves(*romeo_leaves),
    )


@pytest.mark.conformance("EXT-15")
def test_a_gap_in_the_versions_makes_a_refresh_and_what_comes_then_is_taken() -> None:
    run(
        *coin,
        *into,
        subscribed(),
        told,
        *notifies(document(1, [user("nurse")])),
        romeo.gets(roster),
        *notifies(document(3, [user("paris")], "partial")),
        juliet.gets("SUBSCRIBE", call="conf", has="Expires: 3600"),
        juliet.sends(200, call="conf", to="SUBSCRIBE"),
        *notifies(document(4, [user("mab")], "partial")),  # while everything is on its way
        nothing(),
        *notifies(document(5, [user("nurse"), user("paris"), user("mab")])),
        after(GATHER_SECONDS),
        romeo.gets(roster, has=['state="partial"', 'version="2"', "Paris", "Mab"], lacks="Nurse"),
        *notifies(document(5, [], "partial")),  # the same again
        *notifies(document(4, [user("nurse", "deleted")], "partial")),  # and one from before
        after(RENEW_SECONDS),
        nothing(),
        *leaves(*romeo_leaves),
    )


def test_changes_that_come_together_are_told_together() -> None:
    run(
        *coin,
        *into,
        subscribed(),
        told,
        *notifies(document(1)),
        romeo.gets(roster),
        *notifies(document(2, [user("paris")], "partial")),
        *notifies(document(3, [user("mab")], "partial")),
        *notifies(document(4, [user("paris", "deleted")], "partial")),
        nothing(),
        after(GATHER_SECONDS),
        romeo.gets(roster, has="Mab", lacks="Paris"),
        nothing(),
        *leaves(*romeo_leaves),
    )


def test_a_client_that_does_not_know_coin_is_told_nothing_and_nobody_is_asked() -> None:
    run(*knows("urn:xmpp:jingle-message:0"), *into, nothing(), *romeo_leaves)


def test_nobody_is_told_where_the_operator_wants_it_so() -> None:
    run(*coin, *into, nothing(), *romeo_leaves, media='anchor = "none"\nconferences = "none"')


def test_a_client_that_does_not_know_coin_is_written_to_where_the_operator_wants_it() -> None:
    run(
        *into,
        subscribed(),
        *notifies(document(1, [user("nurse"), user("tybalt")])),
        romeo.gets("body", has="In the conference: Nurse, Tybalt."),
        *notifies(document(2, [user("paris"), user("nurse", "deleted")], "partial")),
        after(GATHER_SECONDS),
        romeo.gets("body", has="Joined: Paris. Left: Nurse."),
        *leaves(*romeo_leaves),
        media=CHAT,
    )


def test_a_focus_that_calls_is_one_too() -> None:
    focus_calls = (juliet.sends("INVITE", headers=FOCUS), *accepted[1:])
    run(
        *coin,
        *focus_calls,
        subscribed(),
        told,
        *notifies(document(1, [user("nurse")])),
        romeo.gets(roster, has="Nurse"),
        *leaves(*juliet_leaves),
        romeo.gets("finish success"),
    )


@pytest.mark.parametrize("status", [489, 403, 501, 405])
def test_a_focus_that_takes_no_subscriptions_is_left_in_peace(status: int) -> None:
    run(*coin, *into, subscribed(status, ()), told, after(4000), nothing(), *romeo_leaves)


def test_a_focus_that_answers_no_subscribe_costs_the_call_nothing() -> None:
    run(
        *coin,
        *into,
        juliet.gets("SUBSCRIBE", call="conf"),
        told,
        *romeo_leaves,
        does(lambda world: world.repeated.clear()),
        holds(lambda world: not len(world.app.conferences), "it is still followed"),
    )


def test_a_call_that_is_no_conference_any_more_is_told_so() -> None:
    run(
        *coin,
        *into,
        subscribed(),
        told,
        *notifies(document(1, [user("nurse")])),
        romeo.gets(roster),
        juliet.sends("re-INVITE", headers=(("Contact", "<sip:juliet@192.0.2.20:5060>"),)),
        juliet.gets(100),
        juliet.gets(200),
        juliet.sends("ACK"),
        juliet.gets("SUBSCRIBE", call="conf", has="Expires: 0"),
        juliet.sends(200, call="conf", to="SUBSCRIBE"),
        romeo.gets("session-info conference-info", has='isfocus="false"'),
        *romeo_leaves,
    )


def test_another_device_that_takes_the_call_up_is_told_everything() -> None:
    run(
        *coin,
        *into,
        subscribed(),
        told,
        *notifies(document(1, [user("nurse")])),
        romeo.gets(roster),
        *knows("urn:xmpp:jingle-message:0", "urn:xmpp:coin:1", device=tablet),
        *proposes(TO_NUMBER),
        tablet.sends("session-initiate", transport=OTHER, **NEW),
        tablet.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(200, headers=FOCUS),
        juliet.gets("ACK"),
        tablet.gets("session-accept", **NEW),
        *left(by_message=False),
        tablet.gets("session-info conference-info", has='isfocus="true"', **NEW),
        tablet.gets(roster, has=['state="full"', 'version="1"', "Nurse"], **NEW),
        *notifies(document(2, [user("paris")], "partial")),
        after(GATHER_SECONDS),
        tablet.gets(roster, has=['state="partial"', 'version="2"', "Paris"], **NEW),
        *leaves(*ends),
    )


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><conference-info/>", "400 NOTIFY"),
        ("<conference-info xmlns='urn:ietf:params:xml:ns:conference-info'", "400 NOTIFY"),
        ("<a/>", "400 NOTIFY"),
        (document(1).replace("version='1'", "version='-1'"), "400 NOTIFY"),
        ("<a>" * 5000, "400 NOTIFY"),
    ],
    ids=["document type", "unfinished", "another", "no version", "deep"],
)
def test_a_document_that_cannot_be_read_is_refused_and_the_next_one_taken(body: str, answer: str) -> None:
    run(
        *coin,
        *into,
        subscribed(),
        told,
        *notifies(body, answer=answer),
        nothing(),
        *notifies(document(1, [user("nurse")])),
        romeo.gets(roster, has="Nurse"),
        *leaves(*romeo_leaves),
    )


def test_news_of_another_kind_are_refused() -> None:
    run(
        *coin,
        *into,
        subscribed(),
        told,
        *notifies("hello", type="x-other", answer="415 NOTIFY"),
        *leaves(*romeo_leaves),
    )


def test_a_conference_that_ends_takes_its_subscription_with_it() -> None:
    run(
        *coin,
        *into,
        subscribed(),
        told,
        *notifies(document(1, [user("nurse")])),
        romeo.gets(roster),
        *notifies(document(2, [], "deleted"), state="terminated;reason=noresource"),
        *juliet_leaves,
    )
