"""Out of XMPP: who may call whom, through which trunk, and as whom.

The caller must be allowed on some trunk at all; then the first dial rule that matches the dialled name decides, and its
trunk must allow the caller too.  A later rule is no second chance, so that a rule can keep people from what it matches.
Nobody is allowed anywhere until the operator says so.  Who has a SIP account of their own calls as that, and through
it, whatever no rule refuses.  What is called then, after the rewriting, must be a number that the operator's policy
does not keep from the caller (`gateway.policy`); emergency numbers come before all rules.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from gateway.addressing import (
    bare_jid,
    gr_parameter,
    localpart,
    nobody,
    plain,
    prompted,
    sip_name,
    sip_uri,
    spelled_numbers,
    telephone,
    xmpp_user,
)
from gateway.errors import PeerError
from gateway.jid import bare, domain, local, resource
from gateway.media.policy import USUAL as USUAL_MEDIA
from gateway.media.policy import TrunkMedia
from gateway.origins import Origins
from gateway.policy.emergency import REFUSAL
from gateway.policy.rules import refused
from gateway.registration.grant import NO_GRANT
from gateway.rules import LONGEST_NAME, RoutingSettings, Trunk
from gateway.sip import identity
from gateway.sip.address import NameAddr, Uri
from gateway.sip.flow import Hop
from gateway.sip.locating import Draw, by_priority
from gateway.sip.manners import USUAL, Manners
from gateway.sip.message import Header
from gateway.sip.target import Credentials
from gateway.sip.trickling import Mode
from mappings.reasons import EndReason

ANONYMOUS = "anonymous"
"The localpart of a SIP caller who does not say who they are; it cannot be called."

NO_ONE = NameAddr("Anonymous", Uri(scheme="sip", user=ANONYMOUS, host="anonymous.invalid"))
"The From of a caller who is not to be known (RFC 3323 §4.1.1.3)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A call to a SIP user: what its INVITE needs."""

    trunk: str
    request_uri: str
    to: NameAddr
    from_: NameAddr
    hop: Hop
    headers: tuple[Header, ...] = ()
    credentials: Credentials | None = None
    trickle: Mode = "auto"
    manners: Manners = USUAL
    media: TrunkMedia = USUAL_MEDIA
    number_label: str
    "What is called, after the rewriting, for the log."

    contact_user: str
    "The user part of our Contact, escaped; it says no more of the caller than From does."

    messages: bool = False
    "Whether the trunk carries chat messages."

    gruu: str | None = None
    "The name that a registrar has given to us, which then is the Contact (RFC 5627)."

    contact_gr: str = ""
    "The caller's resource as a parameter of the Contact's URI, with its semicolon, or nothing."

    own: bool = False
    "Whether the trunk is the caller's own account."

    emergency: bool = False
    "Whether an emergency number is called: nothing limits such a call."

    others: "tuple[Outbound, ...]" = ()
    "The same call through other trunks, in the order in which they are tried."

    statuses: frozenset[int] = frozenset()
    "Refusals after which they are."

    def contact(self, where: str) -> str:
        """The Contact; ``where`` is host:port and what else its URI must say."""
        return f"<{self.gruu}>" if self.gruu else f"<sip:{self.contact_user}@{where}{self.contact_gr}>"


