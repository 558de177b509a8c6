"""Users' devices: what is learned of them, and whom a call rings."""

from dataclasses import replace
from itertools import count
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entity import caps, disco
from gateway.entity import presence as presence_module
from gateway.entity.disco import Identity, Info
from gateway.entity.presence import MAX_ASKED, MAX_RESOURCES, Devices, Direct, Propose
from gateway.errors import PeerError
from gateway.stanza import Stanza, error, result

USER = "ana@example.net"
NUMBER = "+15550100200@sip.example.org"
CALLS = frozenset({"urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:1", "urn:xmpp:jingle:apps:rtp:audio"})
BY_MESSAGE = CALLS | {"urn:xmpp:jingle-message:0"}
CHAT = frozenset({"http://jabber.org/protocol/disco#info"})


def info(features: frozenset[str]) -> Info:
    return Info((Identity(category="client", type="pc"),), features)


def table() -> Devices:
    numbers = count(1)
    return Devices(lambda: f"{next(numbers):032x}")


def presence(
    name: str,
    features: frozenset[str] | None = None,
    *,
    show: str = "",
    priority: int = 0,
    type: str = "",
    later: bool = False,
) -> Stanza:
    """``later``: with the caps of XEP-0390 too."""
    children: list[Element] = []
    if features is not None:
        children += caps.write(info(features))[: 1 + later]
    for tag, text in (("show", show), ("priority", str(priority))):
        if text not in ("", "0"):
            element = Element(f"{{jabber:client}}{tag}")
            element.text = text
            children.append(element)
    return Stanza(kind="presence", type=type, sender=f"{USER}/{name}", to=NUMBER, children=tuple(children))


def online(devices: Devices, name: str, features: frozenset[str], *, show: str = "", priority: int = 0) -> None:
    for query in devices.presence(presence(name, features, show=show, priority=priority)):
        assert devices.answered(result(query, disco.write(info(features)))) == []


def test_a_user_of_whom_nothing_is_known_gets_a_proposal() -> None:
    assert table().choose(USER) == Propose(USER)


@pytest.mark.conformance("JMI-27")
def test_a_full_jid_is_called_directly() -> None:
    assert table().choose(f"{USER}/desk") == Direct(f"{USER}/desk")


def test_a_device_whose_features_are_not_known_yet_gets_a_proposal() -> None:
    devices = table()
    assert len(devices.presence(presence("desk", CALLS))) == 1
    assert devices.choose(USER) == Propose(USER)


def test_a_single_device_without_message_initiation_is_called_directly() -> None:
    devices = table()
    online(devices, "desk", CALLS)
    assert devices.choose(USER) == Direct(f"{USER}/desk")


def test_one_device_with_message_initiation_is_enough_for_a_proposal() -> None:
    devices = table()
    online(devices, "desk", CALLS)
    online(devices, "phone", BY_MESSAGE)
    assert devices.choose(USER) == Propose(USER, known=True)


def test_devices_that_take_no_calls_do_not_count() -> None:
    devices = table()
    online(devices, "bot", CHAT, priority=50)
    assert devices.choose(USER) == Propose(USER)
    online(devices, "desk", CALLS)
    assert devices.choose(USER) == Direct(f"{USER}/desk")


def test_the_most_available_device_is_called_and_of_equals_that_of_highest_priority() -> None:
    devices = table()
    online(devices, "away", CALLS, show="away", priority=100)
    online(devices, "low", CALLS, priority=1)
    online(devices, "high", CALLS, priority=5)
    assert devices.choose(USER) == Direct(f"{USER}/high")
    online(devices, "eager", CALLS, show="chat")
    assert devices.choose(USER) == Direct(f"{USER}/eager")


def test_a_device_that_goes_offline_is_forgotten() -> None:
    devices = table()
    online(devices, "desk", CALLS)
    devices.presence(presence("desk", type="unavailable"))
    assert devices.choose(USER) == Propose(USER)
    assert not devices.sees(USER, NUMBER)


