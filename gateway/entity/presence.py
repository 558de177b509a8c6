"""Who of an XMPP user's devices can be called, and how: by a proposal to all of them, or one directly.

Fed by the presences that users send to numbers they have in their rosters, and by disco#info where the caps of a
presence are not known yet.  All of it is a cache: bounded, and right again after the next presence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.jid import bare, is_full
from gateway.stanza import Stanza
from mappings.namespaces import (
    CAPS,
    DISCO_INFO,
    DTLS,
    DTMF,
    ICE_UDP,
    JINGLE,
    MESSAGE_INITIATION,
    RTP,
    RTP_AUDIO,
    TRANSFER,
)

from . import disco

MAX_USERS = 100_000
MAX_REMEMBERED = 250_000
"Devices and contacts of all users together: a domain has as many users as it likes, and all may show presence."

MAX_RESOURCES = 32
"Devices of one user; further ones are not remembered."

MAX_CONTACTS = 64
"Our JIDs to which one user shows presence; further ones are not remembered."

MAX_CAPS = 10_000
MAX_QUERIES = 1_000
LONGEST_CAPS = 512
"Characters of a node and a hash; longer ones name no software, and its features are the device's alone."

_WANTED = frozenset({JINGLE, RTP, RTP_AUDIO, MESSAGE_INITIATION, DTMF, TRANSFER, ICE_UDP, DTLS})
"The features that are remembered: what decides whom to ring and how, who is told digits, and who can be handed on."

_SHOW = {"chat": 4, "": 3, "away": 2, "xa": 1, "dnd": 0}
"How available a device is by its <show/>, more is better (RFC 6121 §4.7.2.1)."


@dataclass(frozen=True, slots=True)
class Propose:
    """Ask all devices: `jid` is bare."""

    jid: str


@dataclass(frozen=True, slots=True)
class Direct:
    """Call one device: `jid` is full."""

    jid: str


class Resource(NamedTuple):
    """One device, as far as it is known."""

    priority: int
    show: int
    features: frozenset[str] | None
    "None: not known."

    @property
    def callable(self) -> bool:
        """Whether it is known to take audio calls."""
        return self.features is not None and {JINGLE, RTP, RTP_AUDIO} <= self.features


class _Caps(NamedTuple):
    """What a presence says of a device's features: by which software, and their hash."""

    node: str
    ver: str
    algorithm: str


@dataclass(slots=True)
class _User:
    resources: dict[str, Resource] = field(default_factory=dict)
    contacts: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.resources) + len(self.contacts)


class _Query(NamedTuple):
    jid: str
    caps: _Caps | None


class Devices:
    """What is known of users' devices."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._users: dict[str, _User] = {}
        self._caps: dict[_Caps, frozenset[str]] = {}
        self._queries: dict[str, _Query] = {}
        self._remembered = 0

    def choose(self, jid: str) -> Propose | Direct:
        """Whom to ring (clients.md section 1).

        A proposal to the bare JID, unless devices are known that take calls and none of them knows message initiation:
        then the one that is most available.  A full JID is called as it is.
        """
        if is_full(jid):
            return Direct(jid)
        user = self._users.get(jid)
        if user is None:
            return Propose(jid)
        able = {name: known for name, known in user.resources.items() if known.callable}
        if not able or any(MESSAGE_INITIATION in (known.features or ()) for known in able.values()):
            return Propose(jid)
        best = max(able, key=lambda name: (able[name].show, able[name].priority))
        return Direct(f"{jid}/{best}")

    def knows(self, jid: str, feature: str) -> bool:
        """Whether that device has announced a feature, one of those that are remembered."""
        user = self._users.get(bare(jid))
        known = None if user is None else user.resources.get(jid[len(bare(jid)) + 1 :])
        return known is not None and feature in (known.features or ())

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
        if not name:
            return []
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
        caps = _read_caps(stanza)
        features = self._caps.get(caps) if caps is not None else None
        before = known.resources.get(name)
        if features is None and caps is None and before is not None:
            features = before.features
        known.resources[name] = Resource(_priority(stanza), _show(stanza), features)
        return [] if features is not None else self._query(stanza, caps)

    def _forget(self, user: str, name: str, contact: str, *, whole: bool) -> None:
        known = self._users.get(user)
        if known is None:
            return
        before = len(known)
        self._queries = {id: query for id, query in self._queries.items() if query.jid != f"{user}/{name}"}
        if whole:
            known.contacts.discard(contact)
        elif name:
            known.resources.pop(name, None)
        else:
            known.resources.clear()
        self._remembered += len(known) - before
        if not known.resources or not known.contacts:
            self._drop(user)

    def _drop(self, user: str) -> None:
        self._remembered -= len(self._users.pop(user))

    def _query(self, presence: Stanza, caps: _Caps | None) -> list[Stanza]:
        """Ask a device for its features, unless it is asked already."""
        if any(query.jid == presence.sender and query.caps == caps for query in self._queries.values()):
            return []
        if len(self._queries) >= MAX_QUERIES:
            self._queries.pop(next(iter(self._queries)))
        id = f"disco-{self._new_id()}"
        self._queries[id] = _Query(presence.sender, caps)
        query = disco.query(None if caps is None else f"{caps.node}#{caps.ver}")
        return [Stanza(kind="iq", type="get", id=id, sender=presence.to, to=presence.sender, children=(query,))]

    def answered(self, stanza: Stanza) -> bool:
        """Take the answer to a question of ours; False if this is none."""
        query = self._queries.get(stanza.id)
        if query is None or query.jid != stanza.sender or stanza.type not in ("result", "error"):
            return False
        del self._queries[stanza.id]
        element = stanza.child(f"{{{DISCO_INFO}}}query")
        if stanza.type == "error" or element is None:
            return True
        info = disco.read(element)
        features = info.features & _WANTED
        if query.caps is not None and self._believed(query.caps, info):
            if len(self._caps) >= MAX_CAPS:
                self._caps.pop(next(iter(self._caps)))
            self._caps[query.caps] = features
        self._learn(query.jid, features)
        return True

    def _believed(self, caps: _Caps, info: disco.Info) -> bool:
        """Whether the features are what the hash promised; if not, they are this device's alone (XEP-0115 §5.4)."""
        return info.consistent and caps.algorithm in disco.HASHES and disco.ver(info, caps.algorithm) == caps.ver

    def _learn(self, jid: str, features: frozenset[str]) -> None:
        user = self._users.get(bare(jid))
        name = jid[len(bare(jid)) + 1 :]
        if user is not None and name in user.resources:
            user.resources[name] = user.resources[name]._replace(features=features)


def _read_caps(stanza: Stanza) -> _Caps | None:
    element = stanza.child(f"{{{CAPS}}}c")
    if element is None:
        return None
    node, ver, algorithm = element.get("node", ""), element.get("ver", ""), element.get("hash", "")
    if len(node) + len(ver) > LONGEST_CAPS or algorithm not in disco.HASHES:
        return None
    return _Caps(node, ver, algorithm) if node and ver else None


def _text(stanza: Stanza, name: str) -> str:
    return next((child.text or "" for child in stanza.children if child.tag.rpartition("}")[2] == name), "").strip()


def _show(stanza: Stanza) -> int:
    return _SHOW.get(_text(stanza, "show"), _SHOW[""])


def _priority(stanza: Stanza) -> int:
    try:
        return max(-128, min(127, int(_text(stanza, "priority")[:8] or 0)))
    except ValueError:
        return 0
