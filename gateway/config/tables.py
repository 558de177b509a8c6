"""The tables of gateway.toml: one class a table, one docstring a key, every default in one place.

`deploy/gateway.toml` shows the same keys with the same defaults, and a test holds the two together.  Units stand in the
names.  What has no default that fits all is None, and left out of the file.
"""

from typing import Annotated, Literal

import msgspec

from gateway.config.house import Http, Limits, Log, Media, Tls
from gateway.config.table import Algorithm, Codec, Count, Interval, Port, Product, Seconds, Table, Word


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
    "Sockets to listen on, udp:HOST:PORT, tcp:, tls:, ws: or wss:, IPv6 in brackets; datagrams leave from them too."

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


class Trunk(Table, frozen=True, kw_only=True):
    """[[trunk]]: a SIP peer that calls go to and come from."""

    name: Word
    "What dial rules, numbers and the log call it."

    host: str
    "Where its requests go: a name, found by NAPTR, SRV and addresses (RFC 3263), or an address."

    port: Port | None = None
    "Its port; unset: by SRV, or else 5060."

    transport: Literal["auto", "udp", "tcp", "tls", "ws", "wss"] = "auto"
    "auto: what the DNS says, or else UDP, and TCP for what is too large for a datagram (RFC 3261 §18.1.1)."

    compact_headers: bool = False
    "Whether it is written to with one-letter header names, so that more fits into a datagram (RFC 3261 §7.3.3)."

    websocket_path: Annotated[str, msgspec.Meta(pattern=r"\A/[!-~]{0,255}\Z", description="a path")] = "/"
    "The path of its WebSocket, for ws and wss."

    tls_domain: str | None = None
    "The SIP domain that its certificate must be for; unset: domain."

    tls_verify: Literal["strict", "wildcard", "never"] = "strict"
    "How its certificate is verified: as RFC 5922 says, with wildcards such as *.example.org too, or not at all."

    ca_file: str | None = None
    "The authorities that may have signed its certificate, PEM; unset: those that the system trusts."

    certificate_file: str | None = None
    "The certificate that it is shown when it asks, with its chain, PEM; unset: the one of [tls]."

    key_file: str | None = None
    "The key to that."

    domain: str | None = None
    "The domain in the addresses called through it; unset: host."

    from_domain: str | None = None
    "The domain of the callers' addresses; unset: the component's domain, or domain if the trunk registers."

    user: str | None = None
    "The user name when the peer asks for digest authentication."

    password_file: str | None = None
    "A file that holds the password."

    password_env: str | None = None
    "An environment variable that holds it instead."

    realm: str | None = None
    "The only realm that gets the password's digest; unset: whoever asks on the way, a callee too."

    trickle: Literal["auto", "required", "never"] = "auto"
    "ICE candidates one by one (RFC 8840): auto to a peer that says it can; required: insist on it, and do not wait."

    prack: Literal["auto", "always", "never"] = "auto"
    "Ringing that must arrive (RFC 3262): auto to callers that require it; always to all who can; never, nor asked for."

    session_expires_seconds: Interval | None = None
    "Instead of [sip] session_expires_seconds."

    min_se_seconds: Annotated[int, msgspec.Meta(ge=90, le=86400)] | None = None
    "Instead of [sip] min_se_seconds."

    follow_redirects: bool = False
    "Whether a call that the trunk redirects goes where it says, five times at most; else the caller is told."

    media: Literal["auto", "direct", "anchor"] = "auto"
    "anchor: through the gateway; direct: never; auto: only where the two ends do not understand each other."

    media_ice: bool = False
    "Whether its peers speak ICE; with media_protection dtls they need no anchor for clients."

    media_protection: Literal["none", "sdes", "dtls"] = "none"
    "How the anchor offers it to protect media: plain RTP, SRTP by keys in SDP (RFC 4568), DTLS-SRTP (RFC 5763)."

    media_codecs: Annotated[tuple[Codec, ...], msgspec.Meta(min_length=1)] = (
        "opus", "G722", "PCMU", "PCMA", "VP8", "H264",
    )  # fmt: skip
    "What the anchor carries to it, the wanted first; nothing is transcoded."

    media_source: Literal["signalled", "source", "any"] = "signalled"
    "From where its first packets are believed: the host in its SDP, also the host that SIP comes from, or anywhere."

    caller_id: Literal["jid", "number", "fixed", "anonymous"] = "jid"
    "What the peer sees as caller: the JID as an address, the caller's number below, always the same number, nobody."

    caller_id_number: str | None = None
    "The number for caller_id fixed, and for callers without one of their own under caller_id number."

    caller_id_numbers: dict[str, str] = {}  # noqa: RUF012 — msgspec copies it
    "Bare JID to number, for caller_id number."

    trusted: bool = False
    "Whether to tell the peer who calls, in P-Asserted-Identity, and to believe what it says there (RFC 3325)."

    identity: Literal["auto", "preferred", "remote-party", "none"] = "auto"
    "How the peer is told who calls: auto: P-Asserted-Identity, if trusted; P-Preferred-Identity; Remote-Party-ID; not."

    allow: tuple[str, ...] = ()
    "Who may call out here, and be called by address: user@domain, *@domain, domain, *.domain or *; none by default."

    calls: Count | None = None
    "Calls that it takes at a time, of both directions together; unset: any number."

    probe_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    "How often it is asked by OPTIONS whether it is there, and passed over in a group while it is not; 0: never."

    addresses: tuple[str, ...] = ("host",)
    "Where its calls come from: addresses, networks such as 192.0.2.0/24, or the word host."

    inbound_user: str | None = None
    "The user name with which the peer may authenticate its calls, from wherever they come."

    inbound_password_file: str | None = None
    "A file that holds the password for that."

    inbound_password_env: str | None = None
    "An environment variable that holds it instead."

    messages: bool = False
    "Whether chat messages cross here, both ways, as SIP's MESSAGE (RFC 3428); who may call out may write, too."

    anonymous_messages: bool = True
    "Whether messages whose sender is withheld are taken; false: 433."

    message_waiting: bool = False
    "Whether the peer's NOTIFYs of what waits in mailboxes (RFC 3842) become messages to whom their number belongs."

    register: bool = False
    "Whether to register with the peer, so that it sends its calls here (RFC 3261 §10)."

    register_user: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    "The user of the address that is registered; unset: user."

    registrar: str | None = None
    "The domain that is registered with; unset: domain."

    register_expires_seconds: Annotated[int, msgspec.Meta(ge=60, le=604_800)] = 3600
    "How long a registration is to last; the registrar may make it shorter."


