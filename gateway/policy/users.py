"""Sets of users, whatever they are kept as."""

from typing import Protocol


class Users(Protocol):
    """A set of JIDs."""

    def __contains__(self, jid: str) -> bool: ...


class Everybody:
    """All users."""

    def __contains__(self, jid: str) -> bool:
        return True
