"""Accounts in the database, and with them those of the configuration: one source of all that a user has.

The database is the truth, and others may write to it: the command line does, beside a running daemon.  So what is asked
is asked there; what is told to those who `watch` is what `refresh` finds to be different from what they were told last.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from gateway.accounts import rows
from gateway.accounts.account import MadeBy, SipAccount, Written
from gateway.accounts.reading import AccountRules, Unfit, account_name, read, user_jid
from gateway.accounts.rows import Key, Row
from gateway.accounts.sources import Changed, dialling
from gateway.errors import PeerError, StoreError
from gateway.secret import Secret
from gateway.store.database import Database
from gateway.store.vault import Vault, unlocked
from gateway.throttle import Throttle

LOOK_SECONDS: Final = 1.0
"How often it is looked whether another process has written."

_TOLD_AT_ONCE: Final = 25
"Changes that are told before others have a turn: each may begin a registration, and there may be thousands."


BURST_OF_LINES: Final = 50
"Lines about changes that are logged at once: whole households may move."


class AccountsObserver(Protocol):
    """What is counted."""

    def accounts_known(self, made_by: MadeBy, number: int) -> None:
        """So many accounts there are of those that the file, the operator or users have made."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    """An account of the database as it was read last."""

    created: float
    account: SipAccount


class StoredAccounts:
    """All accounts: `gateway.accounts.sources.AccountStore`, and who tells of changes.  The database must be open."""

    def __init__(
        self,
        database: Database,
        key: Secret | None,
        *,
        rules: AccountRules,
        fixed: Iterable[SipAccount],
        wall: Callable[[], float],
        observer: AccountsObserver | None = None,
    ) -> None:
        """``key`` is what passwords are encrypted with; without one none can be kept."""
        self._database = database
        self._key = key
        self._vault: Vault | None = None
        self._rules = rules
        self._wall = wall
        self._observer = observer
        self._fixed: dict[str, list[SipAccount]] = {}
        for account in fixed:
            self._fixed.setdefault(account.jid, []).append(account)
        self._ids: dict[int, Key] = {}
        self._kept: dict[str, dict[str, _Kept]] = {}
        "What was read, by JID and name."
        self._choices: dict[str, str] = {}
        self._told: dict[str, dict[str, SipAccount]] = {}
        self._begun = False
        "Whether what is told is news, and not what there was at the start."
        self._watchers: list[Changed] = []
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()
        self._throttle = Throttle(asyncio.get_running_loop().time, burst=BURST_OF_LINES, seconds=1.0)

    # ------------------------------------------------------------------------------------------------ as a source

    def watch(self, changed: Changed) -> None:
        """Tell each account that is known, and from then on each that comes, changes or goes."""
        self._watchers.append(changed)
        for known in self._told.values():
            for account in known.values():
                changed(account.jid, account.name, account)

    async def unlock(self) -> None:
        """To be called before anything else; StoreError when the key is not that of the passwords that are there."""
        self._vault = await unlocked(self._database, self._key)

    async def start(self) -> None:
        """Read and tell all there is, and from then on what others change; StoreError when it cannot be read."""
        await self._refresh(self._fixed)
        self._begun = True
        if self._database.path is not None:  # in memory there are no others
            self._task = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _look(self) -> None:
        failing = ""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if failing or await self._database.changed_by_others():
                    await self._refresh()
                if failing:
                    self._log.info("store_back")
                failing = ""
            except StoreError as error:
                if str(error) != failing:
                    self._log.error("store_failed", text=str(error))
                failing = str(error)
            except Exception:  # of ours: what others write must be seen all the same
                self._log.exception("accounts_failed")

    async def _refresh(self, also: Iterable[str] = ()) -> None:
        """Read what has changed, and tell it; ``also``: users who are looked at in any case."""
        async with self._turn:
            touched = dict.fromkeys((*also, *sorted(await self._read())))
            for number, jid in enumerate(touched, 1):
                self._tell(jid)
                if not number % _TOLD_AT_ONCE:
                    await asyncio.sleep(0)
            if self._observer is not None:
                self._count(self._observer)

    async def _read(self) -> set[str]:
        """Read the rows that are new; the users of whom anything is different."""

        def work(connection: sqlite3.Connection) -> tuple[dict[int, Key], dict[str, str], list[_Found]]:
            there = rows.ids(connection)
            found = [self._account(row) for row in rows.some(connection, there.keys() - self._ids.keys())]
            return there, rows.choices(connection), found

        there, choices, found = await self._database.read(work)
        touched = {jid for jid in {*choices, *self._choices} if choices.get(jid) != self._choices.get(jid)}
        for id in self._ids.keys() - there.keys():
            jid, name = self._ids[id]
            touched.add(jid)
            del self._kept[jid][name]
        for one in found:
            jid, name = there[one.row.id]
            touched.add(jid)
            self._kept.setdefault(jid, {})
            if one.account is None:
                self._log.warning("account_unusable", peer=jid, name=name, text=one.text)
                there.pop(one.row.id)  # it is looked at again when anything changes
            else:
                self._kept[jid][name] = _Kept(one.row.created, one.account)
        self._ids, self._choices = there, choices
        return touched

    def _tell(self, jid: str) -> None:
        kept = self._kept.get(jid, {})
        if not kept:
            self._kept.pop(jid, None)
        mine = [found.account for found in sorted(kept.values(), key=lambda found: found.created)]
        after = {account.name: account for account in self._merged(jid, mine, self._choices.get(jid))}
        before = self._told.pop(jid, {})
        if after:
            self._told[jid] = after
        for name in [*(before.keys() - after.keys()), *after]:
            if before.get(name) != after.get(name):
                for changed in self._watchers:
                    changed(jid, name, after.get(name))
                self._note(jid, name, before.get(name), after.get(name))

    def _note(self, jid: str, name: str, before: SipAccount | None, after: SipAccount | None) -> None:
        if not self._begun or not self._throttle.admits():
            return
        if before is None:
            self._log.info("account_added", peer=jid, name=name, suppressed=self._throttle.held())
        elif after is None:
            self._log.info("account_removed", peer=jid, name=name, suppressed=self._throttle.held())
        else:
            self._log.info("account_changed", peer=jid, name=name, suppressed=self._throttle.held())

    def _count(self, observer: AccountsObserver) -> None:
        numbers: dict[MadeBy, int] = {"file": 0, "operator": 0, "user": 0}
        for known in self._told.values():
            for account in known.values():
                numbers[account.made_by] += 1
        for made_by, number in numbers.items():
            observer.accounts_known(made_by, number)

    def _merged(self, jid: str, stored: Iterable[SipAccount], chosen: str | None) -> tuple[SipAccount, ...]:
        fixed = self._fixed.get(jid, [])
        names = {account.name for account in fixed}
        return dialling([*fixed, *(account for account in stored if account.name not in names)], chosen)

    # -------------------------------------------------------------------------------------------------- as a store

    async def list(self, jid: str) -> tuple[SipAccount, ...]:
        """A user's accounts, those of the configuration first; one of them dials, if there is any."""

        def work(connection: sqlite3.Connection) -> tuple[SipAccount, ...]:
            found = [self._account(row).account for row in rows.of(connection, jid)]
            return self._merged(jid, filter(None, found), rows.choice(connection, jid))

        return await self._database.read(work)

    async def everybody(self) -> tuple[SipAccount, ...]:
        """Everybody's, in the order of their JIDs."""

        def work(connection: sqlite3.Connection) -> Iterator[SipAccount]:
            found: dict[str, list[SipAccount]] = {jid: [] for jid in self._fixed}
            for one in map(self._account, rows.everyone(connection)):
                if one.account is not None:
                    found.setdefault(one.account.jid, []).append(one.account)
            choices = rows.choices(connection)
            for jid in sorted(found):
                yield from self._merged(jid, found[jid], choices.get(jid))

        return await self._database.read(lambda connection: tuple(work(connection)))

    async def unusable(self) -> tuple[tuple[str, str, str], ...]:
        """What is kept and is no account any more: whose, its name, and why."""

        def work(connection: sqlite3.Connection) -> tuple[tuple[str, str, str], ...]:
            found = map(self._account, rows.everyone(connection))
            return tuple((one.row.jid, one.row.written.name, one.text) for one in found if one.account is None)

        return await self._database.read(work)

    async def get(self, jid: str, name: str) -> SipAccount | None:
        """One of them."""
        return next((account for account in await self.list(jid) if account.name == name), None)

    async def put(self, jid: str, written: Written, *, made_by: MadeBy) -> SipAccount:
        """Add an account, or put it in the place of the one of that name; without a password, it keeps the one it has.

        What the operator changes in a user's account leaves it the user's: it may lead no further than before.
        """
        jid, name = user_jid(jid, self._rules), account_name(written.name)
        if any(account.name == name for account in self._fixed.get(jid, ())):
            raise Unfit("name", f"{name!r} is the operator's, in the configuration", condition="not-allowed")

        def work(connection: sqlite3.Connection) -> SipAccount:
            known = {row.written.name: row for row in rows.of(connection, jid)}
            before = known.get(name)
            if before is None and len(known) >= self._rules.most:
                raise Unfit(
                    "name", f"there are {self._rules.most} accounts, and no more may be", condition="not-allowed"
                )
            by = "user" if before is not None and before.made_by == "user" else made_by
            password = self._password(written, before, by)
            whole = replace(written, name=name, password=password)
            account = read(whole, jid=jid, rules=self._rules, made_by=by)
            sealed = None
            if password is not None:
                if self._vault is None:
                    problem = "none can be kept here, for the operator has set no key ([store] key_file)"
                    raise Unfit("password", problem, condition="not-allowed")
                sealed = self._vault.seal(password.reveal(), rows.whose(jid, name))
            # A change leaves an account its place in the list, and no two have the same.
            latest = max((row.created for row in known.values()), default=0.0)
            created = max(self._wall(), latest + 0.001) if before is None else before.created
            rows.put(connection, jid, account.written, sealed, by, created)
            return account

        account = await self._database.run(work)
        await self._refresh()
        return account

    def _password(self, written: Written, before: Row | None, made_by: MadeBy) -> Secret | None:
        if written.password is not None or before is None or before.sealed is None:
            return written.password
        if before.made_by == "operator" and made_by == "user":
            # A user who sets another server would have the digest of what the operator knows, and they do not.
            raise Unfit("password", "missing — the operator has set it, so it is to be given again")
        return self._open(before)

    async def remove(self, jid: str, name: str) -> None:
        """Remove one; PeerError 404 when there is none, and `Unfit` when it is the configuration's."""
        if any(account.name == name for account in self._fixed.get(jid, ())):
            raise Unfit("name", f"{name!r} is the operator's, in the configuration", condition="not-allowed")
        if not await self._database.run(lambda connection: rows.remove(connection, jid, name)):
            raise _nothing(name)
        await self._refresh()

    async def choose(self, jid: str, name: str) -> None:
        """Let that one dial, whoever has made it; PeerError 404 when there is none."""

        def work(connection: sqlite3.Connection) -> None:
            there = {account.name for account in self._fixed.get(jid, ())}
            if name not in there and name not in {row.written.name for row in rows.of(connection, jid)}:
                raise _nothing(name)
            rows.choose(connection, jid, name)

        await self._database.run(work)
        await self._refresh()

    # --------------------------------------------------------------------------------------------------------- one row

    def _account(self, row: Row) -> "_Found":
        """The account that a row is, or why it is none: the key, or what is allowed, may be another than it was."""
        try:
            written = replace(row.written, password=self._open(row))
            return _Found(row, read(written, jid=row.jid, rules=self._rules, made_by=row.made_by))
        except (StoreError, PeerError) as error:
            return _Found(row, None, str(error))

    def _open(self, row: Row) -> Secret | None:
        if row.sealed is None:
            return None
        if self._vault is None:
            raise StoreError("its password is encrypted, and [store] names no key: key_file")
        return self._vault.open(row.sealed, row.whose)


@dataclass(frozen=True, slots=True)
class _Found:
    """A row, and what it is."""

    row: Row
    account: SipAccount | None
    text: str = ""
    "Why it is none."


def _nothing(name: str) -> PeerError:
    return PeerError(f"account: there is none called {name[:64]!r}", status=404, condition="item-not-found")
