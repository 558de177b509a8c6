"""What is said to rtpengine, and what is taken of what it says.

Of its SDP only what it alone knows is taken: addresses, ports, ICE, fingerprints and keys.  The rest of a description
is ours (it passes on what browsers write about themselves, and takes groups away).  Every reply is checked against what
was asked, because what rtpengine does not understand it answers with "ok".

A line stands for each stream of the call, in their order, so that lines keep their meaning.  Both sides' texts have the
same formats, so that rtpengine sees nothing to convert; but for what it is meant to (`formats`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway import canonical
from gateway.errors import AnchorError, PeerError
from gateway.fields import Dropped
from gateway.media.anchor import Latch, Protection
from gateway.media.negotiation import identity
from gateway.media.rtpengine.bencode import Value
from gateway.sdp import description, text
from gateway.sdp.description import Context
from mappings.codecs import KINDS
from mappings.description import (
    Candidate,
    Codec,
    Encryption,
    Fingerprint,
    GatheringComplete,
    Ice,
    Media,
    RawCandidate,
    RawUdp,
    RtcpMux,
    Rtp,
)
from mappings.reasons import EndReason
from mappings.terms import CandidateType, Role, Senders, Setup

NOWHERE = RawUdp(candidates=(RawCandidate(ip="127.0.0.1", port=9),))
"""The discard port of rtpengine's own machine: where a peer's media go that has not said where it is.  Of RTP alone: a
port for RTCP that is the same would say that they are multiplexed, and that is never unsaid."""

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM")
"The suites of its keys that a phone is told (RFC 4568 §6.2, RFC 7714 §14.2): it offers some that encrypt nothing."

_STAND_INS = {
    "audio": (Codec(id=0, name="PCMU", clockrate=8000),),
    "video": (Codec(id=96, name="VP8", clockrate=90000),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobody:
    """What stands for a peer that has said nothing yet."""

    mux: bool = False
    encryption: Encryption | None = None
    fingerprints: tuple[Fingerprint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A stream on one side, as rtpengine is told it."""

    kind: str
    said: Media | None
    "What the peer there said; None: nothing yet, or that it does not want it."

    codecs: Sequence[Codec]
    "The formats that pass."

    live: bool = True
    "False: nobody is to have it."

    nobody: Nobody = Nobody()
    "Who stands there while nothing is said."

    refused: bool = False
    "The peer there does not want it: the other has a transport for it all the same, to be told of."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a side's media are to be, for which rtpengine is to write."""

    ice: bool
    protection: Protection
    mux: bool
    feedback: bool


Transports = Mapping[int, tuple[Ice | RawUdp, Encryption | None]]
"What rtpengine has for a side, by stream."

PLAIN = Wanted(ice=False, protection=Protection.NONE, mux=False, feedback=False)
"For a peer that has said nothing yet."


