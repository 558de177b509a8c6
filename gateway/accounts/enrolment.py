"""Carries accounts to where they count: routing, registrations, mailboxes."""

from collections.abc import Iterable
from typing import Protocol

from gateway.accounts.account import SipAccount
from gateway.registration.registrant import Registrant
from gateway.rules import Trunk


class Enrolling(Protocol):
    """Who routes calls."""

    def enrol(self, trunk: Trunk, *, dials: bool) -> None:
        """A user's own account, or what has become of it; ``dials``: they call through it."""
        ...

    def dismiss(self, name: str) -> None:
        """That account is gone."""
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
        self._trunks: dict[tuple[str, str], Trunk] = {}
        self._whose: dict[str, tuple[str, str]] = {}

    def trunk_name(self, jid: str, name: str) -> str | None:
        """The name of the trunk that one of a user's accounts is."""
        trunk = self._trunks.get((jid, name))
        return None if trunk is None else trunk.name

    def whose(self, trunk: str) -> tuple[str, str] | None:
        """The user and the name of the account that a trunk is; None for the operator's trunks."""
        return self._whose.get(trunk)

    def changed(self, jid: str, name: str, account: SipAccount | None) -> None:
        """One of a user's accounts is this now; None: it is gone.  Calls that are going on are not touched."""
        before = self._trunks.pop((jid, name), None)
        after = None if account is None else account.trunk(self._component)
        if before is not None and (after is None or after.registrant != before.registrant):
            self._registrations.remove(before.name)
        if before is not None and after != before:
            self._mailboxes.remove(before.name)
        if account is None or after is None:
            if before is not None:
                self._routing.dismiss(before.name)
                self._whose.pop(before.name, None)
            return
        self._trunks[jid, name] = after
        self._whose[after.name] = (jid, name)
        self._routing.enrol(after, dials=account.dials)
        if after.registrant is not None and (before is None or before.registrant != after.registrant):
            self._registrations.add([after.registrant])
        if after.message_waiting and after != before:
            self._mailboxes.add(after.name, account.user)
