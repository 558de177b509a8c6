"""Passwords in the database: nobody reads them without the key, and none in another's place."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import StoreError
from gateway.secret import Secret
from gateway.store.database import Database
from gateway.store.migrations import migrate
from gateway.store.vault import Vault, is_locked, renew, unlock, unlocked

VAULT = Vault(Secret("open sesame"), b"salt")
OTHER = Vault(Secret("open sesame"), b"pepper")
WHOSE = st.tuples(st.text(max_size=20), st.text(max_size=20))


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as found:
        migrate(found)
        yield found


@given(st.text(max_size=300), WHOSE)
def test_what_is_sealed_is_opened_as_it_was(secret: str, whose: tuple[str, str]) -> None:
    sealed = VAULT.seal(secret, whose)
    assert VAULT.open(sealed, whose).reveal() == secret
    assert sealed != VAULT.seal(secret, whose)


@given(st.text(min_size=4, max_size=50), WHOSE, WHOSE)
def test_it_is_opened_for_nobody_else_and_with_no_other_key(
    secret: str, whose: tuple[str, str], another: tuple[str, str]
) -> None:
    sealed = VAULT.seal(secret, whose)
    assert secret.encode() not in sealed
    with pytest.raises(StoreError):
        OTHER.open(sealed, whose)
    if whose != another:
        with pytest.raises(StoreError):
            VAULT.open(sealed, another)


@given(st.binary(max_size=60))
def test_garbage_is_no_secret(sealed: bytes) -> None:
    with pytest.raises(StoreError):
        VAULT.open(sealed, ("juliet@example.org", "home"))


@given(st.text(max_size=20), st.data())
def test_a_changed_octet_is_noticed(secret: str, data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(secret, ()))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StoreError):
        VAULT.open(bytes(sealed), ())


def test_a_vault_is_made_once_and_then_opened_by_its_key_alone(connection: sqlite3.Connection) -> None:
    assert not is_locked(connection)
    sealed = unlock(connection, Secret("öne")).seal("hush", ("a",))
    assert is_locked(connection)
    assert unlock(connection, Secret("öne")).open(sealed, ("a",)) == Secret("hush")
    with pytest.raises(StoreError, match="another key") as raised:
        unlock(connection, Secret("two"))
    assert "two" not in str(raised.value)


def test_a_vault_may_get_another_key(connection: sqlite3.Connection) -> None:
    unlock(connection, Secret("one"))
    renew(connection, Secret("two"))
    unlock(connection, Secret("two"))
    with pytest.raises(StoreError, match="another key"):
        unlock(connection, Secret("one"))


async def test_a_database_with_a_vault_needs_its_key() -> None:
    database = Database(None)
    await database.open()
    assert await unlocked(database, None) is None
    assert await unlocked(database, Secret("one")) is not None
    with pytest.raises(StoreError, match=r"\[store\] names no key"):
        await unlocked(database, None)
    with pytest.raises(StoreError, match="database in memory: its passwords are encrypted with another key"):
        await unlocked(database, Secret("two"))
    await database.close()
