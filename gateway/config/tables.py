"""The tables of gateway.toml: one class a table, one docstring a key, every default in one place.

`deploy/gateway.toml` shows the same keys with the same defaults, and a test holds the two together.  Units stand in the
names.  What has no default that fits all is None, and left out of the file.
"""

from typing import Annotated

import msgspec

from gateway.config.account_tables import Account, Accounts, Registration
from gateway.config.house import Control, History, Http, Limits, Log, Media, Notices, Store, Tls
from gateway.config.policy_tables import Block, Callers, Calling, Emergency, People, Policy
from gateway.config.presence import Incoming, Presence
from gateway.config.table import Algorithm, Count, Interval, Port, Product, Seconds, Table, Word
from gateway.config.trunk_tables import Group, Trunk


class Xmpp(Table, frozen=True, kw_only=True):
    """[xmpp]: the component's stream to the XMPP server (XEP-0114)."""

    domain: str
    "The component's domain; numbers and SIP users appear as JIDs below it."

    host: str = "127.0.0.1"
    "Where the XMPP server takes components; the stream is not encrypted, so loopback or a private network."

    port: Port = 5347
    "The server's port for this component."

    secret_file: str | None = None
    "A file that holds the secret shared with the server; relative to $CREDENTIALS_DIRECTORY or to this file."

    secret_env: str | None = None
    "An environment variable that holds it instead."

    resource: Word = "sip"
    "The resource of the gateway's full JIDs."

    reconnect_first_seconds: Seconds = 1.0
    "The wait before the first attempt to connect again; it doubles, with jitter."

    reconnect_most_seconds: Seconds = 60.0
    "The longest wait between two attempts."

    idle_ping_seconds: Seconds = 60.0
    "After so long without a byte the server is pinged; after half as long again the stream is given up."

    hold_seconds: Seconds = 60.0
    "How long a stanza waits for the stream to come back before it is dropped."

    hold_stanzas: Count = 10_000
    "How many stanzas wait at most."


class Sip(Table, frozen=True, kw_only=True):
    """[sip]: where SIP is spoken."""

    listen: tuple[str, ...] = ("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060")
    "Sockets to listen on, udp:HOST:PORT, tcp:, tls:, ws: or wss:, IPv6 in brackets; requests leave from them too."

    advertised_host: str | None = None
    "The host that peers are told to reach us at, when it is not the socket's own address (behind NAT)."

    advertised_port: Port | None = None
    "The port that goes with it, when it is not the socket's own."

    nameservers: tuple[str, ...] = ()
    "Who is asked for names instead of the system's name servers: ADDRESS or ADDRESS:PORT, IPv6 in brackets."

    dns_timeout_seconds: Seconds = 3.0
    "How long a request waits for the DNS; when it is silent, its last answer is used for up to a day."

    failover_seconds: Seconds = 4.0
    "How long a target may be silent while there is another: an address or server of the same name, or a trunk."

    failover_total_seconds: Seconds = 20.0
    "After this no other target is tried, however many are left."

    user_agent: Product = "jingle-sip"
    "What User-Agent and Server say."

    session_expires_seconds: Interval = 1800
    "After how long without a refresh a call is over (RFC 4028), where the peer can; 0: we ask for no such thing."

    min_se_seconds: Annotated[int, msgspec.Meta(ge=90, le=86400)] = 90
    "The shortest such time that a peer may ask for; 90 at least."

    keepalive_seconds: Annotated[float, msgspec.Meta(ge=0)] = 110.0
    "How often a connection of ours is asked whether it lives (RFC 5626 §4.4.1), and every WebSocket; 0: never."

    websocket_origins: tuple[str, ...] = ()
    "The origins of pages that may connect to ws: and wss:, such as https://example.org, or *; others say none."

    digest_algorithms: Annotated[tuple[Algorithm, ...], msgspec.Meta(min_length=1)] = ("MD5",)
    "How strangers are asked for a password, the best first; many phones give up at anything but MD5."


class Dial(Table, frozen=True, kw_only=True):
    """[[dial]]: what was dialled to the trunk that takes it; the first rule that matches decides."""

    match: str
    "A regular expression for all of what was dialled: +15551230000, 7042, alice, alice@sip.example.org."

    trunk: str | None = None
    "The trunk, or group of trunks, that takes it."

    rewrite: str | None = None
    "What is called instead, with \\1 for what the first bracket matched."

    callers: tuple[str, ...] = ("*",)
    "The rule is for these callers only; patterns as in a trunk's allow."

    refuse: bool = False
    "Nobody may call what matches; instead of a trunk."


class Number(Table, frozen=True, kw_only=True):
    """[[number]]: what a SIP peer calls to the JID that is meant; exact ones first, then the expressions in order."""

    number: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    "A number or user as it is called: +15551230000, 7042, sales."

    match: str | None = None
    "A regular expression for all of it, instead of number."

    jid: str
    "The bare JID to call, with \\1 for what the first bracket of match matched."

    trunks: tuple[str, ...] = ()
    "Only when called through these trunks; none named: through any."

    message_waiting: bool = False
    "Whether to subscribe to the number's mailbox, at its trunks with message_waiting; others notify unasked."


class Addresses(Table, frozen=True, kw_only=True):
    """[routing]: whose addresses are whose."""

    default_domain: str | None = None
    "The SIP domain of user@component; unset: the domain of the trunk that the call takes."

    hosted_domains: tuple[str, ...] = ()
    "XMPP domains whose users have the same address in SIP (RFC 7247); others are user%40domain@component."


class File(Table, frozen=True, kw_only=True):
    """The whole file."""

    xmpp: Xmpp
    sip: Sip = Sip()
    tls: Tls = Tls()
    routing: Addresses = Addresses()
    trunk: tuple[Trunk, ...] = ()
    group: tuple[Group, ...] = ()
    account: tuple[Account, ...] = ()
    accounts: Accounts = Accounts()
    registration: Registration = Registration()
    dial: tuple[Dial, ...] = ()
    number: tuple[Number, ...] = ()
    calling: Calling = Calling()
    people: tuple[People, ...] = ()
    policy: tuple[Policy, ...] = ()
    emergency: Emergency = Emergency()
    callers: Callers = Callers()
    block: tuple[Block, ...] = ()
    media: Media = Media()
    notices: Notices = Notices()
    limits: Limits = Limits()
    store: Store = Store()
    history: History = History()
    control: Control = Control()
    presence: Presence = Presence()
    incoming: Incoming = Incoming()
    log: Log = Log()
    http: Http = Http()
