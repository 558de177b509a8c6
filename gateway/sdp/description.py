"""One m= section ↔ one `Media`, both ways; here is what no template can say (conformance reference 4).

Payload types are grouped in `payload`, addresses and ICE in `transport`; here are sources and msid, protection and
profile, direction, bandwidth.  Reading a section that Jingle has no words for raises PeerError; the section is then
refused in its place, so that every other m= line keeps its index (`history`).  What a section leaves out is looked for
in the sections above it: the one whose transport it shares (RFC 9143 §7.1.3), and the head.
"""

from dataclasses import dataclass

from gateway.errors import PeerError
from gateway.fields import Dropped, fields
from mappings.codecs import CRYPTO_SUITES, KINDS, PROFILES
from mappings.description import (
    Bandwidth,
    Category,
    Crypto,
    Encryption,
    ExtmapAllowMixed,
    HeaderExtension,
    Ice,
    Media,
    Parameter,
    RtcpMux,
    Rtp,
    Source,
    SourceGroup,
    ZrtpHash,
)
from mappings.reasons import EndReason
from mappings.record import MOST
from mappings.terms import DIRECTIONS, SENDERS, Direction, Role, Senders

from . import payload, transport
from .template import template
from .text import Medium, Section

_DIRECTIONS = {str(direction): direction for direction in Direction}
_HELD = {Direction.SENDRECV: Direction.SENDONLY, Direction.RECVONLY: Direction.INACTIVE}
# fmt: off
_HANDLED = payload.ATTRIBUTES | transport.ATTRIBUTES | _DIRECTIONS.keys() | {
    "mid", "crypto", "zrtp-hash", "rtcp-mux", "extmap", "extmap-allow-mixed", "ssrc", "ssrc-group", "msid", "content",
}
_HANDLED_HEAD = _DIRECTIONS.keys() | {
    "group", "ice-ufrag", "ice-pwd", "fingerprint", "setup", "end-of-candidates", "extmap", "extmap-allow-mixed",
    "rtcp-fb", "rtcp-mux",
}
# fmt: on
_OURS = frozenset("vostcb")
"Lines of the head that are carried, or the gateway's own to write."

