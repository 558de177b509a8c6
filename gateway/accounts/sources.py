"""Who keeps accounts, and tells what becomes of them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from gateway.accounts.account import MadeBy, SipAccount, Written

Changed = Callable[[str, str, SipAccount | None], None]
"Told a bare JID, the name of one of its accounts, and the account as it is now, or None."


class AccountStore(Protocol):
    """Who keeps accounts.  Everything may raise StoreError; JIDs are bare and prepared, names as they are listed."""

    async def list(self, jid: str) -> tuple[SipAccount, ...]:
        """A user's accounts, those of the configuration first; one of them dials, if there is any."""
        ...

    async def get(self, jid: str, name: str) -> SipAccount | None:
        """One of them."""
        ...

    async def put(self, jid: str, written: Written, *, made_by: MadeBy) -> SipAccount:
        """Add an account, or put it in the place of the one of that name; without a password, it keeps the one it has.

        `Unfit` when it is not possible, the user has as many as there may be, or it is the configuration's.
        """
        ...

    async def remove(self, jid: str, name: str) -> None:
        """Remove one; PeerError 404 when there is none, and `Unfit` when it is the configuration's."""
        ...

    async def choose(self, jid: str, name: str) -> None:
        """Let that one dial, whoever has made it; PeerError 404 when there is none."""
        ...


def dialling(accounts: Iterable[SipAccount], chosen: str | None) -> tuple[SipAccount, ...]:
    """A user's accounts with the one that dials: the one that was chosen, or else the first."""
    known = tuple(accounts)
    names = [account.name for account in known]
    dials = chosen if chosen in names else next(iter(names), None)
    return tuple(replace(account, dials=account.name == dials) for account in known)
