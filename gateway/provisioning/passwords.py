"""Where a password comes from."""

import argparse
import getpass
import sys
from pathlib import Path
from typing import Final, TextIO

from gateway.errors import ConfigError
from gateway.secret import Secret

LONGEST_LINE: Final = 4096
"Characters of a password's line that are read."

STANDARD_INPUT: Final = "-"
"What stands for it in the place of a file."


def password(options: argparse.Namespace, source: TextIO) -> Secret | None:
    """The password that a command is given, or the new key; None when it is given none."""
    if options.ask == "rekey":
        return _from_file(options.new_key_file)
    if options.ask not in ("add", "change"):
        return None
    if options.password_file is not None:
        return (
            _from_stream(source) if options.password_file == STANDARD_INPUT else _from_file(Path(options.password_file))
        )
    if options.no_password if options.ask == "add" else not options.password:
        return None
    return Secret(getpass.getpass("Password: ")) if source is sys.stdin and source.isatty() else _from_stream(source)


def _from_stream(source: TextIO) -> Secret:
    return _line(source.readline(LONGEST_LINE + 1), "standard input")


def _from_file(path: Path) -> Secret:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return _line(file.read(LONGEST_LINE + 1), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8") from None


def _line(text: str, where: str) -> Secret:
    line = text.removesuffix("\n").removesuffix("\r")
    if not line or len(line) > LONGEST_LINE or "\n" in line:
        raise ConfigError(f"{where}: expected one line")
    return Secret(line)
