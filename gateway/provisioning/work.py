"""What each of the commands does."""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, TextIO

import msgspec

from gateway.accounts import standings
from gateway.accounts.account import SipAccount, Written
from gateway.accounts.reading import Unfit, account_name, user_jid
from gateway.accounts.rekeying import rekey
from gateway.accounts.rows import Key
from gateway.accounts.stored import StoredAccounts
from gateway.columns import columns
from gateway.config import Settings, load
from gateway.errors import ConfigError, PeerError, StoreError
from gateway.provisioning.passwords import password
from gateway.provisioning.showing import LIST, STATES, plain, row, standing, word
from gateway.registration.report import Report
from gateway.secret import Secret
from gateway.store.database import Database, is_owned

_TEXTS: Final = ("user", "realm", "proxy", "caller_id", "registrar")


def provision(options: argparse.Namespace, source: TextIO, target: TextIO, complaints: TextIO) -> int:
    """Do it: 0 done, 1 it cannot be done, 2 what was written is not possible; a line on ``complaints`` says why.

    ConfigError when the configuration cannot be used, and StoreError when the database cannot.
    """
    settings = load(options.config)
    if settings.store.path is None:
        raise ConfigError("[store] file: empty — nothing is kept, so there are no accounts but the configuration's")
    try:
        asyncio.run(_work(options, settings, password(options, source), target))
    except Unfit as error:
        complaints.write(f"jingle-sip: {error.text}\n")
        return 2 if error.condition == "not-acceptable" else 1
    except PeerError as error:
        complaints.write(f"jingle-sip: {error.text}\n")
        return 1
    except _CannotBeDone as error:
        complaints.write(f"jingle-sip: {error}\n")
        return 1
    return 0


class _CannotBeDone(Exception):
    """It cannot be done now; the text is a line for the operator."""


async def _work(options: argparse.Namespace, settings: Settings, given: Secret | None, target: TextIO) -> None:
    database = Database(settings.store.path, owned=options.ask == "rekey")
    await database.open()
    try:
        accounts = StoredAccounts(
            database, settings.store.key, rules=settings.own_accounts, fixed=settings.accounts, wall=time.time
        )
        await accounts.unlock()
        await _Work(options, settings, database, accounts, given, target).run()
    finally:
        await database.close()


class _Work:
    """One command, with what it needs."""

    def __init__(  # noqa: PLR0917
        self,
        options: argparse.Namespace,
        settings: Settings,
        database: Database,
        accounts: StoredAccounts,
        password: Secret | None,
        target: TextIO,
    ) -> None:
        self._options = options
        self._settings = settings
        self._database = database
        self._accounts = accounts
        self._password = password
        self._target = target

    async def run(self) -> None:
        """Do it."""
        doings: dict[str, Callable[[], Awaitable[None]]] = {
            "list": self._list,
            "states": self._states,
            "show": self._show,
            "add": self._add,
            "change": self._change,
            "remove": self._remove,
            "choose": self._choose,
            "rekey": self._rekey,
        }
        try:
            await doings[self._options.ask]()
        except StoreError as error:
            raise _CannotBeDone(str(error)) from None

    # What shows.

    async def _list(self) -> None:
        found = await self._wanted()
        if self._options.json:
            self._tell([plain(account) for account in found])
            return
        self._write(columns(LIST, map(row, found)))
        self._write([f"{len(found)} account{'s' * (len(found) != 1)}"])
        for jid, name, text in await self._accounts.unusable():
            if self._options.jid in (None, jid):
                self._write([f"not usable: {name!r} of {jid}: {text}"])

    async def _states(self) -> None:
        found, reports = await self._wanted(), await self._reports()
        now = time.time()
        if self._options.json:
            self._tell([plain(account) | standing(account, reports, now) for account in found])
            return
        rows = ((a.jid, a.name, a.written.address, str(standing(a, reports, now)["state"])) for a in found)
        self._write(columns(STATES, rows))

    async def _show(self) -> None:
        account = await self._one()
        running = self._runs()
        reports = await self._reports() if running else {}
        found = plain(account) | (standing(account, reports, time.time()) if running else {})
        if self._options.json:
            self._tell(found)
            return
        width = max(map(len, found))
        self._write(f"{key.ljust(width)}  {word(value)}" for key, value in found.items() if value not in ("", None, []))

    # What changes.

    async def _add(self) -> None:
        options = self._options
        if await self._found() is not None:
            raise _CannotBeDone(f"account: there is one called {self._name!r} already; change it, or remove it first")
        await self._put(Written(name=options.name, address=options.address), "added")

    async def _change(self) -> None:
        before = (await self._one()).written
        address = self._options.address
        written = replace(before, password=None, address=before.address if address is None else address)
        await self._put(written, "changed")

    async def _put(self, written: Written, done: str) -> None:
        options = self._options
        given = {field: text for field in _TEXTS if (text := getattr(options, field)) is not None}
        if options.transport is not None:
            given["transport"] = options.transport
        if options.numbers is not None:
            given["numbers"] = tuple(number for number in options.numbers if number)
        if options.register is not None:
            given["register"] = options.register
        if options.expires is not None:
            given["expires_seconds"] = options.expires
        whole = replace(written, password=self._password, **given)
        account = await self._accounts.put(options.jid, whole, made_by="operator")
        self._done(done, account.jid, account.name)

    async def _remove(self) -> None:
        jid, name = self._jid, self._name
        await self._accounts.remove(jid, name)  # also one that is not usable, and so is not found otherwise
        self._done("removed", jid, name)

    async def _choose(self) -> None:
        account = await self._one()
        await self._accounts.choose(account.jid, account.name)
        self._done("chosen", account.jid, account.name)

    async def _rekey(self) -> None:
        old, new = self._settings.store.key, self._password
        if old is None or new is None:
            raise ConfigError("[store] key_file: missing — there is no key that could be changed")
        number = await self._database.run(lambda connection: rekey(connection, old, new))
        if self._options.json:
            self._tell({"passwords": number})
        else:
            self._write([f"{number} passwords are encrypted with the new key; now put it in the place of the old one"])

    # Words of these.

    @property
    def _jid(self) -> str:
        return user_jid(self._options.jid, self._settings.own_accounts)

    @property
    def _name(self) -> str:
        return account_name(self._options.name)

    async def _found(self) -> SipAccount | None:
        return await self._accounts.get(self._jid, self._name)

    async def _one(self) -> SipAccount:
        account = await self._found()
        if account is None:
            there = ", ".join(account.name for account in await self._accounts.list(self._jid)) or "none"
            raise _CannotBeDone(f"account: {self._jid} has none called {self._name!r}; there are: {there}")
        return account

    async def _wanted(self) -> Sequence[SipAccount]:
        return await (self._accounts.everybody() if self._options.jid is None else self._accounts.list(self._jid))

    def _runs(self) -> bool:
        path = self._settings.store.path
        return path is not None and is_owned(path)

    async def _reports(self) -> dict[Key, Report]:
        if not self._runs():
            raise _CannotBeDone(f"no gateway runs on {self._database.name}, so nothing is registered")
        return await self._database.read(standings.read)

    def _done(self, done: str, jid: str, name: str) -> None:
        if self._options.json:
            self._tell({done: {"jid": jid, "name": name}})
        else:
            self._write([f"{done}: {name!r} of {jid}"])

    def _tell(self, found: object) -> None:
        self._target.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")

    def _write(self, lines: Iterable[str]) -> None:
        self._target.writelines(f"{line}\n" for line in lines)
