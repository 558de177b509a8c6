"""Why a call or an offer ended: one row a reason, read in both directions.

The rows are the Jingle reasons (XEP-0166 §7.4), since they are the finer vocabulary; what SIP says more finely (the
status and its phrase) travels beside the reason.  No document states this table; it is built on RFC 7247 §7.1, RFC 3261
§21, RFC 3326 and the definitions of XEP-0166 (conformance reference 1.7.1 to 1.7.3).
"""

from enum import StrEnum
from typing import NamedTuple


class EndReason(StrEnum):
    """Why a call, or an offer inside one, came to nothing. UNSPECIFIED: the peer gave no reason, or none we know."""

    SUCCESS = "success"
    BUSY = "busy"
    DECLINE = "decline"
    CANCEL = "cancel"
    TIMEOUT = "timeout"
    GONE = "gone"
    EXPIRED = "expired"
    ALTERNATIVE_SESSION = "alternative-session"
    UNSUPPORTED_APPLICATIONS = "unsupported-applications"
    UNSUPPORTED_TRANSPORTS = "unsupported-transports"
    INCOMPATIBLE_PARAMETERS = "incompatible-parameters"
    FAILED_APPLICATION = "failed-application"
    FAILED_TRANSPORT = "failed-transport"
    CONNECTIVITY_ERROR = "connectivity-error"
    MEDIA_ERROR = "media-error"
    SECURITY_ERROR = "security-error"
    GENERAL_ERROR = "general-error"
    UNSPECIFIED = "unspecified"


class Cause(NamedTuple):
    """One value of a Reason header (RFC 3326): the protocol, SIP or Q.850, its cause and a text of our own."""

    protocol: str
    code: int
    text: str | None = None


class Row(NamedTuple):
    """One reason, and everything that says it."""

    reason: EndReason

    refusal: int
    "The final response we send while the caller waits for one (1.7.1)."

    refusal_cause: Cause | None = None
    "The Reason header put into that response (RFC 6432)."

    warning: int | None = None
    "The Warning code put into that response, and read as telling this reason from others of its status."

    bye: Cause | None = None
    "The Reason header of the BYE that ends an answered call (1.7.3)."

    statuses: tuple[int, ...] = ()
    "Final responses that we read as this reason (1.7.2)."

    q850: tuple[int, ...] = ()
    "Q.850 causes that we read as this reason (1.7.3)."

    sip: tuple[int, ...] = ()
    "SIP causes of a Reason header that we read as this reason (1.7.3)."

    also_jingle: tuple[str, ...] = ()
    "Further spellings of the Jingle condition that peers use."


E = EndReason
Q, S = "Q.850", "SIP"

