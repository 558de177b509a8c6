"""The address card of a number, a SIP user or the gateway, in the two forms that clients ask for (XEP-0054, XEP-0292).

All of it is made of the JID alone, so that it is the same for whoever asks, and there is nothing to remember: what a
phone last called itself is told with its calls and texts (XEP-0172), and is nobody else's to know.
"""

import base64
import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from gateway.jid import local
from mappings import namespaces as ns
from mappings.country_codes import LONGEST_NUMBER, country_code

from .avatar import SIDE, TYPE, picture

_INTERNATIONAL = re.compile(rf"\+[1-9][0-9]{{4,{LONGEST_NUMBER - 1}}}")
_DIALLED = re.compile(r"\+?[0-9*#]+")


@dataclass(frozen=True, slots=True)
class Card:
    """Who that is."""

    name: str
    number: str = ""
    "What a telephone dials; empty: nothing."

    uri: str = ""
    "A sip or tel URI; empty: none."


def of(jid: str, *, plain: str, title: str) -> Card:
    """The card of a JID of ours whose localpart means ``plain``; the gateway's own name is ``title``."""
    if not local(jid):
        return Card(title)
    if not plain or plain == "anonymous":
        return Card("Anonymous")
    number = plain.partition(";")[0]
    if _DIALLED.fullmatch(number):
        return Card(spaced(number), number, f"tel:{plain}" if number[0] == "+" or ";" in plain else "")
    return Card(plain, uri=f"sip:{plain}" if "@" in plain and plain.isascii() and plain.isprintable() else "")


def spaced(number: str) -> str:
    """A number as people write it (ITU-T E.123): the country code apart, and the parts of North American numbers."""
    if not _INTERNATIONAL.fullmatch(number):
        return number
    code = country_code(number[1:])
    rest = number[1 + len(code) :]
    if code == "1" and len(rest) == 10:
        rest = f"{rest[:3]} {rest[3:6]} {rest[6:]}"
    return f"+{code} {rest}"


def vcard(card: Card) -> Element:
    """The card of XEP-0054."""
    element = Element(f"{{{ns.VCARD}}}vCard")

    def add(parent: Element, name: str, text: str | None = None) -> Element:
        added = SubElement(parent, f"{{{ns.VCARD}}}{name}")
        added.text = text
        return added

    add(element, "FN", card.name)
    if card.number:
        telephone = add(element, "TEL")
        add(telephone, "VOICE")
        add(telephone, "NUMBER", card.number)
    if card.uri:
        add(element, "URL", card.uri)
    photo = add(element, "PHOTO")
    add(photo, "TYPE", TYPE)
    add(photo, "BINVAL", _encoded())
    return element


def vcard4(card: Card) -> Element:
    """The card of XEP-0292, which is xCard (RFC 6351)."""
    element = Element(f"{{{ns.VCARD_4}}}vcard")

    def add(name: str, kind: str, text: str) -> None:
        SubElement(SubElement(element, f"{{{ns.VCARD_4}}}{name}"), f"{{{ns.VCARD_4}}}{kind}").text = text

    add("fn", "text", card.name)
    if card.number:
        add("tel", *(("uri", card.uri) if card.uri else ("text", card.number)))
    elif card.uri:
        add("impp", "uri", card.uri)
    add("photo", "uri", f"data:{TYPE};base64,{_encoded()}")
    return element


def photo() -> Element:
    """What our presence says of the picture (XEP-0153 §3.1)."""
    element = Element(f"{{{ns.VCARD_UPDATE}}}x")
    SubElement(element, f"{{{ns.VCARD_UPDATE}}}photo").text = picture().sha1
    return element


def items(node: str, card: Card) -> list[tuple[str, Element]] | None:
    """What a node of publish-subscribe of a JID of ours holds, as ids and payloads; None: there is no such node.

    Of the nodes that clients ask an account for: its card, its picture and what that is like, its name.
    """
    image = picture()
    match node:
        case ns.VCARD_4_NODE | ns.VCARD_4:  # COMPAT(slixmpp): it takes the namespace for the node
            return [("current", vcard4(card))]
        case ns.AVATAR_METADATA:
            element = Element(f"{{{ns.AVATAR_METADATA}}}metadata")
            side = str(SIDE)
            about = {"bytes": str(len(image.data)), "id": image.sha1, "type": TYPE, "width": side, "height": side}
            SubElement(element, f"{{{ns.AVATAR_METADATA}}}info", about)
            return [(image.sha1, element)]
        case ns.AVATAR_DATA:
            element = Element(f"{{{ns.AVATAR_DATA}}}data")
            element.text = _encoded()
            return [(image.sha1, element)]
        case ns.NICK:
            element = Element(f"{{{ns.NICK}}}nick")
            element.text = card.name
            return [("current", element)]
        case _:
            return None


def _encoded() -> str:
    return base64.b64encode(picture().data).decode()
