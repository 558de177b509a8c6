"""Keys that a user writes to the number in a call with it, since the client has no key pad."""

import pytest

from gateway.signals import Side
from tests.flows.inmemory import World
from tests.flows.openings import accepted, answered, initiated, juliet_leaves, ringing, romeo_leaves
from tests.flows.steps import NUMBER, Step, after, does, holds, juliet, mercutio, nothing, romeo, run, tablet
from tests.flows.test_anchored import BY_MESSAGE, MEDIA, talking
from tests.flows.test_early_media import early, gives_up, heard
from tests.flows.texting import MESSAGES, RECEIPT, says, writes

BY_PHONE = (*juliet_leaves, romeo.gets("finish success"))
PACE = 0.27
"A key and the gap after it."

INFO = "application/dtmf-relay"


def hears(key: str, *, after_seconds: float = 0.0) -> tuple[Step, ...]:
    """The phone is told of a key, then, and not before."""
    waited = (after(after_seconds - 0.1), nothing(), after(0.1)) if after_seconds else ()
    return (*waited, juliet.gets("INFO", has=[INFO, f"Signal={key}\r\nDuration=160\r\n"]), juliet.sends(200, to="INFO"))


@pytest.mark.parametrize(("opening", "leaving"), [(answered, juliet_leaves), (accepted, BY_PHONE)])
def test_digits_that_are_written_in_a_call_are_pressed_in_it(
    opening: tuple[Step, ...], leaving: tuple[Step, ...]
) -> None:
    number = NUMBER if opening is answered else "juliet"
    run(
        *opening,
        writes(romeo, "1,#", more=RECEIPT, number=number),
        romeo.gets("received", has='id="romeo-c'),
        *hears("1"),
        *hears("#", after_seconds=PACE + 2),
        after(1),
        *leaving,
    )


def test_keys_of_several_messages_and_devices_keep_their_order_and_their_pace() -> None:
    run(
        *answered,
        writes(romeo, "12"),
        writes(tablet, "3"),
        *hears("1"),
        *hears("2", after_seconds=PACE),
        *hears("3", after_seconds=PACE),
        after(1),
        writes(romeo, " 4 "),
        *hears("4"),
        after(1),
        *juliet_leaves,
        trunk=MESSAGES,
    )


@pytest.mark.parametrize("body", ["Press 1", "ABBA", ",", "1" * 33])
def test_what_is_not_only_keys_is_a_text_in_a_call_too(body: str) -> None:
    run(
        *answered,
        writes(romeo, body),
        juliet.gets("MESSAGE", has=f"\r\n\r\n{body}"),
        juliet.sends(200, to="MESSAGE"),
        *juliet_leaves,
        trunk=MESSAGES,
    )


def test_digits_are_a_text_before_the_answer_and_after_the_end_and_to_others_and_of_others() -> None:
    def texts(who: object, call: str, number: str = "+15551230000") -> tuple[Step, ...]:
        return (
            writes(who, "1", number=number),  # type: ignore[arg-type]
            juliet.gets("MESSAGE", call=call, has="\r\n\r\n1"),
            juliet.sends(200, call=call),
        )

    run(
        *ringing,
        *texts(romeo, "before"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        *texts(romeo, "elsewhere", "+15551239999"),
        *texts(mercutio, "somebody"),
        *juliet_leaves,
        *texts(romeo, "after"),
        trunk=MESSAGES,
    )


def test_a_stored_message_and_a_copy_press_nothing() -> None:
    copy = (
        "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>"
        "<body>1</body></message></forwarded></sent>"
    )
    run(
        *answered,
        writes(romeo, None, more=copy),
        nothing(),
        writes(romeo, "1", more="<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>"),
        romeo.gets("message error service-unavailable"),
        *juliet_leaves,
    )


def test_where_the_operator_does_not_want_it_digits_are_a_text() -> None:
    run(
        *answered,
        writes(romeo, "1"),
        romeo.gets("message error service-unavailable"),
        *juliet_leaves,
        media="digits_by_chat = false",
    )


def test_a_phone_that_takes_no_keys_is_told_of_none_and_the_user_is_told_so() -> None:
    run(
        *answered,
        writes(romeo, "1"),
        juliet.gets("INFO"),
        juliet.sends(415, to="INFO"),
        after(1),
        writes(romeo, "2"),
        romeo.gets("message error not-acceptable", has="in the sound only"),
        *juliet_leaves,
    )


def test_more_keys_than_can_wait_are_refused() -> None:
    run(
        *answered,
        writes(romeo, "1" + "," * 31),
        writes(romeo, "2" * 32),
        *hears("1"),
        writes(romeo, "33"),
        romeo.gets("message error resource-constraint", has='id="romeo-c'),
        *juliet_leaves,
        after(3),
        nothing(),
    )


def test_keys_that_wait_when_the_call_ends_are_forgotten() -> None:
    run(*answered, writes(romeo, "1,2,3"), *hears("1"), *romeo_leaves, after(10), nothing())


def test_keys_wait_for_no_answer_of_a_call_that_is_not_up() -> None:
    run(
        *initiated,
        writes(romeo, "1"),
        romeo.gets("message error service-unavailable"),
        juliet.sends(486),
        juliet.gets("ACK"),
        romeo.gets("session-terminate busy"),
    )


def test_with_the_anchor_keys_go_with_the_sound() -> None:
    def told(world: World) -> bool:
        return world.anchors.opened[-1].digits == [(Side.CALLEE, "4", 160), (Side.CALLEE, "2", 160)]

    run(
        *talking,
        writes(romeo, "42"),
        after(1),
        holds(told, "the anchor was not told"),
        *BY_MESSAGE,
        media=MEDIA,
        trunk='media = "anchor"',
    )


def test_the_log_says_how_many_keys_were_typed_and_not_which() -> None:
    world = run(
        *answered,
        says(
            romeo,
            f"<message type='chat' id='m' from='{romeo.jid}' to='+15551230000@gw.example'><body>1</body></message>",
        ),
        *hears("1"),
        *juliet_leaves,
    )
    (line,) = [entry for entry in world.log if entry["event"] == "keys_typed"]
    assert line["keys"] == 1
    assert "call" in line


def test_keys_for_a_menu_that_talks_before_the_answer_are_pressed_in_it() -> None:
    def pressed(world: World) -> None:
        assert world.anchors.opened[0].digits == [(Side.CALLEE, "1", 160)]

    early(*heard, writes(romeo, "1"), after(1), does(pressed), *gives_up)
