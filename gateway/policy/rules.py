"""The operator's word on calls: for whom, how many, how long, where to; and who gets through to users."""

from dataclasses import dataclass

from gateway.errors import PeerError
from gateway.policy.emergency import USUAL as USUAL_EMERGENCY
from gateway.policy.emergency import Emergency
from gateway.policy.numbering import USUAL as USUAL_NUMBERING
from gateway.policy.numbering import Numbering
from gateway.policy.prefixes import USUAL as USUAL_PREFIXES
from gateway.policy.prefixes import Prefixes
from gateway.policy.screening import USUAL as USUAL_SCREENING
from gateway.policy.screening import Screening
from gateway.policy.users import Everybody, Users
from mappings.reasons import EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What holds for some users; each limit is one user's (bare JID)."""

    name: str
    who: Users
    calls: int = 10
    "At a time."

    calls_to_number: int = 3
    "At a time, to one and the same number."

    calls_per_second: float = 5.0
    calls_per_minute: float = 30.0
    "Begun; so many at once, and as many again in each minute."

    calls_per_day: int = 500
    "Begun."

    minutes_per_day: int = 600
    "Talked, of all calls together."

    max_call_seconds: float | None = None
    "The longest call, where it is shorter than anybody's."

    prefixes: Prefixes = USUAL_PREFIXES
    own_accounts: bool = False
    "Whether prefixes and minutes hold for calls by the user's own SIP account too, which they pay for themselves."


USUAL = Policy(name="", who=Everybody())
"What holds for whom no policy is for."


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """All of it."""

    policies: tuple[Policy, ...] = ()
    "The first that is for a user holds."

    numbering: Numbering = USUAL_NUMBERING
    emergency: Emergency = USUAL_EMERGENCY
    screening: Screening = USUAL_SCREENING
    calls_per_second: float = 50.0
    "Begun by everybody together."

    calls_to_number: int = 100
    "Everybody's at a time to one and the same number."

    time_zone: str = "UTC"
    "Where a day begins at midnight: a name of the IANA's data base."

    def of(self, user: str) -> Policy:
        """The policy that holds for a user."""
        return next((policy for policy in self.policies if user in policy.who), USUAL)


UNSAID = PolicySettings()
"Where the operator says nothing."


def refused(text: str, cause: str, *, retry_after: int | None = None) -> PeerError:
    """A refusal by the operator's rules: told as policy-violation, and as 403 (conformance reference ROB-04).

    ``cause`` is the word of the metric and the log; ``retry_after``: after so many seconds it may be tried again.
    """
    return PeerError(
        text,
        status=403,
        condition="policy-violation",
        reason=EndReason.DECLINE,
        cause=cause,
        retry_after=retry_after,
    )
