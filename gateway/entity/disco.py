"""What an entity says it is and can do: service discovery, and its hash in presence (XEP-0030, XEP-0115)."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from mappings import namespaces as ns

NODE = "urn:x-jingle-sip"
"The node of our caps: which software it is (XEP-0115 §4)."

HASHES = {"sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
"The hash functions of caps that we can verify, by their registered names."

_QUERY = f"{{{ns.DISCO_INFO}}}query"
_IDENTITY = f"{{{ns.DISCO_INFO}}}identity"
_FEATURE = f"{{{ns.DISCO_INFO}}}feature"
_LANG = f"{{{ns.XML}}}lang"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Identity:
    """What kind of thing an entity is, in the registrar's words."""

    category: str
    type: str
    lang: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Info:
    """What disco#info tells of an entity."""

    identities: tuple[Identity, ...]
    features: frozenset[str]
    forms: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = ()
    "Service discovery extensions (XEP-0128): a form's type, and its fields' names and values."

    consistent: bool = True
    """False: no hash of it is to be believed: something stands in it twice (XEP-0115 §5.4), or holds the sign that the
    hashed text is joined with, so that two features and one of both names would be the same to it (§9.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What calls here can have; nothing is advertised that would not work (conformance reference 2.22)."""

    video: bool = False
    "Every client hides its video button where this is off (clients.md rule 2)."

    ice: bool = True
    "The SIP side speaks ICE, or media is anchored."

    dtls: bool = True
    "Likewise for DTLS-SRTP."

    bundle: bool = False
    "The SIP side takes several media on one transport."

    messages: bool = False
    "Chat messages are carried, and the phone's yes is told (XEP-0184)."

    batch: bool = True
    "Candidates are wanted with the offer: calls are passed through (XEP-0176 §7.2; false where media is anchored)."


def number(abilities: Abilities) -> Info:
    """What a number or SIP user is: a phone."""
    features = {
        ns.DISCO_INFO,
        ns.CAPS,
        ns.PING,
        ns.VERSION,
        ns.JINGLE,
        ns.MESSAGE_INITIATION,
        ns.RTP,
        ns.RTP_AUDIO,
        ns.RAW_UDP,
        ns.RTCP_FB,
        ns.HDREXT,
        ns.RFC_5576,
        ns.DTMF,
        ns.TRANSFER,
    }
    features |= {
        feature
        for wanted, feature in (
            (abilities.video, ns.RTP_VIDEO),
            (abilities.ice, ns.ICE_UDP),
            (abilities.dtls, ns.DTLS),
            (abilities.bundle, ns.RFC_5888),
            (abilities.batch, ns.RFC_3264),
            (abilities.messages, ns.RECEIPTS),
        )
        if wanted
    }
    return Info((Identity(category="client", type="phone"),), frozenset(features))


def component(name: str, *, messages: bool = False) -> Info:
    """What the component's domain is: a gateway to the telephone network and to SIP.

    `pstn` is what Cheogram's dialler looks for; `sip` is not registered, but cheogram-sip says it (clients.md rule 3).
    The domain itself takes no calls, so no Jingle feature stands here.  `sms` says that texts are carried.
    """
    types = ("pstn", "sip", "sms") if messages else ("pstn", "sip")
    identities = tuple(Identity(category="gateway", type=type, name=name) for type in types)
    features = {ns.DISCO_INFO, ns.DISCO_ITEMS, ns.CAPS, ns.PING, ns.VERSION, ns.GATEWAY, ns.JID_ESCAPING}
    return Info(identities, frozenset(features))


def ver(info: Info, algorithm: str = "sha-1") -> str:
    """The verification string of caps, hashed (XEP-0115 §5.1)."""
    parts = sorted(f"{item.category}/{item.type}/{item.lang}/{item.name}".encode() for item in info.identities)
    parts += sorted(feature.encode() for feature in info.features)
    for form, fields in sorted(info.forms):
        parts.append(form.encode())
        for field, values in sorted(fields):
            parts.append(field.encode())
            parts += sorted(value.encode() for value in values)
    hashed = hashlib.new(HASHES[algorithm], b"".join(part + b"<" for part in parts), usedforsecurity=False)
    return base64.b64encode(hashed.digest()).decode()


def caps(info: Info) -> Element:
    """The <c/> of our presences."""
    return Element(f"{{{ns.CAPS}}}c", {"hash": "sha-1", "node": NODE, "ver": ver(info)})


def write(info: Info, node: str | None = None) -> Element:
    """The <query/> of a disco#info result."""
    query = Element(_QUERY)
    if node is not None:
        query.set("node", node)
    for identity in info.identities:
        element = SubElement(query, _IDENTITY, {"category": identity.category, "type": identity.type})
        if identity.lang:
            element.set(_LANG, identity.lang)
        if identity.name:
            element.set("name", identity.name)
    for feature in sorted(info.features):
        SubElement(query, _FEATURE, {"var": feature})
    return query


def query(node: str | None = None) -> Element:
    """The <query/> that asks for disco#info."""
    return Element(_QUERY, {} if node is None else {"node": node})


def read(query: Element) -> Info:
    """What a disco#info result says."""
    identities = [
        Identity(
            category=element.get("category", ""),
            type=element.get("type", ""),
            lang=element.get(_LANG, ""),
            name=element.get("name", ""),
        )
        for element in query.iterfind(_IDENTITY)
    ]
    features = [element.get("var", "") for element in query.iterfind(_FEATURE)]
    forms = [form for element in query.iterfind(f"{{{ns.DATA_FORM}}}x") if (form := _form(element)) is not None]
    consistent = not any(_repeats(items) for items in (identities, features, [form for form, _ in forms]))
    # Whatever is hashed is an attribute or a text in here.
    consistent = consistent and not any(
        "<" in text for element in query.iter() for text in (*element.attrib.values(), element.text or "")
    )
    return Info(tuple(identities), frozenset(features), tuple(forms), consistent)


def _repeats(items: Iterable[object]) -> bool:
    listed = list(items)
    return len(set(listed)) != len(listed)


def _form(element: Element) -> tuple[str, tuple[tuple[str, tuple[str, ...]], ...]] | None:
    """A form's type and fields; one without a hidden FORM_TYPE is not part of the hash (XEP-0115 §5.4)."""
    form, fields = None, []
    for field in element.iterfind(f"{{{ns.DATA_FORM}}}field"):
        values = tuple(value.text or "" for value in field.iterfind(f"{{{ns.DATA_FORM}}}value"))
        if field.get("var") == "FORM_TYPE":
            form = values[0] if values and field.get("type") == "hidden" else None
        else:
            fields.append((field.get("var", ""), values))
    return None if form is None else (form, tuple(fields))
