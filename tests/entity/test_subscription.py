"""Presence subscriptions to numbers and to the gateway."""

from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest

from gateway.entity import avatar, caps, disco
from gateway.entity.answers import Entity
from gateway.entity.disco import Abilities
from gateway.entity.roster import Bond, Pair, Roster, Wish
from gateway.entity.subscription import Subscription
from gateway.stanza import Stanza, error, read_error

GATEWAY = "sip.example.org"
NUMBER = "+15550100200@sip.example.org"
USER = "nurse@example.net"
PAIR = Pair(USER, NUMBER)
NUMBERS = disco.number(Abilities())
ENTITY = Entity(
    component=disco.component("Phones"), number=lambda asker, jid: NUMBERS, version="1", translate=str, plain=str
)


def made(*, engaged: bool = False) -> Subscription:
    """What answers, knowing nobody yet."""
    return Subscription(
        entity=ENTITY,
        resource="sip",
        roster=Roster(),
        possible=lambda jid: "impossible" not in jid,
        engaged=lambda user, ours: engaged and (user, ours) == PAIR,
    )


def presence(type: str, *, to: str = NUMBER, sender: str = USER) -> Stanza:
    """A presence of the user's."""
    return Stanza(kind="presence", type=type, sender=sender, to=to)


def told(stanzas: list[Stanza]) -> list[tuple[str, str, str]]:
    """Presences in short."""
    return [(stanza.type, stanza.sender, stanza.to) for stanza in stanzas]


def test_a_subscription_is_taken_returned_and_followed_by_presence_from_the_full_jid() -> None:
    ours = made()
    replies = ours.answer(presence("subscribe"))
    assert told(replies) == [
        ("subscribed", NUMBER, USER),
        ("subscribe", NUMBER, USER),
        ("", f"{NUMBER}/sip", USER),
    ]
    assert replies[1].children[0].text == "+1 555 010 0200"
    assert caps.read(replies[2]) == (caps.ours(NUMBERS)[2], caps.ours(NUMBERS)[0])
    photo = replies[2].child("{vcard-temp:x:update}x")
    assert photo is not None
    assert photo.findtext("{vcard-temp:x:update}photo") == avatar.picture().sha1
    assert ours.roster.bond(PAIR) == Bond(True, Wish.ASKED)
    ours.answer(presence("subscribed"))
    assert ours.roster.bond(PAIR) == Bond(True, Wish.GRANTED)


def test_a_subscription_that_comes_again_is_confirmed_and_not_asked_for_when_it_was_granted() -> None:
    ours = made()
    ours.answer(presence("subscribe"))
    assert [reply.type for reply in ours.answer(presence("subscribe"))] == ["subscribed", "subscribe", ""]
    ours.answer(presence("subscribed"))
    assert [reply.type for reply in ours.answer(presence("subscribe"))] == ["subscribed", ""]


def test_the_gateway_itself_has_presence_of_its_own() -> None:
    replies = made().answer(presence("subscribe", to=GATEWAY))
    assert told(replies)[2] == ("", f"{GATEWAY}/gateway", USER)
    assert caps.read(replies[2])[1] == caps.ours(ENTITY.component)[0]
    assert replies[1].children[0].text == "Telephone"


def test_a_probe_is_answered_to_whoever_asked_and_says_that_they_are_subscribed() -> None:
    ours = made()
    assert told(ours.answer(presence("probe", sender=f"{USER}/desk"))) == [("", f"{NUMBER}/sip", f"{USER}/desk")]
    assert ours.roster.bond(PAIR) == Bond(True)


def test_an_unsubscription_is_confirmed_and_presence_ends() -> None:
    ours = made()
    ours.answer(presence("subscribe"))
    assert told(ours.answer(presence("unsubscribe"))) == [
        ("unavailable", f"{NUMBER}/sip", USER),
        ("unsubscribed", NUMBER, USER),
    ]
    assert not ours.roster.bond(PAIR).follows


def test_who_removes_a_number_in_the_middle_of_a_call_with_it_does_not_see_it_go() -> None:
    assert told(made(engaged=True).answer(presence("unsubscribe"))) == [("unsubscribed", NUMBER, USER)]


def test_a_subscription_taken_from_us_is_given_up_once() -> None:
    ours = made()
    ours.answer(presence("subscribe"))
    assert told(ours.answer(presence("unsubscribed"))) == [("unsubscribe", NUMBER, USER)]
    assert ours.answer(presence("unsubscribed")) == []


@pytest.mark.parametrize("type", ["subscribe", "probe"])
def test_what_no_address_can_say_has_no_presence(type: str) -> None:
    ours = made()
    assert told(ours.answer(presence(type, to="impossible@sip.example.org"))) == [
        ("unsubscribed", "impossible@sip.example.org", USER)
    ]
    assert len(ours.roster) == 0


@pytest.mark.parametrize("type", ["", "unavailable", "subscribed", "error"])
def test_other_presence_gets_no_reply(type: str) -> None:
    assert made().answer(presence(type)) == []


@pytest.mark.parametrize(
    ("condition", "known"), [("item-not-found", False), ("gone", False), ("remote-server-timeout", True)]
)
def test_users_who_are_not_there_any_more_are_forgotten_and_the_error_is_not_answered(
    condition: str, known: bool
) -> None:
    ours = made()
    *_, available = ours.answer(presence("subscribe"))
    assert ours.answer(error(available, condition)) == []
    assert bool(len(ours.roster)) is known


def test_who_takes_us_for_a_room_is_told_that_we_are_none() -> None:
    enters = replace(presence("", sender=f"{USER}/desk"), children=(Element("{http://jabber.org/protocol/muc}x"),))
    (refused,) = made().answer(enters)
    assert (refused.kind, refused.type, refused.to) == ("presence", "error", f"{USER}/desk")
    assert read_error(refused).condition == "service-unavailable"
    assert made().answer(refused) == []


def test_our_own_numbers_are_not_talked_to() -> None:
    assert made().answer(presence("subscribe", sender="+15550999999@sip.example.org")) == []
    assert made().introduce(NUMBER, "+15550999999@sip.example.org", None) == []


def test_before_a_call_a_user_is_asked_once_and_told_the_name() -> None:
    ours = made()
    (asked,) = ours.introduce(f"{NUMBER}/sip", USER, "Juliet")
    assert told([asked]) == [("subscribe", NUMBER, USER)]
    assert asked.children[0].text == "Juliet"
    assert ours.introduce(NUMBER, USER, "Juliet") == []
    assert told(ours.answer(presence("unsubscribed"))) == [("unsubscribe", NUMBER, USER)]
    assert ours.introduce(NUMBER, USER, "Juliet") == []


@pytest.mark.conformance("COMP-04")
def test_what_we_send_has_both_addresses_and_ours_is_in_our_domain() -> None:
    ours = made()
    sent = [
        *ours.answer(presence("subscribe")),
        *ours.answer(presence("unsubscribe")),
        ours.available(NUMBER, USER),
        ours.unavailable(GATEWAY, USER),
    ]
    for stanza in sent:
        assert stanza.to
        assert stanza.sender.partition("/")[0].rpartition("@")[2] == GATEWAY
