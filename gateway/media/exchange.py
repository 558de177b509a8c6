"""Where a back-end stands between two sides' descriptions: one value, so that what comes to nothing can be undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.media.agreement import Agreement
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
