"""Who gets what comes of a transaction."""

from collections.abc import Iterable

from gateway.net.sip_face import Owner
from gateway.sip.matching import Key


class Owners:
    """The owner of a transaction by its key, and the transactions of an owner."""

    def __init__(self) -> None:
        self._owners: dict[Key, Owner] = {}
        self._keys: dict[int, set[Key]] = {}
        "By the owner's identity."

    def __len__(self) -> int:
        """How many transactions have one."""
        return len(self._owners)

    def own(self, key: Key, owner: Owner) -> None:
        """A transaction is theirs."""
        self._owners[key] = owner
        self._keys.setdefault(id(owner), set()).add(key)

    def of(self, key: Key) -> Owner | None:
        """Whose it is; None: nobody's."""
        return self._owners.get(key)

    def disown(self, key: Key) -> None:
        """It is nobody's any more."""
        owner = self._owners.pop(key, None)
        if owner is not None:
            keys = self._keys[id(owner)]
            keys.discard(key)
            if not keys:
                del self._keys[id(owner)]

    def release(self, owner: Owner) -> Iterable[Key]:
        """All of theirs are nobody's any more; which these were."""
        keys = self._keys.pop(id(owner), set())
        for key in keys:
            del self._owners[key]
        return keys

    def clear(self) -> None:
        """Nobody owns anything."""
        self._owners.clear()
        self._keys.clear()
