"""The control socket: whose it is, what a client may do to it, and what a command says of it."""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from structlog.testing import capture_logs

from gateway.control import server
from gateway.control.client import ask
from gateway.control.protocol import LONGEST_REQUEST, Answer, List, read_answer, written
from gateway.control.server import MOST_CLIENTS, ControlPort
from gateway.errors import ControlError


@pytest.fixture
def place() -> Iterator[Path]:
    """A path short enough for a socket."""
    with TemporaryDirectory() as folder:
        yield Path(folder) / "control.sock"


def mode(path: Path) -> int | None:
    """The file's mode; None: there is no file."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


async def echo(line: bytes) -> bytes:
    """The answer says what was asked."""
    if line == b"break\n":
        raise ZeroDivisionError
    return written(Answer(error=line.decode().strip()))


@contextlib.asynccontextmanager
async def listening(path: Path) -> AsyncIterator[ControlPort]:
    port = ControlPort(path, echo)
    await port.start()
    try:
        yield port
    finally:
        await port.stop()


async def asked(path: Path, line: bytes) -> str:
    """What is answered to a line."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        answer = await reader.readline()
        writer.close()
    with pytest.raises(ControlError) as error:
        read_answer(answer)
    return str(error.value)


async def test_the_socket_is_its_owners_alone_and_gone_afterwards(place: Path) -> None:
    async with listening(place):
        assert mode(place) == 0o600
        assert await asked(place, b"hello\n") == "hello"
    assert mode(place) is None


async def test_one_connection_may_ask_several_times(place: Path) -> None:
    async with listening(place), asyncio.timeout(20):
        reader, writer = await asyncio.open_unix_connection(place)
        for text in (b"one\n", b"two\n"):
            writer.write(text)
            assert text.strip() in await reader.readline()
        writer.close()


async def test_what_a_daemon_before_left_behind_is_replaced(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
    assert mode(place) is not None
    async with listening(place):
        assert await asked(place, b"hello\n") == "hello"


@pytest.mark.parametrize("why", ["another daemon listens there", "Address already in use", "No such file", "too long"])
async def test_where_it_cannot_listen_the_log_says_so_and_the_daemon_goes_on(place: Path, why: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if why.startswith("another"):
            await stack.enter_async_context(listening(place))
        elif why.startswith("Address"):
            os.close(os.open(place, os.O_CREAT))
        elif why.startswith("No"):
            place = place.parent / "nowhere" / place.name
        else:
            place = place.with_name("x" * 200)
        with capture_logs() as log:
            async with listening(place):
                pass
        (line,) = log
        assert line["event"] == "control_unavailable"
        assert why in line["text"]
        if why.startswith("Address"):
            assert mode(place) is not None


async def test_a_line_that_is_too_long_is_refused(place: Path) -> None:
    async with listening(place):
        assert "longer than" in await asked(place, b"x" * (4 * LONGEST_REQUEST) + b"\n")
        assert await asked(place, b"hello\n") == "hello"


async def test_a_failure_of_ours_is_answered_and_costs_that_client_only(place: Path) -> None:
    with capture_logs() as log:
        async with listening(place):
            assert "the gateway failed" in await asked(place, b"break\n")
            assert await asked(place, b"hello\n") == "hello"
    assert [entry["event"] for entry in log] == ["control_listening", "control_failed"]


async def test_a_client_that_says_nothing_is_left(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "WAIT_SECONDS", 0.05)
    async with listening(place), asyncio.timeout(20):
        reader, writer = await asyncio.open_unix_connection(place)
        assert await reader.read() == b""
        writer.close()


async def test_there_is_a_limit_to_clients_at_a_time(place: Path) -> None:
    async with listening(place), asyncio.timeout(20), contextlib.AsyncExitStack() as stack:
        for _ in range(MOST_CLIENTS):
            reader, writer = await asyncio.open_unix_connection(place)
            stack.callback(writer.close)
            writer.write(b"hello\n")
            await reader.readline()
        reader, writer = await asyncio.open_unix_connection(place)
        stack.callback(writer.close)
        assert b"too many clients" in await reader.readline()


def test_a_command_says_that_no_daemon_listens(place: Path) -> None:
    with pytest.raises(ControlError, match=r"no daemon listens at .*control\.sock"):
        ask((place,), List())
    with pytest.raises(ControlError, match="the daemon has none"):
        ask((), List())


async def test_a_command_looks_in_each_place(place: Path) -> None:
    async with listening(place):
        with pytest.raises(ControlError, match=r'{"ask":"list"}'):
            await asyncio.to_thread(ask, (place.with_name("elsewhere"), place), List())
