"""Users who remove one of our numbers in the middle of a call: their server says that they went, and they have not."""

MAX_PARTED = 64
"Contacts that one user removes in the middle of calls; of further ones it is not remembered."


class Partings:
    """To whom of us users have stopped to show presence, while they were in calls."""

    __slots__ = ("_parted",)

    def __init__(self) -> None:
        self._parted: dict[str, set[str]] = {}

    def add(self, user: str, ours: str) -> None:
        """That user stops to show presence to that JID of ours, both bare."""
        parted = self._parted.setdefault(user, set())
        if len(parted) < MAX_PARTED:
            parted.add(ours)

    def has(self, user: str, ours: str) -> bool:
        """Whether what that JID of ours is told of the user's presence means nothing."""
        return ours in self._parted.get(user, ())

    def end(self, user: str) -> None:
        """The user is in no call any more."""
        self._parted.pop(user, None)
