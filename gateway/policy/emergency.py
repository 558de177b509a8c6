"""Emergency numbers: a gateway does not know where its user is, and so refuses them unless the operator says how."""

from dataclasses import dataclass

from gateway.policy.numbering import Numbering

NUMBERS = ("112", "911", "999", "000", "110", "119")
"Those of most people; some are extensions elsewhere."

REFUSAL = "emergency calls cannot be made here: use another phone now"
"What a user is told."


@dataclass(frozen=True, slots=True)
class Emergency:
    """Which numbers are, and which trunk or group takes calls to them."""

    numbers: frozenset[str] = frozenset(NUMBERS)
    trunk: str | None = None
    "None: such calls are refused."

    def called(self, name: str, numbering: Numbering) -> str | None:
        """The emergency number that a name is, however it is spelled, or None."""
        return min(self.numbers & numbering.short(name), default=None)


USUAL = Emergency()
"Where nothing is said."
