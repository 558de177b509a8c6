"""What may be written after `jingle-sip accounts`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from gateway.accounts.account import Transport

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = Any


def add_arguments(commands: Commands, default: Path) -> None:
    """Add the sub-command; ``default`` is where the configuration is looked for."""
    text = "users' own SIP accounts: list, show, add, change, remove and choose them, and see how they stand"
    command = commands.add_parser("accounts", help=text, description=text)
    _common(command, default)
    kinds = command.add_subparsers(dest="ask", metavar="WHAT", required=True)
    made: list[argparse.ArgumentParser] = []

    def kind(name: str, help: str) -> argparse.ArgumentParser:
        made.append(kinds.add_parser(name, help=help, description=help))
        return made[-1]

    for one in (kind("list", "all accounts, or one user's"), kind("states", "how they stand with their servers now")):
        one.add_argument("jid", nargs="?", help="the user, a bare JID")
    for one in (
        kind("show", "one account, without its password, and how it stands"),
        kind("remove", "forget an account; it is unregistered"),
        kind("choose", "let that account dial"),
    ):
        _whose(one)
    added = kind("add", "add an account")
    _whose(added)
    added.add_argument("address", help="its SIP address, user@domain")
    _fields(added)
    added.add_argument("--no-password", action="store_true", help="its server asks for none")
    changed = kind("change", "change an account; what is not named stays as it is")
    _whose(changed)
    changed.add_argument("--address", help="its SIP address, user@domain")
    _fields(changed)
    changed.add_argument("--password", action="store_true", help="ask for a new one, or read it from standard input")
    anew = kind("rekey", "encrypt all passwords with another key, while the gateway is stopped")
    anew.add_argument("--new-key-file", type=Path, required=True, metavar="FILE", help="a file with the new key")
    for one in made:
        _common(one, argparse.SUPPRESS)


def _common(command: argparse.ArgumentParser, default: Any) -> None:
    suppressed = default is argparse.SUPPRESS
    command.add_argument(
        "-c", "--config", type=Path, default=default, help="the gateway's configuration, which names its database"
    )
    command.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS if suppressed else False, help="for programs"
    )


def _whose(command: argparse.ArgumentParser) -> None:
    command.add_argument("jid", help="the user, a bare JID")
    command.add_argument("name", help="what the account is called, at most 32 characters")


def _fields(command: argparse.ArgumentParser) -> None:
    for field, text in (
        ("user", "the user name for authentication (default: the user of the address)"),
        ("realm", "the only realm that gets the password's digest (default: whoever asks)"),
        ("proxy", "where its requests go, HOST or HOST:PORT (default: to the domain of the address)"),
        ("caller-id", "the number or user that others see (default: the address)"),
        ("registrar", "the domain that is registered with (default: the domain of the address)"),
    ):
        command.add_argument(f"--{field}", metavar="TEXT", help=text)
    command.add_argument("--transport", choices=get_args(Transport), help="default: auto")
    command.add_argument("--number", action="append", dest="numbers", metavar="N", help="a number that it may show")
    command.add_argument("--expires", type=int, metavar="SECONDS", help="how long a registration is to last")
    command.add_argument(
        "--register",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether it registers (default: it does)",
    )
    command.add_argument(
        "--password-file", metavar="FILE", help="a file with the password; -: standard input (default: it is asked for)"
    )
