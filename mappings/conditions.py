"""Stanza errors as SIP statuses: what a refused propose or session-initiate answers to an INVITE (RFC 7247 §7.1 Table 2).

The other way round there is no table: once a session-initiate is acknowledged, Jingle reasons say it (`reasons`).
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
