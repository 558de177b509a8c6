"""Users look at their calls: their own, in their words, page by page."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.commands.call_history import MOST_PAGES, PAGE, CallHistory
from gateway.errors import StoreError
from gateway.history.record import CallRecord
from gateway.jid import bare
from tests.commands.house import USER, House

NODE = "call-history"
CALL = CallRecord(
    id="a",
    origin="xmpp",
    user=bare(USER),
    number="+15550100",
    trunk="pbx",
    began=1_700_000_000.0,
    answered=1_700_000_004.0,
    ended=1_700_000_065.0,
    reason="success",
)


@dataclass
class Remembered:
    """So many calls, of one user."""

    calls: Sequence[CallRecord] = ()
    broken: bool = False
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    def knows(self, user: str) -> bool:
        return user == bare(USER)

    async def count(self, user: str) -> int:
        if self.broken:
            raise StoreError("the disk is full of secrets")
        return len(self.calls)

    async def of_user(self, user: str, most: int, skip: int = 0) -> Sequence[CallRecord]:
        await asyncio.sleep(0)
        self.asked.append((user, most, skip))
        return self.calls[skip : skip + most]


def test_few_calls_are_told_at_once() -> None:
    calls = [CALL, replace(CALL, origin="sip", number="juliet", answered=None, reason="cancel")]
    with House([CallHistory(Remembered(calls))]) as house:
        reply = house.runs(NODE)
        assert reply.status == "completed"
        assert reply.rows == [
            ["2023-11-14 22:13:20 UTC", "you called", "+15550100", "1:01 min", "answered"],
            ["2023-11-14 22:13:20 UTC", "called you", "juliet", "", "missed"],
        ]


def test_many_calls_are_told_page_by_page() -> None:
    calls = [replace(CALL, number=f"{at}") for at in range(2 * PAGE + 5)]
    remembered = Remembered(calls)
    with House([CallHistory(remembered)]) as house:
        reply = house.runs(NODE)
        assert (reply.status, reply.fields) == ("executing", {"page": ["0"]})
        last = house.runs(NODE, session=reply.session, fields={"page": f"{2 * PAGE}"})
        assert [row[2] for row in last.rows] == [f"{at}" for at in range(2 * PAGE, 2 * PAGE + 5)]
        assert remembered.asked == [(bare(USER), PAGE, 2 * PAGE)]


def test_a_page_that_there_is_not_is_asked_again() -> None:
    with House([CallHistory(Remembered([CALL] * (PAGE + 1)))]) as house:
        reply = house.runs(NODE)
        again = house.runs(NODE, session=reply.session, fields={"page": "7"})
        assert again.status == "executing"
        assert again.notes[0][0] == "error"


def test_there_is_an_end_to_pages() -> None:
    with House([CallHistory(Remembered([CALL] * (PAGE * (MOST_PAGES + 3))))]) as house:
        reply = house.runs(NODE)
        options = [each for each in reply.command.iter() if each.tag.endswith("}option")]
        assert len(options) == MOST_PAGES


def test_no_calls_are_a_sentence() -> None:
    with House([CallHistory(Remembered())]) as house:
        assert house.runs(NODE).notes == [("info", "No calls of yours are remembered.")]


def test_who_has_had_no_calls_is_not_told_that_there_is_a_history() -> None:
    with House([CallHistory(Remembered([CALL]))]) as house:
        (reply,) = house.answers(house.asks(NODE, sender="stranger@example.net/x"))
        assert reply.error[0] == "forbidden"


def test_a_table_that_cannot_be_read_is_said_so_without_details() -> None:
    with House([CallHistory(Remembered(broken=True))]) as house:
        reply = house.runs(NODE)
        assert reply.notes == [("error", "the calls cannot be read at present; try again later")]