def write(lines: Sequence[Line], role: Role, version: int, *, answer: bool, lite: bool = False) -> str:
    """The SDP of a peer of that role; every line has its own transport.

    ``lite``: rtpengine is to be the one that controls, whoever offers.
    """
    context = Context(by=role, answer=answer, dropped=Dropped(), head=text.Section())
    body = []
    for index, line in enumerate(lines):
        if not line.live:
            body.append(f"m={line.kind} 0 RTP/AVP 0")
            continue
        media = _media(line)
        body += description.write(media, description.profile(media), str(index), "IN IP4 127.0.0.1", context)
        if lite and isinstance(media.transport, Ice):
            body.append("a=ice-lite")  # rtpengine reads it in a medium only
    head = ["v=0", f"o=- 1 {version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    return text.join([*head, *body])


def _media(line: Line) -> Media:
    codecs = tuple(line.codecs) or _STAND_INS[line.kind]
    said = line.said
    if said is None:
        senders = Senders.NONE if line.refused else Senders.BOTH
        mux = RtcpMux() if line.nobody.mux else None
        rtp = Rtp(media=line.kind, codecs=codecs, encryption=line.nobody.encryption, rtcp_mux=mux)
        nowhere = replace(NOWHERE, fingerprints=line.nobody.fingerprints)
        return Media(name="", rtp=rtp, transport=nowhere, senders=senders)
    rtp = Rtp(media=line.kind, codecs=codecs, encryption=said.rtp.encryption, rtcp_mux=said.rtp.rtcp_mux)
    carried = said.transport
    if isinstance(carried, Ice):
        carried = replace(carried, candidates=_reachable(carried.candidates), remote_candidates=())
    elif not any(one.component == 1 and one.port for one in carried.candidates):
        carried = replace(carried, candidates=NOWHERE.candidates)
    return Media(name=said.name, rtp=rtp, transport=carried, creator=said.creator, senders=said.senders)


def _reachable(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Candidates by UDP; without one rtpengine waits for the peer's checks, at an address where nobody is meant."""
    found = tuple(one for one in candidates if one.protocol == "udp")
    return found or (
        Candidate(
            foundation="nobody",
            component=1,
            protocol="udp",
            priority=1,
            ip="127.0.0.1",
            port=9,
            type=CandidateType.HOST,
        ),
    )


def flags(wanted: Wanted, latches: Collection[Latch], *, answer: bool, digits: bool = False) -> dict[str, Value]:
    """The keys of an offer or answer that say how the text for the other side is to be.

    ``latches`` are both sides'.  What was learned by the first packets holds (`strict-source`); of several sources the
    learning prefers the signalled one, but knows no bound as `Latch.SIGNALLED` has it.  ``digits`` are to be played
    into the sound, which rtpengine does only to what it decodes and encodes.
    """
    profile = "RTP/AVP"
    if wanted.protection is Protection.DTLS:
        profile = "UDP/TLS/RTP/SAVP"
    elif wanted.protection is Protection.SDES:
        profile = "RTP/SAVP"
    found: dict[str, Value] = {
        "ICE": "force" if wanted.ice else "remove",
        "transport-protocol": profile + ("F" if wanted.feedback or wanted.protection is Protection.DTLS else ""),
        "endpoint-learning": "immediate" if Latch.ANY in latches else "heuristic",
        "flags": ["strict-source", "port-latching", "generate-mid", *(["inject-DTMF"] if digits else [])],
        "replace": ["origin"],
    }
    if not answer or not wanted.mux:
        found["rtcp-mux"] = ["require" if wanted.mux else "demux"]
    if not answer:
        found["DTLS"] = "passive" if wanted.protection is Protection.DTLS else "off"
        if wanted.protection is not Protection.SDES:
            found["SDES"] = ["off"]
    return found


def read(
    sdp: str,
    lines: Sequence[Line],
    wanted: Wanted,
    role: Role,
    *,
    answer: bool,
    made: Mapping[int, Collection[Codec]] = MappingProxyType({}),
) -> Transports:
    """What rtpengine has for a side, by stream.  AnchorError where it is not what was wanted.

    ``role`` is whose text it takes the place of; ``made`` are the formats of streams of which it is to make some.
    """
    try:
        whole = text.parse(sdp)
        context = Context(by=role, answer=answer, dropped=Dropped(), head=whole.head)
        media = {
            index: description.read(medium, None, "", role, context)
            for index, (medium, line) in enumerate(zip(whole.media, lines, strict=False))
            if line.live and medium.port and medium.kind in KINDS
        }
    except PeerError as error:
        raise _unfit(error.text) from error
    found = {index: _checked(one, wanted) for index, one in media.items()}
    missing = [line.kind for index, line in enumerate(lines) if line.live and index not in found]
    if missing:
        raise _unfit(f"no port for {' and '.join(missing)}")
    for index, codecs in made.items():
        there = {(identity(codec), codec.id) for codec in media[index].rtp.codecs}
        if lost := [codec.name or "" for codec in codecs if (identity(codec), codec.id) not in there]:
            raise _unfit(f"it does not make {' and '.join(lost)}")
    return found


def _checked(media: Media, wanted: Wanted) -> tuple[Ice | RawUdp, Encryption | None]:
    carried, encryption = media.transport, media.rtp.encryption
    if isinstance(carried, Ice) is not wanted.ice:
        raise _unfit("ICE is not as it was asked for")
    if bool(carried.fingerprints) is not (wanted.protection is Protection.DTLS):
        raise _unfit("DTLS is not as it was asked for")
    keys = tuple(one for one in encryption.crypto if one.crypto_suite in SUITES) if encryption is not None else ()
    if bool(keys) is not (wanted.protection is Protection.SDES):
        raise _unfit("SDES is not as it was asked for")
    if isinstance(carried, Ice):
        candidates = tuple(
            replace(one, foundation=canonical.foundation(one.foundation, decimal=True))  # COMPAT(Siskin)
            for one in carried.candidates
            if one.component == 1 or not wanted.mux
        )
        if not candidates:
            raise _unfit("ICE without a candidate")
        carried = replace(carried, candidates=candidates, gathering_complete=GatheringComplete())
    elif wanted.mux:
        carried = replace(carried, candidates=tuple(one for one in carried.candidates if one.component == 1))
    elif len(carried.candidates) == 1:
        first = carried.candidates[0]
        carried = replace(carried, candidates=(first, replace(first, port=first.port + 1, component=2)))
    return carried, Encryption(required=True, crypto=keys) if keys else None


def as_offered(carried: Ice | RawUdp, encryption: Encryption | None) -> tuple[Ice | RawUdp, Encryption | None]:
    """What rtpengine has answered, as an offer: the DTLS role is the peer's to choose (RFC 5763 §5)."""
    open_ = tuple(replace(one, setup=Setup.ACTPASS) for one in carried.fingerprints)
    return replace(carried, fingerprints=open_), encryption


def _unfit(what: str) -> AnchorError:
    return AnchorError(f"rtpengine: {what}", EndReason.FAILED_TRANSPORT, 503)
