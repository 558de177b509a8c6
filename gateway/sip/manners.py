"""What calls with one trunk are to be like, where the extensions of RFC 3261 leave a choice to the operator."""

from dataclasses import dataclass

from gateway.sip import reliable, session_timer
from gateway.sip.message import SUPPORTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """One trunk's."""

    prack: reliable.Mode = "auto"
    session_expires_seconds: int = 1800
    "How long a session may stay without being refreshed (RFC 4028); 0: that is not asked for."

    min_se_seconds: int = session_timer.LEAST
    "The shortest such time that is accepted."

    follow_redirects: bool = False
    "Whether a 3xx is followed to where it points, rather than told to the caller."

    hears: bool = False
    "Whether a caller hears what its peers play before they answer (RFC 3960), as far as the call's media allow it."

    fenced: bool = False
    "Whether requests may go only where users' own accounts may (`gateway.sip.flow.Hop.fenced`)."

    @property
    def supported(self) -> tuple[str, ...]:
        """The option tags for Supported, but for those of candidates one by one."""
        return tuple(tag for tag in SUPPORTED if tag != reliable.TAG or self.prack != "never")


USUAL = Manners()
