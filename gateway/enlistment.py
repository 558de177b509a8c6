"""Users' own accounts and all registrations, put together: who has which, where they register, and how they stand."""

import asyncio
import time
from collections.abc import Callable

from gateway.accounts.enrolment import Enrolment
from gateway.accounts.standings import Standings
from gateway.accounts.stored import StoredAccounts
from gateway.buckets import Buckets
from gateway.commands.affairs import Affairs
from gateway.config import Settings
from gateway.metrics import Metrics
from gateway.net.sip import SipPort
from gateway.parts import registration_settings
from gateway.registrations import Registrations
from gateway.routing import Routing
from gateway.store.database import Database
from gateway.text.mailboxes import Mailboxes

CHANGES_A_MINUTE = 20
"Of one user's accounts: each may be a registration, and all registrations have their turns one after the other."


class Enlistment:
    """The parts of it.  To be made inside the event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        routing: Routing,
        sip: SipPort,
        mailboxes: Mailboxes,
        busy: Callable[[str], bool],
        metrics: Metrics,
        new_id: Callable[[], str],
    ) -> None:
        """``busy``: whether a call takes a trunk now."""
        self._settings = settings
        self.accounts = StoredAccounts(
            database,
            settings.store.key,
            rules=settings.own_accounts,
            fixed=settings.accounts,
            wall=time.time,
            observer=metrics.store,
        )
        self.registrations = Registrations(
            registration_settings(settings),
            sip=sip,
            book=routing.registered,
            observer=metrics.trunks,
            new_id=new_id,
            changed=lambda name: self.standings.changed(name),  # noqa: PLW0108 - they come next
            busy=busy,
        )
        self.enrolment = Enrolment(
            routing.domain, routing=routing, registrations=self.registrations, mailboxes=mailboxes
        )
        self.standings = Standings(
            database,
            report=self.registrations.report,
            trunk=self.enrolment.trunk_name,
            whose=self.enrolment.whose,
            wall=time.time,
        )
        changes, clock = Buckets[str].a_minute(CHANGES_A_MINUTE), asyncio.get_running_loop().time
        self.affairs = Affairs(
            store=self.accounts,
            rules=settings.own_accounts,
            has=routing.has_account,
            state=lambda account: self.standings.words(account.jid, account.name),
            admits=lambda jid: changes.admits(jid, clock()),
        )
        "What users may do with theirs."

    async def start(self) -> None:
        """Register what the operator has, and then what users have.  StoreError when the accounts cannot be had."""
        self.registrations.add(trunk.registrant for trunk in self._settings.routing.trunks if trunk.registrant)
        await self.standings.start()
        self.accounts.watch(self.enrolment.changed)
        await self.accounts.start()

    async def leave(self) -> None:
        """Take leave of all registrars."""
        await self.registrations.leave(self._settings.registration.leave_timeout_seconds)

    async def stop(self) -> None:
        """What they do by themselves ends."""
        await self.accounts.stop()
        await self.standings.stop()
