"""A session description in neither protocol's terms, and how each part is spelled in Jingle and in SDP.

Everything is absolute: `Senders` and `Role` name the session's initiator and responder, never "mine" and "yours"; who
writes an SDP decides only how the direction is spelled (`gateway.sdp`).  A description is always whole.

Readers bring what has two spellings into one form, so that equal things compare equal: what equals the default is left
out (one channel, generation 0, network 0), static payload types have their name and rate, related addresses stand with
all candidates but host ones, fingerprints are upper case and the strongest is first.
"""

from dataclasses import field

from .namespaces import CATEGORY, DTLS, GROUPING, HDREXT, ICE_UDP, ICE_UDP_0, RAW_UDP, RTCP_FB, RTP, SSMA, ZRTP
from .namespaces import ICE as ICE_0
from .record import (
    Component,
    Digits,
    ExtensionId,
    Hex,
    Host,
    Ip,
    LowerToken,
    Opaque,
    PayloadId,
    Port,
    Positive,
    Priority,
    Token,
    Unsigned,
    record,
)
from .terms import CandidateType, Role, Senders, Setup


@record("parameter", lines="fmtp:{payload} {name}={value};…")
class Parameter:
    """One codec, feedback, extension or source parameter (XEP-0167 §4, 0293, 0294, 0339).

    A source's attribute without a value has None; a codec's bare value has no name.
    """

    name: str = ""
    value: str | None = None


@record(f"{{{RTCP_FB}}}rtcp-fb", "rtcp-fb:<payload> {type}[ {subtype}][ {parameters...}]")
class Feedback:
    """A feedback message that may be sent (XEP-0293 §3; RFC 4585 §4.2)."""

    type: Token
    subtype: Token | None = None
    parameters: tuple[Parameter, ...] = ()


@record(f"{{{RTCP_FB}}}rtcp-fb-trr-int", "rtcp-fb:<payload> trr-int {value}")
class FeedbackInterval:
    """Least interval between regular RTCP packets, in milliseconds (XEP-0293 §3; RFC 4585 §4.2)."""

    value: Unsigned


