"""Ad-hoc commands: sessions, stages, and what is refused (XEP-0050)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.command import Ask, Done, Note, Outcome, Severity, done
from gateway.commands.desk import STAGE_SECONDS
from gateway.commands.engine import MOST, MOST_OF_USER, SECONDS
from gateway.commands.form import Fault, Field, FieldType, Filled, Form
from gateway.stanza import Stanza
from tests.commands.house import COMMANDS, GATEWAY, USER, House, Reply, X

LIST = COMMANDS.strip("{}")
INFO = "{http://jabber.org/protocol/disco#info}"
ITEMS = "{http://jabber.org/protocol/disco#items}"
OTHER = "romeo@example.net/orchard"


@dataclass
class Wizard:
    """Asks for a name, then for a colour, and takes both."""

    node: str = "wizard"
    name: str = "Choose a colour"
    left: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def may(self, jid: str) -> bool:
        return not jid.startswith("mallory@")

    async def start(self, jid: str) -> Outcome:
        form = Form(title="Who?", fields=(Field(var="name", label="Name", required=True),))
        return Ask(form=form, then=self._named, last=False, left=lambda: self.left.append("name"))

    async def _named(self, filled: Filled) -> Outcome:
        name = filled.text("name")
        if name == "nobody":
            raise Fault("Name: nobody is not somebody")

        async def coloured(filled: Filled) -> Outcome:
            self.told.append((name, filled.text("colour")))
            return done(f"{name} likes {filled.text('colour')}")

        form = Form(title=f"Which, {name}?", fields=(Field(var="colour", label="Colour", values=("red",)),))
        return Ask(form=form, then=coloured, left=lambda: self.left.append("colour"))


@dataclass
class Slow:
    """Takes its time."""

    seconds: float
    node: str = "slow"
    name: str = "Wait"
    ends: Callable[[], Outcome] = lambda: done("at last")
    stopped: int = 0

    def may(self, jid: str) -> bool:
        return True

    async def start(self, jid: str) -> Outcome:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        return self.ends()


def query(tag: str, node: str | None = LIST) -> Element:
    return Element(f"{tag}query", {} if node is None else {"node": node})


def test_the_commands_that_a_user_may_run_are_listed() -> None:
    with House([Wizard(), Slow(1)]) as house:
        (reply,) = house.answers(house.tells(query(ITEMS), type="get"))
        (element,) = reply.stanza.children
        assert element.get("node") == LIST
        assert [dict(item.attrib) for item in element] == [
            {"jid": GATEWAY, "node": "wizard", "name": "Choose a colour"},
            {"jid": GATEWAY, "node": "slow", "name": "Wait"},
        ]
        (reply,) = house.answers(house.tells(query(ITEMS), type="get", sender="mallory@example.net/x"))
        (element,) = reply.stanza.children
        assert [item.get("node") for item in element] == ["slow"]


@pytest.mark.parametrize(
    ("node", "type", "name"), [(LIST, "command-list", None), ("wizard", "command-node", "Choose a colour")]
)
def test_a_node_says_what_it_is(node: str, type: str, name: str | None) -> None:
    with House([Wizard()]) as house:
        (reply,) = house.answers(house.tells(query(INFO, node), type="get"))
    (element,) = reply.stanza.children
    (identity,) = element.findall(f"{INFO}identity")
    assert (identity.get("category"), identity.get("type"), identity.get("name")) == ("automation", type, name)
    assert {LIST, "jabber:x:data"} <= {each.get("var") for each in element.iterfind(f"{INFO}feature")}


def test_who_may_not_run_a_command_is_not_told_what_it_is() -> None:
    with House([Wizard()]) as house:
        (reply,) = house.answers(house.tells(query(INFO, "wizard"), type="get", sender="mallory@example.net/x"))
        assert reply.error == ("forbidden", "")
        assert house.runs("wizard", sender="mallory@example.net/x").error == ("forbidden", "")
        assert house.runs("lost").error == ("item-not-found", "")


@pytest.mark.parametrize(
    ("element", "type", "to"),
    [
        (query(INFO, None), "get", GATEWAY),
        (query(INFO, "urn:x-other"), "get", GATEWAY),
        (query(ITEMS, None), "get", GATEWAY),
        (query(ITEMS), "get", f"+15550100@{GATEWAY}"),
        (Element(f"{COMMANDS}command", {"node": "wizard"}), "set", f"+15550100@{GATEWAY}"),
        (Element(f"{COMMANDS}command", {"node": "wizard"}), "get", GATEWAY),
    ],
)
def test_what_is_no_command_of_the_domain_is_left_to_others(element: Element, type: str, to: str) -> None:
    with House([Wizard()]) as house:
        house.tells(element, type=type, to=to)
        assert (house.taken, house.sent) == (False, [])


def test_a_command_goes_through_its_stages() -> None:
    wizard = Wizard()
    with House([wizard]) as house:
        first = house.runs("wizard", "execute")
        assert (first.status, first.actions, first.fields) == ("executing", ["next", "next"], {"name": []})
        assert first.stanza.lang == "en"
        second = house.runs("wizard", "next", first.session, {"name": "Juliet"})
        assert (second.status, second.actions) == ("executing", ["complete", "prev", "complete"])
        assert (second.session, second.fields) == (first.session, {"colour": ["red"]})
        last = house.runs("wizard", "complete", first.session, {"colour": "blue"})
        assert (last.status, last.actions, last.notes) == ("completed", [], [("info", "Juliet likes blue")])
        assert (house.ended, wizard.told, wizard.left) == ([("wizard", "completed")], [("Juliet", "blue")], [])


def test_execute_means_what_the_stage_says_that_it_means() -> None:
    with House([Wizard()]) as house:
        first = house.runs("wizard")
        house.runs("wizard", None, first.session, {"name": "Juliet"})
        assert house.runs("wizard", "execute", first.session, {"colour": "blue"}).status == "completed"


def test_going_back_shows_what_was_filled_in_and_takes_it_anew() -> None:
    wizard = Wizard()
    with House([wizard]) as house:
        first = house.runs("wizard")
        house.runs("wizard", "next", first.session, {"name": "Juliet"})
        back = house.runs("wizard", "prev", first.session)
        assert (back.status, back.actions, back.fields) == ("executing", ["next", "next"], {"name": ["Juliet"]})
        assert wizard.left == ["colour"]
        assert house.runs("wizard", "prev", first.session).error == ("bad-request", "bad-action")
        house.runs("wizard", "next", first.session, {"name": "Romeo"})
        house.runs("wizard", "complete", first.session, {"colour": "red"})
        assert wizard.told == [("Romeo", "red")]


def test_what_was_filled_in_wrongly_is_asked_again() -> None:
    with House([Wizard()]) as house:
        first = house.runs("wizard")
        again = house.runs("wizard", "next", first.session, {"name": " "})
        assert (again.status, again.notes) == ("executing", [("error", "Name: is missing")])
        again = house.runs("wizard", "next", first.session, {"name": "nobody"})
        assert (again.notes, again.fields) == ([("error", "Name: nobody is not somebody")], {"name": ["nobody"]})
        said = [each.text for each in again.command.iter(f"{X}instructions")]
        assert said == ["Name: nobody is not somebody"]
        assert house.runs("wizard", "next", first.session, {"name": "Juliet"}).notes == []


@pytest.mark.parametrize("stage", [0, 1])
def test_a_command_is_cancelled_in_every_stage(stage: int) -> None:
    wizard = Wizard()
    with House([wizard]) as house:
        session = house.runs("wizard").session
        if stage:
            house.runs("wizard", "next", session, {"name": "Juliet"})
        reply = house.runs("wizard", "cancel", session, {"name": "whatever"})
        assert (reply.status, reply.session) == ("canceled", session)
        assert wizard.left == [["name", "colour"][stage]]
        assert house.runs("wizard", "next", session, {"name": "x"}).error == ("not-allowed", "session-expired")
        assert house.runs("wizard", "cancel", session).error == ("not-allowed", "session-expired")
        assert (house.ended, wizard.told) == ([("wizard", "canceled")], [])


def test_cancelling_stops_what_is_being_done_and_both_requests_are_answered() -> None:
    slow = Slow(30)
    with House([slow]) as house:
        running = house.asks("slow")
        assert house.answers(running) == []
        session = "id-2"
        assert house.runs("slow", "next", session).error == ("bad-request", "bad-action")
        assert house.runs("slow", "cancel", session).status == "canceled"
        (reply,) = house.answers(running)
        assert (reply.status, slow.stopped, house.ended) == ("canceled", 1, [("slow", "canceled")])


@pytest.mark.parametrize(
    ("action", "session", "error"),
    [
        ("jump", None, "malformed-action"),
        ("", None, "malformed-action"),
        ("next", None, "bad-action"),
        ("cancel", None, "bad-action"),
        ("execute", "never-was", "bad-sessionid"),
        ("execute", "", "bad-sessionid"),
        ("cancel", "never-was", "bad-sessionid"),
    ],
)
def test_each_wrong_request_has_its_error(action: str, session: str | None, error: str) -> None:
    with House([Wizard()]) as house:
        assert house.runs("wizard", action, session).error == ("bad-request", error)
        assert house.ended == []


def test_a_stage_takes_only_the_actions_that_it_names() -> None:
    with House([Wizard()]) as house:
        session = house.runs("wizard").session
        assert house.runs("wizard", "complete", session, {"name": "x"}).error == ("bad-request", "bad-action")
        assert house.runs("wizard", "prev", session).error == ("bad-request", "bad-action")
        assert house.runs("wizard", "next", session).error == ("bad-request", "bad-payload")
        house.runs("wizard", "next", session, {"name": "Juliet"})
        assert house.runs("wizard", "next", session, {"colour": "x"}).error == ("bad-request", "bad-action")


def test_texts_are_english_whatever_language_is_asked_for_if_it_is_one() -> None:
    with House([Wizard()]) as house:
        assert house.runs("wizard", lang="pt-BR").stanza.lang == "en"
        assert house.runs("wizard", lang="all of them").error == ("bad-request", "bad-locale")


@pytest.mark.parametrize("sender", [OTHER, "nurse@example.net/pharmacy", "nurse@example.net"])
def test_a_session_belongs_to_the_device_that_began_it(sender: str) -> None:
    with House([Wizard()]) as house:
        session = house.runs("wizard").session
        for action in ("next", "cancel"):
            reply = house.runs("wizard", action, session, {"name": "x"}, sender=sender)
            assert reply.error == ("bad-request", "bad-sessionid")
        house.runs("wizard", "cancel", session)
        assert house.runs("wizard", "next", session, sender=sender).error == ("bad-request", "bad-sessionid")


def test_a_session_belongs_to_its_command() -> None:
    with House([Wizard(), Slow(0)]) as house:
        session = house.runs("wizard").session
        assert house.runs("slow", "execute", session).error == ("bad-request", "bad-sessionid")
        assert house.runs("wizard", "next", session, {"name": "Juliet"}).status == "executing"


def test_a_form_that_nobody_fills_in_is_given_up() -> None:
    wizard = Wizard()
    with House([wizard]) as house:
        session = house.runs("wizard").session
        house.loop.advance(SECONDS - 1)
        house.runs("wizard", "next", session, {"name": "Juliet"})
        house.loop.advance(SECONDS - 1)
        assert wizard.left == []
        house.loop.advance(2)
        assert (wizard.left, house.ended) == (["colour"], [("wizard", "expired")])
        assert house.runs("wizard", "next", session).error == ("not-allowed", "session-expired")


def test_a_user_has_so_many_sessions_and_the_oldest_gives_way() -> None:
    with House([Wizard()]) as house:
        sessions = [house.runs("wizard").session for _ in range(MOST_OF_USER + 1)]
        assert house.runs("wizard", "next", sessions[0]).error == ("not-allowed", "session-expired")
        assert house.runs("wizard", "next", sessions[1], {"name": "x"}).status == "executing"


def test_a_user_whose_commands_are_all_running_waits() -> None:
    with House([Slow(10)]) as house:
        running = [house.asks("slow") for _ in range(MOST_OF_USER)]
        assert house.runs("slow").error == ("resource-constraint", "")
        house.loop.advance(11)
        assert all(house.answers(id)[0].status == "completed" for id in running)


def test_there_is_an_end_to_sessions_of_all_users() -> None:
    with House([Wizard()]) as house:
        for number in range(MOST):
            assert house.runs("wizard", sender=f"user{number}@example.net/x").status == "executing"
        assert house.runs("wizard").error == ("resource-constraint", "")
        house.loop.advance(SECONDS)
        assert house.runs("wizard").status == "executing"
        assert len(house.ended) == MOST


def test_those_who_have_many_sessions_make_room_for_those_who_have_fewer() -> None:
    with House([Wizard()]) as house:
        crowd = [f"user{number}@example.net/x" for number in range(MOST // MOST_OF_USER)]
        first, *_ = (house.runs("wizard", sender=user).session for user in crowd for _ in range(MOST_OF_USER))
        assert house.runs("wizard").status == "executing"
        assert house.ended == [("wizard", "expired")]
        assert house.runs("wizard", "next", first, sender=crowd[0]).error == ("not-allowed", "session-expired")
        for _ in range(MOST_OF_USER - 2):
            assert house.runs("wizard").status == "executing"
        assert house.runs("wizard").error == ("resource-constraint", "")  # nobody has two more
        assert len(house.ended) == MOST_OF_USER - 1


def test_a_stage_that_takes_too_long_is_stopped_and_said_so() -> None:
    slow = Slow(STAGE_SECONDS + 5)
    with House([slow]) as house:
        running = house.asks("slow")
        house.loop.advance(STAGE_SECONDS)
        (reply,) = house.answers(running)
        assert (reply.error, slow.stopped, house.ended) == (("remote-server-timeout", ""), 1, [("slow", "broken")])


def test_who_waits_for_a_stage_is_told_that_the_gateway_stops() -> None:
    with House([Slow(STAGE_SECONDS)]) as house:
        running = house.asks("slow")
        house.loop.run_until_complete(house.desk.stop())
        (reply,) = house.answers(running)
        assert (reply.error[0], house.ended) == ("resource-constraint", [("slow", "broken")])


def test_a_command_that_fails_completes_with_a_note_of_why() -> None:
    def refuse() -> Outcome:
        raise Fault("no trunk is there")

    with House([Slow(0, ends=refuse)]) as house:
        reply = house.runs("slow")
        assert (reply.status, reply.notes) == ("completed", [("error", "no trunk is there")])
        assert house.ended == [("slow", "failed")]


def test_our_own_failure_is_an_error_that_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> Outcome:
        raise RuntimeError("the password is hush")

    with House([Slow(0, ends=fail)]) as house:
        reply = house.runs("slow")
        assert (reply.error, house.ended) == (("internal-server-error", ""), [("slow", "broken")])
        assert "hush" not in reply.text


def test_a_form_without_fields_wants_no_submission() -> None:
    ask = Ask(form=Form(title="Still ringing"), then=lambda _: Slow(0).start(USER), back=False)
    with House([Slow(0, ends=lambda: ask)]) as house:
        first = house.runs("slow")
        assert (first.status, first.actions) == ("executing", ["complete", "complete"])
        assert house.runs("slow", "complete", first.session).status == "completed"


def test_notes_stand_beside_a_form() -> None:
    note = Note("the old one\x00 goes", Severity.WARN)
    ask = Ask(form=Form(title="Sure?"), then=lambda _: Slow(0).start(USER), notes=(note,))
    with House([Slow(0, ends=lambda: ask)]) as house:
        assert house.runs("slow").notes == [("warn", "the old one\ufffd goes")]


def test_stopping_leaves_nothing_behind() -> None:
    slow = Slow(30, ends=Done)
    with House([slow, Wizard()]) as house:
        house.asks("slow")
        house.runs("wizard")
        house.loop.settle()
    assert slow.stopped == 1


word = st.sampled_from(
    ["wizard", "slow", "execute", "next", "prev", "complete", "cancel", "submit", "name", "id-2", ""]
)
attributes = st.dictionaries(
    st.sampled_from(["node", "action", "sessionid", "status", "type", "var"]), st.one_of(word, st.text(max_size=8))
)
tags = st.sampled_from([f"{COMMANDS}command", f"{COMMANDS}note", f"{X}x", f"{X}field", f"{X}value", "{urn:x}y"])


def _element(drawn: tuple[str, dict[str, str], list[Element], str]) -> Element:
    tag, given, children, text = drawn
    element = Element(tag, given)
    element.text = text
    element.extend(children)
    return element


trees = st.recursive(
    st.tuples(tags, attributes, st.just([]), st.text(max_size=8)).map(_element),
    lambda inner: st.tuples(tags, attributes, st.lists(inner, max_size=4), st.text(max_size=8)).map(_element),
    max_leaves=12,
)


def _command(drawn: tuple[dict[str, str], list[Element]]) -> Element:
    element = Element(f"{COMMANDS}command", {"node": "wizard", **drawn[0]})
    element.extend(drawn[1])
    return element


@given(st.lists(st.tuples(attributes, st.lists(trees, max_size=3)).map(_command), max_size=6))
def test_whatever_is_sent_gets_one_answer(elements: list[Element]) -> None:
    with House([Wizard()]) as house:
        for element in elements:
            assert len(house.answers(house.tells(element))) == 1


def test_a_deep_tree_and_huge_values_are_no_trouble() -> None:
    deep = inner = Element(f"{X}x", {"type": "submit"})
    for _ in range(5000):
        inner = SubElement(inner, f"{X}field")
    element = Element(f"{COMMANDS}command", {"node": "wizard"})
    element.append(deep)
    with House([Wizard()]) as house:
        session = Reply(house.answers(house.tells(element))[0].stanza).session
        for fields in ({"name": "x" * 1_000_000}, {f"f{number}": "x" for number in range(10_000)}):
            assert house.runs("wizard", "next", session, fields).error == ("bad-request", "bad-payload")
        assert house.runs("wizard", "next", session, {"name": "x" * 2000}).notes[0][0] == "error"


def test_a_form_has_to_be_answered_by_who_may_still_run_the_command() -> None:
    @dataclass
    class Fickle(Wizard):
        able: bool = True

        def may(self, jid: str) -> bool:
            return self.able

    wizard = Fickle()
    with House([wizard]) as house:
        session = house.runs("wizard").session
        wizard.able = False
        assert house.runs("wizard", "next", session, {"name": "x"}).error == ("forbidden", "")


def test_a_hidden_field_alone_needs_no_submission() -> None:
    hidden = Field(var="which", type=FieldType.HIDDEN, values=("home",))
    seen: list[str] = []

    async def then(filled: Filled) -> Outcome:
        seen.append(filled.text("which"))
        return done("gone")

    with House([Slow(0, ends=lambda: Ask(form=Form(title="Sure?", fields=(hidden,)), then=then))]) as house:
        first = house.runs("slow")
        assert house.runs("slow", None, first.session).status == "completed"
    assert seen == ["home"]


def test_a_request_is_answered_by_whom_it_was_sent_to() -> None:
    with House([Wizard()]) as house:
        reply = house.runs("wizard").stanza
    assert (reply.sender, reply.to) == (GATEWAY, USER)
    assert isinstance(reply, Stanza)
