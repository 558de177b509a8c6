"""Another key for the passwords."""

import sqlite3

from gateway.accounts import rows
from gateway.secret import Secret
from gateway.store.vault import renew, unlock


def rekey(connection: sqlite3.Connection, old: Secret, new: Secret) -> int:
    """Encrypt every password with another key; how many there are.  StoreError when the old key does not open them.

    To be done in one transaction, and while no daemon runs, which would go on with the old key.
    """
    before = unlock(connection, old)
    found = [row for row in rows.everyone(connection) if row.sealed is not None]
    opened = [(row, before.open(row.sealed or b"", row.whose)) for row in found]
    after = renew(connection, new)
    for row, password in opened:
        rows.reseal(connection, row.id, after.seal(password.reveal(), row.whose))
    return len(opened)
