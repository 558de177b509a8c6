"""What a request says of who sends it, and over whom it came: the identities and histories of SIP's headers, read.

What is asserted counts only from trusted peers, which is for the caller of `read` to know.  Who asks not to be told is
not: entries of a history that want privacy are not even kept (RFC 3323, 3325; Diversion: RFC 5806; History-Info: RFC
7044; Remote-Party-ID: the draft that phones and switches still speak).  Nothing is raised: a header that cannot be
read says nothing.

Decided against: Call-Info, and Alert-Info's other URIs.  Whoever calls would say what a client is to fetch, and from
where.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.errors import PeerError
from gateway.sip.address import NameAddr, Uri
from gateway.sip.grammar import Parameters, unescape, unquote
from gateway.sip.message import Header, SipRequest

MAX_VIA = 8
"Stations of a call's way that are kept."

MAX_READ = 32
"Values of one header that are looked at."

MAX_NAME = 64
"Characters of a name for people, and of a station's address as text."

MAX_SUBJECT = 256

ASSERTED = ("P-Asserted-Identity", "Remote-Party-ID", "P-Preferred-Identity")
"Who a trusted peer says that it is, in the order of belief."

HIDE_HISTORY = frozenset({"history", "header", "session"})
"Privacy for the whole of a history (RFC 7044 §10.1.1)."

HIDE_SENDER = frozenset({"user", "header"})
"Privacy for what a sender writes of itself (RFC 3323 §4.1)."

PRIORITIES = frozenset({"emergency", "urgent", "normal", "non-urgent"})
REASONS = frozenset(
    {
        "unknown", "user-busy", "no-answer", "unavailable", "unconditional", "time-of-day", "do-not-disturb",
        "deflection", "follow-me", "out-of-service", "away",
    }
)  # fmt: skip
"Why a call was passed on, in Diversion's words."

_CAUSES = {302: "unconditional", 404: "unknown", 408: "no-answer", 480: "deflection", 486: "user-busy",
           487: "deflection", 503: "unavailable"}  # fmt: skip
"The causes of RFC 4458 and of a history's Reason, in the same words."

_CAUSE = re.compile(r"cause\s*+=\s*+(\d{3})(?!\d)", re.I)
_ALERT = re.compile(r"<(urn:alert:[A-Za-z0-9:.-]{1,80})>")
_ANONYMOUS = "anonymous.invalid"


@dataclass(frozen=True, slots=True)
class Station:
    """Somebody who was called before, and passed the call on."""

    uri: Uri
    name: str = ""
    "For people; may be empty."

    reason: str = ""
    "One of `REASONS`, or empty."


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a request says of its sender, besides From."""

    asserted: NameAddr | None = None
    "Believed only of trusted peers."

    privacy: frozenset[str] = frozenset()
    "The words of Privacy, and id where Remote-Party-ID asks for the same."

    via: tuple[Station, ...] = ()
    "Over whom the call came, the last first."

    subject: str = ""
    priority: str = ""
    alert: tuple[str, ...] = ()
    "The kinds of ringing that are asked for, as URNs (RFC 7462); the address of a sound is nothing to be fetched."


def read(request: SipRequest) -> Claims:
    """All of it."""
    words = ",".join(request.all("Privacy")).replace(";", ",").lower().split(",")
    privacy = {word.strip() for word in words if word.strip()}
    if any(_wishes(party) & {"full", "uri"} for party in _addresses(request, "Remote-Party-ID") if _calls(party)):
        privacy.add("id")
    via = () if privacy & HIDE_HISTORY else _history(request) or _diversions(request)
    own = request.method == "MESSAGE"  # whose subject is the text's
    priority = (request.first("Priority") or "").strip().lower()
    return Claims(
        asserted=_asserted(request),
        privacy=frozenset(privacy),
        via=via[:MAX_VIA],
        subject="" if own or privacy & HIDE_SENDER else line(request.first("Subject") or "", MAX_SUBJECT),
        priority=priority if priority in PRIORITIES else "",
        alert=tuple(_ALERT.findall(",".join(request.all("Alert-Info"))[:1024])[:4]),
    )


