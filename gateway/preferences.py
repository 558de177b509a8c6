"""What users want of calls in: all of it in memory, since every call asks, and in the database, where there is one."""

import json
import sqlite3
from typing import Final

from gateway.policy.preference import UNSAID, Preference
from gateway.policy.rules import PolicySettings
from gateway.policy.screening import Caller, block, screen
from gateway.store.database import Database

MOST_USERS: Final = 100_000
"So many users' are kept."


class Preferences:
    """Everybody's."""

    def __init__(self, database: Database, rules: PolicySettings) -> None:
        self._database = database
        self._rules = rules
        self._known: dict[str, Preference] = {}

    async def start(self) -> None:
        """Read what is kept; StoreError when that cannot be done."""
        self._known = dict(await self._database.read(_all))

    def of(self, user: str) -> Preference:
        """What a user (bare JID) wants."""
        return self._known.get(user, UNSAID)

    def screen(self, caller: Caller, callee: str) -> None:
        """Raise PeerError when a call of that caller's does not get through to a user (bare JID)."""
        screen(caller, callee, self.of(callee), self._rules.screening, self._rules.numbering)

    def block(self, caller: Caller, callee: str) -> None:
        """Raise PeerError when nothing of that caller's does."""
        block(caller, callee, self.of(callee), self._rules.screening, self._rules.numbering)

    async def put(self, user: str, preference: Preference) -> None:
        """A user wants this from now on.  StoreError, and nothing is changed, when it cannot be kept."""
        if preference == UNSAID:
            await self._database.run(lambda connection: _forget(connection, user))
            self._known.pop(user, None)
            return
        await self._database.run(lambda connection: _keep(connection, user, preference))
        self._known[user] = preference

    @property
    def full(self) -> bool:
        """Whether there is room for no further user."""
        return len(self._known) >= MOST_USERS


def _all(connection: sqlite3.Connection) -> list[tuple[str, Preference]]:
    found = connection.execute("SELECT user, blocked, anonymous, missed_calls, do_not_disturb FROM preferences")
    return [
        (
            user,
            Preference(
                blocked=tuple(json.loads(blocked)),
                anonymous=None if anonymous is None else bool(anonymous),
                missed_calls=None if missed_calls is None else bool(missed_calls),
                do_not_disturb=bool(do_not_disturb),
            ),
        )
        for user, blocked, anonymous, missed_calls, do_not_disturb in found
    ]


def _keep(connection: sqlite3.Connection, user: str, wanted: Preference) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO preferences (user, blocked, anonymous, missed_calls, do_not_disturb)"
        " VALUES (?, ?, ?, ?, ?)",
        (user, json.dumps(wanted.blocked), wanted.anonymous, wanted.missed_calls, wanted.do_not_disturb),
    )


def _forget(connection: sqlite3.Connection, user: str) -> None:
    connection.execute("DELETE FROM preferences WHERE user = ?", (user,))
