"""Message initiation with several devices, with those that come back after a while, and with messages that cross."""

from dataclasses import replace

import pytest

from gateway.signals import Answer, End, Offer, PickedUp, Progress
from gateway.stanza import error
from mappings.reasons import EndReason

from .ladder import (
    LAPTOP,
    LOCAL,
    NUMBER,
    PHONE,
    TIMERS,
    USER,
    Ladder,
    User,
    answering,
    calling,
    content,
    describe,
    ice,
    jmi_reason,
    reason_text,
)

nora = User()
laptop = User(LAPTOP)
TOO_LATE = "message error item-not-found"
BUSY = End(EndReason.BUSY, "486 Busy Here", 486)


def proposed(**more: object) -> Ladder:
    """We call; the propose is with the user's devices."""
    ladder = calling(**more)  # type: ignore[arg-type]
    assert ladder.send(Offer(describe())) == ["propose audio"]
    return ladder


def asked() -> Ladder:
    """They call, and wait for the other side's answer."""
    first = nora.propose()
    ladder = answering(first, late=True)
    assert ladder.receive(first) == ["Offer"]
    return ladder


def bounce(ladder: Ladder, sender: str, condition: str = "service-unavailable") -> list[str]:
    """Our last message comes back from there."""
    return ladder.receive(replace(error(ladder.stanza(), condition), sender=sender))


# -------------------------------------------------------------------------------------------------- who is called


def test_a_device_whose_proceed_comes_second_is_told_that_there_is_no_session_for_it() -> None:
    ladder = proposed()
    ladder.receive(nora.message("proceed"))
    second = laptop.message("proceed")
    assert ladder.receive(second) == [TOO_LATE]
    told = ladder.stanza()
    assert (told.id, told.sender, told.to) == (second.id, LOCAL, LAPTOP)
    assert ladder.receive(nora.set("session-accept", content(transport=ice(setup="active")))) == [
        "result",
        "Answer voice",
    ]
    assert ladder.receive(laptop.message("proceed")) == [TOO_LATE]
    assert not ladder.leg.closed


def test_the_device_that_has_the_session_may_say_proceed_again() -> None:
    ladder = proposed()
    ladder.receive(nora.message("proceed"))
    assert ladder.receive(nora.message("proceed")) == []


def test_a_reject_before_any_proceed_is_for_all_devices() -> None:
    ladder = proposed()
    ladder.receive(nora.message("ringing"))
    assert ladder.receive(laptop.message("reject", jmi_reason("decline"))) == ["End decline"]
    assert ladder.receive(nora.message("proceed")) == [TOO_LATE]


def test_a_reject_after_another_devices_proceed_is_nothing() -> None:
    ladder = proposed()
    ladder.receive(nora.message("proceed"))
    assert ladder.receive(laptop.message("reject", jmi_reason("decline"))) == []
    assert not ladder.leg.closed


@pytest.mark.parametrize("reason", ["busy", "decline", ""])
def test_a_proceed_and_then_a_reject_of_the_same_device_is_a_no(reason: str) -> None:
    ladder = proposed()
    ladder.receive(nora.message("proceed"))
    words = ladder.receive(nora.message("reject", jmi_reason(reason)))
    assert words == ["session-terminate cancel", "finish cancel", f"End {reason or 'busy'}"]


def test_a_proceed_that_crosses_our_retract_is_answered() -> None:
    ladder = proposed()
    assert ladder.send(End(EndReason.CANCEL)) == ["retract cancel"]
    assert ladder.receive(nora.message("proceed")) == [TOO_LATE]


def test_a_propose_that_comes_back_from_one_device_while_another_rings_ends_nothing() -> None:
    ladder = proposed()
    assert bounce(ladder, LAPTOP) == ["End gone 480"]
    ladder = proposed()
    propose = ladder.stanza()
    ladder.receive(nora.message("ringing"))
    for sender in (LAPTOP, USER):
        assert ladder.receive(replace(error(propose, "service-unavailable"), sender=sender)) == []
    assert ladder.receive(nora.message("proceed")) == ["session-initiate voice"]


# --------------------------------------------------------------------------------------------------- silent devices