class Account(Table, frozen=True, kw_only=True):
    """[[account]]: a user's own account with a SIP server: they call as that, and are called by it."""

    jid: str
    "The user, a bare JID."

    address: str
    "The account's SIP address, user@domain."

    user: str | None = None
    "The user name for digest authentication; unset: the user of address."

    password_file: str | None = None
    "A file that holds the password."

    password_env: str | None = None
    "An environment variable that holds it instead."

    realm: str | None = None
    "The only realm that gets the password's digest; unset: whoever asks on the way, a callee too."

    trunk: str | None = None
    "The trunk whose way its requests go, with all that the trunk says of transport and manners."

    proxy: str | None = None
    "Where its requests go instead, HOST or HOST:PORT; unset, as trunk: to the domain of address."

    transport: Literal["auto", "udp", "tcp", "tls", "ws", "wss"] = "auto"
    "As a trunk's, where it goes no trunk's way."

    caller_id: str | None = None
    "The number or user that others see; unset: the address."

    register: bool = True
    "Whether to register, so that calls to the address come here."

    registrar: str | None = None
    "The domain that is registered with; unset: the domain of address."

    register_expires_seconds: Annotated[int, msgspec.Meta(ge=60, le=604_800)] = 3600
    "How long a registration is to last; the registrar may make it shorter."


class Registration(Table, frozen=True, kw_only=True):
    """[registration]: how trunks and accounts register."""

    rate_per_second: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 20.0
    "Registrations that begin in a second, of all together, so that a start with thousands is no burst."

    retry_first_seconds: Annotated[float, msgspec.Meta(ge=1)] = 30.0
    "After a first failure, up to twice this; doubled with each further one, with jitter (RFC 5626 §4.5)."

    retry_most_seconds: Annotated[float, msgspec.Meta(ge=1)] = 1800.0
    "The longest wait after a failure; a refusal that comes twice is tried again once an hour."

    leave_timeout_seconds: Seconds = 5.0
    "How long a stop waits for registrars to take note of it."


class Member(Table, frozen=True, kw_only=True):
    """A trunk of a group."""

    trunk: str
    "Its name."

    priority: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 1
    "The lowest is tried first."

    weight: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 1
    "Its share of the calls among those of one priority."


class Group(Table, frozen=True, kw_only=True):
    """[[group]]: trunks that stand in for each other; a dial rule may name it as its trunk."""

    name: Word
    "What dial rules call it; no trunk's name."

    trunks: Annotated[tuple[Member, ...], msgspec.Meta(min_length=1)]
    "Who is in it: the lowest priority is tried first, and of one priority each by the chance of its weight."

    statuses: tuple[Annotated[int, msgspec.Meta(ge=400, le=599)], ...] = (503,)
    "Refusals after which the next trunk is tried, unless it rang; after silence or without a connection it always is."


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
    registration: Registration = Registration()
    dial: tuple[Dial, ...] = ()
    number: tuple[Number, ...] = ()
    media: Media = Media()
    limits: Limits = Limits()
    log: Log = Log()
    http: Http = Http()