def test_a_jid_of_ours_that_may_not_see_the_user_says_nothing_of_the_others() -> None:
    devices = table()
    online(devices, "desk", CALLS)
    # What a server answers to who asks for a subscription and has none (RFC 6121 §4.2.2).
    devices.presence(Stanza(kind="presence", type="unavailable", sender=USER, to="sip.example.org"))
    assert devices.choose(USER) == Direct(f"{USER}/desk")
    devices.presence(Stanza(kind="presence", type="unavailable", sender=USER, to=NUMBER))
    assert devices.choose(USER) == Propose(USER)


def test_software_that_was_asked_once_is_known_on_other_devices() -> None:
    devices = table()
    online(devices, "desk", CALLS)
    assert devices.presence(presence("laptop", CALLS)) == []


def test_a_device_is_asked_once_while_it_has_not_answered() -> None:
    devices = table()
    assert len(devices.presence(presence("desk", CALLS))) == 1
    assert devices.presence(presence("desk", CALLS, show="away")) == []


def test_a_device_without_caps_is_asked_itself_and_keeps_what_it_said() -> None:
    devices = table()
    (query,) = devices.presence(presence("desk"))
    assert query.children[0].get("node") is None
    assert devices.answered(result(query, disco.write(info(CALLS)))) == []
    assert devices.presence(presence("desk", show="away")) == []
    assert devices.choose(USER) == Direct(f"{USER}/desk")


def test_the_later_caps_are_asked_for_first_and_the_older_ones_where_nobody_answers_at_their_node() -> None:
    devices = table()
    (query,) = devices.presence(presence("desk", CALLS, later=True))
    old, _, new = caps.ours(info(CALLS))
    assert query.children[0].get("node") == new.query
    (again,) = devices.answered(error(query, "item-not-found")) or []
    assert again.children[0].get("node") == old.query
    assert devices.answered(result(again, disco.write(info(CALLS)))) == []
    assert devices.choose(USER) == Direct(f"{USER}/desk")
    assert devices.presence(presence("old", CALLS)) == devices.presence(presence("new", CALLS, later=True)) == []
    (query,) = devices.presence(presence("phone", BY_MESSAGE, later=True))
    assert devices.answered(result(query, disco.write(info(BY_MESSAGE)))) == []
    assert devices.choose(USER) == Propose(USER, known=True)
    assert devices.presence(presence("tablet", BY_MESSAGE, later=True)) == []


def test_of_many_devices_with_the_same_software_a_few_are_asked() -> None:
    devices = table()
    asked = [devices.presence(presence(f"d{number}", CALLS)) for number in range(10)]
    assert [len(questions) for questions in asked] == [1] * MAX_ASKED + [0] * (10 - MAX_ASKED)
    assert devices.answered(error(asked[0][0], "item-not-found")) == []
    assert len(devices.presence(presence("d9", CALLS, show="away"))) == 1
    assert devices.answered(result(asked[1][0], disco.write(info(CALLS)))) == []
    assert all(devices.knows(f"{USER}/d{number}", "urn:xmpp:jingle:1") for number in range(10))
    for number in range(10):
        devices.presence(presence(f"d{number}", type="unavailable"))
    assert not devices._queries
    assert not devices._asked


def of_kind(devices: Devices, name: str, kind: str, *, show: str = "", features: frozenset[str] = BY_MESSAGE) -> None:
    """A device of that kind comes."""
    told = Info((Identity(category="client", type=kind),), features)
    stanza = Stanza(
        kind="presence", sender=f"{USER}/{name}", to=NUMBER, children=(*presence(name, show=show).children,)
    )
    for query in devices.presence(stanza):
        assert devices.answered(result(query, disco.write(told))) == []


def refusing(**wishes: Any) -> Devices:
    """Devices of which not all ring."""
    numbers = count(1)
    return Devices(lambda: f"{next(numbers):032x}", **wishes)


