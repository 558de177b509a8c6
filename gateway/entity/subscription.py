"""Subscriptions to our JIDs: everyone may have them, and gets presence with caps from a full JID.

Without that presence several clients show no call button, and Dino sends nothing at all (clients.md rule 1).  The
gateway keeps no roster: the users' servers do, and ask again by probe.
"""

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from gateway.jid import bare, domain, local
from gateway.stanza import Stanza

from . import caps, card
from .answers import Entity

COMPONENT_RESOURCE = "gateway"
"The resource of the domain's own presence."


def full(jid: str, resource: str) -> str:
    """Our full JID for a JID of ours: numbers have the configured resource, the domain its own."""
    return f"{bare(jid)}/{resource if local(jid) else COMPONENT_RESOURCE}"


def available(jid: str, to: str, entity: Entity, resource: str) -> Stanza:
    """Our presence, with what the JID can do."""
    return _presence("", full(jid, resource), to, (*caps.write(entity.info(jid, to)), card.photo()))


def unavailable(jid: str, to: str, resource: str) -> Stanza:
    """The end of our presence."""
    return _presence("unavailable", full(jid, resource), to)


def answer(stanza: Stanza, entity: Entity, resource: str) -> list[Stanza]:
    """What answers a presence that wants something of one of our JIDs (RFC 6121 §3, §4.3; XEP-0100 §4.1)."""
    us, user = bare(stanza.to), bare(stanza.sender)
    if domain(user) == domain(us):
        return []  # one of our own numbers: nobody is there to talk to
    match stanza.type:
        case "subscribe":
            return [
                _presence("subscribed", us, user),
                _presence("subscribe", us, user),
                available(us, user, entity, resource),
            ]
        case "probe":
            return [available(us, stanza.sender, entity, resource)]
        case "unsubscribe":
            return [unavailable(us, user, resource), _presence("unsubscribed", us, user)]
        case "unsubscribed":
            return [_presence("unsubscribe", us, user)]
        case _:
            return []


def _presence(type: str, sender: str, to: str, children: Iterable[Element] = ()) -> Stanza:
    return Stanza(kind="presence", type=type, sender=sender, to=to, children=tuple(children))
