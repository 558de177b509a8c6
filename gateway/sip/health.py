"""Whether a peer is up, by what came of asking it: one answer that was lost changes nothing."""

from dataclasses import dataclass, replace

FALL = 2
"Failures in a row that take a peer down."

RISE = 2
"Answers in a row that bring it up again."

ILL = frozenset({408, 502, 503, 504})
"Answers to OPTIONS that say that nobody is there, or takes no calls; any other shows that somebody speaks SIP."


@dataclass(frozen=True, slots=True)
class Health:
    """What is thought of a peer; it is well until it shows otherwise."""

    up: bool = True
    doubts: int = 0
    "How many in a row have said the opposite."

    def after(self, well: bool) -> "Health":
        """What is thought after one more attempt."""
        if well is self.up:
            return Health(self.up)
        if self.doubts + 1 >= (FALL if self.up else RISE):
            return Health(well)
        return replace(self, doubts=self.doubts + 1)
