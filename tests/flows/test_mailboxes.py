"""What waits in mailboxes, told to whom they belong: unasked, and by subscription (RFC 3842)."""

import signal
from typing import Any

import pytest

from gateway.text.mailboxes import NEWS_A_MINUTE
from tests.flows.inmemory import GATEWAY, World
from tests.flows.phone import Phone
from tests.flows.steps import Step, after, holds, juliet, nothing, romeo, run, signals

WAITING = "message_waiting = true"
BOX = """
[[number]]
number = "700"
jid = "romeo@montague.example"
message_waiting = true
"""
elsewhere = Phone("paris", "198.51.100.66")


def news(voice: str = "2/8", *, waiting: str = "yes", account: str = "") -> str:
    """The body of a NOTIFY."""
    named = f"Message-Account: {account}\r\n" if account else ""
    return f"Messages-Waiting: {waiting}\r\n{named}Voice-Message: {voice}\r\n"


def notifies(
    body: str,
    *,
    phone: Phone = juliet,
    number: str = "+15550100",
    event: str = "message-summary",
    type: str = "application/simple-message-summary",
    to: str = "",
    call: str = "mwi",
    state: str = "active",
) -> Step:
    """A NOTIFY; ``to``: inside the subscription whose SUBSCRIBE has this From and Call-ID."""

    def do(world: World) -> None:
        line: Any = phone._line(world, call)
        if line.invite is None:
            line.call_id = f"{call}-{phone.name}@{phone.host}"
            line.local = f"<sip:vm@{phone.host}>;tag={phone.name}-{call}"
        line.cseq += 1
        said = (("Event", event), ("Subscription-State", state), ("Content-Type", type))
        uri = f"sip:{number}@{GATEWAY}"
        phone._request(
            world, line, "NOTIFY", uri, line.cseq, body=body.encode(), to=line.remote or f"<{uri}>", headers=said
        )

    return Step(do)


def subscribed(call: str = "box") -> Step:
    """The SUBSCRIBE is there; its NOTIFYs go into its dialog."""

    def do(world: World) -> None:
        juliet.gets("SUBSCRIBE", call=call, has=["Event: message-summary", "sip:700@192.0.2.20"]).do(world)
        line: Any = juliet._line(world, call)
        request = line.pending[-1]
        line.invite, line.call_id = request, request.call_id
        line.remote, line.local = request.first("From"), f"{request.first('To')};tag=juliet-tag"

    return Step(do)


def test_news_that_come_unasked_are_told_from_whom_to_call() -> None:
    run(
        notifies(news("2/8 (1/0)", account="sip:*97@192.0.2.20")),
        juliet.gets("200 NOTIFY"),
        romeo.gets("body", has=["2 new voice messages (1 urgent), 8 old", 'from="*97@gw.example/sip"']),
        nothing(),
        trunk=WAITING,
    )


def test_what_is_no_news_is_not_told_again() -> None:
    run(
        notifies(news("0/3", waiting="no")),
        juliet.gets("200 NOTIFY"),
        nothing(),
        notifies(news("1/3")),
        juliet.gets("200 NOTIFY"),
        romeo.gets("body", has="1 new voice message, 3 old"),
        notifies(news("1/3")),
        juliet.gets("200 NOTIFY"),
        notifies(news("3/3")),
        juliet.gets("200 NOTIFY"),
        romeo.gets("body", has="3 new voice messages"),
        notifies(news("2/4")),
        juliet.gets("200 NOTIFY"),
        nothing(),
        notifies(news("0/6", waiting="no")),
        juliet.gets("200 NOTIFY"),
        romeo.gets("body", has="No new messages"),
        nothing(),
        trunk=WAITING,
    )


def test_the_owner_may_stand_in_the_account_only() -> None:
    run(
        notifies(news(account="sip:+15550100@192.0.2.20"), number="asterisk"),
        juliet.gets("200 NOTIFY"),
        romeo.gets("body"),
        notifies(news(), number="asterisk"),
        juliet.gets("404 NOTIFY"),
        nothing(),
        trunk=WAITING,
    )