def test_only_devices_of_the_wanted_kinds_ring() -> None:
    devices = refusing(kinds=("phone", "tablet"))
    of_kind(devices, "mobile", "phone")
    assert devices.choose(USER) == Propose(USER, known=True)
    of_kind(devices, "desk", "pc")
    assert devices.choose(USER) == Propose(USER, (f"{USER}/mobile",), known=True)
    devices.presence(presence("unknown", BY_MESSAGE))
    assert devices.choose(USER) == Propose(USER, (f"{USER}/mobile", f"{USER}/unknown"), known=True)
    for name, kind in (("unknown", "web"), ("mobile", "phone")):
        devices.presence(presence(name, type="unavailable"))
        of_kind(devices, name, kind, features=CALLS)
    assert devices.choose(USER) == Direct(f"{USER}/mobile")
    devices.presence(presence("mobile", type="unavailable"))
    with pytest.raises(PeerError) as refused:
        devices.choose(USER)
    assert (refused.value.status, refused.value.text) == (480, "no device of the user's is of a kind that rings")
    assert devices.choose(f"{USER}/desk") == Direct(f"{USER}/desk")
    assert devices.choose("nobody@example.net") == Propose("nobody@example.net")


def test_who_is_not_to_be_disturbed_is_not_where_that_is_wanted() -> None:
    devices, all_ring = refusing(disturbs=False), table()
    for one in (devices, all_ring):
        of_kind(one, "mobile", "phone", show="dnd")
        of_kind(one, "desk", "pc", show="away")
    assert devices.choose(USER) == Propose(USER, (f"{USER}/desk",), known=True)
    assert all_ring.choose(USER) == Propose(USER, known=True)
    of_kind(devices, "desk", "pc", show="dnd")
    with pytest.raises(PeerError) as refused:
        devices.choose(USER)
    assert (refused.value.status, refused.value.text) == (480, "the user is not to be disturbed")


def test_caps_that_promise_something_else_are_believed_of_that_device_only() -> None:
    devices = table()
    (query,) = devices.presence(presence("liar", BY_MESSAGE))
    devices.answered(result(query, disco.write(info(CALLS))))
    assert devices.choose(USER) == Direct(f"{USER}/liar")
    assert len(devices.presence(presence("honest", BY_MESSAGE))) == 1


def test_an_answer_of_somebody_else_is_not_taken() -> None:
    devices = table()
    (query,) = devices.presence(presence("desk", CALLS))
    forged = Stanza(kind="iq", type="result", id=query.id, sender="mallory@example.net/x", to=NUMBER)
    assert devices.answered(forged) is None
    assert devices.answered(error(query, "service-unavailable")) == []
    assert devices.answered(error(query, "service-unavailable")) is None
    assert devices.choose(USER) == Propose(USER)


def test_a_user_shows_presence_to_the_numbers_it_has() -> None:
    devices = table()
    online(devices, "desk", CALLS)
    assert devices.sees(f"{USER}/desk", f"{NUMBER}/sip")
    assert not devices.sees(USER, "+15550999999@sip.example.org")
    devices.presence(Stanza(kind="presence", type="unsubscribed", sender=USER, to=NUMBER))
    assert not devices.sees(USER, NUMBER)


def test_presence_from_a_bare_jid_names_no_device() -> None:
    devices = table()
    assert devices.presence(Stanza(kind="presence", sender=USER, to=NUMBER)) == []
    assert not devices.sees(USER, NUMBER)


@pytest.mark.parametrize("space", ["http://jabber.org/protocol/muc", "http://jabber.org/protocol/muc#user"])
def test_somebody_in_a_room_is_no_device(space: str) -> None:
    devices = table()
    inside = replace(presence("desk", CALLS), children=(Element(f"{{{space}}}x"),))
    assert devices.presence(inside) == []
    assert not devices.sees(USER, NUMBER)


