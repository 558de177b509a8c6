"""Presence of our JIDs that was directed to users, until the last session of theirs with that JID is over.

To a client, unavailable presence of whom it talks to may be the end of the session (seen of stanza.js), and a user may
have several with one number: one that rings while another goes on, or an old and a new one while a call moves.
"""

from gateway.jid import bare


class _Told:
    """One user, of one JID of ours."""

    __slots__ = ("sessions", "whom")

    def __init__(self) -> None:
        self.sessions = 0
        "Those that have told, and are not over."

        self.whom: set[str] = set()
        "The devices that were told, or the bare JID: all of them."


class Announcements:
    """Of all sessions that share it."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], _Told] = {}

    def __len__(self) -> int:
        return len(self._told)

    def tell(self, local: str, to: str) -> None:
        """A session tells somebody; `take_back` is due once for it."""
        told = self._told.setdefault((local, bare(to)), _Told())
        told.sessions += 1
        told.whom.add(to)

    def take_back(self, local: str, to: str) -> list[str]:
        """A session that told them is over.  Returns who is to be told so: nobody, while there are others."""
        key = local, bare(to)
        told = self._told[key]
        told.sessions -= 1
        if told.sessions:
            return []
        del self._told[key]
        return [bare(to)] if bare(to) in told.whom else sorted(told.whom)
