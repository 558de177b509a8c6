"""Where SIP comes from: which trunk a request belongs to, and what is known of trunks besides their rules."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from gateway.addressing import localpart, sip_name
from gateway.registration.book import Book
from gateway.rules import Network, RoutingSettings, Trunk
from gateway.sip.address import Uri, hostport
from gateway.sip.flow import Flow, Hop
from gateway.sip.locating import is_numeric


class Origins:
    """The trunks, the addresses of their names (`learn`), and what they have granted and asked (`registered`)."""

    def __init__(self, settings: RoutingSettings) -> None:
        self.domain = settings.domain
        self.registered = Book()
        "What the trunks' registrars have granted, and what trunks have asked; others write it."
        self.unresolved: dict[str, Hop] = {}
        "Trunks whose calls come from their host, where that is a name: resolve it and tell `learn`."
        self._settings = settings
        self._trunks: dict[str, Trunk] = {}
        "The operator's, and users' own accounts, of which there may be thousands."
        self._own: dict[str, Trunk] = {}
        "The accounts that dial, by bare JID."
        self._homes: dict[str, frozenset[str]] = {}
        "Of the operator's trunks."
        self._networks: dict[str, tuple[Network, ...]] = {}
        "Likewise: a call to an account is told by its registration alone."
        self._compact = any(trunk.compact_headers for trunk in settings.trunks)
        for trunk in settings.trunks:
            self._trunks[trunk.name] = trunk
            self._homes[trunk.name] = self._home(trunk)
            self._networks[trunk.name] = trunk.networks
            if not trunk.from_host:
                continue
            if is_numeric(trunk.host):
                self.learn(trunk.name, [trunk.host])
            else:
                self.unresolved[trunk.name] = trunk.hop

    def enrol(self, trunk: Trunk, *, dials: bool) -> None:
        """A user's own account, or what has become of it; its calls are told by its registration.

        ``dials``: it is the one that they call through.
        """
        assert trunk.owner is not None
        self._trunks[trunk.name] = trunk
        if dials:
            self._own[trunk.owner] = trunk
        else:
            self._let_dial_no_more(trunk)

    def dismiss(self, name: str) -> None:
        """That account is gone; a call through it goes on."""
        trunk = self._trunks.pop(name, None)
        if trunk is not None:
            self._let_dial_no_more(trunk)

    def has_account(self, jid: str) -> bool:
        """Whether a user, a bare JID, has an account of their own."""
        return jid in self._own

    def _let_dial_no_more(self, trunk: Trunk) -> None:
        dials = self._own.get(trunk.owner or "")
        if dials is not None and dials.name == trunk.name:
            del self._own[dials.owner or ""]

    def trunk_for(self, host: str, port: int, user: str | None = None) -> str | None:
        """The trunk that a request comes from: by the digest user that it proved to be, or by its address.

        ``None`` means 401 where `challenges`, and 403 otherwise.  Of several trunks at one address the one with that
        port is meant, and else the first.
        """
        if user is not None:
            return next((trunk.name for trunk in self._settings.trunks if _is_user(trunk, user)), None)
        found = [trunk for trunk in self._settings.trunks if self._is_at(host, trunk.name)]
        return next((trunk.name for trunk in found if trunk.port == port), found[0].name if found else None)

    def is_compact(self, flow: Flow) -> bool:
        """Whether a trunk is there that wants one-letter header names."""
        if not self._compact:
            return False
        trunk = self.trunk_for(flow.host, flow.port)
        return trunk is not None and self._trunks[trunk].compact_headers

    @property
    def challenges(self) -> bool:
        """Whether a request from an unknown address may prove where it comes from."""
        return any(trunk.inbound for trunk in self._settings.trunks)

    def inbound_password(self, user: str) -> str | None:
        """The password of that digest user, or None when there is none."""
        return next(
            (t.inbound.password.reveal() for t in self._settings.trunks if t.inbound and _is_user(t, user)), None
        )

    def has_mailboxes(self, trunk: str | None = None) -> bool:
        """Whether news of mailboxes are taken from that trunk, or from any."""
        trunks = self._settings.trunks if trunk is None else [self._trunks[trunk]]  # accounts have what trunks have
        return any(trunk.message_waiting for trunk in trunks)

    def stands(self, trunk: str) -> bool:
        """Whether the trunk knows us: it has granted a registration, or needs none."""
        return self._trunks[trunk].registrant is None or self.registered.grant(trunk) is not None

    @property
    def messages(self) -> bool:
        """Whether any trunk carries chat messages."""
        return any(trunk.messages for trunk in self._settings.trunks)

    def takes_messages(self, trunk: str, *, anonymous: bool = False) -> bool:
        """Whether chat messages are taken from that trunk; ``anonymous``: those of nobody too."""
        known = self._trunks[trunk]
        return known.messages and (known.anonymous_messages or not anonymous)

    def learn(self, trunk: str, addresses: Iterable[str]) -> None:
        """The trunk's host has these addresses now; an IPv6 zone is of no interest."""
        known = self._trunks[trunk].networks
        self._networks[trunk] = (*known, *(ip_network(address.partition("%")[0]) for address in addresses))

    def trunk(self, name: str) -> Trunk:
        """What the operator says of a trunk."""
        return self._trunks[name]

    def localpart(self, uri: Uri, trunk: str) -> str:
        """The localpart that stands for a SIP address which a trunk named, and that calls it when dialled.

        Numbers and the trunk's own users need no domain.  PeerError where no JID can say the address.
        """
        name = sip_name(uri)
        if uri.scheme == "tel" or name[:1] == "+" or uri.host in self._homes_of(trunk) or self._is_at(uri.host, trunk):
            return localpart(name)
        return localpart(f"{name}@{hostport(uri.host)}")

    def _is_home(self, host: str) -> bool:
        return any(host in home for home in self._homes.values())

    def _is_at(self, host: str, trunk: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        if address.version == 6 and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks.get(trunk, ()))

    def is_of_trunk(self, address: str) -> bool:
        """Whether one of the operator's trunks is there, as far as that is known."""
        return any(address == trunk.host or self._is_at(address, trunk.name) for trunk in self._settings.trunks)

    def _is_others(self, host: str, trunk: str) -> bool:
        """Whether a host is another trunk's, and not this one's."""
        known = self._settings.trunks
        at = {found.name for found in known if host == found.host.lower() or self._is_at(host, found.name)}
        return bool(at) and trunk not in at

    def _homes_of(self, trunk: str) -> frozenset[str]:
        """The domains in which a trunk's names are known; of an account that is gone in the middle of a call, none."""
        if (found := self._homes.get(trunk)) is not None:
            return found
        return self._home(self._trunks[trunk]) if trunk in self._trunks else frozenset()

    def _home(self, trunk: Trunk) -> frozenset[str]:
        """The domains in which a name is known without saying so."""
        names = {trunk.host, trunk.domain, trunk.from_domain, self._settings.default_domain or "", self.domain}
        return frozenset(name.lower() for name in names)


def _is_user(trunk: Trunk, user: str) -> bool:
    return trunk.inbound is not None and trunk.inbound.user == user
