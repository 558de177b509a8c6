"""What an XMPP user is told of who calls or writes: a name for people, and the rest for clients that want it."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from gateway.addressing import plain, sip_name
from gateway.errors import PeerError
from gateway.sip.identity import Claims, Station, line
from mappings.namespaces import ORIGIN


def nick(name: str | None, caller: str, via: Sequence[Station]) -> str | None:
    """The caller's name (XEP-0172), and over whom the call came, since most clients show nothing else of it.

    ``caller`` is the localpart that stands for somebody without a name.
    """
    told = label(via[0]) if via else ""
    if not told:
        return name
    return f"{name or plain(caller)}, via {told}"


def element(claims: Claims) -> Element | None:
    """The same and more in a namespace of our own; None when there is nothing to say."""
    origin = Element(f"{{{ORIGIN}}}origin")
    for station in claims.via:
        written = SubElement(origin, f"{{{ORIGIN}}}via", {"uri": line(str(station.uri))})
        for attribute, value in (("name", station.name), ("reason", station.reason)):
            if value:
                written.set(attribute, value)
    for name, values in (("subject", (claims.subject,)), ("priority", (claims.priority,)), ("alert", claims.alert)):
        for value in filter(None, values):
            SubElement(origin, f"{{{ORIGIN}}}{name}").text = value
    return origin if len(origin) else None


def label(station: Station) -> str:
    """A station of a call's way for people: its name, else its number or user."""
    try:
        return station.name or line(sip_name(station.uri))
    except PeerError:
        return ""
