"""Users with SIP accounts of their own: they call as that, and are called by it."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.accounts.account import SipAccount, Written, trunk_name
from gateway.accounts.reading import read
from gateway.enlistment import CHANGES_A_MINUTE
from gateway.registration.registrant import contact_user
from gateway.rules import Account, Trunk
from gateway.secret import Secret
from tests.accounts import RULES
from tests.flows.inmemory import GATEWAY, World
from tests.flows.steps import Phone, Step, after, calls, does, holds, juliet, nurse, romeo, run
from tests.flows.texting import confirms, texts, writes

ACCOUNTS = """
[[account]]
jid = "romeo@montague.example"
address = "201@sip.example"
password_env = "SECRET"
trunk = "pbx"
caller_id = "+15550201"
[[account]]
jid = "nurse@capulet.example"
address = "202@sip.example"
user = "nurse-login"
password_env = "SECRET"
proxy = "192.0.2.20"
registrar = "reg.sip.example"
[[dial]]
match = 'premium.*'
refuse = true
"""
paris = Phone("paris", "198.51.100.66")
ASKS = 'Digest realm="sip.example", nonce="n1", algorithm=MD5, qop="auth"'


def contact(jid: str, name: str = "sip") -> str:
    return f"sip:{contact_user('gw.example', trunk_name('gw.example', jid, name))}@192.0.2.1:5060"


ROMEO, NURSE = contact("romeo@montague.example"), contact("nurse@capulet.example")
registered = (
    juliet.gets("REGISTER", call="reg1", has=["REGISTER sip:sip.example ", "<sip:201@sip.example>", f"<{ROMEO}>"]),
    juliet.sends(200, call="reg1", headers=[("Contact", f"<{ROMEO}>;expires=3600")]),
)
both = (
    *registered,
    Step(lambda world: world.loop.advance(0.05)),
    juliet.gets("REGISTER", call="reg2", has=["REGISTER sip:reg.sip.example ", "<sip:202@sip.example>", f"<{NURSE}>"]),
    juliet.sends(401, call="reg2", headers=[("WWW-Authenticate", ASKS)]),
    juliet.gets("REGISTER", call="reg2", has='username="nurse-login"'),
    juliet.sends(200, call="reg2", headers=[("Contact", f"<{NURSE}>;expires=3600, <{ROMEO}>;expires=3600")]),
)


def registrations(number: int) -> Step:
    return holds(
        lambda world: world.sample("jinglesip_registrations", state="registered") == number, f"not {number} registered"
    )


def test_a_user_calls_as_their_account_through_its_server() -> None:
    run(
        *both,
        registrations(2),
        romeo.sends("session-initiate"),
        romeo.gets("result"),
        juliet.gets(
            "INVITE", has=["INVITE sip:+15551230000@sip.example", "From: <sip:+15550201@sip.example;user=phone>;tag="]
        ),
        juliet.sends(407, headers=[("Proxy-Authenticate", ASKS)]),
        juliet.gets("ACK"),
        juliet.gets("INVITE", has='Proxy-Authorization: Digest username="201"'),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
        nurse.sends("session-initiate", call="two"),
        nurse.gets("result", call="two"),
        juliet.gets("INVITE", call="two", has="From: <sip:202@sip.example>;tag="),
        juliet.sends(486, call="two"),
        juliet.gets("ACK", call="two"),
        nurse.gets("session-terminate busy", call="two"),
        dial=ACCOUNTS,
    )


def test_what_a_rule_refuses_no_account_may_call() -> None:
    run(
        *both,
        nurse.sends("session-initiate", to="premium-1@gw.example"),
        nurse.gets("error forbidden"),
        calls(0),
        dial=ACCOUNTS,
    )


@pytest.mark.parametrize(("called", "who"), [(ROMEO, romeo), (NURSE, nurse), ("sip:202@192.0.2.1", nurse)])
def test_of_several_accounts_with_one_registrar_each_gets_its_own_calls(called: str, who: Any) -> None:
    run(
        *both,
        juliet.sends("INVITE", number=called, headers=[("To", "<sip:whatever@sip.example>")]),
        juliet.gets(100),
        who.gets("propose"),
        who.sends("reject busy"),
        juliet.gets(486),
        dial=ACCOUNTS,
    )


def test_an_accounts_calls_come_from_its_registrar_only() -> None:
    run(
        *both,
        paris.sends("INVITE", number=NURSE),
        paris.gets(100),
        paris.gets(403),
        calls(0),
        dial=ACCOUNTS,
    )


def changes(jid: str, account: SipAccount | None, name: str = "sip") -> Step:
    """A store tells of an account."""

    def do(world: Any) -> None:
        world.enrol(jid, name, account)

    return does(do)


def watches(world: Any) -> None:
    """A store in the place of the configuration, whose voice is `world.enrol`."""
    from gateway.accounts.enrolment import Enrolment  # noqa: PLC0415

    enrolment = Enrolment(
        world.app.routing.domain,
        routing=world.app.routing,
        registrations=world.app.enlistment.registrations,
        mailboxes=world.app.mailboxes,
    )
    world.enrol = enrolment.changed


def test_accounts_come_change_and_go_while_the_gateway_runs() -> None:
    jid = "nurse@capulet.example"
    first = SipAccount(
        jid=jid,
        written=Written(name="sip", address="202@sip.example"),
        user="202",
        domain="sip.example",
        login=Account("202", Secret("one")),
        via=Trunk(
            name="", host="192.0.2.20", domain="", from_domain="", caller_id_numbers={}, allow=()  # type: ignore[arg-type]
        ),
        registrar="sip.example",
    )  # fmt: skip
    second = SipAccount(
        **{key: getattr(first, key) for key in first.__slots__} | {"login": Account("202", Secret("2"))}
    )
    granted = [("Contact", f"<{NURSE}>;expires=3600")]
    run(
        does(watches),
        changes(jid, first),
        juliet.gets("REGISTER", call="reg", has="Expires: 3600"),
        juliet.sends(200, call="reg", headers=granted),
        registrations(1),
        changes(jid, first),
        registrations(1),
        changes(jid, second),
        juliet.gets("REGISTER", call="reg", has="Expires: 0"),
        juliet.sends(200, call="reg"),
        Step(lambda world: world.loop.advance(0.05)),
        juliet.gets("REGISTER", call="again", has="Expires: 3600"),
        juliet.sends(200, call="again", headers=granted),
        registrations(1),
        changes(jid, None),
        juliet.gets("REGISTER", call="again", has="Expires: 0"),
        juliet.sends(200, call="again"),
        registrations(0),
        changes(jid, None),
        nurse.sends("session-initiate"),
        nurse.gets("error service-unavailable"),
        juliet.sends("INVITE", number=NURSE),
        juliet.gets(100),
        juliet.gets(404),
    )


ADDED = Written(name="sip", address="202@sip.example", password=Secret("hush"), proxy="192.0.2.20")


@pytest.mark.parametrize("moves", [True, False])
def test_an_account_that_is_changed_or_removed_in_a_call_is_unregistered_when_that_is_over(moves: bool) -> None:
    jid = "nurse@capulet.example"
    first = read(ADDED, jid=jid, rules=RULES)
    second = read(replace(ADDED, address="203@sip.example"), jid=jid, rules=RULES) if moves else None
    granted = [("Contact", f"<{NURSE}>;expires=3600")]
    follows = (
        after(0.05),
        juliet.gets("REGISTER", call="new", has=["Expires: 3600", "<sip:203@sip.example>"]),
        juliet.sends(200, call="new", headers=granted),
        registrations(1),
    )
    run(
        does(watches),
        changes(jid, first),
        juliet.gets("REGISTER", call="reg", has="Expires: 3600"),
        juliet.sends(200, call="reg", headers=granted),
        nurse.sends("session-initiate"),
        nurse.gets("result"),
        juliet.gets("INVITE", has="From: <sip:202@sip.example>;tag="),
        juliet.sends(200),
        juliet.gets("ACK"),
        nurse.gets("session-accept"),
        changes(jid, second),
        *(follows if moves else (registrations(0),)),
        after(600),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        nurse.gets("session-terminate success"),
        after(2.0),
        juliet.gets("REGISTER", call="reg", has=["Expires: 0", "<sip:202@sip.example>"]),
        juliet.sends(200, call="reg"),
        registrations(int(moves)),
    )


def test_an_account_whose_password_is_changed_in_a_call_is_registered_anew_and_never_unregistered() -> None:
    jid = "nurse@capulet.example"
    granted = [("Contact", f"<{NURSE}>;expires=3600")]
    run(
        does(watches),
        changes(jid, read(ADDED, jid=jid, rules=RULES)),
        juliet.gets("REGISTER", call="reg", has="Expires: 3600"),
        juliet.sends(200, call="reg", headers=granted),
        nurse.sends("session-initiate"),
        nurse.gets("result"),
        juliet.gets("INVITE"),
        juliet.sends(200),
        juliet.gets("ACK"),
        nurse.gets("session-accept"),
        changes(jid, read(replace(ADDED, password=Secret("new")), jid=jid, rules=RULES)),
        after(0.05),
        juliet.gets("REGISTER", call="new", has="Expires: 3600"),
        juliet.sends(200, call="new", headers=granted),
        registrations(1),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        nurse.gets("session-terminate success"),
        after(60),
        registrations(1),
    )


provider = Phone("provider", "8.8.8.8")
"""Where everybody gets; the other phones are where only networks for examples are."""


def test_an_account_of_a_users_own_making_leads_nowhere_inside_whatever_its_server_says() -> None:
    jid = "nurse@capulet.example"
    granted = [("Contact", f"<{NURSE}>;expires=3600")]
    inside = [("Contact", "<sip:admin@127.0.0.1:5038>")]
    run(
        does(watches),
        changes(jid, read(replace(ADDED, proxy="8.8.8.8"), jid=jid, rules=RULES, made_by="user")),
        provider.gets("REGISTER", call="reg"),
        provider.sends(302, call="reg", headers=inside),
        after(60),
        provider.gets("REGISTER", call="reg"),
        provider.sends(200, call="reg", headers=granted),
        registrations(1),
        nurse.sends("session-initiate"),
        nurse.gets("result"),
        provider.gets("INVITE"),
        provider.sends(200, headers=inside),
        nurse.gets("session-accept"),
        after(40),  # and no ACK has left
        nurse.sends("session-terminate success"),
        nurse.gets("result"),
        calls(0),
    )


MAILBOX = "Messages-Waiting: yes\r\nMessage-Account: sip:*97@sip.example\r\nVoice-Message: 2/0\r\n"


def test_an_account_has_its_trunks_messages_and_mailbox() -> None:
    notice = [
        ("Event", "message-summary"), ("Subscription-State", "active"),
        ("Content-Type", "application/simple-message-summary"),
    ]  # fmt: skip

    def notified(world: Any) -> None:
        line = juliet._line(world, "box")
        request = line.pending[-1]
        juliet.sends(200, call="box").do(world)
        line.call_id, line.remote = request.call_id, request.first("From") or ""
        line.local = f"{request.first('To')};tag=juliet-tag"
        uri = f"sip:201@{GATEWAY}"
        juliet._request(world, line, "NOTIFY", uri, 1, body=MAILBOX.encode(), to=line.remote, headers=notice)

    run(
        *both,
        after(1.0),
        juliet.gets("SUBSCRIBE", call="box", has=["SUBSCRIBE sip:201@sip.example", "From: <sip:201@sip.example>"]),
        Step(notified),
        juliet.gets("200 NOTIFY", call="box"),
        romeo.gets("body", has=["2 new voice messages", 'from="*97@gw.example/sip"']),
        writes(romeo),
        juliet.gets(
            "MESSAGE", has=["MESSAGE sip:+15551230000@sip.example", "From: <sip:+15550201@sip.example;user=phone>;tag="]
        ),
        juliet.sends(200),
        writes(nurse),
        nurse.gets("message error service-unavailable"),
        texts(juliet, number=ROMEO.partition("@")[0].removeprefix("sip:")),
        confirms(romeo, has="Here!"),
        juliet.gets("200 MESSAGE"),
        texts(juliet, number=NURSE.partition("@")[0].removeprefix("sip:")),
        juliet.gets("405 MESSAGE"),
        trunk="messages = true\nmessage_waiting = true",
        dial=ACCOUNTS,
    )


SEVERAL = """
[[account]]
jid = "romeo@montague.example"
address = "201@sip.example"
password_env = "SECRET"
[[account]]
jid = "romeo@montague.example"
name = "work"
address = "201@work.example"
password_env = "SECRET"
proxy = "192.0.2.20"
[[account]]
jid = "romeo@montague.example"
name = "desk"
address = "7001@sip.example"
register = false
"""
HOME, WORK = contact("romeo@montague.example"), contact("romeo@montague.example", "work")
two = (
    juliet.gets("REGISTER", call="reg1", has=["REGISTER sip:sip.example ", "<sip:201@sip.example>", f"<{HOME}>"]),
    juliet.sends(200, call="reg1", headers=[("Contact", f"<{HOME}>;expires=3600")]),
    Step(lambda world: world.loop.advance(0.05)),
    juliet.gets("REGISTER", call="reg2", has=["REGISTER sip:work.example ", "<sip:201@work.example>", f"<{WORK}>"]),
    juliet.sends(200, call="reg2", headers=[("Contact", f"<{WORK}>;expires=3600")]),
)
"""One user's, at registrars on one host."""


