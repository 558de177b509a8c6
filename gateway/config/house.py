"""The tables of gateway.toml about no peer: TLS, media, limits, what is kept, log, control, monitoring.

See `tables` for the rest.
"""

from typing import Annotated, Literal

import msgspec

from gateway.config.table import Count, Port, Seconds, Table


class Tls(Table, frozen=True, kw_only=True):
    """[tls]: TLS for SIP."""

    certificate_file: str | None = None
    "The gateway's certificate with its chain, PEM; listeners for tls need one, and trunks are shown it when they ask."

    key_file: str | None = None
    "The key to it."

    client_ca_file: str | None = None
    "Listeners ask their clients for a certificate of these authorities, PEM; unset: for none."

    client_required: bool = False
    "Whether a client without one is refused."


class Media(Table, frozen=True, kw_only=True):
    """[media]: what calls carry, and the anchor that joins ends which do not understand each other."""

    video: bool = False
    "Whether the SIP side takes video: clients are told so and show their buttons, and calls without sound are taken."

    digits_by_chat: bool = True
    "Whether keys that a user writes to a number, in a call with it, are pressed in that call: many have no key pad."

    hold_by_info: bool = False
    "Whether clients are told of a hold by XEP-0167's word for it, where they know it, rather than by content-modify."

    conferences: Literal["coin", "chat", "none"] = "coin"
    "Who is told who comes and goes in a conference: clients that know COIN; the others too, by chat; none."

    anchor: Literal["embedded", "rtpengine", "none"] = "embedded"
    "embedded: in this process; rtpengine: in those named below; none: the gateway is signalling only."

    rtpengine: tuple[str, ...] = ()
    "Where rtpengines listen for ng, HOST:PORT or HOST:PORT*WEIGHT; a weight of 0: no new calls."

    addresses: tuple[str, ...] = ()
    "Our addresses for media, the first of a family for phones; none named: [sip]'s, or all where that is everywhere."

    advertised_addresses: tuple[str, ...] = ()
    "What peers are told instead of each of these, in the same order (behind NAT)."

    client_networks: tuple[str, ...] = ("public", "private")
    """Where XMPP clients may be by what they say: public, private (all others but loopback and link-local), addresses,
    networks; and loopback or link-local, where we are there ourselves."""

    port_low: Annotated[int, msgspec.Meta(ge=1024, le=65535)] = 20_000
    "The first port for media."

    port_high: Annotated[int, msgspec.Meta(ge=1024, le=65535)] = 29_999
    "The last one: a call takes two for its phone and one for each of our addresses, and twice that with video."

    stun: tuple[str, ...] = ()
    "STUN servers, HOST or HOST:PORT, where clients cannot reach these addresses as they are."

    services_from: str = ""
    "The XMPP server that is asked for STUN and TURN servers and credentials for them (XEP-0215); empty: none is."

    dscp: Annotated[int, msgspec.Meta(ge=0, le=63)] = 46
    "How packets are marked (RFC 2474); 46 is speech."

    silence_timeout_seconds: Seconds = 60.0
    "After so long without a packet from either side a call is over."

    held_timeout_seconds: Seconds = 1800.0
    "The same while it is on hold."


class Notices(Table, frozen=True, kw_only=True):
    """[notices]: what users are told of calls by a message in the chat with the number."""

    missed_calls: bool = False
    "A call that nobody took; clients with message initiation show that by themselves."

    failed_calls: bool = False
    "Why a call of the user's came to nothing, where the client shows no more than busy or declined."


class Limits(Table, frozen=True, kw_only=True):
    """[limits]: how much, and how long."""

    calls: Count = 2000
    "Calls at a time."

    calls_per_caller: Count = 10
    "Calls at a time of one XMPP user."

    messages_per_minute: Count = 60
    "Chat messages of one XMPP user, and of one SIP sender."

    strangers_per_second: Annotated[float, msgspec.Meta(gt=0)] = 50.0
    "SIP messages from one address that belong to no trunk and no call; what is beyond is dropped without a word."

    strangers_burst: Count = 200
    "How many of them may come at once."

    iq_timeout_seconds: Seconds = 15.0
    "How long a client may take to answer an IQ."

    no_device_timeout_seconds: Seconds = 30.0
    "How long a call waits for the first of an XMPP user's devices to ring."

    ring_timeout_seconds: Seconds = 90.0
    "How long a call rings."

    proceed_timeout_seconds: Seconds = 30.0
    "How long a client may take from proceed to the session."

    gather_seconds: Annotated[float, msgspec.Meta(gt=0, le=3)] = 1.5
    "How long an INVITE waits for a client's candidates; 3 at most."

    max_call_seconds: Seconds = 14_400.0
    "The longest call."

    drain_timeout_seconds: Seconds = 300.0
    "How long a stop by SIGTERM waits for calls to end by themselves."


class Store(Table, frozen=True, kw_only=True):
    """[store]: what is kept over a restart, in one SQLite file: users' own accounts, and what else they decide."""

    file: str = "jingle-sip.sqlite"
    "Where; relative to $STATE_DIRECTORY, or else to this file.  Empty: nothing is kept."

    key_file: str | None = None
    "A file with the key that passwords are encrypted with, any line of text; without one none can be kept."

    key_env: str | None = None
    "An environment variable that holds it instead."


class History(Table, frozen=True, kw_only=True):
    """[history]: what is remembered of calls, who called whom."""

    days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 90
    "How long the records of calls are kept in [store]; 0: there are none."

    trails: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 200
    "Of so many calls that ended, what passed in them can be shown, until a restart."

    steps: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 120
    "So many messages of a call can be shown, the first and the last ones; 0: none."


class Control(Table, frozen=True, kw_only=True):
    """[control]: where `jingle-sip calls` finds the daemon."""

    socket: str = "control.sock"
    "A unix socket; relative to $RUNTIME_DIRECTORY, or else to this file.  Empty: there is none."


class Log(Table, frozen=True, kw_only=True):
    """[log]: what is said, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    "debug shows every message, without its secrets."

    format: Literal["auto", "json", "console"] = "auto"
    "auto: JSON, but console in a terminal."

    identities: Literal["masked", "full"] = "masked"
    "masked: JIDs and numbers are shortened."


class Http(Table, frozen=True, kw_only=True):
    """[http]: /metrics, /healthz and /readyz; there is no authentication."""

    host: str = "127.0.0.1"
    "The address to listen on."

    port: Port = 9117
    "The port to listen on."
