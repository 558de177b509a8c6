"""Accounts as they are shown: to people, and to programs."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.accounts.account import SipAccount
from gateway.accounts.rows import Key
from gateway.registration.report import Report

LIST: Final = ("USER", "NAME", "ADDRESS", "SHOWN", "MADE BY", "DIALS")
STATES: Final = ("USER", "NAME", "ADDRESS", "STATE")


def row(account: SipAccount) -> Sequence[str]:
    """A line of the list, under `LIST`."""
    written = account.written
    return (
        account.jid, account.name, written.address, written.caller_id or "-", account.made_by,
        "yes" if account.dials else "no",
    )  # fmt: skip


def plain(account: SipAccount) -> dict[str, object]:
    """All that may be shown of an account, by the names of its fields."""
    written = account.written
    return {
        "jid": account.jid,
        "name": account.name,
        "address": written.address,
        "user": account.login.user if account.login else "",
        "password": written.password is not None,
        "realm": written.realm,
        "proxy": written.proxy,
        "transport": written.transport,
        "caller_id": written.caller_id,
        "numbers": list(written.numbers),
        "registrar": written.registrar,
        "register": written.register,
        "expires_seconds": written.expires_seconds,
        "made_by": account.made_by,
        "dials": account.dials,
    }


def standing(account: SipAccount, reports: Mapping[Key, Report], now: float) -> dict[str, object]:
    """How an account stands, by names; ``now`` in seconds since 1970, as the reports' times are."""
    report = reports.get((account.jid, account.name))
    if report is None:
        state = "not taken up yet" if account.register else "does not register"
        return {"registration": None, "state": state}
    return {
        "registration": report.standing.value,
        "state": report.words(now),
        "since": report.since,
        "until": report.until,
        "last_failure": report.failure or None,
        "failed_at": report.failed_at,
    }


def word(value: object) -> str:
    """A value for people; a number with a fraction is a time."""
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
        case float():
            return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
        case _:
            return str(value)
