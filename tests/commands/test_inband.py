"""In-band registration: an account is had, changed and taken back by it (XEP-0077, XEP-0100)."""

import asyncio
from collections.abc import Iterator, Mapping
from itertools import count
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.inband import MOST_AT_ONCE, InBand
from gateway.jid import bare
from gateway.stanza import Stanza, read_error
from tests.commands.house import GATEWAY, USER, X, submitted
from tests.commands.memory import MemoryStore
from tests.flows.clock import VirtualLoop

REGISTER = "{jabber:iq:register}"
NURSE = bare(USER)
STRANGER = "mallory@example.com/x"
FORM = {
    "FORM_TYPE": "jabber:iq:register",
    "name": "home",
    "address": "alice@sip.example",
    "password": "hush",
    "register": "1",
}


class Counter:
    """A desk for registrations on a virtual clock."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.loop = VirtualLoop()
        self.sent: list[Stanza] = []
        self.parted: list[str] = []
        self.ids = count(1)

        async def make() -> InBand:
            return InBand(store.affairs(), xmpp=self, part=self.parted.append)

        self.desk = self.loop.run_until_complete(make())

    def send(self, stanza: Stanza) -> None:
        for child in stanza.children:
            fromstring(tostring(child, encoding="unicode"))
        self.sent.append(stanza)

    def hand_in(self, query: Element, *, type: str = "set", sender: str = USER, to: str = GATEWAY) -> bool:
        """Hand a request in; whether it was taken."""
        stanza = Stanza(kind="iq", type=type, id=f"q{next(self.ids)}", sender=sender, to=to, children=(query,))

        async def take() -> bool:
            return self.desk.stanza(stanza)

        return self.loop.run_until_complete(take())

    def asks(self, query: Element, *, type: str = "set", sender: str = USER) -> list[Stanza]:
        """Hand a request in; what is said then, the answer first."""
        before = len(self.sent)
        assert self.hand_in(query, type=type, sender=sender)
        self.loop.settle()
        return self.sent[before:]

    def condition(self, query: Element, *, type: str = "set", sender: str = USER) -> str:
        (reply,) = self.asks(query, type=type, sender=sender)
        assert reply.type == "error"
        return read_error(reply).condition

    def shown(self, sender: str = USER) -> Element:
        (reply,) = self.asks(query(), type="get", sender=sender)
        (element,) = reply.children
        return element


@pytest.fixture
def counter() -> Iterator[Counter]:
    made = Counter(MemoryStore())
    yield made
    made.loop.run_until_complete(made.desk.stop())
    made.loop.close()


def query(legacy: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None) -> Element:
    element = Element(f"{REGISTER}query")
    for name, text in (legacy or {}).items():
        SubElement(element, f"{REGISTER}{name}").text = text or None
    if form is not None:
        element.append(submitted(form))
    return element


@pytest.mark.conformance("COMP-11")
def test_who_is_not_registered_is_told_what_to_fill_in(counter: Counter) -> None:
    element = counter.shown()
    assert element.find(f"{REGISTER}registered") is None
    assert element.findtext(f"{REGISTER}instructions")
    for name in ("username", "password"):
        assert element.find(f"{REGISTER}{name}") is not None
    fields = {field.get("var"): field.get("type") for field in element.iterfind(f"{X}x/{X}field")}
    assert fields["FORM_TYPE"] == "hidden"
    assert fields["password"] == "text-private"


@pytest.mark.conformance("COMP-11")
def test_who_is_registered_is_told_so_with_everything_but_the_password(counter: Counter) -> None:
    counter.store.has(NURSE, "home")
    element = counter.shown()
    assert element.find(f"{REGISTER}registered") is not None
    assert element.findtext(f"{REGISTER}username") == "alice@sip.example"
    assert "hush" not in tostring(element, encoding="unicode")


@pytest.mark.parametrize(
    "request_", [query({"username": "alice@sip.example", "password": "hush"}), query(form=FORM)], ids=["old", "form"]
)
def test_registering_makes_an_account_and_asks_for_presence(counter: Counter, request_: Element) -> None:
    answer, presence = counter.asks(request_)
    assert (answer.type, answer.children) == ("result", ())
    assert (presence.kind, presence.type, presence.sender, presence.to) == ("presence", "subscribe", GATEWAY, NURSE)
    (account,) = counter.store.accounts[NURSE].values()
    assert account.login is not None
    assert (account.user, account.domain, account.login.password.reveal()) == ("alice", "sip.example", "hush")
    assert account.register


@pytest.mark.conformance("COMP-12")
@pytest.mark.parametrize(
    "request_",
    [
        query(),
        query({"username": "alice@sip.example"}),
        query({"username": "", "password": "hush"}),
        query({"username": "alice@sip.example", "password": ""}),
        query({"username": "no address", "password": "hush"}),
        query(form={**FORM, "address": ""}),
        query(form={**FORM, "address": "alice@10.0.0.1"}),
        query(form={**FORM, "transport": "sctp"}),
        query(form={**FORM, "FORM_TYPE": "jabber:iq:search"}),
    ],
)
def test_what_is_missing_or_wrong_is_not_acceptable(counter: Counter, request_: Element) -> None:
    assert counter.condition(request_) == "not-acceptable"
    assert counter.store.accounts == {}


def test_registering_again_changes_the_account(counter: Counter) -> None:
    counter.store.has(NURSE, "home", proxy="proxy.example")
    (answer,) = counter.asks(query({"username": "bob@sip.example", "password": "hush!"}))
    assert answer.type == "result"
    (account,) = counter.store.accounts[NURSE].values()
    assert account.login is not None
    assert (account.name, account.user, account.login.password.reveal()) == ("home", "bob", "hush!")
    assert account.written.proxy == "proxy.example"


@pytest.mark.conformance("COMP-13")
def test_removing_takes_back_all_that_the_user_has_made(counter: Counter) -> None:
    counter.store.has(NURSE, "home")
    counter.store.has(NURSE, "work")
    counter.store.has(NURSE, "house", made_by="file")
    answer, *presences = counter.asks(query({"remove": ""}))
    assert (answer.type, answer.children) == ("result", ())
    told = [(each.type, each.sender, each.to) for each in presences]
    assert told == [
        ("unsubscribe", GATEWAY, NURSE),
        ("unsubscribed", GATEWAY, NURSE),
        ("unavailable", f"{GATEWAY}/gateway", NURSE),
    ]
    assert list(counter.store.accounts[NURSE]) == ["house"]
    assert counter.parted == [NURSE]


def test_what_cannot_be_removed(counter: Counter) -> None:
    assert counter.condition(query({"remove": ""})) == "registration-required"
    counter.store.has(NURSE, "home")
    assert counter.condition(query({"remove": "", "username": "alice"})) == "bad-request"
    assert "home" in counter.store.accounts[NURSE]


@pytest.mark.parametrize("type", ["get", "set"])
def test_who_may_not_is_refused(counter: Counter, type: str) -> None:
    assert counter.condition(query(form=FORM), type=type, sender=STRANGER) == "forbidden"
    assert counter.condition(query({"remove": ""}), sender=STRANGER) == "forbidden"


@pytest.mark.parametrize(
    ("element", "type", "to"),
    [
        (Element("{jabber:iq:version}query"), "get", GATEWAY),
        (query(), "get", f"+15550100@{GATEWAY}"),
        (query(), "result", GATEWAY),
    ],
)
def test_what_is_no_registration_is_left_to_others(counter: Counter, element: Element, type: str, to: str) -> None:
    assert not counter.hand_in(element, type=type, to=to)
    assert counter.sent == []


def test_a_store_that_fails_is_no_reason_to_say_nothing(counter: Counter) -> None:
    counter.store.broken = True
    assert counter.condition(query(), type="get") == "resource-constraint"
    assert counter.condition(query(form=FORM)) == "resource-constraint"


def test_who_changes_too_often_is_told_to_come_later(counter: Counter) -> None:
    counter.store.has(NURSE, "home")
    counter.store.changes = 0
    assert counter.condition(query(form={**FORM, "name": "home"})) == "resource-constraint"
    assert counter.condition(query({"remove": ""})) == "resource-constraint"
    assert "home" in counter.store.accounts[NURSE]


def test_too_many_at_once_are_told_to_come_later(counter: Counter) -> None:
    async def flood() -> None:
        for number in range(MOST_AT_ONCE + 1):
            stanza = Stanza(kind="iq", type="get", id=str(number), sender=USER, to=GATEWAY, children=(query(),))
            assert counter.desk.stanza(stanza)
        await asyncio.sleep(0)

    counter.loop.run_until_complete(flood())
    counter.loop.settle()
    assert len(counter.sent) == MOST_AT_ONCE + 1
    assert read_error(counter.sent[0]).condition == "resource-constraint"


names = st.sampled_from(["username", "password", "remove", "registered", "key", "x"])


@given(
    st.dictionaries(names, st.text(max_size=20)),
    st.one_of(st.none(), st.dictionaries(st.sampled_from([*FORM, "proxy", "numbers"]), st.text(max_size=20))),
    st.sampled_from(["get", "set"]),
)
def test_whatever_is_asked_gets_one_answer(legacy: dict[str, str], form: dict[str, str] | None, type: str) -> None:
    counter = Counter(MemoryStore())
    try:
        replies = counter.asks(query(legacy, form), type=type)
        assert [each.type for each in replies if each.kind == "iq"] in (["result"], ["error"])
        assert replies[0].kind == "iq"
    finally:
        counter.loop.close()