def test_a_known_device_that_never_says_that_it_rings_is_taken_to_ring() -> None:
    ladder = proposed(known=True)
    assert ladder.wait(TIMERS.alert_seconds - 0.1) == []
    assert ladder.wait(0.2) == ["Progress"]
    assert ladder.signal() == Progress()
    assert ladder.receive(nora.message("ringing")) == []
    assert ladder.wait(TIMERS.no_device_timeout_seconds) == []
    assert ladder.receive(nora.message("proceed")) == ["session-initiate voice"]


def test_a_known_device_that_says_so_rings_at_once() -> None:
    ladder = proposed(known=True)
    assert ladder.receive(nora.message("ringing")) == ["Progress"]
    assert ladder.wait(TIMERS.ring_timeout_seconds) == ["retract cancel", "End timeout 480"]


def test_a_propose_to_known_devices_that_comes_back_still_ends_the_call() -> None:
    ladder = proposed(known=True)
    propose = ladder.stanza()
    ladder.wait(TIMERS.alert_seconds)
    back = error(propose, "item-not-found")
    assert ladder.receive(replace(back, sender=USER)) == ["End gone 604"]


# ------------------------------------------------------------------------------------------------------ who calls


def test_a_propose_that_is_made_again_is_answered_as_far_as_the_call_has_come() -> None:
    ladder = asked()
    assert ladder.receive(nora.propose()) == []
    assert ladder.send(Progress()) == ["ringing"]
    assert ladder.receive(nora.propose()) == ["ringing"]
    assert ladder.send(PickedUp()) == ["proceed"]
    assert ladder.receive(nora.propose()) == ["proceed"]
    assert ladder.receive(nora.set("session-initiate", content())) == ["result", "Complete"]
    assert ladder.receive(nora.propose()) == []
    assert ladder.send(Answer(describe(content(transport=ice(setup="active"))))) == ["session-accept voice"]


def test_a_propose_that_is_made_again_after_its_reject_is_rejected_again() -> None:
    ladder = asked()
    assert ladder.send(BUSY) == ["reject busy"]
    assert ladder.receive(nora.propose()) == ["reject busy"]
    assert reason_text(ladder.stanza()) == "486 Busy Here"
    ladder.wait(TIMERS.iq_timeout_seconds)
    assert ladder.leg.closed


def test_a_retract_and_proceed_that_cross_end_the_call() -> None:
    ladder = asked()
    ladder.send(PickedUp())
    assert ladder.receive(nora.message("retract", "<description xmlns='urn:xmpp:jingle:apps:rtp:1'/>", to=NUMBER)) == [
        "End cancel"
    ]
    assert ladder.leg.closed


@pytest.mark.parametrize(("reason", "ends"), [("busy", "End busy"), ("decline", "End decline"), ("", "End cancel")])
def test_a_retract_may_say_why(reason: str, ends: str) -> None:
    assert asked().receive(nora.message("retract", jmi_reason(reason), to=NUMBER)) == [ends]


def test_a_client_that_cannot_be_told_that_it_rings_has_ten_seconds_to_come_back() -> None:
    ladder = asked()
    ladder.send(Progress())
    assert bounce(ladder, PHONE) == []
    assert ladder.wait(9) == []
    assert ladder.receive(nora.propose()) == ["ringing"]
    assert ladder.wait(60) == []
    assert bounce(ladder, PHONE) == []
    assert ladder.wait(10) == ["End gone"]


def test_what_is_played_before_the_answer_counts_as_ringing_where_it_cannot_be_heard() -> None:
    ladder = asked()
    assert ladder.send(Progress(ringing=False)) == ["ringing"]
    assert ladder.send(Progress()) == []


# -------------------------------------------------------------------------------------------------------- what is said


def test_every_message_is_stored_copied_and_from_the_one_full_jid() -> None:
    for ladder in (asked(), proposed()):
        ladder.send(Progress())
        ladder.send(PickedUp())
        ladder.receive(nora.message("proceed"))
        ladder.send(BUSY)
        messages = [item for item in ladder.said if getattr(item, "kind", "") == "message"]
        assert len(messages) >= 2
        for message in messages:
            tags = [child.tag for child in message.children]  # type: ignore[union-attr]
            assert tags[-1] == "{urn:xmpp:hints}store"
            assert not {"{urn:xmpp:carbons:2}private", "{urn:xmpp:hints}no-copy", "{urn:xmpp:hints}no-store"} & set(
                tags
            )
