"""The sessions in which commands are run, pure (XEP-0050 §2.4, §3.2, §4).

A request is answered at once, or is a `Turn`: a stage of a command that the caller runs, and whose outcome it brings
back.  A session belongs to the full JID that began it; to everybody else its id is one that does not exist.  There is
an end to sessions: of one user together, of all together, and in time.

What a person filled in wrongly comes back as the same form with a note of severity error, since clients that get an
error close the window, and what was typed in it is lost; what only a program can do wrong is the error of §4.4.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.jid import bare
from gateway.stanza import Stanza, error
from mappings.namespaces import COMMANDS, XML

from . import form as forms
from .command import Ask, Command, Done, Outcome, failed
from .filling import fill, typed
from .form import Fault
from .telling import TAG, Action, Place, asks, canceled, completed, forth, refused

MOST_OF_USER = 8
"Sessions of one user, on all devices; one more ends the oldest of them."

MOST = 1000
"Sessions of all users; who has many of them makes room for who has fewer."

SECONDS = 600.0
"How long a form may take to be filled in."

REMEMBERED = 1000
"Ended sessions whose ids are still told from ids that never were."

_LANG = f"{{{XML}}}lang"
_LANGUAGE_TAG = re.compile("(?:[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)?")


class End(StrEnum):
    """How a session ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    BROKEN = "broken"
    "We failed at it, or it took too long."


@dataclass(slots=True, eq=False)
class _Session:
    id: str
    jid: str
    command: Command
    at: float
    "When it was last heard of."

    asked: list[Ask] = field(default_factory=list)
    "The forms that were shown; the last is the one to be filled in."

    turn: "Turn | None" = None
    "What is being done now."

    @property
    def place(self) -> Place:
        """Which it is, for answers."""
        return Place(self.command.node, self.id)


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A stage to be run."""

    request: Stanza
    session: str
    command: Command
    run: Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Ended:
    """A session is over."""

    command: Command
    jid: str
    "Whose it was, a full JID."

    how: End
    turn: Turn | None = None
    "A stage that is still being run, and is to be stopped."


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done, in this order."""

    replies: tuple[Stanza, ...] = ()
    ended: tuple[Ended, ...] = ()
    turn: Turn | None = None


