"""What the engine answers, as it is written (XEP-0050 §2.4, §4.4)."""

from dataclasses import replace
from enum import StrEnum
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement

from gateway.stanza import Stanza, error, result
from mappings.namespaces import COMMANDS

from . import form as forms
from .command import Ask, Done, Note, Severity
from .form import sayable

TAG = f"{{{COMMANDS}}}command"

LANGUAGE: Final = "en"
"Of all texts of commands; better a text in English than none, so no language is refused (§3.6)."


class Action(StrEnum):
    """What is to be done with a command (XEP-0050 §4.1)."""

    EXECUTE = "execute"
    CANCEL = "cancel"
    PREV = "prev"
    NEXT = "next"
    COMPLETE = "complete"


class Place(NamedTuple):
    """In which session of which command."""

    node: str
    session: str


def forth(ask: Ask) -> Action:
    """By which action a stage is left."""
    return Action.COMPLETE if ask.last else Action.NEXT


def refused(request: Stanza, condition: str, text: str) -> Stanza:
    """The error that says what a program did wrong."""
    return error(request, "bad-request", text, detail=f"{{{COMMANDS}}}{condition}")


def asks(request: Stanza, place: Place, ask: Ask, *, back: bool, fault: str | None = None) -> Stanza:
    """A form to be filled in; ``fault``: what was wrong with what was filled in."""
    actions = Element(f"{{{COMMANDS}}}actions", {"execute": forth(ask)})
    if back:
        SubElement(actions, f"{{{COMMANDS}}}{Action.PREV}")
    SubElement(actions, f"{{{COMMANDS}}}{forth(ask)}")
    form, notes = ask.form, ask.notes
    if fault is not None:
        # COMPAT(Converse): of a command that goes on it shows no note, and of instructions the last paragraph.
        form, notes = replace(form, instructions=(*form.instructions, fault)), (Note(fault, Severity.ERROR),)
    return _status(request, place, "executing", actions, *map(_note, notes), forms.write(form))


def completed(request: Stanza, place: Place, done: Done) -> Stanza:
    """The last word."""
    report = () if done.report is None else (forms.write(done.report),)
    return _status(request, place, "completed", *map(_note, done.notes), *report)


def canceled(request: Stanza, place: Place) -> Stanza:
    """Nothing more is done."""
    return _status(request, place, "canceled")


def _status(request: Stanza, place: Place, status: str, *children: Element) -> Stanza:
    element = Element(TAG, {"node": place.node, "sessionid": place.session, "status": status})
    element.extend(children)
    return replace(result(request, element), lang=LANGUAGE)


def _note(note: Note) -> Element:
    element = Element(f"{{{COMMANDS}}}note", {"type": note.severity})
    element.text = sayable(note.text)
    return element