@pytest.mark.parametrize("priority", ["seven", "999999999999", "-3"])
def test_any_priority_is_lived_with(priority: str) -> None:
    devices = table()
    stanza = presence("desk", CALLS, show="strange")
    element = Element("{jabber:client}priority")
    element.text = priority
    odd = Stanza(kind="presence", sender=stanza.sender, to=NUMBER, children=(*stanza.children, element))
    for query in devices.presence(odd):
        devices.answered(result(query, disco.write(info(CALLS))))
    assert devices.choose(USER) == Direct(f"{USER}/desk")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_USERS", "MAX_CONTACTS", "MAX_CAPS", "MAX_QUERIES"):
        monkeypatch.setattr(presence_module, name, 2)
    devices = table()
    for number in range(5):
        to = f"+1555010020{number}@sip.example.org"
        shown = caps.write(info(CALLS | {f"urn:example:{number}"}))
        stanza = Stanza(kind="presence", sender=f"u{number}@example.net/x", to=to, children=shown)
        for query in devices.presence(stanza):
            if number != 3:
                devices.answered(result(query, disco.write(info(CALLS | {f"urn:example:{number}"}))))
        devices.presence(Stanza(kind="presence", sender=USER + "/d", to=to))
    kept = (devices._users, devices._caps, devices._queries, devices._users[USER].contacts)
    assert [len(known) <= 2 for known in kept] == [True] * 4


def test_what_all_users_together_leave_here_is_bounded_and_counted_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_module, "MAX_REMEMBERED", 100)
    devices = table()
    for user in range(500):
        for contact in range(user % 7):
            for kind in ("", "", "unavailable")[: 2 + user % 2]:
                jid = f"u{user}@example.net/r{contact}"
                devices.presence(Stanza(kind="presence", type=kind, sender=jid, to=f"+1{contact}@sip.example.org"))
        assert devices._remembered == sum(len(known) for known in devices._users.values()) <= 100


def test_of_what_a_device_says_of_itself_only_what_matters_is_kept() -> None:
    devices = table()
    many = frozenset(f"urn:example:{number}" for number in range(2_000))
    online(devices, "desk", CALLS | many)
    assert devices._users[USER].resources["desk"].caps == caps.ours(info(CALLS | many))[:1]
    assert [software.features for software in devices._caps.values()] == [CALLS]
    assert devices.choose(USER) == Direct(f"{USER}/desk")


def test_caps_of_any_length_are_no_key() -> None:
    devices = table()
    stanza = presence("desk", CALLS)
    stanza.children[0].set("node", "x" * 100_000)
    (query,) = devices.presence(stanza)
    assert devices.answered(result(query, disco.write(info(CALLS)))) == []
    assert not devices._caps
    assert devices.choose(USER) == Direct(f"{USER}/desk")


def test_nobody_speaks_for_the_software_of_others_by_an_answer_with_the_same_hash() -> None:
    """XEP-0115 §9.3: the hash does not tell two features from one whose name holds both."""
    devices = table()
    true = disco.read(disco.write(info(BY_MESSAGE)))
    forged = disco.read(disco.write(Info(true.identities, frozenset({"<".join(sorted(BY_MESSAGE))}))))
    assert caps.ver(forged) == caps.ver(true)
    (query,) = devices.presence(presence("desk", BY_MESSAGE))
    assert devices.answered(result(query, disco.write(forged))) == []
    assert not devices._caps


def test_more_devices_than_anyone_has_are_not_remembered() -> None:
    devices = table()
    for number in range(MAX_RESOURCES + 10):
        devices.presence(presence(f"d{number}"))
    assert len(devices._users[USER].resources) == MAX_RESOURCES


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "unavailable", "unsubscribed", "error", "probe", "subscribe"]),
            st.sampled_from(["", "a", "b", "c"]),
            st.sampled_from([None, CHAT, CALLS, BY_MESSAGE]),
            st.booleans(),
        )
    )
)
def test_whatever_comes_only_a_device_that_is_online_is_called(
    script: list[tuple[str, str, frozenset[str] | None, bool]],
) -> None:
    devices, there = table(), set()
    for type, name, features, answers in script:
        stanza = presence(name, features, type=type)
        if not name:
            stanza = Stanza(kind="presence", type=type, sender=USER, to=NUMBER, children=stanza.children)
        for query in devices.presence(stanza):
            if answers:
                devices.answered(result(query, disco.write(info(features or CHAT))))
        if type == "" and name:
            there.add(f"{USER}/{name}")
        if type in ("unavailable", "error"):
            there -= {f"{USER}/{name}"} if name else set(there)
        chosen = devices.choose(USER)
        assert chosen.jid in there if isinstance(chosen, Direct) else chosen.jid == USER
