"""Who is subscribed to whom: what is remembered, and that presence ends where two gateways exchange it."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entity import disco
from gateway.entity import roster as roster_module
from gateway.entity.answers import Entity
from gateway.entity.disco import Abilities
from gateway.entity.roster import MAX_ASKED, Bond, Pair, Roster, Wish
from gateway.entity.subscription import Subscription, probe
from gateway.stanza import Stanza

ANA = "ana@example.net"
PAIR = Pair(ANA, "+1@gw.example")


def pair(number: int, user: str = ANA) -> Pair:
    """A user and one of many numbers."""
    return Pair(user, f"+{number}@gw.example")


def test_what_has_changed_is_told_once() -> None:
    roster = Roster()
    roster.followed(PAIR)
    assert roster.returns(PAIR)
    assert roster.changes() == [(PAIR, Bond(True, Wish.ASKED))]
    roster.followed(PAIR)
    assert not roster.has_changed
    roster.granted(PAIR)
    roster.left(PAIR)
    assert roster.changes() == [(PAIR, Bond(False, Wish.GRANTED))]
    roster.gone(ANA)
    assert roster.changes() == [(PAIR, None)]
    roster.unkept([PAIR])
    assert roster.changes() == [(PAIR, None)]
    assert len(roster) == 0


def test_what_was_known_before_comes_back_and_changes_nothing_that_is_newer() -> None:
    roster = Roster()
    roster.followed(PAIR)
    roster.changes()
    roster.load([(PAIR, Bond(False, Wish.REFUSED)), (pair(2), Bond(True, Wish.GRANTED))])
    assert not roster.has_changed
    assert (roster.bond(PAIR), roster.bond(pair(2))) == (Bond(True), Bond(True, Wish.GRANTED))
    assert list(roster.followers()) == [PAIR, pair(2)]


def test_each_user_who_lets_us_is_asked_for_presence_once() -> None:
    roster = Roster()
    bonds = [
        (pair(1), Bond(True)), (pair(2), Bond(False, Wish.GRANTED)), (pair(3), Bond(True, Wish.GRANTED)),
        (pair(1, "bob@example.net"), Bond(True, Wish.ASKED)),
    ]  # fmt: skip
    roster.load(bonds)
    assert list(roster.probing()) == [pair(2)]


def test_nobody_is_asked_twice_and_nobody_who_does_not_care() -> None:
    roster = Roster()
    assert roster.asks(PAIR)
    assert not roster.asks(PAIR)
    assert roster.refused(PAIR)
    assert not roster.refused(PAIR)
    assert not roster.asks(PAIR)
    assert [roster.asks(pair(number)) for number in range(2, 12)] == [True] * (MAX_ASKED - 1) + [False] * (
        11 - MAX_ASKED
    )
    roster.granted(pair(3))
    assert roster.asks(pair(50))
    assert roster.asks(pair(50, "bob@example.net"))


def test_what_nobody_asked_for_is_granted_by_those_alone_who_are_subscribed() -> None:
    roster = Roster()
    roster.granted(PAIR)
    assert roster.bond(PAIR) == Bond()
    roster.followed(PAIR)
    roster.granted(PAIR)
    assert roster.bond(PAIR) == Bond(True, Wish.GRANTED)
    roster.forget(PAIR)
    assert roster.bond(PAIR) == Bond()


def test_what_is_remembered_is_bounded_for_each_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_module, "MAX_PAIRS", 10)
    monkeypatch.setattr(roster_module, "MAX_CONTACTS", 4)
    roster = Roster()
    for number in range(9):
        roster.followed(pair(number))
    assert len(roster) == 4
    assert not roster.asks(pair(99))
    for number in range(9):
        roster.followed(pair(1, f"u{number}@example.net"))
        roster.followed(pair(0))
    assert len(roster) == len(roster._bonds) == sum(map(len, roster._users.values())) == 10
    assert roster.bond(pair(0)).follows, "it was heard of all the time"
    assert not roster.bond(pair(1)).follows
    assert (pair(1), None) in roster.changes()


def test_nobody_is_asked_for_what_there_is_no_room_to_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_module, "MAX_CONTACTS", 1)
    roster = Roster()
    assert roster.returns(PAIR)
    assert not roster.returns(pair(2)), "two gateways would ask each other without end"
    assert roster.returns(pair(2, "bob@example.net"))


class Gateway:
    """One of two that talk to each other; users of each are numbers of the other's."""

    def __init__(self, domain: str) -> None:
        entity = Entity(
            component=disco.component("Phones"),
            number=lambda asker, jid: disco.number(Abilities()),
            version="1",
            translate=str,
            plain=str,
        )
        self.roster = Roster()
        self.subscription = Subscription(
            entity=entity, resource="sip", roster=self.roster, possible=lambda jid: True, engaged=lambda user, us: False
        )
        self.domain = domain


MOST = 40
"So many presences follow from one at most; a loop has no most."


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "", "unavailable", "error", "asks"]
            ),
            st.booleans(),
            st.sampled_from(["", "+1@"]),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_presence_between_two_gateways_ends_whatever_begins_it(script: list[tuple[str, bool, str, bool]]) -> None:
    gateways = {"one.example": Gateway("one.example"), "two.example": Gateway("two.example")}
    wire: deque[Stanza] = deque()
    for type, swapped, local, forgets in script:
        one, two = sorted(gateways, reverse=swapped)
        if forgets:
            gateways[one] = Gateway(one)
        sender, to = f"{local}{one}", f"{local}{two}"
        if type == "asks":
            wire.extend(gateways[one].subscription.introduce(sender, to, None))
        elif type == "probe":
            wire.append(probe(Pair(to, sender)))
        else:
            wire.append(Stanza(kind="presence", type=type, sender=sender, to=to))
        passed = 0
        while wire:
            stanza = wire.popleft()
            domain = stanza.to.partition("/")[0].rpartition("@")[2]
            wire.extend(gateways[domain].subscription.answer(stanza))
            passed += 1
            assert passed <= MOST, f"no end after {type}"
