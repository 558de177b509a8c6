"""Where a back-end stands between two sides' descriptions: one value, so that what comes to nothing can be undone."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.errors import AnchorError
from gateway.media.agreement import Agreement
from gateway.media.anchor import LegMedia
from gateway.media.streams import Plan
from gateway.signals import Side
from mappings.description import Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What an exchange changes."""

    agreement: Agreement = field(default_factory=Agreement)
    told: Mapping[Side, Description] = field(default_factory=dict)
    offers: Mapping[Side, Description] = field(default_factory=dict)
    "The peers' last offers."

    sources: Mapping[Side, str | None] = field(default_factory=dict)
    "Where their signalling came from, for back-ends that ask."

    def unchanged(self, side: Side, plans: Sequence[Plan]) -> Description | None:
        """What a side was told last, where an offer by these plans would say the same."""
        told = self.told.get(side)
        if told is None or not all(plan.same for plan in plans):
            return None
        live = {end.name for stream in self.agreement.streams if (end := stream.end(side)) is not None}
        # What the side has refused stands in what it was told still, and is over all the same.
        named = {media.name for media in told.media} & live
        return told if named == {plan.name for plan in plans} else None


class Exchanges:
    """Both sides' exchanges in one call, those that are open and what they have come to."""

    __slots__ = ("awaited", "now", "open", "safe")

    def __init__(self) -> None:
        self.now = Exchanged()
        self.safe = self.now
        "As it was before the exchanges that are open."

        self.open: set[Side] = set()
        self.awaited = False
        "The call's answer is still to come, and nobody is missed who is silent."

    @contextlib.contextmanager
    def step(self, side: Side) -> Iterator[None]:
        """A step of an exchange, which happens wholly or, where it ends by AnchorError, not at all."""
        before, open_ = self.now, set(self.open)
        if not self.open:
            self.safe = self.now
        self.open.add(side)
        try:
            yield
        except AnchorError:
            self.now, self.open = before, open_
            raise

    def finish(self, side: Side) -> None:
        """The one with that side is complete."""
        self.open.discard(side)

    def withdraw(self, side: Side) -> bool:
        """Undo all that are open; False: none is with that side."""
        if side not in self.open:
            return False
        self.open.clear()
        self.now = self.safe
        return True

    def agree(self, agreement: Agreement) -> Agreement:
        """So much is said now."""
        self.now = replace(self.now, agreement=agreement)
        return agreement

    def hear_offer(self, side: Side, description: Description, leg: LegMedia, source: str | None) -> None:
        """A side offers."""
        self.now = replace(
            self.now,
            agreement=self.now.agreement.heard_offer(side, description, leg),
            offers={**self.now.offers, side: description},
            sources={**self.now.sources, side: source},
        )

    def hear_answer(self, side: Side, description: Description, source: str | None) -> Agreement:
        """A side answers; what is agreed then."""
        self.now = replace(self.now, sources={**self.now.sources, side: source})
        return self.agree(self.now.agreement.heard_answer(side, description))

    def tell(self, side: Side, agreement: Agreement, description: Description) -> Description:
        """A side is told this."""
        told = {**self.now.told, side: description}
        self.now = replace(self.now, agreement=agreement.told(side, description), told=told)
        return description
