"""The commands for users' own accounts, on a store in memory."""

from xml.etree.ElementTree import Element

import pytest

from gateway.commands.account_commands import commands
from gateway.jid import bare
from tests.commands.house import USER, House, X
from tests.commands.memory import MemoryStore

NURSE = bare(USER)
STRANGER = "mallory@example.com/x"
HOME = {"name": "home", "address": "alice@sip.example", "password": "pässword ✓", "register": "1"}


def house(store: MemoryStore, state: str = "registered") -> House:
    return House(commands(store.affairs(state)))


def listed(at: House, sender: str) -> list[str]:
    query = Element("{http://jabber.org/protocol/disco#items}query", {"node": "http://jabber.org/protocol/commands"})
    (reply,) = at.answers(at.tells(query, type="get", sender=sender))
    return [item.get("node") or "" for item in reply.stanza.children[0]]


def test_commands_are_there_for_whom_they_are() -> None:
    store = MemoryStore()
    store.has("guest@example.com", made_by="file")
    with house(store) as at:
        everything = ["accounts", "account-add", "account-change", "account-remove", "account-dials", "account-number"]
        assert listed(at, USER) == everything
        assert listed(at, "guest@example.com/x") == ["accounts", "account-dials"]
        assert listed(at, STRANGER) == []
        for node in everything:
            assert at.runs(node, sender=STRANGER).error == ("forbidden", "")


def test_an_account_is_added_with_a_password_in_any_script() -> None:
    store = MemoryStore()
    with house(store) as at:
        form = at.runs("account-add")
        assert form.fields["name"] == ["sip"]
        assert form.fields["password"] == []
        reply = at.runs("account-add", "complete", form.session, HOME)
        expected = "The account home (alice@sip.example) is added. You call through it."
        assert (reply.status, reply.notes) == ("completed", [("info", expected)])
    account = store.accounts[NURSE]["home"]
    assert account.login is not None
    assert (account.user, account.domain, account.login.password.reveal()) == ("alice", "sip.example", "pässword ✓")
    assert account.made_by == "user"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": ""}, "SIP address: is missing"),
        ({"address": "alice"}, "SIP address: expected user@domain"),
        ({"address": "alice@127.0.0.1"}, "SIP address: no account may be at 127.0.0.1"),
        ({"proxy": "[::1]:5060"}, "Outbound proxy: no account may be at ::1"),
        ({"proxy": "sip.example:99999"}, "Outbound proxy: expected HOST"),
        ({"transport": "sctp"}, "Transport: choose from the list"),
        ({"caller_id": "a b"}, "Number that others see: expected a number"),
        ({"numbers": "1\n2 3"}, "Your numbers: expected a number"),
        ({"user": "bob", "password": ""}, "Password: missing"),
        ({"name": "x" * 40}, "Name of the account: is longer"),
        ({"name": " sip  "}, "Name of the account: you have an account of that name"),
        ({"register": "perhaps"}, "Take calls: is yes or no"),
        ({"address": "alice@" + "x" * 300}, "SIP address: is longer"),
    ],
)
def test_what_is_wrong_with_an_account_is_said_at_its_field(fields: dict[str, str], words: str) -> None:
    store = MemoryStore()
    store.has(NURSE)
    with house(store) as at:
        session = at.runs("account-add").session
        reply = at.runs("account-add", "complete", session, {**HOME, **fields})
        assert reply.status == "executing"
        ((severity, text),) = reply.notes
        assert severity == "error"
        assert text.startswith(words)
        assert reply.fields["password"] == []
        assert at.runs("account-add", "complete", session, HOME).status == "completed"


def test_there_is_an_end_to_accounts() -> None:
    store = MemoryStore()
    for number in range(store.rules.most):
        store.has(NURSE, f"number {number}")
    with house(store) as at:
        reply = at.runs("account-add")
        assert (reply.status, reply.notes[0][0]) == ("completed", "error")


def test_a_password_stays_when_none_is_given_and_is_never_shown() -> None:
    store = MemoryStore()
    store.has(NURSE, "home", proxy="proxy.example", realm="there")
    with house(store) as at:
        form = at.runs("account-change")
        assert form.fields["proxy"] == ["proxy.example"]
        assert form.fields["password"] == []
        assert "hush" not in str(form.fields)
        filled = {"name": "home", "address": "bob@sip.example", "transport": "tcp"}
        assert at.runs("account-change", "complete", form.session, filled).status == "completed"
    account = store.accounts[NURSE]["home"]
    assert account.login is not None
    assert (account.user, account.login.password.reveal(), account.realm) == ("bob", "hush", "there")
    assert (account.written.proxy, account.written.transport, account.register) == ("", "tcp", False)


def test_of_several_accounts_the_one_to_be_changed_is_chosen_first() -> None:
    store = MemoryStore()
    store.has(NURSE, "home")
    store.has(NURSE, "work", address="alice@work.example")
    store.has(NURSE, "house", made_by="file")
    with house(store) as at:
        first = at.runs("account-change")
        assert (first.actions, first.fields["account"]) == (["next", "next"], ["home"])
        options = [each.get("label") for each in first.command.iter(f"{X}option")]
        assert options == ["home (alice@sip.example)", "work (alice@work.example)"]
        second = at.runs("account-change", "next", first.session, {"account": "work"})
        assert (second.actions, second.fields["address"]) == (["complete", "prev", "complete"], ["alice@work.example"])
        assert at.runs("account-change", "prev", first.session).fields["account"] == ["work"]
        third = at.runs("account-change", "next", first.session, {"account": "house"})
        assert third.notes == [("error", "Account: choose from the list")]


