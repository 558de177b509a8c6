"""Subscriptions kept in the database, so that whoever has seen us sees us again after a restart."""

import sqlite3
from collections.abc import Iterable

from gateway.entity.roster import MAX_PAIRS, Bond, Pair, Wish
from gateway.store.database import Database


class StoredBonds:
    """The table ``bonds``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[tuple[Pair, Bond]]:
        """All of them, the least recently heard of first; StoreError."""
        return await self._database.read(_load)

    async def save(self, changes: Iterable[tuple[Pair, Bond | None]], wall: float) -> None:
        """Keep these, or forget those that are None; ``wall``: the time, in seconds since 1970; StoreError."""
        put, gone = [], []
        for pair, bond in changes:
            if bond is None:
                gone.append(pair)
            else:
                put.append((*pair, int(bond.follows), int(bond.wish), int(wall)))

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM bonds WHERE user = ? AND ours = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO bonds VALUES (?, ?, ?, ?, ?)", put)

        await self._database.run(work)


def _load(connection: sqlite3.Connection) -> list[tuple[Pair, Bond]]:
    rows = connection.execute("SELECT user, ours, follows, wish FROM bonds ORDER BY heard DESC LIMIT ?", (MAX_PAIRS,))
    found = [(Pair(user, ours), Bond(bool(follows), Wish(wish))) for user, ours, follows, wish in rows]
    return found[::-1]
