"""What a user wants of calls in."""

from dataclasses import dataclass

MOST_BLOCKED = 200
"So many patterns of callers a user may block."

LONGEST_PATTERN = 128
"Characters of each."


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """One user's; what is None, the operator decides."""

    blocked: tuple[str, ...] = ()
    "Patterns of `gateway.policy.screening.Callers`."

    anonymous: bool | None = None
    "Whether callers who do not say who they are get through."

    missed_calls: bool | None = None
    "Whether a call that was missed leaves a message."

    do_not_disturb: bool = False
    "Whether nobody gets through."


UNSAID = Preference()
"Where a user has said nothing."
