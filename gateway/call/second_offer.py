"""The offer that follows one which the callee has refused, before the caller hears of that (architecture D6).

A caller's own offer goes to the callee as it is, where that is said to understand it.  What the caller says meanwhile
is kept, so that an anchor can be told all of it when the callee does not understand it after all.  That is done once.
"""

from collections.abc import Callable

from gateway.call.bridge import State
from gateway.media.anchor import Anchor, LegMedia
from gateway.signals import Answer, Candidates, End, Offer, Side, Signal

NOT_ACCEPTABLE = frozenset({488, 606})
"What says that an offer is the reason, and another one may do (RFC 3261 §21.4.26, §21.6.4)."

MOST_KEPT = 100
"Candidates that are kept, in case that the anchor is to have them."


class SecondOffer:
    """What a caller has said without an anchor, while the callee may still refuse it."""

    def __init__(self, leg: LegMedia) -> None:
        """``leg``: what the callee is offered then."""
        self.leg = leg
        self._said: list[Offer | Candidates] = []

    def begin(self, offer: Offer) -> None:
        """The caller's own offer goes to the callee."""
        if offer.description is not None:
            self._said = [offer]

    def keep(self, to: Side, signal: Signal) -> None:
        """What was told to a side."""
        if isinstance(signal, Answer):
            self._said.clear()
        elif isinstance(signal, Candidates) and to is Side.CALLEE and 0 < len(self._said) < MOST_KEPT:
            self._said.append(signal)

    def follows(self, state: State, side: Side, signal: Signal) -> bool:
        """Whether it is time for it."""
        refused = isinstance(signal, End) and signal.status in NOT_ACCEPTABLE and side is Side.CALLEE
        return refused and state is State.OFFERED and bool(self._said)

    async def make(
        self,
        anchor: Anchor,
        side: Side,
        source: str | None,
        *,
        held: Callable[[Offer | Candidates], Offer | Candidates],
    ) -> Offer:
        """Tell the anchor what the caller has said, and take the offer from it.  AnchorError: there is none.

        ``held`` leaves of that what may lead to where it does.
        """
        said, self._said = self._said, []
        kinds: tuple[str, ...] = ()
        for one in map(held, said):
            if isinstance(one, Candidates):
                await anchor.candidates(side.other, one.by_media)
            elif one.description is not None:
                kinds = one.kinds
                await anchor.take_offer(side.other, one.description, source=source)
        return Offer(await anchor.make_offer(side, kinds), kinds)
