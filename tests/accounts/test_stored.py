"""Accounts in the database: what is put there is what is told, to whom else writes there, and what is refused."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.accounts import rows
from gateway.accounts.account import SipAccount, Written
from gateway.accounts.reading import Unfit, read
from gateway.accounts.stored import StoredAccounts
from gateway.errors import PeerError, StoreError
from gateway.secret import Secret
from gateway.store.database import Database
from tests.accounts import JULIET, RULES

KEY = Secret("the key")
ROMEO = "romeo@example.org"
HOME = Written(name="home", address="201@sip.example.com", password=Secret("hush hush"))
WORK = Written(name="work", address="juliet@work.example.com", password=Secret("pst"), caller_id="+15550101")
FIXED = read(Written(name="sip", address="7@pbx.example.com", password=Secret("x")), jid=JULIET, rules=RULES)


class Watcher:
    """What was told."""

    def __init__(self) -> None:
        self.news: list[tuple[str, str, SipAccount | None]] = []
        self.told = asyncio.Event()

    def __call__(self, jid: str, name: str, account: SipAccount | None) -> None:
        self.news.append((jid, name, account))
        self.told.set()

    def take(self) -> list[tuple[str, str, str]]:
        """What was told since this was last asked: whose, its name, and its address, or nothing."""
        self.told.clear()
        news, self.news = self.news, []
        return [(jid, name, account.written.address if account else "") for jid, name, account in news]


class Counts:
    """How many there are."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def accounts_known(self, made_by: str, number: int) -> None:
        self.known[made_by] = number


Make = Callable[..., Any]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Open accounts, those of another process unless told otherwise."""
    opened: list[tuple[StoredAccounts, Database]] = []

    async def made(
        path: Path | None = tmp_path / "store.sqlite", *, key: Secret | None = KEY, owned: bool = False, **more: Any
    ) -> StoredAccounts:
        database = Database(path, owned=owned)
        await database.open()
        given = {"rules": RULES, "fixed": (), "wall": lambda: 1e9, **more}
        accounts = StoredAccounts(database, key, **given)
        opened.append((accounts, database))
        await accounts.unlock()
        return accounts

    yield made
    for accounts, database in opened:
        await accounts.stop()
        await database.close()


def kept(folder: Path) -> bytes:
    """All that is on the disk."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def listed(accounts: StoredAccounts, jid: str = JULIET) -> list[tuple[str, str, bool]]:
    """Name, who made it, and whether it dials."""
    return [(account.name, account.made_by, account.dials) for account in await accounts.list(jid)]


async def test_what_is_put_is_listed_told_and_there_after_a_restart(make: Make, tmp_path: Path) -> None:
    watcher, counts = Watcher(), Counts()
    accounts = await make(None, observer=counts)
    accounts.watch(watcher)
    await accounts.start()
    made = await accounts.put("Juliet@example.org", HOME, made_by="user")
    assert made == read(HOME, jid=JULIET, rules=RULES, made_by="user")
    assert watcher.take() == [(JULIET, "home", "201@sip.example.com")]
    assert await accounts.get(JULIET, "home") == made
    assert await accounts.get(JULIET, "work") is None
    assert await listed(accounts) == [("home", "user", True)]
    assert await listed(accounts, ROMEO) == []
    assert counts.known == {"file": 0, "operator": 0, "user": 1}

    first = await make()
    await first.put(JULIET, HOME, made_by="operator")
    again, late = await make(), Watcher()
    await again.start()
    again.watch(late)
    assert late.take() == [(JULIET, "home", "201@sip.example.com")]
    assert (await again.get(JULIET, "home")).written.password == Secret("hush hush")
    assert b"hush" not in kept(tmp_path)


async def test_the_first_dials_until_another_is_chosen_and_again_when_that_is_gone(make: Make) -> None:
    accounts, watcher = await make(None, fixed=[FIXED]), Watcher()
    accounts.watch(watcher)
    await accounts.start()
    await accounts.put(JULIET, HOME, made_by="user")
    await accounts.put(JULIET, WORK, made_by="user")
    assert await listed(accounts) == [("sip", "file", True), ("home", "user", False), ("work", "user", False)]
    watcher.take()
    await accounts.choose(JULIET, "work")
    assert [(name, account and account.dials) for _, name, account in watcher.news] == [("sip", False), ("work", True)]
    assert [name for name, _, dials in await listed(accounts) if dials] == ["work"]
    await accounts.choose(JULIET, "sip")
    assert [name for name, _, dials in await listed(accounts) if dials] == ["sip"]
    await accounts.choose(JULIET, "work")
    await accounts.remove(JULIET, "work")
    assert await listed(accounts) == [("sip", "file", True), ("home", "user", False)]
    await accounts.put(JULIET, WORK, made_by="user")
    assert [name for name, _, dials in await listed(accounts) if dials] == ["sip"]