class Engine:
    """All sessions."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self._commands: dict[str, Command] = {}
        for command in commands:
            assert command.node not in self._commands, f"two commands of node {command.node}"
            self._commands[command.node] = command
        self._live: dict[str, _Session] = {}
        "By their ids, the one that was heard of last at the end."

        self._over: dict[str, str] = {}
        "The ids of ended sessions, and whose they were."

    def __len__(self) -> int:
        return len(self._live)

    def known(self, node: str) -> Command | None:
        """The command of that node."""
        return self._commands.get(node)

    def open_to(self, jid: str) -> Iterator[Command]:
        """The commands that a user, a bare JID, may run."""
        return (command for command in self._commands.values() if command.may(jid))

    # --------------------------------------------------------------------------------------------------------- requests

    def request(self, request: Stanza, now: float, new_id: Callable[[], str]) -> Step:
        """Take a request, an IQ of type set with a <command/>."""
        element = request.child(TAG)
        assert element is not None
        command = self._commands.get(element.get("node", ""))
        if command is None:
            return Step((error(request, "item-not-found", "there is no such command", type="cancel"),))
        if not command.may(bare(request.sender)):
            return Step((error(request, "forbidden", "this command is not for you", type="cancel"),))
        try:
            action = Action(element.get("action", Action.EXECUTE))
        except ValueError:
            return _refuse(request, "malformed-action", "the action is none of XEP-0050")
        if not _LANGUAGE_TAG.fullmatch(element.get(_LANG, request.lang)):
            return _refuse(request, "bad-locale", "xml:lang is no language")
        id = element.get("sessionid")
        if id is None:
            return self._begin(request, command, action, now, new_id)
        session = self._live.get(id)
        if session is None and self._over.get(id) == request.sender:
            said = error(request, "not-allowed", "this session has ended", detail=f"{{{COMMANDS}}}session-expired")
            return Step((said,))
        if session is None or session.jid != request.sender or session.command is not command:
            return _refuse(request, "bad-sessionid", "there is no such session of yours")
        return self._go_on(request, session, action, element, now)

    def _begin(self, request: Stanza, command: Command, action: Action, now: float, new_id: Callable[[], str]) -> Step:
        if action is not Action.EXECUTE:
            return _refuse(request, "bad-action", f"a command begins with execute, not with {action}")
        user = bare(request.sender)
        theirs = [each for each in self._live.values() if bare(each.jid) == user]
        ended: tuple[Ended, ...] = ()
        if len(theirs) >= MOST_OF_USER:
            idle = next((each for each in theirs if each.turn is None), None)
            if idle is None:
                return Step((error(request, "resource-constraint", "too many commands of yours are running"),))
            ended = (self._end(idle, End.EXPIRED),)
        elif len(self._live) >= MOST:
            crowding = self._crowding(len(theirs))
            if crowding is None:
                return Step((error(request, "resource-constraint", "too many commands are running"),))
            ended = (self._end(crowding, End.EXPIRED),)
        session = _Session(new_id(), request.sender, command, now)
        self._live[session.id] = session
        session.turn = Turn(request, session.id, command, lambda: command.start(session.jid))
        return Step(ended=ended, turn=session.turn)

    def _crowding(self, number: int) -> _Session | None:
        """What makes room for who has so many sessions: the oldest that waits, of whoever has most; None: nothing.

        Only who has at least two more gives way: else users would take the forms out of each other's hands.
        """
        users = Counter(bare(each.jid) for each in self._live.values())
        user, most = users.most_common(1)[0]
        if most < number + 2:
            return None
        return next((each for each in self._live.values() if bare(each.jid) == user and each.turn is None), None)

    def _go_on(self, request: Stanza, session: _Session, action: Action, element: Element, now: float) -> Step:
        self._touch(session, now)
        turn = session.turn
        if action is Action.CANCEL:
            replies = [canceled(request, session.place)]
            if turn is not None:
                replies.insert(0, canceled(turn.request, session.place))
            return Step(tuple(replies), (self._end(session, End.CANCELED),))
        if turn is not None:
            return _refuse(request, "bad-action", "what was asked before is still being done")
        ask = session.asked[-1]
        if action is Action.PREV and _may_go_back(session):
            session.asked.pop()
            ask.left()
            return Step((_asks(request, session),))
        if action not in (Action.EXECUTE, forth(ask)):
            return _refuse(request, "bad-action", f"{action} is none of the actions of this stage")
        try:
            x = _payload(element, ask)
            try:
                filled = fill(ask.form, x)
            except Fault as fault:
                session.asked[-1] = replace(ask, form=ask.form.again(typed(ask.form, x)))
                return Step((_asks(request, session, fault.text),))
        except PeerError as wrong:
            return _refuse(request, "bad-payload", wrong.text)
        session.asked[-1] = replace(ask, form=ask.form.again(filled), notes=())
        session.turn = Turn(request, session.id, session.command, lambda: ask.then(filled))
        return Step(turn=session.turn)

    # --------------------------------------------------------------------------------------------------------- outcomes

    def came(self, turn: Turn, outcome: Outcome, now: float) -> Step:
        """A stage has ended so; nothing, if its session ended before."""
        session = self._live.get(turn.session)
        if session is None or session.turn is not turn:
            if isinstance(outcome, Ask):
                outcome.left()
            return Step()
        session.turn = None
        self._touch(session, now)
        match outcome:
            case Ask():
                session.asked = [*session.asked, outcome] if outcome.back else [outcome]
                return Step((_asks(turn.request, session),))
            case Done():
                ended = self._end(session, End.FAILED if outcome.failed else End.COMPLETED)
                return Step((completed(turn.request, session.place, outcome),), (ended,))

    def faulty(self, turn: Turn, fault: Fault, now: float) -> Step:
        """A stage says that what was filled in cannot be: it is asked again; nothing, if its session ended before."""
        session = self._live.get(turn.session)
        if session is None or session.turn is not turn or not session.asked:
            return self.came(turn, failed(fault.text), now)
        session.turn = None
        self._touch(session, now)
        return Step((_asks(turn.request, session, fault.text),))

    def broke(self, turn: Turn, condition: str, text: str) -> Step:
        """A stage could not be run to its end: its session is over; nothing, if it was before."""
        session = self._live.get(turn.session)
        if session is None or session.turn is not turn:
            return Step()
        session.turn = None
        return Step((error(turn.request, condition, text),), (self._end(session, End.BROKEN),))

    # --------------------------------------------------------------------------------------------------------- lifetime

    @property
    def next_at(self) -> float | None:
        """When the next session is given up, if nobody says anything before; None: there is none to give up."""
        return next((each.at + SECONDS for each in self._live.values() if each.turn is None), None)

    def expire(self, now: float) -> Step:
        """Give up those that nobody has gone on with."""
        old = [each for each in self._live.values() if each.turn is None and each.at + SECONDS <= now]
        return Step(ended=tuple(self._end(each, End.EXPIRED) for each in old))

    def _touch(self, session: _Session, now: float) -> None:
        session.at = now
        self._live[session.id] = self._live.pop(session.id)

    def _end(self, session: _Session, how: End) -> Ended:
        del self._live[session.id]
        if len(self._over) >= REMEMBERED:
            del self._over[next(iter(self._over))]
        self._over[session.id] = session.jid
        if session.turn is None and session.asked and how is not End.COMPLETED and how is not End.FAILED:
            session.asked[-1].left()
        return Ended(session.command, session.jid, how, session.turn)


def _payload(element: Element, ask: Ask) -> Element:
    """The form that was submitted; clients submit none where there is nothing to be filled in."""
    x = next((child for child in element if child.tag == forms.TAG), None)
    if x is not None:
        return x
    if any(each.var and each.type is not forms.FieldType.HIDDEN for each in ask.form.fields):
        raise PeerError("form: is missing")
    return Element(forms.TAG, {"type": "submit"})


def _may_go_back(session: _Session) -> bool:
    return len(session.asked) > 1 and session.asked[-1].back


def _refuse(request: Stanza, condition: str, text: str) -> Step:
    return Step((refused(request, condition, text),))


def _asks(request: Stanza, session: _Session, fault: str | None = None) -> Stanza:
    """The form that is to be filled in now; ``fault``: what was wrong with what was filled in."""
    return asks(request, session.place, session.asked[-1], back=_may_go_back(session), fault=fault)
