"""How a registration is, in words: what a user or an operator asks about when calls do not come."""

from dataclasses import dataclass
from typing import assert_never

from gateway.registration.terms import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One registration, at some time.  Times are of one clock, in seconds."""

    standing: Standing
    since: float
    "Since when it is like that."

    until: float | None = None
    "When what was granted lapses, unless it is renewed before; None: nothing is granted."

    failure: str = ""
    "Why it failed last, with the registrar's status where there was one; empty: it never has."

    failed_at: float | None = None
    next_at: float | None = None
    "When it is tried again; None: it is being tried, or taken back."

    def words(self, now: float) -> str:
        """The same as a sentence."""
        match self.standing:
            case Standing.REGISTERED:
                lapses = "" if self.until is None else f", renewed before {_span(self.until - now)} are over"
                return f"registered for {_span(now - self.since)}{lapses}"
            case Standing.PENDING:
                return "not tried yet" if self.next_at is not None else "being tried"
            case Standing.FAILING | Standing.REFUSED:
                word = "refused" if self.standing is Standing.REFUSED else "not registered"
                again = "being tried again" if self.next_at is None else f"tried again in {_span(self.next_at - now)}"
                return f"{word}: {self.failure}; {again}"
            case _ as never:
                assert_never(never)

    def shifted(self, seconds: float) -> "Report":
        """The same by another clock, which shows so many seconds more."""

        def there(at: float | None) -> float | None:
            return None if at is None else at + seconds

        return Report(
            standing=self.standing,
            since=self.since + seconds,
            until=there(self.until),
            failure=self.failure,
            failed_at=there(self.failed_at),
            next_at=there(self.next_at),
        )


def _span(seconds: float) -> str:
    """A time for people, to one unit."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} seconds"