def test_of_a_users_accounts_all_register_and_the_first_dials() -> None:
    run(
        *two,
        registrations(2),
        romeo.sends("session-initiate"),
        romeo.gets("result"),
        juliet.gets("INVITE", has=["INVITE sip:+15551230000@sip.example", "From: <sip:201@sip.example>;tag="]),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
        dial=SEVERAL.replace('"201@sip.example"', '"201@sip.example"\nproxy = "192.0.2.20"'),
    )


@pytest.mark.parametrize(
    ("called", "to", "name"),
    [
        (HOME, "sip:201@work.example", "sip"),
        (WORK, "sip:201@sip.example", "work"),
        # A registrar that calls the address-of-record leaves its domain in the Request-URI or in To, or nowhere.
        ("sip:201@work.example", "sip:201@sip.example", "work"),
        ("sip:201@192.0.2.1", "sip:201@WORK.example", "work"),
        ("sip:201@192.0.2.1", "sip:201@sip.example", "sip"),
        ("sip:201@192.0.2.1", "sip:201@elsewhere.example", "sip"),
    ],
)
def test_a_call_is_for_the_account_that_is_called(called: str, to: str, name: str) -> None:
    expected = trunk_name("gw.example", "romeo@montague.example", name)
    run(
        *two,
        juliet.sends("INVITE", number=called, headers=[("To", f"<{to}>")]),
        juliet.gets(100),
        romeo.gets("propose"),
        romeo.sends("reject busy"),
        juliet.gets(486),
        holds(
            lambda world: [line["trunk"] for line in world.log if line["event"] == "call_ended"] == [expected],
            "the call of another account",
        ),
        dial=SEVERAL.replace('"201@sip.example"', '"201@sip.example"\nproxy = "192.0.2.20"'),
    )


def test_accounts_are_changed_so_often_in_a_minute() -> None:
    def admitted(number: int) -> Step:
        def true(world: World) -> bool:
            tries = [world.app.enlistment.affairs.admits("romeo@montague.example") for _ in range(number + 1)]
            return tries == [True] * number + [False] and world.app.enlistment.affairs.admits("nurse@capulet.example")

        return holds(true, f"not {number} changes are admitted")

    run(admitted(CHANGES_A_MINUTE), after(30), admitted(CHANGES_A_MINUTE // 2))
