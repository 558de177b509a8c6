"""Entity capabilities: what an entity can do, told in presence as the hash of what disco#info says.

There are two ways to make that hash, of 2007 and of 2018, and clients look for either (XEP-0115, XEP-0390); ours stand
in each presence, and of others' the later one is preferred.  Whoever has asked once what is behind a hash knows it of
all who show the same, so an answer is believed only if it has that hash.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from gateway.stanza import Stanza
from mappings import namespaces as ns

from .disco import Form, Info

NODE = "urn:x-jingle-sip"
"The node of our caps: which software it is (XEP-0115 §4)."

LONGEST = 512
"Characters of a node and a hash; longer ones name no software, and its features are the device's alone."

_HASHES = {"sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
"The hash functions of XEP-0115's caps that we can verify, by their registered names."

_LATER = {"sha3-256": "sha3_256", "sha-256": "sha256", "sha3-512": "sha3_512", "sha-512": "sha512"}
"Those of XEP-0390's, the wanted first; XEP-0300 forbids the older ones there."

_OURS = ("sha-256", "sha3-256")
"What stands in our presence (XEP-0390 §5: at least one of what XEP-0300 requires)."

_UNIT, _RECORD, _GROUP, _FILE = b"\x1f", b"\x1e", b"\x1d", b"\x1c"
_JOINING = frozenset("<\x1c\x1d\x1e\x1f")
"What parts the texts that are hashed; in one of them it would make two things look like one (XEP-0115 §9.3)."


class Caps(NamedTuple):
    """A hash, and where what is behind it can be asked."""

    node: str
    "The software, of XEP-0115; of XEP-0390 the namespace of its caps."

    ver: str
    "The hash, base64."

    algorithm: str
    "By its registered name."

    @property
    def is_later(self) -> bool:
        """Whether it is one of XEP-0390."""
        return self.node == ns.CAPS_2

    @property
    def query(self) -> str:
        """The node of disco#info that tells what is behind it (XEP-0115 §6.2, XEP-0390 §6.2)."""
        return f"{self.node}#{self.algorithm}.{self.ver}" if self.is_later else f"{self.node}#{self.ver}"


@lru_cache(maxsize=256)
def ours(info: Info) -> tuple[Caps, ...]:
    """All that our presence says of it."""
    return Caps(NODE, ver(info), "sha-1"), *(Caps(ns.CAPS_2, digest(info, name), name) for name in _OURS)


def nodes(*infos: Info) -> dict[str, Info]:
    """All of these by the nodes at which they can be asked for."""
    return {caps.query: info for info in infos for caps in ours(info)}


def write(info: Info) -> tuple[Element, ...]:
    """The two <c/> of our presences."""
    first, *later = ours(info)
    new = Element(f"{{{ns.CAPS_2}}}c")
    for caps in later:
        SubElement(new, f"{{{ns.HASHES}}}hash", {"algo": caps.algorithm}).text = caps.ver
    return Element(f"{{{ns.CAPS}}}c", {"hash": first.algorithm, "node": first.node, "ver": first.ver}), new


def read(presence: Stanza) -> tuple[Caps, ...]:
    """What a presence says that can be verified, the preferred first."""
    found: list[Caps] = []
    later = presence.child(f"{{{ns.CAPS_2}}}c")
    if later is not None:
        hashes = {one.get("algo", ""): (one.text or "").strip() for one in later.iterfind(f"{{{ns.HASHES}}}hash")}
        found += [Caps(ns.CAPS_2, hashes[name], name) for name in _LATER if hashes.get(name)][:1]
    old = presence.child(f"{{{ns.CAPS}}}c")
    if old is not None and old.get("hash", "") in _HASHES:
        found.append(Caps(old.get("node", ""), old.get("ver", ""), old.get("hash", "")))
    return tuple(one for one in found if one.node and one.ver and len(one.node) + len(one.ver) <= LONGEST)


def believed(caps: Caps, info: Info) -> bool:
    """Whether that is what the hash promised; if not, it is this device's alone (XEP-0115 §5.4)."""
    if not info.consistent or any(not _JOINING.isdisjoint(text) for text in _texts(info)):
        return False
    return (digest(info, caps.algorithm) if caps.is_later else ver(info, caps.algorithm)) == caps.ver


def _texts(info: Info) -> Iterable[str]:
    """Whatever is hashed."""
    for identity in info.identities:
        yield from (identity.category, identity.type, identity.lang, identity.name)
    yield from info.features
    for form in info.forms:
        yield form.type
        for name, values in form.fields:
            yield from (name, *values)


def ver(info: Info, algorithm: str = "sha-1") -> str:
    """The verification string of XEP-0115, hashed (§5.1)."""
    parts = sorted(f"{item.category}/{item.type}/{item.lang}/{item.name}".encode() for item in info.identities)
    parts += sorted(feature.encode() for feature in info.features)
    for form in sorted(info.forms):
        parts.append(form.type.encode())
        for field, values in sorted(form.fields):
            parts.append(field.encode())
            parts += sorted(value.encode() for value in values)
    return _hashed(_HASHES[algorithm], b"".join(part + b"<" for part in parts))


def digest(info: Info, algorithm: str) -> str:
    """The capability hash of XEP-0390 (§4.1)."""
    identities = [
        b"".join(part.encode() + _UNIT for part in (item.category, item.type, item.lang, item.name)) + _RECORD
        for item in info.identities
    ]
    features = [feature.encode() + _UNIT for feature in info.features]
    text = b"".join(b"".join(sorted(part)) + _FILE for part in (features, identities, map(_form, info.forms)))
    return _hashed(_LATER[algorithm], text)


def _form(form: Form) -> bytes:
    fields: Mapping[str, tuple[str, ...]] = {"FORM_TYPE": (form.type,), **dict(form.fields)}
    written = [
        name.encode() + _UNIT + b"".join(sorted(value.encode() + _UNIT for value in values)) + _RECORD
        for name, values in fields.items()
    ]
    return b"".join(sorted(written)) + _GROUP


def _hashed(function: str, text: bytes) -> str:
    return base64.b64encode(hashlib.new(function, text, usedforsecurity=False).digest()).decode()