def write(how: str, asserted: Uri, *, hidden: bool) -> tuple[Header, ...]:
    """The headers that tell a peer who calls.

    ``how``: asserted, preferred or remote-party name the header, none writes no identity.  ``hidden``: the peer is to
    keep it to itself; also without an identity of ours, since a trunk may assert one of its own, by the account
    (RFC 3325 §9.3).
    """
    privacy: tuple[Header, ...] = (("Privacy", "id"),) if hidden else ()
    match how:
        case "asserted":
            return ("P-Asserted-Identity", f"<{asserted}>"), *privacy
        case "preferred":
            return ("P-Preferred-Identity", f"<{asserted}>"), *privacy
        case "remote-party":
            wish = "full" if hidden else "off"
            return ("Remote-Party-ID", f"<{asserted}>;party=calling;screen=yes;privacy={wish}"), *privacy
        case _:
            return privacy


def line(text: str, most: int = MAX_NAME) -> str:
    """A peer's text for people: on one line, printable, not as long as it likes.

    What changes the direction of writing goes too: a name shall not be able to rewrite what stands beside it.
    """
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * most])
    return " ".join(shown.split())[:most].rstrip()


# ----------------------------------------------------------------------------------------------------------- who it is


def _asserted(request: SipRequest) -> NameAddr | None:
    """Of the at most two identities of a header (sip and tel, RFC 3325 §9.1) the first that can be read."""
    for header in ASSERTED:
        for identity in _addresses(request, header):
            if identity.uri.scheme not in ("sip", "sips", "tel") or not _calls(identity):
                continue
            return replace(identity, display="") if "name" in _wishes(identity) else identity
    return None


def _calls(party: NameAddr) -> bool:
    """Whether a Remote-Party-ID is the caller's; the other headers have no such parameter."""
    return (party.params.get("party") or "calling").lower() == "calling"


def _wishes(party: NameAddr) -> frozenset[str]:
    return frozenset(unquote(party.params.get("privacy") or "").lower().replace(",", " ").split())


# ---------------------------------------------------------------------------------------------------------- how it came


def _diversions(request: SipRequest) -> tuple[Station, ...]:
    """Diversion, whose topmost value is the last (RFC 5806 §4)."""
    found = []
    for entry in _addresses(request, "Diversion"):
        wishes = _wishes(entry)
        if wishes & {"full", "uri"} or _is_nobody(entry.uri):
            continue
        reason = unquote(entry.params.get("reason") or "").lower()
        found.append(
            Station(_bare(entry.uri), "" if "name" in wishes else line(entry.display), reason * (reason in REASONS))
        )
    return tuple(found)


def _history(request: SipRequest) -> tuple[Station, ...]:
    """History-Info: the entries that were passed on, in the order of their indexes, turned round (RFC 7044 §10).

    An entry names in ``mp`` the one that it was made of for somebody else; where no entry has one of that family of
    parameters (RFC 4244), an entry with a Reason is one that was left.
    """
    entries = list(_addresses(request, "History-Info"))
    modern = any({"mp", "rc", "np"} & set(entry.params) for entry in entries)
    left = {entry.params.get("mp"): entry for entry in entries if entry.params.get("mp")}
    found = []
    for entry, following in zip(entries, [*entries[1:], None], strict=False):
        headers = _headers(entry.uri)
        target = left.get(entry.params.get("index") or "") if modern else following
        if target is None or (not modern and "reason" not in headers):
            continue
        private = headers.get("privacy", "").lower().replace(";", " ").split()
        if HIDE_HISTORY & set(private) or _is_nobody(entry.uri):
            continue
        cause = target.uri.params.get("cause") or "".join(_CAUSE.findall(headers.get("reason", ""))[:1])
        reason = _CAUSES.get(int(cause), "") if cause.isascii() and cause.isdigit() and len(cause) == 3 else ""
        found.append(Station(_bare(entry.uri), line(entry.display), reason))
    return tuple(reversed(found))


def _headers(uri: Uri) -> dict[str, str]:
    """The headers in a URI (RFC 3261 §19.1.1)."""
    parts = (part.partition("=") for part in (uri.headers or "").split("&"))
    return {name.lower(): unescape(value) for name, _, value in parts}


def _bare(uri: Uri) -> Uri:
    """Who it is, without why they were called or what else the URI carries along."""
    params = Parameters({name: value for name, value in uri.params.items() if name == "user"})
    return replace(uri, headers=None, password=None, params=params) if uri.is_sip else uri


def _is_nobody(uri: Uri) -> bool:
    return uri.host == _ANONYMOUS or uri.scheme not in ("sip", "sips", "tel")


def _addresses(request: SipRequest, header: str) -> Iterable[NameAddr]:
    try:
        values = request.values(header)[:MAX_READ]
    except PeerError:
        return
    for value in values:
        try:
            yield NameAddr.parse(value)
        except PeerError:
            continue