async def test_a_change_keeps_the_password_and_the_place_in_the_list(make: Make) -> None:
    accounts = await make(None)
    await accounts.put(JULIET, HOME, made_by="user")
    await accounts.put(JULIET, WORK, made_by="user")
    changed = replace(HOME, password=None, caller_id="+15550199", numbers=("+15550198", "+15550199"))
    await accounts.put(JULIET, changed, made_by="user")
    found = await accounts.get(JULIET, "home")
    assert found.written == replace(changed, password=HOME.password)
    assert [name for name, _, _ in await listed(accounts)] == ["home", "work"]


async def test_the_configurations_accounts_are_nobodys_to_change(make: Make) -> None:
    accounts = await make(None, fixed=[FIXED])
    for attempt in (
        accounts.put(JULIET, replace(HOME, name="sip"), made_by="operator"),
        accounts.remove(JULIET, "sip"),
    ):
        with pytest.raises(Unfit, match="'sip' is the operator's, in the configuration") as raised:
            await attempt
        assert raised.value.condition == "not-allowed"
    assert await listed(accounts) == [("sip", "file", True)]


async def test_a_user_may_have_so_many_and_no_more(make: Make) -> None:
    accounts = await make(None, fixed=[FIXED])
    for number in range(RULES.most):
        await accounts.put(JULIET, replace(HOME, name=f"no. {number}"), made_by="user")
    with pytest.raises(Unfit, match="there are 3 accounts, and no more may be"):
        await accounts.put(JULIET, HOME, made_by="user")
    await accounts.put(JULIET, replace(HOME, name="no. 1", caller_id="+15550101"), made_by="user")
    await accounts.put(ROMEO, HOME, made_by="user")
    await accounts.remove(JULIET, "no. 0")
    await accounts.put(JULIET, HOME, made_by="user")
    assert len(await accounts.everybody()) == 1 + 3 + 1


async def test_what_is_not_there_is_said(make: Make) -> None:
    accounts = await make(None)
    for attempt in (accounts.remove(JULIET, "home"), accounts.choose(JULIET, "home")):
        with pytest.raises(PeerError, match="there is none called 'home'") as raised:
            await attempt
        assert (raised.value.status, raised.value.condition) == (404, "item-not-found")


async def test_a_user_may_change_the_operators_account_but_not_have_its_password(make: Make) -> None:
    accounts = await make(None)
    await accounts.put(JULIET, HOME, made_by="operator")
    elsewhere = replace(HOME, address="201@elsewhere.example.com", password=None)
    with pytest.raises(Unfit, match="the operator has set it"):
        await accounts.put(JULIET, elsewhere, made_by="user")
    await accounts.put(JULIET, replace(elsewhere, password=Secret("mine")), made_by="user")
    found = await accounts.get(JULIET, "home")
    assert (found.made_by, found.via.manners.fenced) == ("user", True)
    # From then on it is the user's, whoever puts it right.
    await accounts.put(JULIET, replace(elsewhere, caller_id="+15550101"), made_by="operator")
    found = await accounts.get(JULIET, "home")
    assert (found.made_by, found.via.manners.fenced, found.login.password) == ("user", True, Secret("mine"))
    with pytest.raises(Unfit, match=r"no account may be at 10\.0\.0\.1"):
        await accounts.put(JULIET, replace(elsewhere, proxy="10.0.0.1"), made_by="operator")


async def test_without_a_key_no_password_is_kept(make: Make) -> None:
    accounts = await make(key=None)
    with pytest.raises(Unfit, match=r"password: none can be kept here.*key_file"):
        await accounts.put(JULIET, HOME, made_by="user")
    await accounts.put(JULIET, replace(HOME, password=None), made_by="user")
    assert await listed(accounts) == [("home", "user", True)]
    assert not (await accounts.get(JULIET, "home")).written.password