def test_an_account_is_not_renamed_by_who_changes_a_hidden_field() -> None:
    store = MemoryStore()
    store.has(NURSE, "home")
    with house(store) as at:
        session = at.runs("account-change").session
        reply = at.runs("account-change", "complete", session, {**HOME, "name": "work"})
        assert reply.error == ("bad-request", "bad-payload")


@pytest.mark.parametrize("node", ["account-change", "account-remove", "account-number"])
def test_who_has_nothing_to_change_is_told_so(node: str) -> None:
    store = MemoryStore()
    store.has(NURSE, made_by="file")
    with house(store) as at:
        reply = at.runs(node)
        assert (reply.status, reply.notes[0][0]) == ("completed", "error")


def test_an_account_is_removed_when_it_is_meant() -> None:
    store = MemoryStore()
    store.has(NURSE, "home")
    with house(store) as at:
        sure = at.runs("account-remove")
        at.runs("account-remove", "cancel", sure.session)
        assert "home" in store.accounts[NURSE]
        sure = at.runs("account-remove")
        reply = at.runs("account-remove", "complete", sure.session)
        assert (reply.status, store.accounts[NURSE]) == ("completed", {})


def test_an_account_that_is_gone_meanwhile_is_said_to_be_gone() -> None:
    store = MemoryStore()
    store.has(NURSE, "home")
    with house(store) as at:
        change, remove = at.runs("account-change").session, at.runs("account-remove").session
        store.accounts.clear()
        for node, session in (("account-change", change), ("account-remove", remove)):
            reply = at.runs(node, "complete", session, {**HOME})
            assert (reply.status, reply.notes[0][0]) == ("executing", "error")
    assert store.accounts == {}


def test_accounts_are_listed_with_their_state() -> None:
    store = MemoryStore()
    store.has(NURSE, "house", made_by="file", address="100@pbx.example")
    store.has(NURSE, "home", caller_id="+15550100")
    with house(store, "refused: the password is wrong") as at:
        reply = at.runs("accounts")
        assert reply.rows == [
            ["house", "100@pbx.example", "refused: the password is wrong", "yes", "100", "the operator"],
            ["home", "alice@sip.example", "refused: the password is wrong", "no", "+15550100", "you"],
        ]
        state = "refused: the password is wrong"
        assert reply.notes == [("info", f"house: {state}. home: {state}.")]
        assert at.runs("accounts", sender="newcomer@example.net/x").notes == [("info", "You have no SIP account here.")]


def test_another_account_dials_when_it_is_chosen() -> None:
    store = MemoryStore()
    store.has(NURSE, "house", made_by="file")
    store.has(NURSE, "home")
    with house(store) as at:
        form = at.runs("account-dials")
        assert form.fields["account"] == ["house"]
        assert at.runs("account-dials", None, form.session, {"account": "home"}).status == "completed"
        assert store.chosen == {NURSE: "home"}
        assert at.runs("account-dials", sender="newcomer@example.net/x").notes[0][0] == "error"


def test_a_number_is_chosen_or_typed() -> None:
    store = MemoryStore()
    store.has(NURSE, "home", caller_id="+15550100")
    with house(store) as at:
        form = at.runs("account-number")
        assert form.fields["number"] == ["+15550100"]
        reply = at.runs("account-number", None, form.session, {"number": "+15550100", "another": "+15550101"})
        assert reply.notes == [("info", "Others see +15550101 when you call through home.")]
        form = at.runs("account-number")
        assert [each.findtext(f"{X}value") for each in form.command.iter(f"{X}option")] == [
            "the address",
            "+15550101",
            "+15550100",
        ]
        reply = at.runs("account-number", None, form.session, {"number": "the address"})
        assert reply.notes == [("info", "Others see alice when you call through home.")]
    account = store.accounts[NURSE]["home"]
    assert account.login is not None
    assert (account.caller_id, account.login.password.reveal()) == (None, "hush")


def test_a_store_that_fails_is_told_without_its_secrets() -> None:
    store = MemoryStore()
    store.has(NURSE, "home")
    with house(store) as at:
        session = at.runs("account-change").session
        store.broken = True
        for node in ("accounts", "account-add", "account-dials"):
            reply = at.runs(node)
            assert (reply.status, reply.notes[0][0]) == ("completed", "error")
            assert "secret-place" not in reply.notes[0][1]
        reply = at.runs("account-change", None, session, HOME | {"name": "home"})
        assert (reply.status, reply.notes[0][0]) == ("executing", "error")


def test_each_user_has_accounts_of_their_own() -> None:
    store = MemoryStore()
    store.has("doctor@example.net", "home", address="doctor@sip.example")
    with house(store) as at:
        assert at.runs("accounts").rows == []
        session = at.runs("account-add", sender="doctor@example.net/x").session
        assert at.runs("account-add", None, session, HOME).error == ("bad-request", "bad-sessionid")
    assert store.accounts["doctor@example.net"]["home"].user == "doctor"
    assert NURSE not in store.accounts


@pytest.mark.parametrize("node", ["account-change", "account-remove", "account-dials", "account-number"])
def test_accounts_are_not_changed_as_often_as_a_user_likes(node: str) -> None:
    store = MemoryStore()
    store.has(NURSE, "home")
    store.changes = 0
    with house(store) as at:
        form = at.runs(node)
        fields = {**HOME, "account": "home", "number": "the address"}
        reply = at.runs(node, None, form.session, fields)
        told = "accounts have been changed often enough; come again in a minute"
        assert (reply.status, reply.notes) == ("executing", [("error", told)])
        store.changes = 1
        assert at.runs(node, None, form.session, fields).status == "completed"
