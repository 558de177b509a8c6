"""Who of an XMPP user's devices can be called, and how: by a proposal to all of them, or one directly.

Fed by the presences that users send to numbers they have in their rosters, and by disco#info where the caps of a
presence are not known yet.  All of it is a cache: bounded, and right again after the next presence.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.errors import PeerError
from gateway.jid import bare, is_full
from gateway.stanza import Stanza
from mappings.namespaces import (
    COIN,
    DISCO_INFO,
    DTLS,
    DTMF,
    ICE_UDP,
    JINGLE,
    MESSAGE_INITIATION,
    MUC,
    MUC_USER,
    RTP,
    RTP_AUDIO,
    TRANSFER,
)
from mappings.reasons import EndReason

from . import caps, disco
from .caps import Caps

MAX_USERS = 100_000
MAX_REMEMBERED = 250_000
"Devices and contacts of all users together: a domain has as many users as it likes, and all may show presence."

MAX_RESOURCES = 32
"Devices of one user; further ones are not remembered."

MAX_CONTACTS = 64
"Our JIDs to which one user shows presence; further ones are not remembered."

MAX_CAPS = 10_000
MAX_QUERIES = 1_000
MAX_ASKED = 3
"Devices that are asked at a time what is behind one hash: any of them may stay silent, or lie."

LONGEST_KIND = 32
"Characters of what a client calls its kind."

_WANTED = frozenset({JINGLE, RTP, RTP_AUDIO, MESSAGE_INITIATION, DTMF, TRANSFER, ICE_UDP, DTLS, COIN})
"The features that are remembered: what decides whom to ring and how, who is told what, and who can be handed on."

_SHOW = {"chat": 4, "": 3, "away": 2, "xa": 1, "dnd": 0}
"How available a device is by its <show/>, more is better (RFC 6121 §4.7.2.1)."


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask all devices: `jid` is bare."""

    jid: str
    only: tuple[str, ...] = ()
    "The devices that are asked, when not all are."
    known: bool = False
    "Whether one is there that takes calls, and knows message initiation."


@dataclass(frozen=True, slots=True)
class Direct:
    """Call one device: `jid` is full."""

    jid: str


class Software(NamedTuple):
    """What is remembered of what a device tells of itself."""

    features: frozenset[str]
    kind: str = ""
    "What kind of client, in the registrar's words: phone, pc, web; empty: none."


class Resource(NamedTuple):
    """One device, as far as it is known."""

    priority: int
    show: int
    caps: tuple[Caps, ...] = ()
    software: Software | None = None
    "What it said when it was asked itself; None: look at its caps."


class _Device(NamedTuple):
    """A device, and what software it is; None: not known."""

    known: Resource
    software: Software | None

    def has(self, *features: str) -> bool:
        """Whether it is known to have these."""
        return self.software is not None and self.software.features.issuperset(features)


@dataclass(slots=True)
class _User:
    resources: dict[str, Resource] = field(default_factory=dict)
    contacts: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.resources) + len(self.contacts)


class _Query(NamedTuple):
    jid: str
    us: str
    caps: tuple[Caps, ...]
    "What the answer is to be; the later ones are asked for where that of the first is not to be had."


