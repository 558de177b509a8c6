"""Users' own SIP accounts: an account is a trunk of one user, who calls through it and whom its calls are for.

Where accounts come from is nobody's business here but the source's (`Accounts`): the configuration now, a store as well
later.  `Enrolment` carries each account, and whatever becomes of it, to routing and to the registrations.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.registration.registrant import Registrant, contact_user, instance
from gateway.rules import Account, Patterns, Trunk
from gateway.sip.address import escape_user, hostport


@dataclass(frozen=True, slots=True, kw_only=True)
class SipAccount:
    """One user's account with somebody's SIP server."""

    jid: str
    "The user, a bare JID."

    user: str
    "The user part of the address, plain."

    domain: str
    "Its domain, prepared."

    login: Account | None = None
    "Name and password, if it has one."

    realm: str | None = None
    via: Trunk
    "The way there: its host, port, transport and manners are the account's."

    registrar: str
    "The domain to register with."

    register: bool = True
    expires_seconds: int = 3600
    caller_id: str | None = None
    "The user or number that others see; None: the address."

    def trunk(self, component: str) -> Trunk:
        """The account as a trunk; ``component`` is the domain that makes its Contact unlike another gateway's."""
        name = f"account-{contact_user(component, self.jid)[:12]}"
        made = replace(
            self.via,
            name=name,
            domain=self.domain,
            from_domain=self.domain,
            account=self.login,
            realm=self.realm,
            caller_id="fixed",
            caller_id_number=self.caller_id or self.user,
            caller_id_numbers={},
            allow=Patterns([self.jid]),
            networks=(),
            from_host=False,
            inbound=None,
            calls=None,
            probe_seconds=0.0,
            registrant=None,
            owner=self.jid,
        )
        if not self.register:
            return made
        registrant = Registrant(
            name=name,
            aor=f"sip:{escape_user(self.user)}@{hostport(self.domain)}",
            registrar=f"sip:{hostport(self.registrar)}",
            hop=made.hop,
            credentials=made.credentials(),
            expires_seconds=self.expires_seconds,
            contact_user=contact_user(component, name),
            instance=instance(component, name),
        )
        return replace(made, registrant=registrant)


Changed = Callable[[str, SipAccount | None], None]
"Told a bare JID, and the account that it has now, or None."


class Accounts(Protocol):
    """Where accounts come from."""

    def watch(self, changed: Changed) -> None:
        """Tell each account that there is, and from then on each that comes, changes or goes."""
        ...


class FixedAccounts:
    """The accounts of the configuration, which do not change."""

    def __init__(self, accounts: Iterable[SipAccount]) -> None:
        self._accounts = tuple(accounts)

    def watch(self, changed: Changed) -> None:
        """Tell them all."""
        for account in self._accounts:
            changed(account.jid, account)


class Enrolling(Protocol):
    """Who routes calls."""

    def enrol(self, trunk: Trunk) -> None:
        """A user's own account, or what has become of it."""
        ...

    def dismiss(self, jid: str) -> None:
        """That user has none any more."""
        ...


class Registering(Protocol):
    """Who keeps registrations."""

    def add(self, registrants: Iterable[Registrant]) -> None:
        """Register these from now on."""
        ...

    def remove(self, name: str) -> None:
        """Unregister what has that name, if anything does."""
        ...


class Subscribing(Protocol):
    """Who keeps subscriptions to mailboxes."""

    def add(self, trunk: str, number: str) -> None:
        """Subscribe to a number's mailbox from now on."""
        ...

    def remove(self, trunk: str) -> None:
        """Take leave of that trunk, where there is a subscription."""
        ...


class Enrolment:
    """Carries accounts to where they count."""

    def __init__(
        self, component: str, *, routing: Enrolling, registrations: Registering, mailboxes: Subscribing
    ) -> None:
        self._component = component
        self._routing = routing
        self._registrations = registrations
        self._mailboxes = mailboxes
        self._trunks: dict[str, Trunk] = {}

    def changed(self, jid: str, account: SipAccount | None) -> None:
        """A user's account is this now; None: they have none."""
        before = self._trunks.pop(jid, None)
        after = None if account is None else account.trunk(self._component)
        if before is not None and (after is None or after.registrant != before.registrant):
            self._registrations.remove(before.name)
        if before is not None and after != before:
            self._mailboxes.remove(before.name)
        if after is None:
            self._routing.dismiss(jid)
            return
        self._trunks[jid] = after
        self._routing.enrol(after)
        if after.registrant is not None and (before is None or before.registrant != after.registrant):
            self._registrations.add([after.registrant])
        if account is not None and after.message_waiting and after != before:
            self._mailboxes.add(after.name, account.user)
