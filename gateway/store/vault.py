"""Secrets in the database, encrypted with the operator's key.

The key may be any text; it is stretched by scrypt (RFC 7914) with a salt of the database's own, so that one key for
two databases is two keys, and a short one is not tried out quickly.  Each secret is encrypted by AES-256-GCM with a
nonce of its own, and bound to whose it is: moved to another row it cannot be read.  A proof in the database tells at
once whether a key is the right one.
"""

import hashlib
import secrets
import sqlite3
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import StoreError
from gateway.secret import Secret
from gateway.store.database import Database

SALT_OCTETS: Final = 16
NONCE_OCTETS: Final = 12
_VERSION: Final = b"\x01"
"The first octet of what is sealed: how it is."

_PROOF: Final = "the key is this one"
_PROOF_OF: Final = ("vault",)


class Vault:
    """Seals secrets and opens them."""

    __slots__ = ("_cipher",)

    def __init__(self, key: Secret, salt: bytes) -> None:
        """Stretches the key, which takes some 50 ms and 16 MiB."""
        found = key.reveal().encode("utf-8", "surrogateescape")
        self._cipher = AESGCM(hashlib.scrypt(found, salt=salt, n=2**14, r=8, p=1, dklen=32))

    def seal(self, secret: str, whose: tuple[str, ...]) -> bytes:
        """The secret, encrypted; ``whose`` must be said again to open it."""
        nonce = secrets.token_bytes(NONCE_OCTETS)
        text = secret.encode("utf-8", "surrogateescape")
        return _VERSION + nonce + self._cipher.encrypt(nonce, text, _identity(whose))

    def open(self, sealed: bytes, whose: tuple[str, ...]) -> Secret:
        """The secret; StoreError when it was not sealed with this key, or for another, or is damaged."""
        try:
            if sealed[:1] != _VERSION:
                raise StoreError("a secret that was encrypted in a way that is not known here")
            nonce, text = sealed[1 : 1 + NONCE_OCTETS], sealed[1 + NONCE_OCTETS :]
            return Secret(self._cipher.decrypt(nonce, text, _identity(whose)).decode("utf-8", "surrogateescape"))
        except (InvalidTag, ValueError, UnicodeDecodeError):
            raise StoreError("a secret that this key does not open, or that is damaged") from None


def unlock(connection: sqlite3.Connection, key: Secret) -> Vault:
    """The vault of a database, made with this key where there is none yet; StoreError when its key is another."""
    found = connection.execute("SELECT salt, proof FROM vault").fetchone()
    if found is None:
        return renew(connection, key)
    salt, proof = found
    vault = Vault(key, salt)
    try:
        vault.open(proof, _PROOF_OF)
    except StoreError:
        raise StoreError("its passwords are encrypted with another key than that of [store] key_file") from None
    return vault


async def unlocked(database: Database, key: Secret | None) -> Vault | None:
    """The vault of an open database; None without a key.  StoreError for a wrong one, or none where one is needed."""

    def work(connection: sqlite3.Connection) -> Vault | None:
        try:
            if key is not None:
                return unlock(connection, key)
            if is_locked(connection):
                raise StoreError("its passwords are encrypted, and [store] names no key: key_file")
        except StoreError as error:
            raise StoreError(f"{database.name}: {error}") from None
        return None

    return await database.run(work)


def renew(connection: sqlite3.Connection, key: Secret) -> Vault:
    """A vault with this key and a new salt in the place of what is there; what that has sealed must be sealed anew."""
    salt = secrets.token_bytes(SALT_OCTETS)
    vault = Vault(key, salt)
    connection.execute("REPLACE INTO vault (id, salt, proof) VALUES (1, ?, ?)", (salt, vault.seal(_PROOF, _PROOF_OF)))
    return vault


def is_locked(connection: sqlite3.Connection) -> bool:
    """Whether there are secrets that somebody's key has encrypted."""
    return connection.execute("SELECT 1 FROM vault").fetchone() is not None


def _identity(whose: tuple[str, ...]) -> bytes:
    octets = [part.encode("utf-8", "surrogateescape") for part in whose]
    return b"".join(len(part).to_bytes(4) + part for part in octets)
