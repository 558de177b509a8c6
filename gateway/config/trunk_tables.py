"""The tables of gateway.toml for those whom SIP is spoken with: [[trunk]] and [[group]]."""

from typing import Annotated, Literal

import msgspec

from gateway.config.table import Codec, Count, Interval, Login, Port, Table, Transcoded, Transport, Word


class Trunk(Login, frozen=True, kw_only=True):
    """[[trunk]]: a SIP peer that calls go to and come from."""

    name: Word
    "What dial rules, numbers and the log call it."

    host: str
    "Where its requests go: a name, found by NAPTR, SRV and addresses (RFC 3263), or an address."

    port: Port | None = None
    "Its port; unset: by SRV, or else 5060."

    transport: Transport = "auto"
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

    early_media: Literal["ring", "hear"] = "ring"
    """What a caller hears before the answer: its own ringing tone; or what the trunk plays, in calls through the
    anchor, where the caller's client then takes the call for answered."""

    media_ice: bool = False
    "Whether its peers speak ICE; with media_protection dtls they need no anchor for clients."

    media_protection: Literal["none", "sdes", "dtls"] = "none"
    "How the anchor offers it to protect media: plain RTP, SRTP by keys in SDP (RFC 4568), DTLS-SRTP (RFC 5763)."

    media_codecs: Annotated[tuple[Codec, ...], msgspec.Meta(min_length=1)] = (
        "opus", "G722", "PCMU", "PCMA", "VP8", "H264",
    )  # fmt: skip
    "What the anchor carries to it, the wanted first; as it is, but for what media_transcode names."

    media_transcode: tuple[Transcoded, ...] = ()
    "Codecs that rtpengine may turn into each other where the two ends share none; none unless named."

    media_transcode_first: bool = False
    "Whether it does so, too, where an end wants one of them more than all that are shared."

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

    calls_per_second: Annotated[float, msgspec.Meta(gt=0)] | None = None
    "Calls out that begin there in a second; unset: any number."

    calls_in_per_second: Annotated[float, msgspec.Meta(gt=0)] | None = None
    "Calls in that it may bring in a second; others get 503; unset: any number."

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
