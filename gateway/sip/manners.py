"""What calls with one trunk are to be like, where the extensions of RFC 3261 leave a choice to the operator."""

from dataclasses import dataclass

from gateway.sip import reliable
from gateway.sip.message import SUPPORTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """One trunk's."""

    prack: reliable.Mode = "auto"

    @property
    def supported(self) -> tuple[str, ...]:
        """The option tags for Supported, but for those of candidates one by one."""
        return tuple(tag for tag in SUPPORTED if tag != reliable.TAG or self.prack != "never")


USUAL = Manners()
