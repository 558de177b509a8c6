"""By what messages find the leg that they are for: the session of a stanza, the id of a reply, our tag in a dialog."""

from typing import NamedTuple

from gateway.call.opened import Opened
from gateway.call.seat import Inlet, Party
from gateway.jid import bare
from gateway.stanza import Stanza


class Door(NamedTuple):
    """A leg, and the call that it belongs to."""

    opened: Opened
    party: Party


class Doors:
    """Of all calls.  A call may have several legs on a side, one after the other."""

    __slots__ = ("_replies", "_sessions", "_tags")

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str, str], Door] = {}
        "By whose session it is, with whom, and its sid, which is its parties' own (XEP-0166 §7.1)."

        self._replies: dict[str, Door] = {}
        "By what the ids of the leg's stanzas begin with."

        self._tags: dict[str, Door] = {}

    def __len__(self) -> int:
        return len(self._sessions) + len(self._replies) + len(self._tags)

    def enter_sip(self, opened: Opened, party: Party, tag: str) -> None:
        """From here on, requests with that tag of ours are for this leg of that call."""
        self._tags[tag] = Door(opened, party)
        opened.tags.append(tag)

    def enter_jingle(self, opened: Opened, party: Party, *, name: str, owner: str, sid: str) -> None:
        """From here on, stanzas of that session are for this leg, and replies to stanzas whose ids begin so.

        ``owner``: the full JID of who began it; while we call, the bare one, for any device may take it.
        """
        session = owner, bare(opened.local), sid
        self._sessions[session] = self._replies[name] = Door(opened, party)
        opened.sessions.append(session)
        opened.names.append(name)

    def session(self, stanza: Stanza, sid: str) -> Door | None:
        """Whose a Jingle request or message of initiation is."""
        local = bare(stanza.to)
        began = self._sessions.get((stanza.sender, local, sid))
        return began or self._sessions.get((bare(stanza.sender), local, sid))

    def replied(self, stanza: Stanza) -> Door | None:
        """Whose the reply to a stanza of ours is, or the error for a message."""
        door = self._replies.get(stanza.id.rpartition("-")[0])
        return door if door is not None and bare(stanza.sender) == door.opened.peer else None

    def dialog(self, tag: str) -> Door | None:
        """Whose a request with that tag is."""
        return self._tags.get(tag)

    def close(self, opened: Opened) -> list[Inlet]:
        """The call is over: nobody finds it any more.  Returns where its SIP messages went."""
        for session in opened.sessions:
            del self._sessions[session]
        for name in opened.names:
            del self._replies[name]
        return [self._tags.pop(tag).party.inlet for tag in opened.tags]
