"""Who may call whom, through which trunk, and as whom: `gateway.outward` out of XMPP, and here into it.

An INVITE is taken from a trunk's addresses or with its digest credentials.  What is called is looked up among the
numbers, the exact ones first and then the expressions in order.  An address that spells out a JID is good only for
users whom the trunk serves, which are those who may call through it.
"""

from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from gateway import introducing
from gateway.addressing import (
    nobody,
    sip_name,
    written_jid,
)
from gateway.errors import PeerError
from gateway.jid import bare, domain
from gateway.media.policy import USUAL as USUAL_MEDIA
from gateway.media.policy import TrunkMedia
from gateway.outward import ANONYMOUS, NO_ONE, Outward
from gateway.policy.screening import Caller
from gateway.registration.called import meant
from gateway.rules import LONGEST_NAME, NumberRule, RoutingSettings
from gateway.sip import identity
from gateway.sip.address import NameAddr, Uri, escape_user
from gateway.sip.locating import Draw
from gateway.sip.manners import USUAL, Manners
from gateway.sip.message import SipRequest
from gateway.sip.trickling import Mode

_PRIVACIES = frozenset({"id", "user", "header", "history", "none", "critical"})
"What of RFC 3323 §4.2 and RFC 7044 is granted, most of it because no header of the caller's passes through."


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A call to an XMPP user: whom, and from whom."""

    callee: str
    "A bare JID, or a full one when the SIP side named the device (gr)."

    caller: str
    "The localpart of the SIP caller's JID at the component."

    nick: str | None
    "The caller's name for people."

    source: Caller
    "Who that is in SIP."

    origin: Element | None = None
    "What else is told of the call, and how it came."

    contact_user: str
    "The user part of our Contact: what was called, escaped."

    trickle: Mode = "auto"
    manners: Manners = USUAL
    media: TrunkMedia = USUAL_MEDIA

    def contact(self, where: str) -> str:
        """The Contact; ``where`` is host:port and what else its URI must say."""
        return f"<sip:{self.contact_user}@{where}>"


class Routing(Outward):
    """The rules at work, both ways."""

    def __init__(self, settings: RoutingSettings, *, draw: Draw = lambda most: most) -> None:
        """``draw`` as for `Outward`."""
        super().__init__(settings, draw=draw)
        self._exact: dict[str, list[NumberRule]] = {}
        self._patterns: list[NumberRule] = []
        for rule in settings.numbers:
            if isinstance(rule.name, str):
                self._exact.setdefault(rule.name, []).append(rule)
            else:
                self._patterns.append(rule)

    def inbound_request(self, request: SipRequest, trunk: str) -> Inbound:
        """The same as `inbound`, with the facts read from an INVITE."""
        claims = identity.read(request)
        found = self.inbound(
            request_uri=self.meant(request, trunk),
            from_=request.from_,
            asserted=claims.asserted,
            privacy=claims.privacy,
            trunk=trunk,
        )
        nick = introducing.nick(found.nick, found.caller, claims.via)
        return replace(found, nick=nick, origin=introducing.element(claims))

    def inbound(
        self, *, request_uri: Uri, from_: NameAddr, asserted: NameAddr | None, privacy: frozenset[str], trunk: str
    ) -> Inbound:
        """Whom an INVITE through this trunk calls, and as whom its caller appears; PeerError when that is nobody."""
        if "critical" in privacy and (unknown := privacy - _PRIVACIES):
            raise PeerError(f"Privacy: cannot grant {sorted(unknown)[0][:32]!r}", status=500)
        if request_uri.scheme == "sips":
            # RFC 7247 §8: a sips call must not leave for XMPP; RFC 5630 §5.3 has the response.
            raise PeerError("Request-URI: sips is not served", status=480)
        if request_uri.scheme not in ("sip", "tel"):
            raise PeerError(f"Request-URI: no scheme of ours: {request_uri.scheme[:32]!r}", status=416)
        callee = self._callee(request_uri, trunk)
        source = asserted if asserted and self._trunks[trunk].trusted else from_
        hidden = not privacy.isdisjoint(("id", "user")) or _is_anonymous(source.uri)
        return Inbound(
            callee=callee,
            caller=ANONYMOUS if hidden else self._caller(source.uri, trunk),
            nick=None if hidden else identity.line(source.display) or None,
            source=Caller("") if hidden else _caller(source.uri),
            contact_user=request_uri.user or escape_user(sip_name(request_uri)),
            trickle=self._trunks[trunk].trickle,
            manners=self._trunks[trunk].manners,
            media=self._trunks[trunk].media,
        )

    def _callee(self, uri: Uri, trunk: str) -> str:
        if (owner := self._trunks[trunk].owner) is not None:
            return owner
        name = sip_name(uri)
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise nobody("routing: nobody is called")
        for rule in [*self._exact.get(name, []), *self._patterns]:
            if rule.serves(trunk) and (jid := rule.match(name)):
                return jid
        written = written_jid(uri, hosted=self._settings.hosted_domains)
        # A JID of our own would come back to us as a call out; whom the trunk does not serve, it shall not find.
        if written is None or domain(written) == self.domain or written not in self._trunks[trunk].allow:
            raise nobody("routing: no number and no user for what was called")
        return written

    def _caller(self, uri: Uri, trunk: str) -> str:
        """The localpart that stands for a SIP caller; one whose address no JID can say is still let through."""
        try:
            return self.localpart(uri, trunk)
        except PeerError:
            return ANONYMOUS

    def serves(self, user: str) -> bool:
        """Whether a user (bare JID) may call out, or be called by a number."""
        home = f"@{domain(user)}"
        return self.may_call(user) or any(
            rule.jid == user if isinstance(rule.name, str) else rule.jid.endswith(home)
            for rule in self._settings.numbers
        )

    # -------------------------------------------------------------------------------------------------------- mailboxes

    @property
    def mailboxes(self) -> list[tuple[str, str]]:
        """The mailboxes to subscribe to: trunk and number."""
        return [
            (trunk.name, rule.name)
            for rule in self._settings.numbers
            for trunk in self._settings.trunks
            if isinstance(rule.name, str) and rule.message_waiting and trunk.message_waiting and rule.serves(trunk.name)
        ]

    def mailbox_of(self, uri: Uri, trunk: str) -> tuple[str, str]:
        """Whose mailbox an address names, and by which localpart it is called; PeerError 404 when it is nobody's."""
        return bare(self._callee(uri, trunk)), self._caller(uri, trunk)

    def meant(self, request: SipRequest, trunk: str) -> Uri:
        """Whom a request through that trunk is for: not our name there, which its Request-URI may be."""
        return meant(request, self._trunks[trunk].registrant, lambda uri: self._callee(uri, trunk))


def _caller(uri: Uri) -> Caller:
    try:
        return Caller(sip_name(uri), uri.host.lower())
    except PeerError:  # a tel URI that says no number
        return Caller(str(uri)[:LONGEST_NAME])


def _is_anonymous(uri: Uri) -> bool:
    return uri.host == NO_ONE.uri.host or (uri.is_sip and (uri.user or "").lower() in ("", ANONYMOUS))
