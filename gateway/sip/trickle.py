"""The body of an INFO that trickles: application/trickle-ice-sdpfrag, and the words around it (RFC 8840 §9, §10).

A fragment is a description without what the exchange has settled: ICE credentials where the description had them, and
for each medium a pseudo m= line (its port, protocol and format say nothing, §9.2), its a=mid and its candidates.  It is
read and written by the declarations that whole descriptions are; what else stands in it is passed over, as it must be.
"""

from dataclasses import dataclass, field

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.sdp.text import Section, cut, join
from gateway.sdp.transport import read_candidates, write_candidates
from gateway.sip.lines import Header
from mappings.description import Candidate
from mappings.terms import Role

TAG = "trickle-ice"
"The option tag (§10.1), and the Info-Package (§10.2)."

OPTION = "trickle"
"The word of a=ice-options (RFC 8838 §16)."

CONTENT_TYPE = "application/trickle-ice-sdpfrag"

HEADERS: tuple[Header, ...] = (
    ("Info-Package", TAG),
    ("Content-Type", CONTENT_TYPE),
    ("Content-Disposition", "Info-Package"),
)
"Of every INFO that trickles (§10.6; RFC 6086 §6)."

LONGEST = 64 * 1024
"Octets of a fragment; hundreds of candidates fit in."

_BY = Role.INITIATOR  # whoever: no word of a candidate depends on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a fragment says of one medium."""

    kind: str
    mid: str
    ufrag: str | None = None
    pwd: str | None = field(default=None, repr=False)
    candidates: tuple[Candidate, ...] = ()
    complete: bool = False
    "No more will come for this medium."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """What an INFO says.  Credentials of the whole session hold for each part that has none of its own (RFC 8839)."""

    parts: tuple[Part, ...] = ()
    ufrag: str | None = None
    pwd: str | None = field(default=None, repr=False)
    complete: bool = False
    "No more will come for any medium."

    def credentials(self, part: Part) -> tuple[str | None, str | None]:
        """What this part's candidates belong to."""
        return part.ufrag or self.ufrag, part.pwd or self.pwd


def read(body: str | bytes, dropped: Dropped) -> Fragment:
    """Read a fragment; PeerError (400, 413, 488) says where it cannot be one.  A part without a=mid is nobody's."""
    if len(body) > LONGEST:
        raise PeerError(f"sdpfrag: longer than {LONGEST} octets", status=413)
    sdp = cut(body)
    parts: dict[str, Part] = {}
    for medium in sdp.media:
        mid = _first(medium, "mid")
        if mid is None or mid in parts:
            dropped.add("m=")
            continue
        parts[mid] = Part(
            kind=medium.kind,
            mid=mid,
            ufrag=_first(medium, "ice-ufrag"),
            pwd=_first(medium, "ice-pwd"),
            candidates=read_candidates(medium, _BY, dropped),
            complete="end-of-candidates" in medium.attributes,
        )
    return Fragment(
        parts=tuple(parts.values()),
        ufrag=_first(sdp.head, "ice-ufrag"),
        pwd=_first(sdp.head, "ice-pwd"),
        complete="end-of-candidates" in sdp.head.attributes,
    )


def write(fragment: Fragment) -> str:
    """The fragment as a body."""
    lines = _credentials(fragment)
    if fragment.complete:
        lines.append("a=end-of-candidates")
    for part in fragment.parts:
        lines += [f"m={part.kind} 9 RTP/AVP 0", f"a=mid:{part.mid}", *_credentials(part)]
        lines += write_candidates(part.candidates, _BY)
        if part.complete:
            lines.append("a=end-of-candidates")
    return join(lines)


def _first(section: Section, name: str) -> str | None:
    return section.attributes.get(name, ("",))[0] or None


def _credentials(said: Fragment | Part) -> list[str]:
    lines = [] if said.ufrag is None else [f"a=ice-ufrag:{said.ufrag}"]
    return lines if said.pwd is None else [*lines, f"a=ice-pwd:{said.pwd}"]