class Outward(Origins):
    """The rules for calls that leave.  All it keeps of its own is which trunks are down (`mark`)."""

    def __init__(self, settings: RoutingSettings, *, draw: Draw = lambda most: most) -> None:
        """``draw`` is the chance by which a trunk of a group is chosen; without any, the heaviest is the first."""
        super().__init__(settings)
        self._draw = draw
        self._policy = settings.policy
        self._groups = {group.name: group for group in settings.groups}
        self._down: set[str] = set()

    def outbound(self, caller: str, dialled: str, *, full: Container[str] = (), account: str | None = None) -> Outbound:
        """The way to what an XMPP user dialled; PeerError when there is none, or none for them.

        Who is named on no trunk learns nothing about the others (service-unavailable, XEP-0166 §6.3.2); who is, but
        not for this call, is told so (forbidden, or policy-violation where the number is why).  ``full`` are the trunks
        that take no more calls; ``account`` is the trunk that the account of theirs is which is to call, where it is
        not the one that dials.
        """
        # Nobody is behind a number of our own; a stanza from one is ours, come back, and its call would come back too.
        own = self._own.get(bare(caller)) if account is None else self._account(caller, account)
        if domain(caller) == self.domain or not self.may_call(caller):
            if caller in self._settings.enlisting and domain(caller) != self.domain:
                raise _refused("routing: register a SIP account of your own to call through", "registration-required")
            raise _refused("routing: the caller may not call out", "service-unavailable")
        name = plain(local(dialled))
        if not name or len(name) > LONGEST_NAME or name == ANONYMOUS or domain(dialled) != self.domain:
            raise nobody("routing: nothing to dial")
        name = telephone(name) or name
        if (number := self._policy.emergency.called(name, self._policy.numbering)) is not None:
            return self._emergency(caller, number)
        for rule in self._settings.dial:
            if match := rule.match(name, caller):
                break
            if rule.trunk is None and any(rule.match(number, caller) for number in spelled_numbers(name)):
                raise _refused("routing: nobody may call this, however it is spelled", "forbidden")
        else:
            if own is None:
                raise nobody("routing: no rule for what was dialled")
            return self._by_own(own, caller, name)
        if rule.trunk is None:
            raise _refused("routing: nobody may call this", "forbidden")
        if own is not None:
            return self._by_own(own, caller, name)
        allowed = [trunk for trunk in self._choice(rule.trunk) if caller in trunk.allow]
        if not allowed:
            raise _refused(f"routing: the caller may not call through {rule.trunk}", "forbidden")
        called = rule.called(match)
        if (number := self._policy.emergency.called(called, self._policy.numbering)) is not None:
            return self._emergency(caller, number)
        self._permitted(caller, called)
        ways = [self._through(trunk, caller, called) for trunk in allowed if trunk.name not in full]
        if not ways:
            raise PeerError(f"too many calls through {rule.trunk}", status=503, condition="resource-constraint")
        return self._first(ways, rule.trunk)

    def may_call(self, caller: str) -> bool:
        """Whether a user may call anybody at all."""
        return bare(caller) in self._own or any(caller in trunk.allow for trunk in self._settings.trunks)

    def _account(self, caller: str, name: str) -> Trunk:
        """A caller's account by the name of its trunk; PeerError where it is gone, or another's."""
        trunk = self._trunks.get(name)
        if trunk is None or trunk.owner != bare(caller):
            raise nobody("routing: no such account")
        return trunk

    def _first(self, ways: Sequence[Outbound], name: str) -> Outbound:
        """The first way, with the others behind it; ``name`` is the trunk's or group's."""
        statuses = self._groups[name].statuses if name in self._groups else ways[0].statuses
        return replace(ways[0], others=tuple(ways[1:]), statuses=statuses)

    def _by_own(self, own: Trunk, caller: str, name: str) -> Outbound:
        """The way through the caller's own account, which pays for it."""
        if self._policy.of(caller).own_accounts:
            self._permitted(caller, name)
        return replace(self._through(own, caller, name), own=True)

    def _emergency(self, caller: str, number: str) -> Outbound:
        """The way to an emergency number: through any number of calls, and as whom the trunk knows the caller."""
        trunk = self._policy.emergency.trunk
        if trunk is None:
            raise refused(REFUSAL, "emergency")
        return self._first(
            [replace(self._through(way, caller, number, hide=False), emergency=True) for way in self._choice(trunk)],
            trunk,
        )

    def _permitted(self, caller: str, name: str) -> None:
        """Raise PeerError where the caller's policy keeps a number from them, however it is spelled."""
        objection = self._policy.of(caller).prefixes.objection(name, self._policy.numbering)
        if objection is not None:
            raise refused(f"policy: {objection}", "prefix")

    def _choice(self, name: str) -> list[Trunk]:
        """The trunks of a rule in the order in which they are tried: those that are down come last."""
        if (group := self._groups.get(name)) is None:
            return [self._trunks[name]]
        members = by_priority(group.members, self._draw)
        return [self._trunks[member.trunk] for member in sorted(members, key=lambda found: found.trunk in self._down)]

    def mark(self, trunk: str, *, up: bool) -> None:
        """The trunk answers, or does not."""
        (self._down.discard if up else self._down.add)(trunk)

    def way(self, trunk: str) -> Hop:
        """Where its calls go at present."""
        grant = self.registered.grant(trunk) or NO_GRANT
        return grant.way(self._trunks[trunk].hop)

    def _through(self, trunk: Trunk, caller: str, name: str, *, hide: bool = True) -> Outbound:
        uri = sip_uri(name, (None if trunk.owner else self._settings.default_domain) or trunk.domain)
        shown, asserted, is_jid = self._identity(trunk, caller)
        if shown is NO_ONE and not hide:
            shown = NameAddr("", asserted)
        hidden = shown is NO_ONE
        grant = self.registered.grant(trunk.name) or NO_GRANT
        routes = [("Route", route) for route in grant.routes]
        return Outbound(
            trunk=trunk.name,
            request_uri=str(uri),
            to=NameAddr("", uri),
            from_=shown,
            hop=grant.way(trunk.hop),
            gruu=grant.gruu,
            headers=(*identity.write(trunk.tells(hidden=hidden), asserted, hidden=hidden), *routes),
            credentials=trunk.credentials(self.registered.nonces(trunk.name)),
            trickle=trunk.trickle,
            messages=trunk.messages,
            manners=trunk.manners,
            media=trunk.media,
            number_label=name,
            contact_user=shown.uri.user or "",
            contact_gr=(gr_parameter(resource(caller)) if is_jid else "") + grant.contact_parameters,
        )

    def _identity(self, trunk: Trunk, caller: str) -> tuple[NameAddr, Uri, bool]:
        """What From says, what is asserted to a trusted trunk, and whether From tells the JID."""
        number = None
        if trunk.caller_id in ("number", "anonymous"):
            number = trunk.caller_id_numbers.get(bare(caller))
        number = number or trunk.caller_id_number
        if number is None or trunk.caller_id == "jid":
            user = xmpp_user(caller, hosted=self._settings.hosted_domains, gateway=trunk.from_domain)
            asserted = Uri.parse(f"sip:{user}")
        else:
            asserted = sip_uri(number, trunk.from_domain)
        if trunk.caller_id == "jid":
            return NameAddr("", asserted), asserted, True
        if trunk.caller_id == "anonymous" or number is None:
            return NO_ONE, asserted, False
        return NameAddr("", asserted), asserted, False

    def _harmless(self, caller: str, name: str) -> None:
        """Raise PeerError where an address would lead to an emergency number, or to one that is kept from the caller.

        Also where no rule of ours is asked, since others may read a number in it.
        """
        if self._policy.emergency.called(name, self._policy.numbering) is not None:
            raise refused(REFUSAL, "emergency")
        if bare(caller) not in self._own or self._policy.of(caller).own_accounts:
            self._permitted(caller, name)

    def translate(self, prompt: str) -> str:
        """The JID for what somebody typed into a client (jabber:iq:gateway); PeerError not-acceptable for nonsense."""
        try:
            name = prompted(prompt, self._settings.country)
            user, _, home = name.rpartition("@")
            if user and home.lower() in (self._settings.default_domain, self.domain):
                name = user
            return f"{localpart(name)}@{self.domain}"
        except PeerError as error:
            raise PeerError(error.text, status=404, condition="not-acceptable", reason=EndReason.GONE) from None

    def redirect(
        self, address: str, user: str, passes: Callable[[Outbound], None] = lambda outbound: None
    ) -> str | None:
        """The URI for a 3xx Contact of what an XMPP user names as their other address, or None when it is of no use.

        To a SIP address they send callers only where they may call themselves: the trunk that follows it pays for it.
        ``passes`` raises PeerError when they may not at present.
        """
        scheme, _, rest = address.partition(":")
        try:
            if scheme.lower() in ("sip", "tel"):
                uri = Uri.parse(address)
                name = sip_name(uri) if not uri.host or self._is_home(uri.host) else f"{sip_name(uri)}@{uri.hostport}"
                passes(self.outbound(user, f"{localpart(name)}@{self.domain}"))
                # What else a URI may ask for, headers or another next hop, is not the user's to say.
                params = uri.params.without("maddr").without("method")
                return str(replace(uri, password=None, headers=None, params=params) if uri.is_sip else uri)
            if scheme.lower() == "xmpp":
                jid = bare_jid(rest.partition("?")[0].removeprefix("//").partition("/")[0])
                if domain(jid) in self._settings.hosted_domains:  # then a switch could take it for its own
                    self._harmless(user, plain(local(jid)))
                user = xmpp_user(jid, hosted=self._settings.hosted_domains, gateway=self.domain)
                return f"sip:{user}"
        except PeerError:
            pass
        return None

    def may_follow(self, uri: Uri, user: str, trunk: str) -> bool:
        """Whether an XMPP user's call may go where that trunk redirects it to.

        Not to what rules or policy keep from the user, or what rules send another way; nor to another trunk, which may
        know us by our address alone, and then would pay for it.
        """
        hosts = (uri.host, uri.params.get("maddr") or uri.host) if uri.is_sip else ()
        if any(self._is_others(host.lower(), trunk) for host in hosts):
            return False
        try:
            self._harmless(user, sip_name(uri))
            found = self.outbound(user, f"{self.localpart(uri, trunk)}@{self.domain}")
        except PeerError as error:
            return error.status == 404  # no rule says anything of it
        return any(way.trunk == trunk for way in (found, *found.others))


def _refused(text: str, condition: str) -> PeerError:
    return PeerError(text, status=403, condition=condition, reason=EndReason.DECLINE)
