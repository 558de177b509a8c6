"""Presence subscriptions to numbers and to the gateway."""

import pytest

from gateway.entity import avatar, caps, disco
from gateway.entity.answers import Entity
from gateway.entity.disco import Abilities
from gateway.entity.subscription import answer, available, unavailable
from gateway.stanza import Stanza

GATEWAY = "sip.example.org"
NUMBER = "+15550100200@sip.example.org"
USER = "nurse@example.net"
NUMBERS = disco.number(Abilities())
ENTITY = Entity(
    component=disco.component("Phones"), number=lambda asker, jid: NUMBERS, version="1", translate=str, plain=str
)


def ask(type: str, *, to: str = NUMBER, sender: str = USER) -> list[Stanza]:
    return answer(Stanza(kind="presence", type=type, sender=sender, to=to), ENTITY, "sip")


def told(stanzas: list[Stanza]) -> list[tuple[str, str, str]]:
    return [(stanza.type, stanza.sender, stanza.to) for stanza in stanzas]


def test_a_subscription_is_taken_returned_and_followed_by_presence_from_the_full_jid() -> None:
    replies = ask("subscribe")
    assert told(replies) == [
        ("subscribed", NUMBER, USER),
        ("subscribe", NUMBER, USER),
        ("", f"{NUMBER}/sip", USER),
    ]
    assert caps.read(replies[2]) == (caps.ours(NUMBERS)[2], caps.ours(NUMBERS)[0])
    photo = replies[2].child("{vcard-temp:x:update}x")
    assert photo is not None
    assert photo.findtext("{vcard-temp:x:update}photo") == avatar.picture().sha1


def test_the_gateway_itself_has_presence_of_its_own() -> None:
    replies = ask("subscribe", to=GATEWAY)
    assert told(replies)[2] == ("", f"{GATEWAY}/gateway", USER)
    assert caps.read(replies[2])[1] == caps.ours(ENTITY.component)[0]


def test_a_probe_is_answered_to_whoever_asked() -> None:
    assert told(ask("probe", sender=f"{USER}/desk")) == [("", f"{NUMBER}/sip", f"{USER}/desk")]


def test_an_unsubscription_is_confirmed_and_presence_ends() -> None:
    assert told(ask("unsubscribe")) == [("unavailable", f"{NUMBER}/sip", USER), ("unsubscribed", NUMBER, USER)]


def test_a_subscription_taken_from_us_is_given_up() -> None:
    assert told(ask("unsubscribed")) == [("unsubscribe", NUMBER, USER)]


@pytest.mark.parametrize("type", ["", "unavailable", "subscribed", "error"])
def test_other_presence_gets_no_reply(type: str) -> None:
    assert ask(type) == []


def test_our_own_numbers_are_not_talked_to() -> None:
    assert ask("subscribe", sender="+15550999999@sip.example.org") == []


@pytest.mark.conformance("COMP-04")
def test_what_we_send_has_both_addresses_and_ours_is_in_our_domain() -> None:
    sent = [
        *ask("subscribe"),
        *ask("unsubscribe"),
        available(NUMBER, USER, ENTITY, "sip"),
        unavailable(GATEWAY, USER, "sip"),
    ]
    for stanza in sent:
        assert stanza.to
        assert stanza.sender.partition("/")[0].rpartition("@")[2] == GATEWAY
