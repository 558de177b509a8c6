"""Accounts that are kept in memory, for users who may have some."""

from dataclasses import replace

from gateway.accounts.account import MadeBy, SipAccount, Written
from gateway.accounts.reading import AccountRules, Unfit, account_name, read
from gateway.accounts.sources import dialling
from gateway.commands.affairs import Affairs
from gateway.errors import PeerError, StoreError
from gateway.reach import Reach
from gateway.rules import Patterns
from gateway.secret import Secret

RULES = AccountRules(component="sip.example.org", users=Patterns(["example.net"]), most=3, servers=Reach())


class MemoryStore:
    """`gateway.accounts.sources.AccountStore`."""

    def __init__(self, *, rules: AccountRules = RULES) -> None:
        self.rules = rules
        self.accounts: dict[str, dict[str, SipAccount]] = {}
        self.chosen: dict[str, str] = {}
        self.broken = False
        self.changes = 1000
        "How many changes are admitted yet."

    def affairs(self, state: str = "registered") -> Affairs:
        """What commands are given."""
        return Affairs(
            store=self,
            rules=self.rules,
            has=lambda jid: bool(self.accounts.get(jid)),
            state=lambda _: state,
            admits=self._admits,
        )

    def _admits(self, jid: str) -> bool:
        self.changes -= 1
        return self.changes >= 0

    def has(self, jid: str, name: str = "sip", *, made_by: MadeBy = "user", **written: str) -> SipAccount:
        """Let a user have an account."""
        texts = {"name": name, "address": "alice@sip.example", **written}
        wanted = Written(password=Secret("hush"), **texts)  # type: ignore[arg-type]
        account = read(wanted, jid=jid, rules=self.rules, made_by=made_by)
        self.accounts.setdefault(jid, {})[account.name] = account
        return account

    def _works(self) -> None:
        if self.broken:
            raise StoreError("no room is left on the disk at /var/lib/secret-place")

    async def list(self, jid: str) -> tuple[SipAccount, ...]:
        self._works()
        return dialling(self.accounts.get(jid, {}).values(), self.chosen.get(jid))

    async def get(self, jid: str, name: str) -> SipAccount | None:
        return next((account for account in await self.list(jid) if account.name == name), None)

    async def put(self, jid: str, written: Written, *, made_by: MadeBy) -> SipAccount:
        self._works()
        before = self.accounts.get(jid, {}).get(account_name(written.name))
        if before is None and len(self.accounts.get(jid, {})) >= self.rules.most:
            raise Unfit("name", "there is no room for another")
        if before is not None and written.password is None:
            written = replace(written, password=before.written.password)
        account = read(written, jid=jid, rules=self.rules, made_by=made_by)
        self.accounts.setdefault(jid, {})[account.name] = account
        return account

    async def remove(self, jid: str, name: str) -> None:
        self._works()
        if self.accounts.get(jid, {}).pop(name, None) is None:
            raise PeerError("accounts: there is none of that name", status=404)

    async def choose(self, jid: str, name: str) -> None:
        self._works()
        self.chosen[jid] = name
