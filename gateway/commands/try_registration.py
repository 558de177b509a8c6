"""The command by which a user has an account tried: the registrar is asked now, and its answer told in words."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway.accounts.account import SipAccount
from gateway.buckets import Buckets
from gateway.jid import bare
from gateway.registration.trial import Trial, Verdict
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Failed, Outgoing

from .account_form import title
from .affairs import NONE, Affairs, choosing
from .command import Outcome, done, failed
from .form import Fault

A_MINUTE = 6
"Tests of one user: it is their provider's patience."

SECONDS = 12.0
"How long a registrar may take, all its questions included; clients wait as long for an answer, and not much longer."


class SipWire(Protocol):
    """The way to registrars."""

    def send(self, message: Any, owner: Any = None) -> None:
        """Send a request; what becomes of it is put into its owner."""
        ...

    def release(self, owner: Any) -> None:
        """Forget an owner."""
        ...


class _Asked:
    """Whom answers are put into."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[SipRequest | SipResponse | Failed] = asyncio.Queue()

    def put(self, message: SipRequest | SipResponse | Failed) -> None:
        """What came back."""
        self.inbox.put_nowait(message)


async def attempt(
    account: SipAccount, *, component: str, sip: SipWire, agent: str, new_id: Callable[[], str]
) -> Verdict:
    """Ask an account's registrar whether it would take it; nothing is bound."""
    registrant = replace(account, register=True).trunk(component).registrant
    assert registrant is not None
    trial, asked = Trial(registrant, new_id=new_id, user_agent=agent), _Asked()
    found: Outgoing | Verdict | None = trial.ask()
    try:
        async with asyncio.timeout(SECONDS):
            while not isinstance(found, Verdict):
                if found is not None:
                    sip.send(found, asked)
                found = trial.hear(await asked.inbox.get())
    except TimeoutError:
        return Verdict(False, f"the server does not answer within {SECONDS:g} seconds")
    finally:
        sip.release(asked)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TryRegistration:
    """One at a time of each user."""

    affairs: Affairs
    component: str
    sip: SipWire
    agent: str
    new_id: Callable[[], str]
    node: str = "account-test"
    name: str = "Test the registration of a SIP account"
    _trying: set[str] = field(default_factory=set)
    _allowed: Buckets[str] = field(default_factory=lambda: Buckets.a_minute(A_MINUTE))

    def may(self, jid: str) -> bool:
        """Who has an account, or may have one."""
        return self.affairs.concern(jid)

    async def start(self, jid: str) -> Outcome:
        """Ask which account, where there are several."""
        accounts = await self.affairs.all(jid)

        async def ask(account: SipAccount) -> Outcome:
            return await self._try(bare(jid), account)

        return await choosing(accounts, self.name, ask, last=True) if accounts else failed(NONE)

    async def _try(self, user: str, account: SipAccount) -> Outcome:
        if user in self._trying:
            raise Fault("an account of yours is being tested already")
        if not self._allowed.admits(user, asyncio.get_running_loop().time()):
            raise Fault("this has been tested often enough; come again in a minute")
        self._trying.add(user)
        try:
            verdict = await attempt(
                account, component=self.component, sip=self.sip, agent=self.agent, new_id=self.new_id
            )
        finally:
            self._trying.discard(user)
        text = f"{title(account)}: {verdict.text}."
        return done(text) if verdict.well else failed(text)
