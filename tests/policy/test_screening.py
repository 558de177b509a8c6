"""Who gets through to whom."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.policy.numbering import Numbering
from gateway.policy.preference import UNSAID, Preference
from gateway.policy.screening import Block, Caller, Callers, Screening, screen
from gateway.rules import Patterns

GERMANY = Numbering(country="49")
ROMEO = "romeo@montague.example"
NUMBER = Caller("+15550009", "pbx.example")
NOBODY = Caller("")


def callers(*patterns: str) -> Callers:
    """A set of callers."""
    return Callers(patterns, GERMANY)


def block(*patterns: str, who: Iterable[str] = ("*",), **response: Any) -> Block:
    """A row of the block list."""
    return Block(callers(*patterns), Patterns(who), **response)


def refused(caller: Caller = NUMBER, wanted: Preference = UNSAID, callee: str = ROMEO, **rules: Any) -> int | None:
    """The status that a caller gets, or None."""
    try:
        screen(caller, callee, wanted, Screening(**rules), GERMANY)
    except PeerError as error:
        return error.status
    return None


@pytest.mark.parametrize(
    ("pattern", "caller", "there"),
    [
        ("+15550009", NUMBER, True),
        ("0015550009", NUMBER, True),
        ("+1 555 0009", NUMBER, True),
        ("+1555*", NUMBER, True),
        ("+1556*", NUMBER, False),
        ("+1555", NUMBER, False),
        ("030123456", Caller("+4930123456"), True),
        ("+4930123456", Caller("030123456"), True),
        ("7042", Caller("7042", "pbx.example"), True),
        ("alice@sip.example", Caller("alice", "sip.example"), True),
        ("Alice@SIP.example", Caller("alice", "sip.example"), True),
        ("alice@sip.example", Caller("alice", "other.example"), False),
        ("*@sip.example", Caller("bob", "sip.example"), True),
        ("*@*.example", Caller("bob", "sip.example"), True),
        ("*@*.example", Caller("bob", "example"), False),
        ("anonymous", NOBODY, True),
        ("anonymous", NUMBER, False),
        ("*@sip.example", Caller("", "sip.example"), False),
    ],
)
def test_whom_a_pattern_means(pattern: str, caller: Caller, there: bool) -> None:
    assert (caller in callers(pattern)) is there


@pytest.mark.parametrize("pattern", ["", "alice", "@sip.example", "a@", "*", "a b@c", "**", "@"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        callers(pattern)


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_caller_is_in_the_set_or_not(user: str, host: str) -> None:
    assert (Caller(user, host) in callers("+1*", "a@b", "*@c", "*@*.d")) in (True, False)


@given(st.text(max_size=60))
def test_any_text_is_a_pattern_or_not(text: str) -> None:
    try:
        made = callers(text)
    except ValueError:
        return
    assert NUMBER in made or NUMBER not in made


def test_nobody_is_refused_where_nothing_is_said() -> None:
    assert refused() is None
    assert refused(NOBODY) is None


def test_the_first_row_that_is_for_both_decides() -> None:
    blocks = (
        block("+1555*", who=["juliet@capulet.example"]),
        block("+15550009", response="busy"),
        block("+1*", response="unavailable"),
    )
    assert refused(blocks=blocks) == 486
    assert refused(blocks=blocks, callee="juliet@capulet.example") == 603
    assert refused(Caller("+16"), blocks=blocks) == 480
    assert refused(Caller("+49"), blocks=blocks) is None


def test_who_is_not_wanted_is_not_told_why() -> None:
    with pytest.raises(PeerError) as found:
        screen(NUMBER, ROMEO, Preference(blocked=("+1555*",)), Screening(), GERMANY)
    assert (found.value.text, found.value.cause) == ("it is not taken", "blocked")


@pytest.mark.parametrize(
    ("operator", "user", "status"),
    [(True, None, None), (False, None, 433), (False, True, None), (True, False, 433)],
)
def test_the_user_decides_about_nobodys_calls_and_else_the_operator(
    operator: bool, user: bool | None, status: int | None
) -> None:
    assert refused(NOBODY, Preference(anonymous=user), anonymous=operator) == status
    assert refused(NUMBER, Preference(anonymous=user), anonymous=operator) is None


def test_a_user_blocks_callers_and_wants_no_calls_at_all() -> None:
    assert refused(wanted=Preference(blocked=("+15550009",))) == 603
    assert refused(wanted=Preference(blocked=("+15550008",))) is None
    assert refused(wanted=Preference(do_not_disturb=True)) == 480
