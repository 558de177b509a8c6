"""Users say which calls they want, and are told what cannot be wanted."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.call_preferences import CallPreferences
from gateway.errors import StoreError
from gateway.jid import bare
from gateway.policy.numbering import Numbering
from gateway.policy.permits import Used
from gateway.policy.preference import MOST_BLOCKED, UNSAID, Preference
from tests.commands.house import USER, Fields, House, Reply, X

NODE = "call-preferences"
ME = bare(USER)


@dataclass
class Kept:
    """What is kept, of anybody."""

    wanted: dict[str, Preference] = field(default_factory=dict)
    broken: bool = False
    full: bool = False

    def of(self, user: str) -> Preference:
        return self.wanted.get(user, UNSAID)

    async def put(self, user: str, preference: Preference) -> None:
        if self.broken:
            raise StoreError("the disk is full of secrets")
        self.wanted[user] = preference


def command(kept: Kept) -> CallPreferences:
    """The command, for the users of one server."""
    return CallPreferences(
        kept=kept,
        serves=lambda user: user.endswith("@example.net"),
        numbering=Numbering(),
        used=lambda user: Used(3, 500, 12, 600),
    )


def fills(house: House, fields: Fields) -> Reply:
    """Ask for the form and send it back."""
    return house.runs(NODE, session=house.runs(NODE).session, fields=fields)


def test_what_is_wanted_is_shown_and_kept() -> None:
    kept = Kept({ME: Preference(blocked=("+1900*",), anonymous=False, do_not_disturb=True)})
    with House([command(kept)]) as house:
        shown = house.runs(NODE)
        said = shown.command.findtext(f"{X}x/{X}instructions")
        assert said == "Today you have called 3 of 500 times, and talked 12 of 600 minutes."
        assert shown.fields == {
            "do_not_disturb": ["1"],
            "anonymous": ["no"],
            "missed_calls": ["default"],
            "blocked": ["+1900*"],
        }
        filled: Fields = {
            "do_not_disturb": "0",
            "anonymous": "default",
            "missed_calls": "yes",
            "blocked": ["+1 555 0009", "", "*@spam.example", "+1 555 0009"],
        }
        reply = house.runs(NODE, session=shown.session, fields=filled)
        assert (reply.status, reply.notes) == ("completed", [("info", "From now on it is so.")])
    assert kept.wanted[ME] == Preference(blocked=("+1 555 0009", "*@spam.example"), missed_calls=True)


def test_an_empty_form_wants_nothing() -> None:
    kept = Kept({ME: Preference(do_not_disturb=True)})
    with House([command(kept)]) as house:
        assert fills(house, {}).status == "completed"
    assert kept.wanted[ME] == UNSAID


@pytest.mark.parametrize("line", ["alice", "*", "@", "a b@c"])
def test_what_names_no_caller_is_asked_again(line: str) -> None:
    kept = Kept()
    with House([command(kept)]) as house:
        reply = fills(house, {"blocked": ["+1555", line]})
        assert reply.status == "executing"
        ((severity, text),) = reply.notes
        assert severity == "error"
        assert text.startswith("Callers that do not get through: expected a number")
    assert not kept.wanted


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_lines_are_kept_or_asked_again(lines: list[str]) -> None:
    kept = Kept()
    with House([command(kept)]) as house:
        fields: Fields = {"blocked": ["".join(char for char in line if char.isprintable()) for line in lines]}
        assert fills(house, fields).status in ("completed", "executing")


def test_there_is_an_end_to_what_is_kept() -> None:
    kept = Kept(full=True)
    with House([command(kept)]) as house:
        assert fills(house, {"do_not_disturb": "1"}).notes == [
            ("error", "there is no room for what further users want")
        ]
        kept.wanted[ME] = Preference(do_not_disturb=True)
        assert fills(house, {}).status == "completed"
        many = [f"+1555{number}" for number in range(MOST_BLOCKED + 1)]
        assert fills(house, {"blocked": many}).status == "executing"


def test_what_cannot_be_kept_is_said_without_details() -> None:
    with House([command(Kept(broken=True))]) as house:
        assert fills(house, {}).notes == [("error", "it cannot be kept at present; try again later")]


def test_who_has_no_calls_here_does_not_see_it() -> None:
    with House([command(Kept())]) as house:
        (reply,) = house.answers(house.asks(NODE, sender="stranger@elsewhere.example/x"))
        assert reply.error[0] == "forbidden"