async def test_a_wrong_key_is_said_before_anything_is_done(make: Make) -> None:
    await (await make()).put(JULIET, HOME, made_by="user")
    for key in (Secret("another"), None):
        with pytest.raises(StoreError, match="its passwords are encrypted"):
            await make(key=key)


async def test_what_another_process_writes_is_seen_and_told(make: Make) -> None:
    daemon, watcher = await make(owned=True, fixed=[FIXED]), Watcher()
    daemon.watch(watcher)
    await daemon.start()
    assert watcher.take() == [(JULIET, "sip", "7@pbx.example.com")]
    beside = await make(fixed=[FIXED])

    async def seen() -> list[tuple[str, str, str]]:
        async with asyncio.timeout(20):
            await watcher.told.wait()
        return watcher.take()

    await beside.put(ROMEO, HOME, made_by="operator")
    assert await seen() == [(ROMEO, "home", "201@sip.example.com")]
    await beside.put(ROMEO, replace(HOME, address="202@sip.example.com"), made_by="operator")
    assert await seen() == [(ROMEO, "home", "202@sip.example.com")]
    await beside.remove(ROMEO, "home")
    assert await seen() == [(ROMEO, "home", "")]
    await beside.put(JULIET, WORK, made_by="operator")
    assert await seen() == [(JULIET, "work", "juliet@work.example.com")]
    await beside.choose(JULIET, "work")
    assert sorted(await seen()) == [
        (JULIET, "sip", "7@pbx.example.com"),
        (JULIET, "work", "juliet@work.example.com"),
    ]


async def test_two_who_write_at_once_do_not_exceed_what_a_user_may_have(make: Make) -> None:
    both = [await make(), await make()]
    attempts = [
        accounts.put(JULIET, replace(HOME, name=f"{side} {number}"), made_by="user")
        for number in range(3)
        for side, accounts in enumerate(both)
    ]
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(found, Unfit) for found in done) == 3
    assert len(await both[0].list(JULIET)) == 3


async def test_a_row_that_is_no_account_any_more_costs_itself_alone(make: Make, tmp_path: Path) -> None:
    accounts = await make()
    await accounts.put(JULIET, HOME, made_by="user")
    await accounts.put(JULIET, replace(WORK, proxy="8.8.8.8"), made_by="user")
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as connection:
        # As if somebody had copied the password of another, and the operator allowed less than before.
        connection.execute("UPDATE accounts SET password = (SELECT password FROM accounts WHERE name = 'work')")
        connection.execute("UPDATE accounts SET proxy = '127.0.0.1' WHERE name = 'work'")
    late, watcher = await make(), Watcher()
    late.watch(watcher)
    with capture_logs() as logs:
        await late.start()
    assert watcher.take() == []
    assert await late.list(JULIET) == ()
    told = {line["name"]: line["text"] for line in logs if line["event"] == "account_unusable"}
    assert told == {
        "home": "a secret that this key does not open, or that is damaged",
        "work": "proxy: no account may be at 127.0.0.1",
    }
    await late.put(JULIET, HOME, made_by="user")
    assert watcher.take() == [(JULIET, "home", "201@sip.example.com")]


async def test_ten_thousand_accounts_at_the_start_leave_others_their_turns(make: Make) -> None:
    accounts, turns = await make(), 0

    def fill(connection: sqlite3.Connection) -> None:
        for number in range(10_000):
            written = Written(name="home", address=f"{number}@sip.example.com")
            rows.put(connection, f"user{number}@example.org", written, None, "operator", 1e9)

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    await accounts._database.run(fill)
    watcher = Watcher()
    accounts.watch(watcher)
    waiting = asyncio.create_task(others())
    await accounts.start()
    waiting.cancel()
    assert len(watcher.news) == 10_000
    assert len({name for name, _, _ in watcher.take()}) == 10_000
    assert turns >= 10_000 // 25


async def test_a_watcher_that_fails_is_told_the_next_all_the_same(make: Make) -> None:
    daemon, watcher = await make(owned=True), Watcher()

    def fails(jid: str, name: str, account: SipAccount | None) -> None:
        if jid == JULIET:
            raise RuntimeError("on purpose")

    daemon.watch(fails)
    daemon.watch(watcher)
    await daemon.start()
    beside = await make()
    with capture_logs() as logs:
        await beside.put(JULIET, HOME, made_by="operator")
        async with asyncio.timeout(20):
            while not logs:  # noqa: ASYNC110 - a log has no event to wait for
                await asyncio.sleep(0.01)
        await beside.put(ROMEO, HOME, made_by="operator")
        async with asyncio.timeout(20):
            await watcher.told.wait()
    assert [line["event"] for line in logs][:1] == ["accounts_failed"]
    assert (ROMEO, "home", "201@sip.example.com") in watcher.take()


