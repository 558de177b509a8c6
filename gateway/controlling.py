"""`jingle-sip calls`: what a running daemon's calls are, what passed in one, and how to end it."""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from gateway.columns import columns
from gateway.config.places import control_sockets
from gateway.config.reading import read
from gateway.control.client import ask
from gateway.control.protocol import MOST_RECENT, REASONS, Answer, HangUp, List, Recent, Request, Show
from gateway.errors import ControlError
from gateway.history.ladder import date, heading, ladder, length, plain, why
from gateway.history.record import CallRecord

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = Any

_LIVE = ("CALL", "SINCE", "FOR", "STATE", "WHO → WHOM", "TRUNK", "CODEC", "ANCHOR")
_ENDED = ("CALL", "ENDED", "LASTED", "WHO → WHOM", "TRUNK", "CODEC", "BY", "WHY")


def add_arguments(commands: Commands, default: Path) -> None:
    """Add the sub-command; ``default`` is where the configuration is looked for."""
    text = "the calls of a running gateway: list them, show what passed in one, hang one up"
    command = commands.add_parser("calls", help=text, description=text)
    _common(command, default)
    command.set_defaults(recent=None)
    kinds = command.add_subparsers(dest="ask", metavar="WHAT")
    listed = kinds.add_parser("list", help="the calls that there are, or that ended last (this is the default)")
    listed.add_argument(
        "--recent", nargs="?", type=_number, const=20, metavar="N", help="the last N that ended (default: %(const)s)"
    )
    shown = kinds.add_parser("show", help="one call, over or not, and what passed in it")
    ended = kinds.add_parser("hangup", help="end one call, and tell both its sides")
    ended.add_argument(
        "--reason", choices=REASONS, help="what they are told (default: success, or decline before the answer)"
    )
    for one in (shown, ended):
        one.add_argument("call", help="its name, as the list and the log have it")
    for one in (listed, shown, ended):
        _common(one, argparse.SUPPRESS)


def _common(command: argparse.ArgumentParser, default: Any) -> None:
    suppressed = default is argparse.SUPPRESS
    command.add_argument(
        "-c", "--config", type=Path, default=default, help="the gateway's configuration, which names its control socket"
    )
    command.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS if suppressed else False, help="for programs"
    )


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_RECENT:
        raise argparse.ArgumentTypeError(f"1 to {MOST_RECENT}")
    return number


def control(options: argparse.Namespace, target: TextIO, complaints: TextIO) -> int:
    """Ask, and show the answer; 0, or 1 and a line that says why not.  ConfigError when the file cannot be read."""
    table = read(options.config).control
    try:
        answer = ask(control_sockets(table.socket, options.config.parent, os.environ), _request(options))
    except ControlError as error:
        complaints.write(f"jingle-sip: {error}\n")
        return 1
    if options.json:
        target.write(msgspec.json.format(msgspec.json.encode(answer)).decode() + "\n")
    else:
        target.writelines(f"{line}\n" for line in _lines(options, answer))
    return 0


def _request(options: argparse.Namespace) -> Request:
    match options.ask:
        case "show":
            return Show(options.call)
        case "hangup":
            return HangUp(options.call, options.reason)
        case _:
            return List() if options.recent is None else Recent(options.recent)


def _lines(options: argparse.Namespace, answer: Answer) -> Iterator[str]:
    match options.ask:
        case "show":
            yield from heading(answer.calls[0], answer.now)
            yield ""
            if answer.steps is None:
                yield "what passed in it is not remembered"
            else:
                yield from ladder(answer.steps)
        case "hangup":
            yield f"{answer.calls[0].id} is told to end"
        case _ if options.recent is not None:
            yield from columns(_ENDED, (_ended(record) for record in answer.calls))
        case _:
            yield from columns(_LIVE, (_live(record, answer.now) for record in answer.calls))
            yield f"{len(answer.calls)} call{'s' * (len(answer.calls) != 1)}"


def _live(record: CallRecord, now: float) -> Sequence[str]:
    since = record.began if record.answered is None else record.answered
    return (
        record.id, date(record.began), length(now - since), record.state, _parties(record), record.trunk,
        record.codec, record.anchor,
    )  # fmt: skip


def _ended(record: CallRecord) -> Sequence[str]:
    lasted = "-" if record.duration is None else length(record.duration)
    return (
        record.id, date(record.ended or record.began), lasted, _parties(record), record.trunk, record.codec or "-",
        record.ended_by, why(record),
    )  # fmt: skip


def _parties(record: CallRecord) -> str:
    user, number = record.user or "nobody", plain(record.number)
    return f"{user} → {number}" if record.outgoing else f"{number} → {user}"