_SSRC = {field.name: field.read for field in fields(Source)}["ssrc"]
_TOKEN = {field.name: field.read for field in fields(Bandwidth)}["type"]
_DIGITS = {field.name: field.read for field in fields(Bandwidth)}["value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Whose SDP it is, and what of it holds for every medium."""

    by: Role
    "Its author."

    answer: bool
    dropped: Dropped
    head: Section
    lone: bool = False
    "The description has one medium, which may take what the head says of bandwidth."


def unusable(text: str, reason: EndReason = EndReason.INCOMPATIBLE_PARAMETERS) -> PeerError:
    """A medium that is understood but cannot be used; it is refused in its place."""
    return PeerError(text, status=488, reason=reason)


def report_head(context: Context) -> None:
    """Remember what the head says that has no place in Jingle."""
    for letter, _ in context.head.lines:
        if letter not in _OURS or (letter == "b" and not context.lone):
            context.dropped.add(f"{letter}=")
    for name in context.head.attributes:
        if name not in _HANDLED_HEAD:
            context.dropped.add(name)


def read(medium: Medium, tag: Section | None, name: str, creator: Role, context: Context) -> Media:
    """The content that an m= section describes. `tag` is the section whose transport it shares, if that is another."""
    if medium.kind not in KINDS or medium.proto.upper() not in PROFILES:
        text = f"m={medium.kind[:20]!r} {medium.proto[:30]!r}: no medium that can cross"
        raise unusable(text, EndReason.UNSUPPORTED_APPLICATIONS)
    if medium.ports > 1:
        raise transport.unsupported(f"m={medium.kind}: {medium.ports} ports")
    attributes, by, dropped, head = medium.attributes, context.by, context.dropped, context.head
    sections: tuple[Section, ...] = (medium, head) if tag is None else (medium, tag, head)
    address = transport.default(medium, head)
    carried = transport.read(medium, address, sections, by, dropped, answer=context.answer)
    encryption = _read_encryption(medium, context)
    if "SAVP" in medium.proto.upper() and not carried.fingerprints and (encryption is None or not encryption.crypto):
        raise unusable(f"m={medium.kind}: {medium.proto} without a key that can be used", EndReason.SECURITY_ERROR)
    feedback = payload.read_feedback((head, medium) if "rtcp-fb" in head.attributes else (medium,), dropped)
    for_all, interval = feedback.get("*", ((), None))
    codecs = payload.read(medium, feedback, dropped)
    if not codecs:
        raise unusable(f"m={medium.kind}: no payload type that is known")
    mixed = "extmap-allow-mixed" in attributes or "extmap-allow-mixed" in head.attributes
    rtp = Rtp(
        media=medium.kind,
        codecs=codecs,
        encryption=encryption,
        bandwidth=_read_bandwidth(medium, context),
        rtcp_mux=RtcpMux() if any("rtcp-mux" in section.attributes for section in sections) else None,
        feedback=tuple(for_all),
        feedback_interval=interval,
        extensions=_read_extensions(medium, context),
        extmap_allow_mixed=ExtmapAllowMixed() if mixed else None,
        sources=_read_sources(medium, dropped),
        source_groups=_read_source_groups(medium, dropped),
        categories=_read_categories(medium, dropped),
    )
    for unknown in attributes:
        if unknown not in _HANDLED:
            dropped.add(unknown)
    # RFC 3264 §8.4: without ICE the zero address is RFC 2543's way to say "send me nothing".
    held = address.zero and not isinstance(carried, Ice) and address.port not in (0, transport.DISCARD)
    senders = _read_senders(medium, context, held=held)
    lite = isinstance(carried, Ice) and "ice-lite" in head.attributes
    return Media(name=name, rtp=rtp, transport=carried, creator=creator, senders=senders, lite=lite)


def _read_senders(medium: Medium, context: Context, *, held: bool) -> Senders:
    direction = Direction.SENDRECV
    for section in (context.head, medium):
        for name, said in _DIRECTIONS.items():
            if name in section.attributes:
                direction = said
    return DIRECTIONS[context.by, _HELD.get(direction, direction) if held else direction]


def _read_encryption(medium: Medium, context: Context) -> Encryption | None:
    attributes, dropped = medium.attributes, context.dropped
    if "crypto" not in attributes and "zrtp-hash" not in attributes:
        return None
    reading, hashing = template(Crypto, context.by), template(ZrtpHash, context.by)
    crypto = []
    for value in attributes.get("crypto", ())[:MOST]:
        if (key := reading.read(value, dropped)) is not None:
            if key.crypto_suite in CRYPTO_SUITES:
                crypto.append(key)
            else:
                dropped.add("crypto")
    hashes = [one for value in attributes.get("zrtp-hash", ())[:MOST] if (one := hashing.read(value, dropped))]
    if not crypto and not hashes:
        return None
    required = bool(crypto) and not context.answer and medium.proto.upper().startswith("RTP/SAVP")
    return Encryption(required=required, crypto=tuple(crypto), zrtp_hash=tuple(hashes))


def _read_bandwidth(medium: Medium, context: Context) -> tuple[Bandwidth, ...]:
    found: list[Bandwidth] = []
    lines = (*context.head.lines, *medium.lines) if context.lone else medium.lines
    for letter, value in lines:
        if letter == "b" and len(found) < MOST:
            kind, _, number = value.partition(":")
            try:
                found.append(Bandwidth(type=_TOKEN(kind), value=_DIGITS(number)))
            except ValueError:
                context.dropped.add("b=")
    return tuple(dict.fromkeys(found))


def _read_extensions(medium: Medium, context: Context) -> tuple[HeaderExtension, ...]:
    reading = template(HeaderExtension, context.by)
    own = medium.attributes.get("extmap", ())
    values = (*(value for value in context.head.attributes.get("extmap", ()) if value not in own[:MOST]), *own)
    if len(values) > MOST:
        context.dropped.add("extmap")
    found = (reading.read(value, context.dropped) for value in values[:MOST])
    return tuple(one for one in found if one is not None)


def _read_sources(medium: Medium, dropped: Dropped) -> tuple[Source, ...]:
    found: dict[int, list[Parameter]] = {}
    named = False
    for value in medium.attributes.get("ssrc", ()):
        number, _, said = value.partition(" ")
        name, colon, text = said.strip().partition(":")
        try:
            parameters = found.setdefault(_SSRC(number), [])
        except ValueError:
            dropped.add("ssrc")
            continue
        if not name or len(parameters) == MOST or len(found) > MOST:
            dropped.add("ssrc")
            continue
        named = named or name == "msid"
        parameters.append(Parameter(name=name, value=text.strip() if colon else None))
    if (streams := medium.attributes.get("msid")) and not named:
        # RFC 8830 names the medium's stream once; Jingle can only say it of a source (XEP-0339).
        for parameters in found.values():
            parameters.append(Parameter(name="msid", value=streams[0]))
    if streams and (not found or len(streams) > 1):
        dropped.add("msid")
    return tuple(
        Source(ssrc=ssrc, parameters=tuple(parameters)) for ssrc, parameters in list(found.items())[:MOST] if parameters
    )


def _read_source_groups(medium: Medium, dropped: Dropped) -> tuple[SourceGroup, ...]:
    found = []
    for value in medium.attributes.get("ssrc-group", ())[:MOST]:
        semantics, *numbers = value.split()[:MOST] or ("",)
        try:
            sources = tuple(Source(ssrc=_SSRC(number)) for number in numbers)
            found.append(SourceGroup(semantics=_TOKEN(semantics), sources=sources))
        except ValueError:
            dropped.add("ssrc-group")
    return tuple(found)


def _read_categories(medium: Medium, dropped: Dropped) -> tuple[Category, ...]:
    found = []
    for word in ",".join(medium.attributes.get("content", ())).split(",", MOST)[:MOST]:
        try:
            found.append(Category(name=_TOKEN(word)))
        except ValueError:
            if word:
                dropped.add("content")
    return tuple(found)


def profile(media: Media) -> str:
    """The m= protocol that a content asks for (conformance reference 4.1).

    Keys that need not be used are offered as if they had to: RTP/AVP with keys in it (RFC 8643) is answered in the
    clear by whoever does not know that it could be otherwise.  So they read as required when they come back.
    """
    rtp = media.rtp
    feedback = bool(rtp.feedback) or rtp.feedback_interval is not None
    feedback = feedback or any(codec.feedback or codec.feedback_interval is not None for codec in rtp.codecs)
    if rtp.encryption is not None and rtp.encryption.crypto:
        return "RTP/SAVPF" if feedback else "RTP/SAVP"
    if media.transport.fingerprints:
        # A client with ICE, DTLS and one port for all speaks WebRTC, which knows no other profile (RFC 8834 §4.2).
        webrtc = isinstance(media.transport, Ice) and rtp.rtcp_mux is not None
        return "UDP/TLS/RTP/SAVPF" if feedback or webrtc else "UDP/TLS/RTP/SAVP"
    return "RTP/AVPF" if feedback else "RTP/AVP"


def write(media: Media, proto: str, mid: str | None, network: str, context: Context) -> list[str]:
    """The lines of a live m= section; `network` is what the head's c= line says."""
    rtp, by, dropped = media.rtp, context.by, context.dropped
    address, control = transport.addresses(media.transport)
    lines = [f"m={rtp.media} {address.port} {proto} {' '.join(str(codec.id) for codec in rtp.codecs)}"]
    if address.network() != network:
        lines.append(f"c={address.network()}")
    lines.extend(f"b={one.type}:{one.value}" for one in rtp.bandwidth)
    if control is not None:
        lines.append(f"a=rtcp:{control.port} {control.network()}")
    lines += transport.write(media.transport, by, answer=context.answer)
    if mid is not None:
        lines.append(f"a=mid:{mid}")
    extension = template(HeaderExtension, by)
    lines.extend(map(extension.write, rtp.extensions))
    if rtp.extmap_allow_mixed is not None:
        lines.append("a=extmap-allow-mixed")
    lines.append(f"a={SENDERS[by, media.senders]}")
    if rtp.categories:
        lines.append(f"a=content:{','.join(category.name for category in rtp.categories)}")
    if rtp.rtcp_mux is not None:
        lines.append("a=rtcp-mux")
    if rtp.encryption is not None:
        lines.extend(map(template(Crypto, by).write, rtp.encryption.crypto))
        lines.extend(map(template(ZrtpHash, by).write, rtp.encryption.zrtp_hash))
    lines += payload.write(rtp, by, dropped)
    lines += _write_sources(rtp, dropped)
    if media.disposition != "session":
        dropped.add("content@disposition")
    return lines


def _write_sources(rtp: Rtp, dropped: Dropped) -> list[str]:
    streams = {
        parameter.value: None for source in rtp.sources for parameter in source.parameters if parameter.name == "msid"
    }
    lines = [f"a=msid:{stream}" for stream in streams if stream and len(streams) == 1]
    for group in rtp.source_groups:
        lines.append(f"a=ssrc-group:{' '.join((group.semantics, *(str(source.ssrc) for source in group.sources)))}")
    for source in rtp.sources:
        if not source.parameters:
            dropped.add("source")
        for parameter in source.parameters:
            value = "" if parameter.value is None else f":{parameter.value}"
            lines.append(f"a=ssrc:{source.ssrc} {parameter.name}{value}")
    if rtp.ssrc is not None:
        dropped.add("description@ssrc")
    return lines
