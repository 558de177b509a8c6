"""Subscriptions over a restart: what one gateway has learned, the next one knows."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway import contacts as contacts_module
from gateway.bonds import StoredBonds
from gateway.contacts import MOST_AT_ONCE, Contacts
from gateway.entity.roster import Bond, Pair, Roster, Wish
from gateway.stanza import Stanza
from gateway.store.database import Database
from tests.entity.test_subscription import NUMBER, USER, presence
from tests.entity.test_subscription import made as answering
from tests.peers.program import until

ANA = "ana@example.net"


class Wire:
    """A stream that stands, and what was sent by it."""

    connected = True

    def __init__(self) -> None:
        self.sent: list[Stanza] = []

    def send(self, stanza: Stanza) -> None:
        """Remember it."""
        self.sent.append(stanza)

    @property
    def told(self) -> set[tuple[str, str, str]]:
        """What was sent, in short."""
        return {(stanza.type, stanza.sender, stanza.to) for stanza in self.sent}


class Counts:
    """What was counted last."""

    number = waiting = 0

    def subscribers(self, number: int) -> None:
        """So many are remembered."""
        self.number = number

    def presences_waiting(self, number: int) -> None:
        """So many wait."""
        self.waiting = number


class House:
    """A gateway's presence, with a file."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.wire, self.counts = Wire(), Counts()
        self.subscription = answering()
        self.contacts = Contacts(
            self.subscription, bonds=StoredBonds(self.database), domain="sip.example.org", asks="domain",
            xmpp=self.wire, rate=1_000.0, observer=self.counts,
            spread=lambda: 0.0,
        )  # fmt: skip

    @property
    def roster(self) -> Roster:
        """Who is known."""
        return self.subscription.roster

    async def __aenter__(self) -> "House":
        await self.database.open()
        await self.contacts.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.contacts.leave(1.0)
        await self.database.close()


async def test_who_was_subscribed_hears_of_us_after_a_restart_and_is_asked_for_presence(tmp_path: Path) -> None:
    async with House(tmp_path / "db") as first:
        for type in ("subscribe", "subscribed"):
            first.contacts.presence(presence(type))
        first.contacts.presence(presence("probe", sender=f"{ANA}/desk"))
        first.contacts.introduce("bob@example.net", NUMBER, "Juliet")
        first.contacts.presence(presence("unsubscribed", sender="bob@example.net", to="sip.example.org"))
    async with House(tmp_path / "db") as second:
        assert second.counts.number == 3
        second.contacts.connected(True)
        await until(lambda: len(second.wire.sent) >= 3, "all are told")
        assert second.wire.told == {
            ("", f"{NUMBER}/sip", USER),
            ("", f"{NUMBER}/sip", ANA),
            ("probe", NUMBER, USER),
        }
        assert second.roster.bond(Pair("bob@example.net", "sip.example.org")) == Bond(False, Wish.REFUSED)
        second.contacts.presence(presence("unsubscribe"))
        second.contacts.presence(presence("unsubscribed"))
    assert ("unavailable", f"{NUMBER}/sip", ANA) in second.wire.told
    async with House(tmp_path / "db") as third:
        assert [pair.user for pair in third.roster.followers()] == [ANA]


async def test_however_slow_the_machine_is_others_have_their_turn_between(tmp_path: Path) -> None:
    """What takes longer than the rate allows is due at once again, and must not be all that ever happens."""
    async with House(tmp_path / "db") as house:
        loop, others = asyncio.get_running_loop(), 0

        def slow(stanza: Stanza) -> None:
            house.wire.sent.append(stanza)
            until = loop.time() + 0.002
            while loop.time() < until:
                pass

        house.wire.send = slow  # type: ignore[method-assign]
        for one in range(300):
            house.roster.followed(Pair(f"u{one}@example.net", NUMBER))
        house.contacts.connected(True)
        while len(house.wire.sent) < 300:
            await asyncio.sleep(0)
            others += 1
        assert others > 300 / MOST_AT_ONCE


async def test_what_has_changed_is_kept_without_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts_module, "KEEP_SECONDS", 0.01)
    async with House(tmp_path / "db") as house:
        house.contacts.presence(presence("subscribe"))
        await until(lambda: house.counts.number == 1, "it is remembered")
        beside = sqlite3.connect(tmp_path / "db")
        await until(lambda: _rows(beside) == [(USER, NUMBER, 1, 1)], "it is kept")
        beside.close()


def _rows(beside: sqlite3.Connection) -> list[Any]:
    return beside.execute("SELECT user, ours, follows, wish FROM bonds").fetchall()


async def test_a_database_that_fails_costs_no_answer_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contacts_module, "KEEP_SECONDS", 0.01)
    monkeypatch.setattr(contacts_module, "AGAIN_SECONDS", 0.01)
    async with House(tmp_path / "db") as house:
        await house.database.close()
        house.contacts.presence(presence("subscribe"))
        assert [stanza.type for stanza in house.wire.sent] == ["subscribed", "subscribe", ""]
        await until(lambda: house.counts.number == 1, "it is remembered")
        await house.database.open()
        await until(lambda: not house.roster.has_changed, "it is kept")
        assert await StoredBonds(house.database).load() == [(Pair(USER, NUMBER), Bond(True, Wish.ASKED))]


async def test_an_error_of_ours_ends_no_keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts_module, "KEEP_SECONDS", 0.01)
    async with House(tmp_path / "db") as house:
        bonds: Any = house.contacts._bonds
        save, failures = bonds.save, iter([ValueError()])

        async def broken(*args: Any) -> None:
            if (failure := next(failures, None)) is not None:
                raise failure
            await save(*args)

        monkeypatch.setattr(bonds, "save", broken)
        with capture_logs() as logs:
            house.contacts.presence(presence("subscribe"))
            await until(lambda: any(line["event"] == "subscribers_failed" for line in logs), "it is told")
        house.contacts.presence(presence("subscribe", sender=ANA))
        beside = sqlite3.connect(tmp_path / "db")
        await until(lambda: [user for user, *_ in _rows(beside)] == [ANA], "what comes next is kept")
        beside.close()


async def test_an_error_of_ours_costs_one_presence_and_not_all_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(tmp_path / "db") as house:
        for one in ("u1", "u2"):
            house.roster.followed(Pair(f"{one}@example.net", NUMBER))
        send, failures = house.contacts._send, iter([ValueError()])

        def broken(stanza: Stanza) -> None:
            if (failure := next(failures, None)) is not None:
                raise failure
            send(stanza)

        monkeypatch.setattr(house.contacts, "_send", broken)
        with capture_logs() as logs:
            house.contacts.connected(True)
            await until(lambda: bool(house.wire.sent), "the others are sent")
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["presence_failed"]


async def test_a_database_that_cannot_be_read_leaves_us_without_memory_and_no_worse(tmp_path: Path) -> None:
    house = House(tmp_path / "db")
    await house.contacts.start()
    assert len(house.roster) == 0
    house.contacts.connected(True)
    house.contacts.presence(presence("probe"))
    await until(lambda: house.wire.told == {("", f"{NUMBER}/sip", USER)}, "the probe is answered")
    house.contacts.connected(False)
    await house.contacts.leave(0)
    assert house.roster.has_changed