@pytest.mark.parametrize(
    ("options", "answer", "has"),
    [
        ({"event": "presence"}, "489 NOTIFY", "Allow-Events: message-summary"),
        ({"type": "text/plain"}, "415 NOTIFY", "Accept: application/simple-message-summary"),
    ],
)
def test_what_is_something_else_is_refused(options: dict[str, str], answer: str, has: str) -> None:
    run(notifies(news(), **options), juliet.gets(answer, has=has), nothing(), trunk=WAITING)  # type: ignore[arg-type]


def test_a_broken_body_a_stranger_and_a_trunk_without_it_tell_nothing() -> None:
    run(notifies("odd"), juliet.gets("400 NOTIFY"), nothing(), trunk=WAITING)
    run(notifies(news(), phone=elsewhere), elsewhere.gets("403 NOTIFY"), nothing(), trunk=WAITING)
    run(notifies(news()), juliet.gets("481 NOTIFY"), nothing())


def test_a_mailbox_is_subscribed_to_told_and_left_at_the_end() -> None:
    run(
        after(0.1),
        subscribed(),
        juliet.sends(200, call="box", headers=[("Expires", "600"), ("Contact", "<sip:vm@192.0.2.20>")]),
        notifies(news("1/0"), call="box", state="active;expires=600"),
        juliet.gets("200 NOTIFY", call="box"),
        romeo.gets("body", has=["1 new voice message", 'from="700@gw.example/sip"']),
        after(450),
        juliet.gets("SUBSCRIBE", call="box", has=["SUBSCRIBE sip:vm@192.0.2.20", "Expires: 3600"]),
        juliet.sends(200, call="box", headers=[("Expires", "600")]),
        notifies(news("1/0"), call="box"),
        juliet.gets("200 NOTIFY", call="box"),
        nothing(),
        notifies("odd", call="box"),
        juliet.gets("400 NOTIFY", call="box"),
        notifies(news(), call="box", state="terminated;reason=noresource"),
        juliet.gets("200 NOTIFY", call="box"),
        romeo.gets("body", has="2 new voice messages"),
        notifies(news(), call="box"),
        juliet.gets("481 NOTIFY", call="box"),
        holds(
            lambda world: (
                [entry["text"] for entry in world.log if entry["event"] == "mailbox_lost"] == ["ended: noresource"]
            ),
            "log",
        ),
        trunk=WAITING,
        dial=BOX,
    )


def test_a_trunk_that_knows_no_mailboxes_is_asked_once_an_hour_and_complained_about_once() -> None:
    run(
        after(0.1),
        subscribed("one"),
        juliet.sends(489, call="one"),
        after(3595),
        nothing(),
        after(6),
        subscribed("two"),
        juliet.sends(489, call="two"),
        holds(lambda world: len([entry for entry in world.log if entry["event"] == "mailbox_lost"]) == 1, "log"),
        trunk=WAITING,
        dial=BOX,
    )


def test_a_gateway_that_stops_takes_leave_of_the_notifiers() -> None:
    run(
        after(0.1),
        subscribed(),
        juliet.sends(200, call="box"),
        notifies(news(), call="box"),
        juliet.gets("200 NOTIFY", call="box"),
        romeo.gets("body"),
        signals(signal.SIGTERM),
        juliet.gets("SUBSCRIBE", call="box", has="Expires: 0"),
        juliet.sends(200, call="box"),
        nothing(),
        stops=True,
        trunk=WAITING,
        dial=BOX,
    )


def test_a_trunk_that_has_news_without_end_is_heard_now_and_then_and_its_last_news_in_the_end() -> None:
    flood = [step for new in range(1, 40) for step in (notifies(news(f"{new}/0")), juliet.gets("200 NOTIFY"))]
    told = [romeo.gets("body", has=f"{new} new voice") for new in range(1, NEWS_A_MINUTE + 1)]
    run(
        *flood,
        *told,
        nothing(),
        after(60),
        notifies(news("39/0")),
        juliet.gets("200 NOTIFY"),
        romeo.gets("body", has="39 new voice"),
        nothing(),
        trunk=WAITING,
    )
