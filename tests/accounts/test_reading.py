"""An account as somebody wrote it: what it becomes, and what is said when it is none."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.accounts.account import Written
from gateway.accounts.reading import LONGEST_NAME, LONGEST_PASSWORD, Unfit, account_name, read
from gateway.registration.book import Book
from gateway.rules import Account
from gateway.secret import Secret
from gateway.sip.address import Uri
from gateway.sip.flow import Hop
from gateway.sip.target import Credentials
from tests.accounts import COMPONENT, JULIET, RULES

WRITTEN = Written(name="home", address="201@sip.example.com", password=Secret("hush"))


def test_an_address_and_a_password_are_enough() -> None:
    account = read(WRITTEN, jid="Juliet@Example.org", rules=RULES, made_by="user")
    assert (account.jid, account.name, account.made_by) == (JULIET, "home", "user")
    assert (account.user, account.domain, account.registrar) == ("201", "sip.example.com", "sip.example.com")
    assert account.login == Account("201", Secret("hush"))
    trunk = account.trunk(COMPONENT)
    assert trunk.hop == Hop("sip.example.com", fenced=True)
    assert trunk.registrant is not None
    assert trunk.registrant.hop.fenced
    assert trunk.registrant.credentials == Credentials("201", "hush")
    assert (trunk.caller_id, trunk.caller_id_number, trunk.owner) == ("fixed", "201", JULIET)
    assert "hush" not in repr(account)
    assert "hush" not in repr(trunk)


def test_everything_may_be_said() -> None:
    written = replace(
        WRITTEN,
        address="sip:juliet capulet@SIP.example.com",
        user="jc",
        realm="example",
        proxy="[2001:DB8::1]:5080",
        transport="tcp",
        caller_id="+15550201",
        numbers=("+15550200", "+15550201"),
        registrar="Reg.example.com",
        register=False,
        expires_seconds=600,
    )
    account = read(written, jid=JULIET, rules=RULES, made_by="operator")
    trunk = account.trunk(COMPONENT)
    assert account.user == "juliet capulet"
    assert account.login == Account("jc", Secret("hush"))
    assert (trunk.host, trunk.port, trunk.transport) == ("2001:db8::1", 5080, "TCP")
    assert (account.registrar, account.realm, account.caller_id) == ("reg.example.com", "example", "+15550201")
    assert not trunk.manners.fenced
    assert trunk.registrant is None
    assert account.written == written


def test_the_number_that_is_shown_is_one_of_the_numbers() -> None:
    account = read(replace(WRITTEN, caller_id="+1", numbers=("+2",)), jid=JULIET, rules=RULES)
    assert account.written.numbers == ("+1", "+2")


def test_each_account_of_each_user_is_a_trunk_of_its_own() -> None:
    trunks = [
        read(replace(WRITTEN, name=name), jid=jid, rules=RULES).trunk(COMPONENT)
        for name in ("home", "work")
        for jid in (JULIET, "romeo@example.org", "juliet@example.net")
    ]
    assert len({trunk.name for trunk in trunks}) == 6
    assert len({trunk.registrant.contact_user for trunk in trunks if trunk.registrant}) == 6
    assert not any("juliet" in trunk.name or "home" in trunk.name for trunk in trunks)


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"name": ""}, "name", "expected a name of 32 characters at most"),
        ({"name": "   "}, "name", "expected a name"),
        ({"name": "x" * (LONGEST_NAME + 1)}, "name", "expected a name"),
        ({"name": "a\x07b"}, "name", "expected a name"),
        ({"address": ""}, "address", "expected user@domain — got ''"),
        ({"address": "201"}, "address", "expected user@domain"),
        ({"address": "@sip.example.com"}, "address", "expected user@domain"),
        ({"address": "201@"}, "address", "expected user@domain"),
        ({"address": "201@sip.example.com:5060"}, "address", "expected user@domain"),
        ({"address": "201@sip example"}, "address", "expected user@domain"),
        ({"address": 'a"b@sip.example.com'}, "address", "expected user@domain"),
        ({"address": "sips:201@sip.example.com:5061"}, "address", "expected user@domain"),
        ({"address": "x" * 300 + "@sip.example.com"}, "address", "expected user@domain"),
        ({"user": "a\nb"}, "user", "expected a user name"),
        ({"user": 'a"b'}, "user", "expected a user name"),
        ({"user": "x" * 300}, "user", "expected a user name"),
        ({"user": "u", "password": None}, "password", "missing beside user"),
        ({"password": Secret("")}, "password", "expected one line"),
        ({"password": Secret("hush\nhush")}, "password", "expected one line"),
        ({"password": Secret("hush\0")}, "password", "expected one line"),
        ({"password": Secret("hush\ud800")}, "password", "expected one line"),
        ({"password": Secret("x" * (LONGEST_PASSWORD + 1))}, "password", "expected one line of 1024 characters"),
        ({"realm": "a\0"}, "realm", "expected a realm"),
        ({"proxy": "p:0"}, "proxy", "expected HOST or HOST:PORT"),
        ({"proxy": "p:65536"}, "proxy", "expected HOST or HOST:PORT"),
        ({"proxy": "sip:p"}, "proxy", "expected HOST or HOST:PORT"),
        ({"proxy": "::1"}, "proxy", "expected HOST or HOST:PORT"),
        ({"proxy": "1.2.3"}, "proxy", "expected HOST or HOST:PORT"),
        ({"transport": "pigeon"}, "transport", "expected auto, udp, tcp, tls, ws, wss — got 'pigeon'"),
        ({"caller_id": "a b"}, "caller_id", "expected a number or a user"),
        ({"numbers": ("+1", "<+2>")}, "numbers", "expected a number or a user"),
        ({"numbers": tuple(map(str, range(21)))}, "numbers", "expected 20 at most"),
        ({"registrar": "a b"}, "registrar", "expected a domain"),
        ({"expires_seconds": 59}, "expires_seconds", "expected 60 to 604800"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(change: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(Unfit) as raised:
        read(replace(WRITTEN, **change), jid=JULIET, rules=RULES)
    assert raised.value.field == field
    assert raised.value.problem.startswith(problem)
    assert raised.value.text == f"{field}: {raised.value.problem}"
    assert "hush" not in raised.value.text
    assert len(raised.value.text) < 300


@pytest.mark.parametrize("jid", ["", "example.org", "juliet@gw.example", "a b@c d", "@example.org"])
def test_an_account_is_a_users(jid: str) -> None:
    with pytest.raises(Unfit) as raised:
        read(WRITTEN, jid=jid, rules=RULES)
    assert raised.value.field == "jid"


@pytest.mark.parametrize("place", ["127.0.0.1", "10.0.0.1", "[::1]", "169.254.169.254", "[::ffff:127.0.0.1]"])
def test_a_user_names_no_address_inside_and_the_operator_does(place: str) -> None:
    proxied = replace(WRITTEN, proxy=f"{place}:5070")
    direct = replace(WRITTEN, address=f"201@{place}")
    for written, field in ((proxied, "proxy"), (direct, "address")):
        with pytest.raises(Unfit, match=f"{field}: no account may be at"):
            read(written, jid=JULIET, rules=RULES, made_by="user")
        assert not read(written, jid=JULIET, rules=RULES, made_by="operator").trunk(COMPONENT).hop.fenced


def test_a_name_is_the_same_however_it_is_typed() -> None:
    assert account_name("  cafe\u0301   bar ") == "caf\u00e9 bar"


@given(st.text(min_size=1, max_size=LONGEST_PASSWORD))
def test_a_password_is_taken_as_it_was_typed_or_not_at_all(text: str) -> None:
    written = replace(WRITTEN, password=Secret(text))
    if any(char in "\r\n\0" or "\ud800" <= char <= "\udfff" for char in text):
        with pytest.raises(Unfit, match=r"^password: "):
            read(written, jid=JULIET, rules=RULES)
    else:
        assert read(written, jid=JULIET, rules=RULES).login == Account("201", Secret(text))


ODD = st.text(max_size=30)
NONSENSE = st.builds(
    Written,
    name=st.just("home") | ODD,
    address=st.builds("{}@{}".format, ODD, st.just("sip.example.com") | st.from_regex(r"[a-z0-9._\[\]:-]{1,9}")) | ODD,
    user=st.just("") | ODD,
    realm=st.just("") | ODD,
    proxy=st.just("") | st.from_regex(r"[a-z0-9.\[\]:]{1,9}") | ODD,
    transport=st.sampled_from(["auto", "tls"]) | ODD,
    caller_id=st.just("") | ODD,
    numbers=st.just(()) | st.lists(ODD, max_size=3).map(tuple),
    registrar=st.just("") | ODD,
    password=st.builds(Secret, ODD) | st.none(),
    expires_seconds=st.just(60) | st.integers(),
)


@given(NONSENSE, st.just(JULIET) | ODD)
@settings(max_examples=400, deadline=None)
def test_nonsense_is_refused_and_nothing_else_happens(written: Written, jid: str) -> None:
    with suppress(Unfit):
        account = read(written, jid=jid, rules=RULES, made_by="user")
        trunk = account.trunk(COMPONENT)
        assert trunk.owner == account.jid
        if trunk.registrant is not None:
            Book().write(trunk.registrant, None)
            assert Uri.parse(trunk.registrant.aor).host
        again = read(account.written, jid=account.jid, rules=RULES, made_by="user")
        assert again == account
