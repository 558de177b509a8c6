"""Who is subscribed to our JIDs, and whom ours are subscribed to (RFC 6121 §3).

A component has no server that keeps a roster for it.  The users' servers have theirs, and most of what there is to
answer can be answered without one; but two gateways must not answer each other for ever, nobody is to be asked twice
for a subscription, and whoever has seen us is to see us again after a restart.  That much is remembered, and no more
than `MAX_PAIRS` of it: the least recently heard of is forgotten first, and is known again when its server probes.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

MAX_PAIRS = 200_000
"Pairs of a user and a JID of ours, of all users together."

MAX_CONTACTS = 1_000
"Of one user; further ones are answered and not remembered."

MAX_ASKED = 8
"So many of our subscriptions one user may leave unanswered or refuse, before nobody here asks for another."


class Wish(IntEnum):
    """How far we are with a subscription of ours to a user."""

    NONE = 0
    ASKED = 1
    GRANTED = 2
    REFUSED = 3


class Pair(NamedTuple):
    """A user and a JID of ours, both bare."""

    user: str
    ours: str


class Bond(NamedTuple):
    """What there is between the two."""

    follows: bool = False
    "The user is subscribed to us."

    wish: Wish = Wish.NONE


_NOTHING = Bond()


class Roster:
    """The bonds that are known."""

    def __init__(self) -> None:
        self._bonds: OrderedDict[Pair, Bond] = OrderedDict()
        self._users: dict[str, dict[str, None]] = {}
        self._changed: dict[Pair, None] = {}

    def __len__(self) -> int:
        return len(self._bonds)

    def load(self, bonds: Iterable[tuple[Pair, Bond]]) -> None:
        """What was known before, the least recently heard of first; what is known already is not overwritten."""
        for pair, bond in bonds:
            if pair not in self._bonds:
                self._put(pair, bond)
                self._changed.pop(pair, None)

    @property
    def has_changed(self) -> bool:
        """Whether `changes` has any."""
        return bool(self._changed)

    def changes(self) -> list[tuple[Pair, Bond | None]]:
        """What has changed since this was last asked; None: it is forgotten."""
        changed, self._changed = self._changed, {}
        return [(pair, self._bonds.get(pair)) for pair in changed]

    def unkept(self, pairs: Iterable[Pair]) -> None:
        """These changes could not be kept, and are told again."""
        self._changed.update(dict.fromkeys(pairs))

    def followers(self) -> Iterator[Pair]:
        """Who is subscribed to us."""
        return (pair for pair, bond in self._bonds.items() if bond.follows)

    def probing(self) -> Iterator[Pair]:
        """For each user who lets us see them, one pair by which we do."""
        seen: set[str] = set()
        for pair, bond in self._bonds.items():
            if bond.wish is Wish.GRANTED and pair.user not in seen:
                seen.add(pair.user)
                yield pair

    def bond(self, pair: Pair) -> Bond:
        """What there is between the two."""
        return self._bonds.get(pair, _NOTHING)

    # ------------------------------------------------------------------------------------------------- theirs to us

    def followed(self, pair: Pair) -> None:
        """The user is subscribed to us."""
        self._change(pair, self.bond(pair)._replace(follows=True))

    def left(self, pair: Pair) -> None:
        """The user is not any more."""
        self._change(pair, self.bond(pair)._replace(follows=False))

    # ------------------------------------------------------------------------------------------------- ours to them

    def returns(self, pair: Pair) -> bool:
        """Whether to ask for a subscription the other way, now that the user has asked for one.

        Not while ours is under way, or two gateways would ask each other without end; but somebody who adds us for a
        second time may never have got it.
        """
        bond = self.bond(pair)
        if bond.wish is Wish.GRANTED or (bond.wish is Wish.ASKED and not bond.follows):
            return False
        self._change(pair, bond._replace(wish=Wish.ASKED))
        return pair in self._bonds  # what was not remembered would be asked for again by each answer

    def asks(self, pair: Pair) -> bool:
        """Whether to ask for a subscription out of the blue: once, and not somebody who does not care for them."""
        if self.bond(pair).wish is not Wish.NONE or len(self._users.get(pair.user, ())) >= MAX_CONTACTS:
            return False
        others = (self._bonds[Pair(pair.user, ours)].wish for ours in self._users.get(pair.user, ()))
        if sum(wish in (Wish.ASKED, Wish.REFUSED) for wish in others) >= MAX_ASKED:
            return False
        self._change(pair, self.bond(pair)._replace(wish=Wish.ASKED))
        return True

    def granted(self, pair: Pair) -> None:
        """The user has said yes; to what was never asked for, only who is subscribed to us can."""
        bond = self.bond(pair)
        if bond.wish is Wish.ASKED or (bond.wish is Wish.NONE and bond.follows):
            self._change(pair, bond._replace(wish=Wish.GRANTED))

    def refused(self, pair: Pair) -> bool:
        """The user has said no, or not any more; whether there was anything to refuse."""
        bond = self.bond(pair)
        if bond.wish in (Wish.NONE, Wish.REFUSED):
            return False
        self._change(pair, bond._replace(wish=Wish.REFUSED))
        return True

    def forget(self, pair: Pair) -> None:
        """There is nothing between the two any more."""
        self._change(pair, _NOTHING)

    def gone(self, user: str) -> None:
        """There is no such user."""
        for ours in tuple(self._users.get(user, ())):
            self._change(Pair(user, ours), _NOTHING)

    # -------------------------------------------------------------------------------------------------- what is kept

    def _change(self, pair: Pair, bond: Bond) -> None:
        known = pair in self._bonds
        if bond == _NOTHING:
            if known:
                self._drop(pair)
            return
        if known and self._bonds[pair] == bond:
            self._bonds.move_to_end(pair)
            return
        if not known and len(self._users.get(pair.user, ())) >= MAX_CONTACTS:
            return
        self._put(pair, bond)

    def _put(self, pair: Pair, bond: Bond) -> None:
        self._bonds[pair] = bond
        self._bonds.move_to_end(pair)
        self._users.setdefault(pair.user, {})[pair.ours] = None
        self._changed[pair] = None
        if len(self._bonds) > MAX_PAIRS:
            self._drop(next(iter(self._bonds)))

    def _drop(self, pair: Pair) -> None:
        del self._bonds[pair]
        ours = self._users[pair.user]
        del ours[pair.ours]
        if not ours:
            del self._users[pair.user]
        self._changed[pair] = None