# fmt: off
ROWS: tuple[Row, ...] = (
    #   reason                       refusal  refusal_cause  warning  bye                                       read as the same
    Row(E.SUCCESS,                    480, None,         None, Cause(Q, 16, "Normal call clearing"), (), (16, 31)),
    Row(E.BUSY,                       486, Cause(Q, 17), None, Cause(Q, 17),                         (486, 600), (17,)),
    Row(E.DECLINE,                    603, Cause(Q, 21), None, Cause(Q, 21),                         (603, 403, 607, 608), (21,), (603,)),
    Row(E.CANCEL,                     480, None,         None, Cause(Q, 16),                         (487,), (), (200, 600)),
    Row(E.TIMEOUT,                    408, Cause(Q, 18), None, Cause(S, 408, "Media timeout"),       (408, 504), (18, 19, 102), (408,)),
    Row(E.GONE,                       480, Cause(Q, 20), None, Cause(Q, 27),                         (404, 410, 480, 484, 485, 604), (1, 3, 20, 22, 27, 28)),
    Row(E.EXPIRED,                    480, None,         None, Cause(Q, 102)),
    Row(E.ALTERNATIVE_SESSION,        486, None,         None, Cause(Q, 16)),
    Row(E.UNSUPPORTED_APPLICATIONS,   488, Cause(Q, 65), 304,  Cause(S, 488),                        (415,), also_jingle=("unsupported_applications",)),
    Row(E.UNSUPPORTED_TRANSPORTS,     488, None,         302,  Cause(S, 488),                        also_jingle=("unsupported_transports",)),
    Row(E.INCOMPATIBLE_PARAMETERS,    488, Cause(Q, 88), 305,  Cause(S, 488),                        (488, 606, 406, 420, 421),
        (47, 50, 57, 58, 63, 65, 69, 79, 88), (488,), ("incompatible_parameters",)),
    Row(E.FAILED_APPLICATION,         488, None,         370,  Cause(Q, 47),                         also_jingle=("failed_application", "application-error")),
    Row(E.FAILED_TRANSPORT,           480, Cause(Q, 41), None, Cause(Q, 41),                         (580,), also_jingle=("failed_transport",)),
    Row(E.CONNECTIVITY_ERROR,         480, Cause(Q, 41), None, Cause(Q, 41),                         (503,), (34, 38, 41, 42), also_jingle=("connectivity_error",)),
    Row(E.MEDIA_ERROR,                500, Cause(Q, 47), None, Cause(Q, 47),                         also_jingle=("media_error",)),
    Row(E.SECURITY_ERROR,             488, None,         None, Cause(S, 488, "Security"),            (401, 407, 428, 433, 436, 437, 438, 493, 494),
        also_jingle=("security_error",)),
    Row(E.GENERAL_ERROR,              500, None,         None, Cause(S, 500),                        (500,), (127,), (500,), ("general_error",)),
    Row(E.UNSPECIFIED,                480, None,         None, Cause(S, 500)),
)
# fmt: on

TRANSFERRED = Cause(S, 200, "Transferred")
"The Reason header of a BYE to somebody whom somebody else takes the place of (1.7.3); beside success, <transferred/>."

Q850_WORDS = {
    1: "the number is not in use", 3: "no route to the number", 17: "busy", 18: "no answer from the phone",
    19: "nobody answers", 20: "not reachable", 21: "refused", 22: "the number has changed", 27: "out of order",
    28: "the number is not complete", 34: "no line is free", 38: "the network is out of order",
    41: "temporary failure", 42: "congestion", 44: "the line was taken away", 47: "no resources left",
    50: "not subscribed to", 57: "not permitted", 58: "not available now", 63: "no such service",
    65: "not supported", 69: "not supported", 79: "not supported", 88: "incompatible", 102: "out of time",
    127: "another network's failure",
}  # fmt: skip
"What a Q.850 cause that comes without a text is told as."

NO_CAUSE = Cause(Q, 0)
"COMPAT(Asterisk): what it says where it knows no cause; Q.850 has no such value, so that it says nothing."

BY_REASON = {row.reason: row for row in ROWS}
BY_JINGLE = {
    name: row.reason for row in ROWS if row.reason is not E.UNSPECIFIED for name in (row.reason.value, *row.also_jingle)
}
BY_STATUS = {status: row.reason for row in ROWS for status in row.statuses}
BY_WARNING = {row.warning: row.reason for row in ROWS if row.warning is not None} | {
    300: E.UNSUPPORTED_TRANSPORTS,
    301: E.UNSUPPORTED_TRANSPORTS,
}
BY_Q850 = {code: row.reason for row in ROWS for code in row.q850}
BY_SIP_CAUSE = {code: row.reason for row in ROWS for code in row.sip}
CLASSES = {3: E.GENERAL_ERROR, 4: E.GENERAL_ERROR, 5: E.GENERAL_ERROR, 6: E.DECLINE}
"What a final response means whose number no row names (RFC 3261 §8.1.3.2)."

WARNED = frozenset({488, 606, 406})
"The statuses that a Warning header tells apart (1.7.2)."
