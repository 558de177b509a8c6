"""Header names, methods, statuses and limits: the fixed words of SIP messages.

Names are written in the case of their specification; a name that is not listed keeps the case in which it came.
"""

from typing import Final, NamedTuple

from gateway.errors import PeerError
from gateway.sip.grammar import BLANKS, TOKEN, number, shown

MAX_HEAD: Final = 64 * 1024
"Octets of start line and headers; more is answered 513."

MAX_BODY: Final = 128 * 1024
"""Octets of a body that a stream may announce; more is answered 513.  That is twice what a datagram can hold, and not
more, since strangers may have as much of our memory in each of their connections."""

MAX_HEADERS: Final = 256
"Header lines; more is answered 513. Real messages have up to 40; each costs us memory many times its size."

# fmt: off
COMPACT: Final = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition", "e": "Content-Encoding",
    "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported", "l": "Content-Length", "m": "Contact",
    "n": "Identity-Info", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via",
    "x": "Session-Expires", "y": "Identity",
}
"One-letter names (RFC 3261 §7.3.3 and the IANA register)."

SHORT: Final = {name: short for short, name in COMPACT.items()}
"The names that have one."

_KNOWN: Final = (
    "Accept", "Accept-Encoding", "Accept-Language", "Accept-Resource-Priority", "Alert-Info", "Allow",
    "Authentication-Info", "Authorization", "Call-Info", "Content-Disposition", "Content-ID", "Content-Language",
    "CSeq", "Date", "Diversion", "Error-Info", "Expires", "Feature-Caps", "Geolocation", "Geolocation-Error",
    "Geolocation-Routing", "History-Info", "In-Reply-To", "Info-Package", "Join", "Max-Breadth", "Max-Forwards",
    "MIME-Version", "Min-Expires", "Min-SE", "Organization", "P-Access-Network-Info", "P-Asserted-Identity",
    "P-Asserted-Service", "P-Called-Party-ID", "P-Charging-Vector", "P-Early-Media", "P-Preferred-Identity", "Path",
    "Priority", "Privacy", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Require",
    "RAck", "Reason", "Record-Route", "Recv-Info", "Refer-Sub", "Replaces", "Reply-To", "Require", "Resource-Priority",
    "Retry-After", "Route", "RSeq", "Server", "Service-Route", "Session-ID", "SIP-ETag", "SIP-If-Match",
    "Subscription-State", "Target-Dialog", "Timestamp", "Unsupported", "User-Agent", "User-to-User", "Warning",
    "WWW-Authenticate",
)

CANONICAL: Final = {
    spelling: name
    for short, name in [*COMPACT.items(), *((name, name) for name in _KNOWN)]
    for spelling in (short, short.lower(), short.upper(), name, name.lower(), name.upper())
}
"Spellings of a name that are common, to the name; others are found by their lower case."

SINGLE: Final = frozenset({
    "call-id", "content-disposition", "content-length", "content-type", "cseq", "event", "expires", "from",
    "max-forwards", "min-expires", "min-se", "rack", "refer-to", "referred-by", "replaces", "rseq", "session-expires",
    "subscription-state", "to",
})
"Headers of which a message has one, in lower case: two make it ambiguous, and are refused (RFC 4475 §3.3.8)."

ALLOW: Final = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE", "NOTIFY", "REFER")
"The methods we serve."

METHODS: Final = frozenset({
    *ALLOW, "MESSAGE", "NOTIFY", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE",
})
"The methods we know; others are answered 501."

SUPPORTED: Final[tuple[str, ...]] = ("100rel", "timer", "replaces", "norefersub")
"The option tags that every leg supports."

PHRASES: Final = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK", 202: "Accepted", 204: "No Notification",
    300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout",
    410: "Gone", 412: "Conditional Request Failed", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 417: "Unknown Resource-Priority",
    420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief",
    424: "Bad Location Information", 428: "Use Identity Header", 429: "Provide Referrer Identity", 430: "Flow Failed",
    433: "Anonymity Disallowed", 436: "Bad Identity Info", 437: "Unsupported Credential",
    438: "Invalid Identity Header", 439: "First Hop Lacks Outbound Support", 440: "Max-Breadth Exceeded",
    469: "Bad Info Package", 470: "Consent Needed", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete",
    485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    491: "Request Pending", 493: "Undecipherable", 494: "Security Agreement Required",
    500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
    555: "Push Notification Service Not Supported", 580: "Precondition Failure",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable", 607: "Unwanted",
    608: "Rejected",
}
"What the statuses are called (the IANA register)."
# fmt: on

_CSEQ_LIMIT: Final = 2**32 - 1
"RFC 3261 §8.1.1.5 asks for less than 2**31 of who makes one, and for 32 bits of who reads one."


class CSeq(NamedTuple):
    """The number and method that order the requests of a dialog (RFC 3261 §20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read a CSeq value; raises `PeerError` (400)."""
        digits, _, rest = text.replace("\t", " ").partition(" ")
        value, method = number(digits, _CSEQ_LIMIT), rest.strip(BLANKS)
        if value is None or not TOKEN.fullmatch(method):
            raise PeerError(f"CSeq: cannot read {shown(text)}")
        return cls(value, method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def canonical(name: str) -> str:
    """The name in the case of its specification, compact forms expanded; an unknown name as it is."""
    return CANONICAL.get(name) or CANONICAL.get(name.lower(), name)
