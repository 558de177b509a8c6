"""A user's calls in that user's words: when, which way, with whom, for how long, and what came of it."""

from typing import Final

from gateway.history.ladder import date, length
from gateway.history.record import CallRecord
from mappings.reasons import EndReason

E = EndReason
MISSED: Final = "missed"

# fmt: off
UNANSWERED: Final[dict[EndReason, tuple[str, str]]] = {
    #                             the user called        the user was called
    E.SUCCESS:                    ("no answer",          MISSED),
    E.CANCEL:                     ("given up",           MISSED),
    E.TIMEOUT:                    ("no answer",          MISSED),
    E.BUSY:                       ("busy",               "busy"),
    E.DECLINE:                    ("declined",           "declined"),
    E.GONE:                       ("not reachable",      MISSED),
    E.ALTERNATIVE_SESSION:        ("given up",           MISSED),
    E.EXPIRED:                    ("no answer",          MISSED),
    E.UNSUPPORTED_APPLICATIONS:   ("nothing in common",  "nothing in common"),
    E.UNSUPPORTED_TRANSPORTS:     ("nothing in common",  "nothing in common"),
    E.INCOMPATIBLE_PARAMETERS:    ("nothing in common",  "nothing in common"),
    E.FAILED_APPLICATION:         ("failed",             "failed"),
    E.FAILED_TRANSPORT:           ("no connection",      "no connection"),
    E.CONNECTIVITY_ERROR:         ("no connection",      "no connection"),
    E.MEDIA_ERROR:                ("failed",             "failed"),
    E.SECURITY_ERROR:             ("not allowed",        "not allowed"),
    E.GENERAL_ERROR:              ("failed",             "failed"),
    E.UNSPECIFIED:                ("not reachable",      MISSED),
}
"What an unanswered call was, by why it ended."

BROKEN: Final[dict[EndReason, str]] = {
    E.TIMEOUT: "broken off: nothing was heard any more",
    E.EXPIRED: "ended: as long as a call may be",
    E.CONNECTIVITY_ERROR: "broken off: the connection was lost",
    E.FAILED_TRANSPORT: "broken off: the connection was lost",
    E.MEDIA_ERROR: "broken off: the sound failed",
    E.SECURITY_ERROR: "broken off: it could not be protected",
    E.GENERAL_ERROR: "broken off: something failed",
    E.GONE: "broken off: one side was gone",
}
"What became of an answered call that nobody hung up."
# fmt: on

TOLD = frozenset({E.GENERAL_ERROR, E.FAILED_APPLICATION, E.SECURITY_ERROR, E.GONE, E.UNSPECIFIED})
"The reasons that say too little without the words that came with them."


def row(record: CallRecord) -> tuple[str, str, str, str, str]:
    """When it began, which way it went, with whom, how long it was, and what came of it."""
    return (
        date(record.began),
        "you called" if record.outgoing else "called you",
        record.number,
        "" if record.duration is None else length(record.duration),
        outcome(record),
    )


def outcome(record: CallRecord) -> str:
    """What came of a call that is over."""
    reason = EndReason(record.reason)
    if record.answered is not None:
        return BROKEN.get(reason, "answered")
    said = word(record)
    return f"{said}: {record.text}" if record.outgoing and record.text and reason in TOLD else said


def word(record: CallRecord) -> str:
    """What an unanswered call was to its user."""
    return UNANSWERED[EndReason(record.reason)][0 if record.outgoing else 1]
