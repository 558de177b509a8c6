"""What an entity says it is and can do: service discovery (XEP-0030)."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from itertools import product
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement

from mappings import namespaces as ns

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


class Form(NamedTuple):
    """A service discovery extension (XEP-0128)."""

    type: str
    fields: tuple[tuple[str, tuple[str, ...]], ...]
    "Names and values."


@dataclass(frozen=True, slots=True)
class Info:
    """What disco#info tells of an entity."""

    identities: tuple[Identity, ...]
    features: frozenset[str]
    forms: tuple[Form, ...] = ()
    consistent: bool = True
    "False: no hash of it is to be believed: something stands in it twice (XEP-0115 §5.4)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What calls to a number can have; nothing is advertised that would not work (conformance reference 2.22)."""

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

    def __and__(self, other: "Abilities") -> "Abilities":
        """What both can."""
        both = {field.name: getattr(self, field.name) and getattr(other, field.name) for field in fields(self)}
        return Abilities(**both)


_SPOKEN = "en"
"""The language of our identities.  COMPAT(stanza): where none stands it takes that of the stanza, which the server may
have written there, and then finds another hash than ours."""

_EVERYWHERE = frozenset(
    {ns.DISCO_INFO, ns.CAPS, ns.CAPS_2, ns.PING, ns.VERSION, ns.TIME, ns.VCARD, ns.VCARD_4},
)
"What every JID of ours answers."

_CALLS = frozenset(
    {
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
)


@cache
def number(abilities: Abilities | None) -> Info:
    """What a number or SIP user is: a phone.  None: no call goes there."""
    features = _EVERYWHERE
    if abilities is not None:
        features |= _CALLS | {
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
    return Info((Identity(category="client", type="phone", lang=_SPOKEN),), features)


def numbers() -> list[Info]:
    """All that any number can ever be."""
    every = product((False, True), repeat=len(fields(Abilities)))
    names = [field.name for field in fields(Abilities)]
    return [number(None), *(number(Abilities(**dict(zip(names, values, strict=True)))) for values in every)]


def component(name: str, *, messages: bool = False, register: bool = False) -> Info:
    """What the component's domain is: a gateway to the telephone network and to SIP.

    `pstn` is what Cheogram's dialler looks for; `sip` is not registered, but cheogram-sip says it (clients.md rule 3).
    The domain itself takes no calls, so no Jingle feature stands here.  `sms` says that texts are carried.
    ``register``: some users may register accounts of their own (XEP-0077).
    """
    types = ("pstn", "sip", "sms") if messages else ("pstn", "sip")
    identities = tuple(Identity(category="gateway", type=type, lang=_SPOKEN, name=name) for type in types)
    features = {ns.DISCO_ITEMS, ns.LAST, ns.GATEWAY, ns.JID_ESCAPING, ns.COMMANDS}
    return Info(identities, _EVERYWHERE | features | ({ns.REGISTER} if register else set()))


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
    consistent = not any(_repeats(items) for items in (identities, features, [form.type for form in forms]))
    return Info(tuple(identities), frozenset(features), tuple(forms), consistent)


def _repeats(items: Iterable[object]) -> bool:
    listed = list(items)
    return len(set(listed)) != len(listed)


def _form(element: Element) -> Form | None:
    """A form's type and fields; one without a hidden FORM_TYPE is not part of the hash (XEP-0115 §5.4)."""
    form, fields = None, []
    for field in element.iterfind(f"{{{ns.DATA_FORM}}}field"):
        values = tuple(value.text or "" for value in field.iterfind(f"{{{ns.DATA_FORM}}}value"))
        if field.get("var") == "FORM_TYPE":
            form = values[0] if values and field.get("type") == "hidden" else None
        else:
            fields.append((field.get("var", ""), values))
    return None if form is None else Form(form, tuple(fields))