class Devices:
    """What is known of users' devices."""

    def __init__(self, new_id: Callable[[], str], *, kinds: Collection[str] = (), disturbs: bool = True) -> None:
        """``kinds`` of devices ring, all if none is named; ``disturbs``: also those that are not to be disturbed."""
        self._new_id = new_id
        self._kinds = kinds
        self._disturbs = disturbs
        self._users: dict[str, _User] = {}
        self._caps: dict[Caps, Software] = {}
        self._queries: dict[str, _Query] = {}
        self._asked: Counter[Caps] = Counter()
        self._remembered = 0

    def choose(self, jid: str) -> Propose | Direct:
        """Whom to ring (clients.md section 1); PeerError 480 when the user's devices are there, and none is to ring.

        A proposal to the bare JID, unless devices are known that take calls and none of them knows message initiation:
        then the one that is most available.  A full JID is called as it is.
        """
        if is_full(jid):
            return Direct(jid)
        user = self._users.get(jid)
        if user is None:
            return Propose(jid)
        there = {name: self._device(known) for name, known in user.resources.items()}
        rung = {name: device for name, device in there.items() if self._rings(device)}
        if there and not rung:
            quiet = all(device.known.show == _SHOW["dnd"] for device in there.values())
            why = "the user is not to be disturbed" if quiet else "no device of the user's is of a kind that rings"
            raise PeerError(
                why, status=480, condition="recipient-unavailable", reason=EndReason.GONE,
                cause="do_not_disturb" if quiet else None,
            )  # fmt: skip
        able = {name: device for name, device in rung.items() if device.has(JINGLE, RTP, RTP_AUDIO)}
        known = any(device.has(MESSAGE_INITIATION) for device in able.values())
        if able and not known:
            best = max(able, key=lambda name: (able[name].known.show, able[name].known.priority))
            return Direct(f"{jid}/{best}")
        if len(rung) == len(there):
            return Propose(jid, known=known)
        return Propose(jid, tuple(f"{jid}/{name}" for name in sorted(rung)), known=known)

    def _device(self, known: Resource) -> _Device:
        found = known.software or next((self._caps[one] for one in known.caps if one in self._caps), None)
        return _Device(known, found)

    def _rings(self, device: _Device) -> bool:
        """Whether it is one that rings; of what kind one is whose kind is not known, nobody can hold against it."""
        if not self._disturbs and device.known.show == _SHOW["dnd"]:
            return False
        return not self._kinds or device.software is None or device.software.kind in self._kinds

    def knows(self, jid: str, feature: str) -> bool:
        """Whether that device has announced a feature, one of those that are remembered."""
        user = self._users.get(bare(jid))
        known = None if user is None else user.resources.get(jid[len(bare(jid)) + 1 :])
        return known is not None and self._device(known).has(feature)

    def sees(self, user: str, contact: str) -> bool:
        """Whether that user shows presence to that JID of ours, which is how far we know that ours is shared too."""
        known = self._users.get(bare(user))
        return known is not None and bool(known.resources) and bare(contact) in known.contacts

    def presence(self, stanza: Stanza) -> list[Stanza]:
        """Take a presence that was sent to one of our JIDs; return what to ask about the device."""
        if stanza.type not in ("", "available", "unavailable", "unsubscribed", "error"):
            return []
        user = bare(stanza.sender)
        name = stanza.sender[len(user) + 1 :]
        if stanza.type not in ("", "available"):
            self._forget(user, name, bare(stanza.to), whole=stanza.type == "unsubscribed")
            return []
        if not name or stanza.speaks(MUC) or stanza.speaks(MUC_USER):
            return []  # no device: nobody's, or somebody's in a room
        known = self._users.get(user)
        if known is None:
            if len(self._users) >= MAX_USERS:
                self._drop(next(iter(self._users)))
            known = self._users[user] = _User()
        before = len(known)
        if len(known.contacts) < MAX_CONTACTS:
            known.contacts.add(bare(stanza.to))
        try:
            return self._seen(known, name, stanza)
        finally:
            self._remembered += len(known) - before
            while self._remembered > MAX_REMEMBERED and len(self._users) > 1:
                self._drop(next(iter(self._users)))

    def _seen(self, known: _User, name: str, stanza: Stanza) -> list[Stanza]:
        """A device is there."""
        if name not in known.resources and len(known.resources) >= MAX_RESOURCES:
            return []
        shown = caps.read(stanza)
        before = known.resources.get(name)
        software = before.software if before is not None and before.caps == shown else None
        resource = known.resources[name] = Resource(_priority(stanza), _show(stanza), shown, software)
        return [] if self._device(resource).software is not None else self._query(stanza.sender, stanza.to, shown)

    def _forget(self, user: str, name: str, contact: str, *, whole: bool) -> None:
        known = self._users.get(user)
        if known is None:
            return
        before = len(known)
        for id in [id for id, query in self._queries.items() if query.jid == f"{user}/{name}"]:
            self._take(id)
        if name and not whole:
            known.resources.pop(name, None)
        else:  # of the user and not of a device: that JID of ours sees none, and others may see them still
            known.contacts.discard(contact)
        self._remembered += len(known) - before
        if not known.resources or not known.contacts:
            self._drop(user)

    def _drop(self, user: str) -> None:
        self._remembered -= len(self._users.pop(user))

    def _query(self, jid: str, us: str, shown: tuple[Caps, ...]) -> list[Stanza]:
        """Ask a device for its features, unless it is asked already, or enough others that show the same are."""
        if shown and self._asked[shown[0]] >= MAX_ASKED:
            return []
        if any(query.jid == jid and query.caps == shown for query in self._queries.values()):
            return []
        if len(self._queries) >= MAX_QUERIES:
            self._take(next(iter(self._queries)))
        id = f"disco-{self._new_id()}"
        self._queries[id] = _Query(jid, us, shown)
        if shown:
            self._asked[shown[0]] += 1
        query = disco.query(shown[0].query if shown else None)
        return [Stanza(kind="iq", type="get", id=id, sender=us, to=jid, children=(query,))]

    def _take(self, id: str) -> _Query:
        """A question that is not open any more."""
        query = self._queries.pop(id)
        if query.caps:
            self._asked[query.caps[0]] -= 1
            if not self._asked[query.caps[0]]:
                del self._asked[query.caps[0]]
        return query

    def answered(self, stanza: Stanza) -> list[Stanza] | None:
        """Take the answer to a question of ours, and return what is asked next; None if it is the answer to none."""
        query = self._queries.get(stanza.id)
        if query is None or query.jid != stanza.sender or stanza.type not in ("result", "error"):
            return None
        self._take(stanza.id)
        element = stanza.child(f"{{{DISCO_INFO}}}query")
        if stanza.type == "error" or element is None:
            # Who shows the later caps need not answer at their node; the older ones are asked for as ever.
            return self._query(query.jid, query.us, query.caps[1:]) if len(query.caps) > 1 else []
        info = disco.read(element)
        software = Software(info.features & _WANTED, _kind(info))
        if query.caps and caps.believed(query.caps[0], info):
            if len(self._caps) >= MAX_CAPS:
                self._caps.pop(next(iter(self._caps)))
            self._caps[query.caps[0]] = software
        else:
            self._learn(query.jid, software)
        return []

    def _learn(self, jid: str, software: Software) -> None:
        user = self._users.get(bare(jid))
        name = jid[len(bare(jid)) + 1 :]
        if user is not None and name in user.resources:
            user.resources[name] = user.resources[name]._replace(software=software)


def _kind(info: disco.Info) -> str:
    kind = next((identity.type for identity in info.identities if identity.category == "client"), "")
    return kind if len(kind) <= LONGEST_KIND else ""


def _text(stanza: Stanza, name: str) -> str:
    return next((child.text or "" for child in stanza.children if child.tag.rpartition("}")[2] == name), "").strip()


def _show(stanza: Stanza) -> int:
    return _SHOW.get(_text(stanza, "show"), _SHOW[""])


def _priority(stanza: Stanza) -> int:
    try:
        return max(-128, min(127, int(_text(stanza, "priority")[:8] or 0)))
    except ValueError:
        return 0
