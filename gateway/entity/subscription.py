"""Subscriptions to our JIDs: everyone may have them, and gets presence with caps from a full JID.

Without that presence several clients show no call button, and Dino sends nothing at all (clients.md rule 1).  Each of
our answers ends an exchange: what comes of two gateways that talk to each other is the `Roster`'s to remember.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from gateway.jid import bare, domain, local
from gateway.stanza import Stanza, error, read_error
from mappings.namespaces import MUC, NICK

from . import caps, card
from .answers import Entity
from .roster import Pair, Roster

COMPONENT_RESOURCE = "gateway"
"The resource of the domain's own presence."

_NOBODY = frozenset({"gone", "item-not-found", "jid-malformed", "remote-server-not-found"})
"What is said of users who are not there, and will not be."


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """How presence is answered."""

    entity: Entity
    resource: str
    "Of the numbers' full JIDs."

    roster: Roster
    possible: Callable[[str], bool]
    "Whether a JID of ours could be anybody."

    engaged: Callable[[str, str], bool]
    "Whether a user is in a call with a JID of ours, both bare."

    def full(self, jid: str) -> str:
        """Our full JID for a JID of ours: numbers have the configured resource, the domain its own."""
        return f"{bare(jid)}/{self.resource if local(jid) else COMPONENT_RESOURCE}"

    def available(self, jid: str, to: str) -> Stanza:
        """Our presence, with what the JID can do."""
        return _presence("", self.full(jid), to, (*caps.write(self.entity.info(jid, to)), card.photo()))

    def unavailable(self, jid: str, to: str) -> Stanza:
        """The end of our presence."""
        return _presence("unavailable", self.full(jid), to)

    def answer(self, stanza: Stanza) -> list[Stanza]:
        """What answers a presence that wants something of one of our JIDs (RFC 6121 §3, §4.3; XEP-0100 §4.1)."""
        pair = Pair(bare(stanza.sender), bare(stanza.to))
        if domain(pair.user) == domain(pair.ours):
            return []  # one of our own numbers: nobody is there to talk to
        match stanza.type:
            case "subscribe":
                return self._subscribe(pair)
            case "probe":
                # A server probes for those whose users are subscribed, so whatever was forgotten is known again.
                if not self.possible(pair.ours):
                    return [_presence("unsubscribed", pair.ours, pair.user)]
                self.roster.followed(pair)
                return [self.available(pair.ours, stanza.sender)]
            case "unsubscribe":
                self.roster.left(pair)
                # Who removes a number in the middle of a call with it does not hang up by that.
                engaged = self.engaged(pair.user, pair.ours)
                ends = [] if engaged else [self.unavailable(pair.ours, pair.user)]
                return [*ends, _presence("unsubscribed", pair.ours, pair.user)]
            case "subscribed":
                self.roster.granted(pair)
                return []
            case "unsubscribed":
                return [_presence("unsubscribe", pair.ours, pair.user)] if self.roster.refused(pair) else []
            case "error":
                if read_error(stanza).condition in _NOBODY:
                    self.roster.gone(pair.user)
                return []
            case "" if stanza.speaks(MUC):
                # Somebody takes us for a room, and waits to be let in (XEP-0045 §7.2).
                return [error(stanza, "service-unavailable", "this is no room")]
            case _:
                return []

    def _subscribe(self, pair: Pair) -> list[Stanza]:
        if not self.possible(pair.ours):
            return [_presence("unsubscribed", pair.ours, pair.user)]
        asks = self.roster.returns(pair)
        self.roster.followed(pair)
        return [
            _presence("subscribed", pair.ours, pair.user),
            *([self._ask(pair, None)] if asks else []),
            self.available(pair.ours, pair.user),
        ]

    def introduce(self, jid: str, to: str, nick: str | None) -> list[Stanza]:
        """Ask a user for a subscription before a JID of ours calls them, unless they were asked before.

        Some clients ring only for contacts (clients.md section 1).  ``nick`` is what the caller is called.
        """
        pair = Pair(bare(to), bare(jid))
        if domain(pair.user) == domain(pair.ours) or not self.roster.asks(pair):
            return []
        return [self._ask(pair, nick)]

    def _ask(self, pair: Pair, nick: str | None) -> Stanza:
        """The first a user hears of us, so it says who we are (XEP-0172 §4.2)."""
        element = Element(f"{{{NICK}}}nick")
        element.text = nick or self.entity.card(pair.ours).name
        return _presence("subscribe", pair.ours, pair.user, (element,))


def probe(pair: Pair) -> Stanza:
    """Ask a user's server for their presence."""
    return _presence("probe", pair.ours, pair.user)


def _presence(type: str, sender: str, to: str, children: Iterable[Element] = ()) -> Stanza:
    return Stanza(kind="presence", type=type, sender=sender, to=to, children=tuple(children))
