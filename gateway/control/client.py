"""The control socket, as a command has it."""

import socket
from pathlib import Path
from typing import Final

from gateway.control.protocol import LONGEST_ANSWER, Answer, Request, read_answer, written
from gateway.errors import ControlError

WAIT_SECONDS: Final = 10.0


def ask(places: tuple[Path, ...], request: Request) -> Answer:
    """The answer of the daemon that listens at the first of the places where one does.  ControlError when none does."""
    if not places:
        raise ControlError("[control] socket is empty: the daemon has none")
    for place in places:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(WAIT_SECONDS)
            try:
                connection.connect(str(place))
                connection.sendall(written(request))
                return read_answer(_line(connection))
            except (FileNotFoundError, ConnectionRefusedError):
                continue
            except TimeoutError:
                raise ControlError(f"{place}: the daemon is silent") from None
            except OSError as error:
                raise ControlError(f"{place}: {error.strerror or error}") from None
    raise ControlError(f"no daemon listens at {' or '.join(map(str, places))}")


def _line(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        line = stream.readline(LONGEST_ANSWER)
    if not line.endswith(b"\n"):
        raise ControlError("the daemon has closed the connection")
    return line