@record(f"{{{RTP}}}payload-type", "rtpmap:{id} {name}/{clockrate}[/{channels}]", lines="fmtp, rtcp-fb, ptime, maxptime")
class Codec:
    """A payload type (XEP-0167 §4; RFC 8866 §6.6). `clockrate` in Hz, `ptime` and `maxptime` in ms."""

    id: PayloadId
    name: Token | None = None
    clockrate: Positive | None = None
    channels: Positive | None = None
    ptime: Positive | None = None
    maxptime: Positive | None = None
    parameters: tuple[Parameter, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    feedback_interval: FeedbackInterval | None = None


@record(f"{{{RTP}}}bandwidth", text="value", lines="b={type}:{value}")
class Bandwidth:
    """A b= line of a medium: type AS, TIAS, CT, RS or RR, and its number (XEP-0167 §4; RFC 8866 §5.8)."""

    type: Token
    value: Digits


@record(f"{{{RTP}}}crypto", "crypto:{tag} {crypto_suite} {key_params}[ {session_params...}]")
class Crypto:
    """An SDES key, a secret (XEP-0167 §7; RFC 4568)."""

    tag: Unsigned
    crypto_suite: Token
    key_params: Opaque = field(repr=False)
    session_params: str | None = None


@record(f"{{{ZRTP}}}zrtp-hash", "zrtp-hash:{version} {value}", text="value")
class ZrtpHash:
    """The hash of a ZRTP Hello (XEP-0262)."""

    version: Opaque
    value: Opaque


@record(f"{{{RTP}}}encryption", lines="m= profile SAVP")
class Encryption:
    """SDES and ZRTP of a medium (XEP-0167 §7)."""

    required: bool = False
    crypto: tuple[Crypto, ...] = ()
    zrtp_hash: tuple[ZrtpHash, ...] = ()


@record(f"{{{HDREXT}}}rtp-hdrext", "extmap:{id}[/{senders}] {uri}[ {parameters...}]")
class HeaderExtension:
    """An RTP header extension; `senders` None: both (XEP-0294; RFC 8285 §5)."""

    id: ExtensionId
    uri: Opaque
    senders: Senders | None = None
    parameters: tuple[Parameter, ...] = ()


@record(f"{{{HDREXT}}}extmap-allow-mixed", "extmap-allow-mixed")
class ExtmapAllowMixed:
    """One- and two-byte header extensions may be mixed (XEP-0294; RFC 8285 §6)."""


@record(f"{{{RTP}}}rtcp-mux", "rtcp-mux")
class RtcpMux:
    """RTP and RTCP share a port (XEP-0167 §4; RFC 5761)."""


@record(f"{{{SSMA}}}source", lines="ssrc:{ssrc} {name}[:{value}], one a parameter; msid")
class Source:
    """An RTP source and its attributes (XEP-0339; RFC 5576). In a group only `ssrc` is given."""

    ssrc: Unsigned
    parameters: tuple[Parameter, ...] = ()


@record(f"{{{SSMA}}}ssrc-group", lines="ssrc-group:{semantics} {ssrc}…")
class SourceGroup:
    """Sources that belong together: FID, FEC, FEC-FR, SIM … (XEP-0339; RFC 5576 §4.2)."""

    semantics: Token
    sources: tuple[Source, ...] = ()


@record(f"{{{CATEGORY}}}category", lines="content:{name},…")
class Category:
    """What a medium shows: slides, speaker, sl, main, alt (XEP-0507; RFC 4796)."""

    name: Token


@record(f"{{{RTP}}}description", lines="m=")
class Rtp:
    """An RTP application (XEP-0167 §4): the <description/>, and what stands inside an m= section.

    `ssrc` is given only where `sources` do not say it.
    """

    media: Token
    ssrc: Unsigned | None = None
    codecs: tuple[Codec, ...] = ()
    encryption: Encryption | None = None
    bandwidth: tuple[Bandwidth, ...] = ()
    rtcp_mux: RtcpMux | None = None
    feedback: tuple[Feedback, ...] = ()
    feedback_interval: FeedbackInterval | None = None
    extensions: tuple[HeaderExtension, ...] = ()
    extmap_allow_mixed: ExtmapAllowMixed | None = None
    sources: tuple[Source, ...] = ()
    source_groups: tuple[SourceGroup, ...] = ()
    categories: tuple[Category, ...] = ()


@record(
    "candidate",
    "candidate:{foundation} {component} {PROTOCOL} {priority} {ip} {port} typ {type}"
    "[ raddr {rel_addr}][ rport {rel_port}][ tcptype {tcptype}][ generation {generation}][ network {network}]",
    always=(("generation", "0"), ("network", "0")),
    unique="id",
)
class Candidate:
    """One ICE candidate (XEP-0176 §5.3; RFC 8839 §5.1)."""

    foundation: Opaque
    component: Component
    protocol: LowerToken
    priority: Priority
    ip: Ip
    port: Port
    type: CandidateType
    rel_addr: Ip | None = None
    rel_port: Port | None = None
    tcptype: LowerToken | None = None
    generation: Unsigned | None = None
    network: Unsigned | None = None
    id: str | None = None  # Jingle only (XEP-0176 §5.3: "N/A" in SDP)


@record("remote-candidate", lines="remote-candidates:{component} {ip} {port}, …")
class RemoteCandidate:
    """The peer's candidate that the controlling agent chose for a component (XEP-0176 §5.6; RFC 8839 §5.2)."""

    component: Component
    ip: Ip
    port: Port


@record(f"{{{DTLS}}}fingerprint", "fingerprint:{hash} {value}", text="value", lines="setup:{setup}")
class Fingerprint:
    """The certificate that a DTLS peer will present (XEP-0320; RFC 8122)."""

    hash: LowerToken
    value: Hex
    setup: Setup | None = None


@record(f"{{{ICE_0}}}gathering-complete", "end-of-candidates", aliases=(f"{{{ICE_UDP}}}gathering-complete",))
class GatheringComplete:
    """No more candidates of this generation will come (XEP-0371; RFC 8840 §4.1)."""


@record(
    f"{{{ICE_UDP}}}transport",
    aliases=(f"{{{ICE_0}}}transport", f"{{{ICE_UDP_0}}}transport"),
    lines="ice-ufrag, ice-pwd",
)
class Ice:
    """ICE-UDP, with DTLS where fingerprints stand in it (XEP-0176, 0320, 0371)."""

    ufrag: Opaque | None = None
    pwd: Opaque | None = field(default=None, repr=False)
    candidates: tuple[Candidate, ...] = ()
    remote_candidates: tuple[RemoteCandidate, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()
    gathering_complete: GatheringComplete | None = None


@record("candidate", unique="id", lines="c=, m= port, rtcp")
class RawCandidate:
    """Where to send one component, as it is (XEP-0177 §4.2). Without `component`: 1."""

    ip: Host
    port: Port
    component: Component = 1
    generation: Unsigned = 0
    id: str = ""
    type: CandidateType | None = None


@record(f"{{{RAW_UDP}}}transport", lines="c=, m= port, rtcp")
class RawUdp:
    """Raw UDP: SDP's c=, m= port and a=rtcp (XEP-0177). A fingerprint may stand in it as in ICE-UDP."""

    candidates: tuple[RawCandidate, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()


@record(f"{{{GROUPING}}}group", lines="group:{semantics} {mid} …")
class Group:
    """Contents that belong together: BUNDLE, LS, FID (XEP-0338; RFC 5888). `names` are content names."""

    semantics: Token
    names: tuple[str, ...] = ()


@record()
class Media:
    """One content, one m= section. `name` is the content's name and the a=mid."""

    name: str
    rtp: Rtp
    transport: Ice | RawUdp
    creator: Role = Role.INITIATOR
    senders: Senders = Senders.BOTH
    disposition: str = "session"
    lite: bool = False
    "Who says it does no checks of its own in ICE (a=ice-lite, RFC 8839 §5.3); Jingle has no word for that."


@record()
class Description:
    """A whole session description: what an offer or an answer says."""

    media: tuple[Media, ...]
    groups: tuple[Group, ...] = ()