async def test_a_name_that_the_configuration_takes_later_is_the_configurations(make: Make) -> None:
    await (await make()).put(JULIET, replace(HOME, name="sip"), made_by="operator")
    later = await make(fixed=[FIXED])
    await later.start()
    assert [account.written.address for account in await later.list(JULIET)] == ["7@pbx.example.com"]


async def test_a_database_that_goes_and_comes_back_is_told_once(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.accounts.stored.LOOK_SECONDS", 0.02)
    daemon, watcher = await make(owned=True), Watcher()
    daemon.watch(watcher)
    await daemon.start()
    await daemon.put(JULIET, HOME, made_by="user")
    watcher.take()
    path, away = tmp_path / "store.sqlite", tmp_path / "away"

    async def says(word: str) -> None:
        async with asyncio.timeout(20):
            while word not in [line["event"] for line in logs]:  # noqa: ASYNC110 - a log has no event to wait for
                await asyncio.sleep(0.01)

    with capture_logs() as logs:
        path.rename(away)
        await says("store_failed")
        with pytest.raises(StoreError, match="removed or replaced"):
            await daemon.put(JULIET, WORK, made_by="user")
        away.rename(path)
        await says("store_back")
    assert [line["event"] for line in logs].count("store_failed") == 1
    await daemon.put(JULIET, WORK, made_by="user")
    assert watcher.take() == [(JULIET, "work", "juliet@work.example.com")]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)
WORDS = st.text("0123456789+*#abcü", min_size=1, max_size=12)
WRITTEN = st.builds(
    Written,
    name=st.text("abc äß", min_size=1, max_size=8).filter(lambda text: text.strip() != ""),
    address=st.builds("{}@{}".format, WORDS, st.sampled_from(["sip.example.com", "8.8.8.8", "[2a00::1]"])),
    password=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1).map(Secret),
    realm=TEXTS.filter(str.isprintable),
    proxy=st.sampled_from(["", "edge.example.com", "edge.example.com:5070", "[2a00::2]:5080"]),
    transport=st.sampled_from(["auto", "udp", "tcp", "tls", "ws", "wss"]),
    caller_id=st.just("") | WORDS,
    numbers=st.lists(WORDS, max_size=4).map(tuple),
    registrar=st.sampled_from(["", "reg.example.com"]),
    register=st.booleans(),
    expires_seconds=st.integers(60, 604_800),
)


@given(st.lists(st.tuples(st.sampled_from([JULIET, ROMEO]), WRITTEN, st.booleans()), max_size=8))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
def test_what_was_told_is_what_is_listed_and_that_is_what_was_put(
    steps: list[tuple[str, Written, bool]],
) -> None:
    """Whatever is put and removed: watchers know what the store knows, and each account is as it was written."""

    async def law() -> None:
        database = Database(None)
        await database.open()
        accounts = StoredAccounts(database, KEY, rules=RULES, fixed=(), wall=lambda: 1e9)
        await accounts.unlock()
        mirror: dict[tuple[str, str], SipAccount] = {}

        def changed(jid: str, name: str, account: SipAccount | None) -> None:
            if account is None:
                del mirror[jid, name]
            else:
                mirror[jid, name] = account

        accounts.watch(changed)
        await accounts.start()
        put: dict[tuple[str, str], SipAccount] = {}
        for jid, written, goes in steps:
            try:
                made = await accounts.put(jid, written, made_by="user")
            except Unfit as error:
                assert error.condition == "not-allowed", error.text  # noqa: PT017 - three are put already
                continue
            put[jid, made.name] = made
            if goes:
                await accounts.remove(jid, made.name)
                del put[jid, made.name]
        everybody = await accounts.everybody()
        assert mirror == {(account.jid, account.name): account for account in everybody}
        assert {key: replace(account, dials=True) for key, account in mirror.items()} == put
        for jid in (JULIET, ROMEO):
            assert sum(account.dials for account in await accounts.list(jid)) == (jid in {key[0] for key in put})
        assert await database.read(lambda connection: len(rows.ids(connection))) == len(put)
        await database.close()

    asyncio.run(law())
