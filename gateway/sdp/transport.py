"""Where media go and how they are protected, both ways: c=, m= port, a=rtcp, ICE and DTLS lines ↔ `Ice` or `RawUdp`.

Without ICE the default address is all there is: raw UDP.  With ICE it repeats one of the candidates (RFC 8839 §4.2.5),
or says "none yet": port 9 and a zero address (RFC 8840 §4.1.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway import canonical
from gateway.errors import PeerError
from gateway.fields import Dropped, fields
from mappings.description import Candidate, Fingerprint, GatheringComplete, Ice, RawCandidate, RawUdp, RemoteCandidate
from mappings.reasons import EndReason
from mappings.record import MOST
from mappings.terms import CandidateType, Role, Setup

from .template import template
from .text import Medium, Section

ATTRIBUTES = frozenset({
    "rtcp", "ice-ufrag", "ice-pwd", "candidate", "remote-candidates", "end-of-candidates", "ice-mismatch",
    "fingerprint", "setup", "bundle-only",
})  # fmt: skip

DISCARD = 9
"The port that means: no address yet."


@dataclass(frozen=True, slots=True)
class Address:
    """One transport address."""

    host: str
    port: int

    @property
    def zero(self) -> bool:
        """The address that nobody has: hold as RFC 2543 spelled it, or 'none yet'."""
        return self.host in ("0.0.0.0", "::")  # noqa: S104

    def network(self) -> str:
        """The connection data of a c= or a=rtcp line."""
        return f"IN IP6 {self.host}" if ":" in self.host else f"IN IP4 {self.host}"


NONE_YET = Address("0.0.0.0", DISCARD)  # noqa: S104

_HOST = {field.name: field.read for field in fields(RawCandidate)}["ip"]
_REMOTE = {field.name: field.read for field in fields(RemoteCandidate)}
_ICE = {field.name: field.read for field in fields(Ice)}
_SETUP = {str(setup): setup for setup in Setup}


def unsupported(text: str) -> PeerError:
    """A medium whose transport cannot cross; it is refused in its place."""
    return PeerError(text, status=488, reason=EndReason.UNSUPPORTED_TRANSPORTS)


def default(medium: Medium, head: Section) -> Address:
    """The default address; PeerError where it is one that Jingle has no words for."""
    data = medium.line("c") or head.line("c")
    if data is None:
        if "ice-ufrag" in medium.attributes or "ice-ufrag" in head.attributes or medium.port == 0:
            return NONE_YET
        raise PeerError(f"m={medium.kind}: no c= line", status=400)
    words = data.split()
    if len(words) != 3 or words[0] != "IN":
        raise PeerError(f"m={medium.kind}: cannot read c={data[:40]!r}", status=400)
    host, slash, _ = words[2].partition("/")
    try:
        host = _HOST(host)
    except ValueError:
        raise PeerError(f"m={medium.kind}: cannot read c={data[:40]!r}", status=400) from None
    if slash or _multicast(host):
        raise unsupported(f"m={medium.kind}: multicast")
    return Address(host, medium.port)


def _multicast(host: str) -> bool:
    if ":" in host:
        return host[:2].lower() == "ff"
    first = host.partition(".")[0]
    return host.count(".") == 3 and first.isdigit() and 224 <= int(first[:3]) <= 239


def read(
    medium: Medium, address: Address, sections: Sequence[Section], by: Role, dropped: Dropped, *, answer: bool
) -> Ice | RawUdp:
    """The transport of an m= section with that default address.

    What the first section leaves out holds from those after it (RFC 8839 §5.4).
    """
    fingerprints = _fingerprints(sections, by, dropped, answer=answer)
    ufrag, pwd = _credential("ufrag", sections), _credential("pwd", sections)
    if not ufrag or not pwd or "ice-mismatch" in medium.attributes:
        for name in ("candidate", "ice-ufrag", "ice-mismatch", "remote-candidates"):
            if name in medium.attributes:
                dropped.add(name)
        return RawUdp(candidates=_raw(medium, address, dropped), fingerprints=fingerprints)
    candidates = read_candidates(medium, by, dropped)
    if not address.zero and address.port not in (0, DISCARD) and not any(
        candidate.ip == address.host and candidate.port == address.port for candidate in candidates
    ):  # fmt: skip
        # RFC 8839 §4.2.5 calls this a mismatch: something on the way rewrote it.  ICE finds out by itself whether the
        # candidates work; the client has nothing but ICE.
        dropped.add("c=")
    complete = any("end-of-candidates" in section.attributes for section in (medium, sections[-1]))
    return Ice(
        ufrag=ufrag,
        pwd=pwd,
        candidates=candidates,
        remote_candidates=_remote_candidates(medium, dropped),
        fingerprints=fingerprints,
        gathering_complete=GatheringComplete() if complete else None,
    )


def _credential(name: str, sections: Sequence[Section]) -> str | None:
    said = _inherited(f"ice-{name}", sections)
    try:
        return None if said is None else _ICE[name](said)
    except ValueError:
        return None  # blanks in it: nobody could check connectivity with that


def _inherited(name: str, sections: Sequence[Section]) -> str | None:
    return next((section.attributes[name][0] for section in sections if name in section.attributes), None)


def _fingerprints(sections: Sequence[Section], by: Role, dropped: Dropped, *, answer: bool) -> tuple[Fingerprint, ...]:
    values = next(
        (section.attributes["fingerprint"] for section in sections if "fingerprint" in section.attributes), None
    )
    if values is None:
        if "setup" in sections[0].attributes:
            dropped.add("setup")
        return ()
    said = _inherited("setup", sections)
    if said == "holdconn":
        raise unsupported("a=setup: holdconn has no place in Jingle")
    setup = canonical.setup(_SETUP.get(said or ""), answer=answer)
    reading = template(Fingerprint, by)
    found = []
    for value in values[:MOST]:
        if (fields_of := reading.values(value, dropped)) is None:
            dropped.add("fingerprint")
        else:
            found.append(Fingerprint(**fields_of, setup=setup))
    return canonical.fingerprints(tuple(found))


def read_candidates(medium: Medium, by: Role, dropped: Dropped) -> tuple[Candidate, ...]:
    """The candidates of an m= section, each once; what cannot be used is reported."""
    given = medium.attributes.get("candidate", ())
    if not given:
        return ()
    reading = template(Candidate, by)
    only_first = "rtcp-mux-only" in medium.attributes
    found = []
    for value in given[:MOST]:
        values = reading.values(value, dropped)
        if values is None or (only_first and values["component"] != 1) or not canonical.candidate(values):
            dropped.add("candidate")
            continue
        found.append(Candidate(**values))
    if len(given) > MOST:
        dropped.add("candidate")
    return canonical.distinct(found)


def _remote_candidates(medium: Medium, dropped: Dropped) -> tuple[RemoteCandidate, ...]:
    if "remote-candidates" not in medium.attributes:
        return ()
    words = medium.attributes["remote-candidates"][0].split()[: 3 * MOST]
    try:
        return tuple(
            RemoteCandidate(component=_REMOTE["component"](a), ip=_REMOTE["ip"](b), port=_REMOTE["port"](c))
            for a, b, c in zip(words[::3], words[1::3], words[2::3], strict=True)
        )
    except ValueError:
        dropped.add("remote-candidates")
        return ()


def _raw(medium: Medium, address: Address, dropped: Dropped) -> tuple[RawCandidate, ...]:
    if address.zero or address.port in (0, DISCARD):
        return ()
    found = [RawCandidate(ip=address.host, port=address.port)]
    if "rtcp" in medium.attributes and "rtcp-mux-only" not in medium.attributes:
        port, _, data = medium.attributes["rtcp"][0].partition(" ")
        words = data.split()
        try:
            ip = _HOST(words[2]) if len(words) == 3 else address.host
            found.append(RawCandidate(ip=ip, port=_REMOTE["port"](port), component=2))
        except ValueError:
            dropped.add("rtcp")
        else:
            if found[-1].port == DISCARD:
                found.pop()
    return tuple(found)


def addresses(transport: Ice | RawUdp) -> tuple[Address, Address | None]:
    """The default address for RTP, and for RTCP where the transport names one."""
    if isinstance(transport, RawUdp):
        by_component = {candidate.component: candidate for candidate in reversed(transport.candidates)}
        if 1 not in by_component:
            return NONE_YET, None
        first, second = by_component[1], by_component.get(2)
        return Address(first.ip, first.port), Address(second.ip, second.port) if second is not None else None
    chosen: dict[int, Candidate] = {}
    for candidate in transport.candidates:
        best = chosen.get(candidate.component)
        if candidate.protocol == "udp" and (best is None or _likely(candidate) < _likely(best)):
            chosen[candidate.component] = candidate
    if 1 not in chosen:
        return NONE_YET, None
    second_best = chosen.get(2)
    return Address(chosen[1].ip, chosen[1].port), Address(second_best.ip, second_best.port) if second_best else None


_LIKELY = {CandidateType.RELAY: 0, CandidateType.SRFLX: 1, CandidateType.PRFLX: 2, CandidateType.HOST: 3}


def _likely(candidate: Candidate) -> tuple[bool, int, int]:
    # RFC 8445 §5.1.4: the default is what works with most peers: relayed, then reflexive, then host.  IPv4 first, since
    # it is the one that a peer without ICE has for certain.
    return ":" in candidate.ip, _LIKELY[candidate.type], -candidate.priority


def write_candidates(candidates: Sequence[Candidate], by: Role) -> list[str]:
    """The a=candidate lines."""
    spelling = template(Candidate, by)
    lines = []
    for candidate in candidates:
        foundation = canonical.foundation(candidate.foundation)
        same = foundation == candidate.foundation
        lines.append(spelling.write(candidate if same else replace(candidate, foundation=foundation)))
    return lines


def write(transport: Ice | RawUdp, by: Role, *, answer: bool) -> list[str]:
    """The a= lines of a transport, but for a=rtcp."""
    lines = []
    if isinstance(transport, Ice):
        if transport.ufrag is not None and transport.pwd is not None:
            lines += [f"a=ice-ufrag:{transport.ufrag}", f"a=ice-pwd:{transport.pwd}"]
        lines += write_candidates(transport.candidates, by)
        if transport.remote_candidates:
            said = " ".join(f"{one.component} {one.ip} {one.port}" for one in transport.remote_candidates)
            lines.append(f"a=remote-candidates:{said}")
        if transport.gathering_complete is not None:
            lines.append("a=end-of-candidates")
    if transport.fingerprints:
        hashing = template(Fingerprint, by)
        lines.extend(map(hashing.write, transport.fingerprints))
        lines.append(f"a=setup:{canonical.setup(transport.fingerprints[0].setup, answer=answer)}")
    return lines
