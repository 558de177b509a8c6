"""An account as it is written, and as a trunk."""

from dataclasses import dataclass, replace
from typing import Literal

from gateway.registration.registrant import Registrant, contact_user, instance
from gateway.rules import Account, Patterns, Trunk
from gateway.secret import Secret
from gateway.sip.address import escape_user, hostport

MadeBy = Literal["file", "operator", "user"]
"Who has made an account: the configuration, the operator by the command line, or the user."

Transport = Literal["auto", "udp", "tcp", "tls", "ws", "wss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An account in the texts that somebody wrote; what is empty is as if it had not been said."""

    name: str
    "What its user calls it."

    address: str
    "user@domain."

    user: str = ""
    "The user name for digest authentication; empty: the user of the address."

    password: Secret | None = None
    realm: str = ""
    "The only realm that gets the password's digest; empty: whoever asks."

    proxy: str = ""
    "Where its requests go, HOST or HOST:PORT; empty: to the domain of the address."

    transport: str = "auto"
    "One of `Transport`."

    caller_id: str = ""
    "The number or user that others see; empty: the address."

    numbers: tuple[str, ...] = ()
    "The numbers that it may show, of which caller_id is one."

    registrar: str = ""
    "The domain that is registered with; empty: the domain of the address."

    register: bool = True
    expires_seconds: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class SipAccount:
    """One user's account with somebody's SIP server."""

    jid: str
    "The user, a bare JID."

    name: str = "sip"
    "What tells it from the user's others."

    made_by: MadeBy = "file"
    dials: bool = True
    "Whether it is the one that the user calls through."

    written: Written
    "What it was made from, for whoever is to change it."

    user: str
    "The user part of the address, plain."

    domain: str
    "Its domain, prepared."

    login: Account | None = None
    "Name and password, if it has one."

    realm: str | None = None
    via: Trunk
    "The way there: its host, port, transport and manners are the account's."

    registrar: str
    "The domain to register with."

    register: bool = True
    expires_seconds: int = 3600
    caller_id: str | None = None
    "The user or number that others see; None: the address."

    def trunk(self, component: str) -> Trunk:
        """The account as a trunk; ``component`` is the domain that makes its Contact unlike another gateway's."""
        name = trunk_name(component, self.jid, self.name)
        made = replace(
            self.via,
            name=name,
            domain=self.domain,
            from_domain=self.domain,
            account=self.login,
            realm=self.realm,
            caller_id="fixed",
            caller_id_number=self.caller_id or self.user,
            caller_id_numbers={},
            allow=Patterns([self.jid]),
            networks=(),
            from_host=False,
            inbound=None,
            calls=None,
            calls_per_second=None,
            calls_in_per_second=None,
            probe_seconds=0.0,
            registrant=None,
            owner=self.jid,
        )
        if not self.register:
            return made
        registrant = Registrant(
            name=name,
            aor=f"sip:{escape_user(self.user)}@{hostport(self.domain)}",
            registrar=f"sip:{hostport(self.registrar)}",
            hop=made.hop,
            credentials=made.credentials(),
            expires_seconds=self.expires_seconds,
            contact_user=contact_user(component, name),
            instance=instance(component, name),
        )
        return replace(made, registrant=registrant)


def trunk_name(component: str, jid: str, name: str) -> str:
    """What the log, the rules and the registrations call a user's account; it says nothing about them."""
    return f"account-{contact_user(component, f'{jid} {name}')[:12]}"
