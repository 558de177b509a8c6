"""Stanza errors and SIP statuses (RFC 7247 §7.1 Tables 2 and 3).

From a condition to a status: what a refused propose or session-initiate answers to an INVITE, and a message that bounces
to a MESSAGE.  From a status to a condition: what a refused MESSAGE means to the client that wrote it.  For calls that
way is not taken: once a session-initiate is acknowledged, Jingle reasons say it (`reasons`).
"""

from typing import NamedTuple


class Row(NamedTuple):
    """One defined condition (RFC 6120 §8.3.3), and the statuses that say it."""

    condition: str

    full: int
    "Said by, or about, one device."

    bare: int
    "Said about the whole account: for some, SIP knows a final answer for all devices (6xx)."


# fmt: off
ROWS: tuple[Row, ...] = (
    Row("bad-request",             400, 400),
    Row("conflict",                400, 400),
    Row("feature-not-implemented", 405, 501),
    Row("forbidden",               403, 603),
    Row("gone",                    410, 410),  # 301 when it names an address
    Row("internal-server-error",   500, 500),
    Row("item-not-found",          404, 604),
    Row("jid-malformed",           400, 400),
    Row("not-acceptable",          406, 606),
    Row("not-allowed",             403, 403),
    Row("not-authorized",          403, 403),  # RFC 7247: 401, which would need a challenge (reference 1.6)
    Row("policy-violation",        403, 403),
    Row("recipient-unavailable",   480, 600),
    Row("redirect",                302, 302),
    Row("registration-required",   403, 403),  # RFC 7247: 407, likewise
    Row("remote-server-not-found", 404, 404),
    Row("remote-server-timeout",   408, 408),
    Row("resource-constraint",     500, 500),
    Row("service-unavailable",     480, 480),  # RFC 7247: 403 or 405; here it says that no client took it (reference 1.6)
    Row("subscription-required",   400, 400),
    Row("undefined-condition",     400, 400),
    Row("unexpected-request",      400, 400),  # 491 is for an offer inside a call
)
# fmt: on

BY_CONDITION = {row.condition: row for row in ROWS}

# fmt: off
BY_STATUS = {
    300: "redirect",                301: "gone",                    302: "redirect",
    305: "redirect",                380: "not-acceptable",
    400: "bad-request",             401: "not-authorized",          402: "bad-request",
    403: "forbidden",               404: "item-not-found",          405: "feature-not-implemented",
    406: "not-acceptable",          407: "registration-required",   408: "remote-server-timeout",
    410: "gone",                    413: "policy-violation",        414: "policy-violation",
    415: "not-acceptable",          416: "not-acceptable",          420: "feature-not-implemented",
    421: "not-acceptable",          423: "resource-constraint",     430: "recipient-unavailable",
    439: "feature-not-implemented", 440: "policy-violation",        480: "recipient-unavailable",
    481: "item-not-found",          482: "not-acceptable",          483: "not-acceptable",
    484: "item-not-found",          485: "item-not-found",          486: "recipient-unavailable",
    487: "recipient-unavailable",   488: "not-acceptable",          489: "policy-violation",
    491: "unexpected-request",      493: "bad-request",
    500: "internal-server-error",   501: "feature-not-implemented", 502: "remote-server-not-found",
    503: "internal-server-error",   504: "remote-server-timeout",   505: "not-acceptable",
    513: "policy-violation",
    600: "recipient-unavailable",   603: "recipient-unavailable",   604: "item-not-found",
    606: "not-acceptable",
}
# fmt: on
"The condition that a final response means (Table 3)."

BY_CLASS = {3: "redirect", 4: "bad-request", 5: "internal-server-error", 6: "recipient-unavailable"}
"What it means where no row names its status."
