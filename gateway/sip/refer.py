"""REFER and what is told of it: Refer-To, Referred-By, and the status line in a NOTIFY (RFC 3515, 3892, 3420, 4488).

Values only; what a leg does with them is `gateway.sip.transferring`'s.
"""

import re
from dataclasses import dataclass, replace

from gateway.errors import PeerError
from gateway.signals import Transfer
from gateway.sip.address import NameAddr, Uri
from gateway.sip.grammar import BLANKS, escape_parameter, unescape
from gateway.sip.message import PHRASES, Header, SipRequest, SipResponse
from gateway.sip.replaces import Replaces

EVENT = "refer"
"The event package of the subscription that a REFER makes (RFC 3515 §2.4.2)."

FRAGMENT = "message/sipfrag"

ALLOW_EVENTS: Header = ("Allow-Events", EVENT)

MAX_STATUS_LINE = 512
"Octets of a status line that are looked at."

_STATUS_LINE = re.compile(rb"\s*SIP/2\.0[ \t]++([1-6]\d\d)(?:[ \t]([^\r\n]*))?(?:\r?\n|\Z)", re.IGNORECASE)
_ID = re.compile(r";\s*+id\s*+=\s*+([^\s;]++)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Referred:
    """What a REFER asks for."""

    transfer: Transfer
    dropped: tuple[str, ...] = ()
    "What else its Refer-To would have in the INVITE, which does not get there."


def read(request: SipRequest) -> Referred:
    """What a REFER wants.

    PeerError: 400 unless there is one readable Refer-To (RFC 3515 §2.4.2), 416 for a scheme that is not SIP's, 603 for
    another method than INVITE.
    """
    values = request.values("Refer-To")
    if len(values) != 1:
        raise PeerError(f"Refer-To: {len(values)} of them, one is wanted")
    uri = NameAddr.parse(values[0]).uri
    if uri.scheme not in ("sip", "tel"):
        raise PeerError(f"Refer-To: no scheme of ours, {uri.scheme[:32]!r}", status=416)
    if (uri.params.get("method") or "INVITE").upper() != "INVITE":
        raise PeerError("Refer-To: only calls are handed on", status=603)
    replaces, dropped = None, []
    for pair in (uri.headers or "").split("&"):
        name, _, value = pair.partition("=")
        if name.lower() == "replaces" and replaces is None:
            replaces = str(Replaces.parse(unescape(value)))
        elif name:
            dropped.append(f"Refer-To ?{unescape(name)[:32]}")
    by = request.first("Referred-By")
    if by is not None:
        NameAddr.parse(by)
    plain = replace(uri, headers=None, params=uri.params.without("method")) if uri.is_sip else uri
    return Referred(Transfer(str(plain), replaces, by), tuple(dropped))


def write(transfer: Transfer, by: Uri) -> tuple[Header, ...]:
    """The headers of a REFER that asks for it; ``by`` is who asks, as the peer knows them."""
    target = Uri.parse(transfer.target)
    if transfer.replaces is not None and target.is_sip:
        target = replace(target, headers=f"Replaces={escape_parameter(transfer.replaces).replace('&', '%26')}")
    return ("Refer-To", f"<{target}>"), ("Referred-By", f"<{by}>")


def unsubscribed(message: SipRequest | SipResponse) -> bool:
    """Whether a REFER asks for no subscription, or its response says that there is none (RFC 4488 §4)."""
    return (message.first("Refer-Sub") or "").partition(";")[0].strip(BLANKS).lower() == "false"


def event(request: SipRequest) -> tuple[str, str | None]:
    """The event package that a NOTIFY or SUBSCRIBE is about, in lower case, and its id."""
    value = request.first("Event") or ""
    found = _ID.search(value)
    return value.partition(";")[0].strip(BLANKS).lower(), found[1] if found else None


def is_over(request: SipRequest) -> bool:
    """Whether a NOTIFY ends its subscription (RFC 6665 §4.1.3)."""
    return (request.first("Subscription-State") or "").partition(";")[0].strip(BLANKS).lower() == "terminated"


def read_fragment(body: bytes) -> tuple[int, str | None] | None:
    """The status and phrase that a message/sipfrag begins with, or None."""
    found = _STATUS_LINE.match(body[:MAX_STATUS_LINE])
    if found is None:
        return None
    phrase = (found[2] or b"").decode("utf-8", "replace").strip()
    return int(found[1]), phrase or None


def write_fragment(status: int, phrase: str | None = None) -> bytes:
    """The status line, as a message/sipfrag: all that RFC 3515 §2.4.4 wants, and nothing of anybody's (§5.2)."""
    line = f"SIP/2.0 {status} {phrase or PHRASES.get(status, '')}".rstrip()
    return f"{' '.join(line.split())}\r\n".encode()
