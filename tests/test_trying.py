"""`jingle-sip check` and registrations: what it tries, and what it says in words."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway import check, log, trying
from tests.configured import configured
from tests.net.component_server import component_server

DIAL = """
[[dial]]
match = '.*'
trunk = "pbx"
"""
REGISTERS = 'register = true\nuser = "1001"\npassword_env = "SECRET"\ndomain = "pbx.example"\n'
ACCOUNTS = "".join(
    f'[[account]]\njid = "user{number}@montague.example"\naddress = "{number}@pbx.example"\ntrunk = "pbx"\n'
    for number in range(200, 260)
)


@pytest.fixture(autouse=True)
def as_the_command(logging_undone: None) -> None:
    log.configure(level="error", format="console")


class _Registrar(asyncio.DatagramProtocol):
    """Answers OPTIONS, and REGISTER by what is set, but for the users that it does not know."""

    def __init__(self) -> None:
        self.answer: str | None = "200 OK"
        self.asks = ""
        self.believes = True
        "Whether an answer to that question is right."
        self.unknown: frozenset[str] = frozenset()
        self.registered: set[str] = set()
        self.busiest = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        status, more = "200 OK", ""
        if text.startswith("REGISTER"):
            if self.answer is None:
                return
            user = _found(r"(?m)^To: <sip:(\w+)@", text)
            status = "404 Not Found" if user in self.unknown else self.answer
            if self.asks and not (self.believes and "\nAuthorization:" in text):
                status, more = "401 Unauthorized", f"WWW-Authenticate: {self.asks}\r\n"
            elif status.startswith("200"):
                if _found(r"(?m)^Expires: (\d+)", text) == "0":
                    self.registered.discard(user)
                else:
                    self.registered.add(user)
                    self.busiest = max(self.busiest, len(self.registered))
                    more = f"Contact: {_found(r'(?m)^Contact: ([^;]*)', text)};expires=600\r\n"
        head = "\r\n".join(re.findall(r"(?m)^(?:Via|From|Call-ID|CSeq): [^\r\n]*", text))
        to = _found(r"(?m)^To: ([^\r\n]*)", text)
        answer = f"SIP/2.0 {status}\r\n{head}\r\nTo: {to};tag=pbx\r\n{more}Content-Length: 0\r\n\r\n"
        self.transport.sendto(answer.encode(), addr)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


@contextlib.asynccontextmanager
async def registrar() -> AsyncIterator[tuple[_Registrar, int]]:
    """A registrar and its port."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Registrar, local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def report(capsys: pytest.CaptureFixture[str], folder: Path, registrar: int, **values: Any) -> tuple[int, str]:
    """The exit status, and all that was said."""
    async with component_server() as server:
        values = {"xmpp_port": server.port, "trunk_port": registrar} | values
        status = await asyncio.to_thread(check.check, configured(folder, **values))
    return status, capsys.readouterr().out


async def test_a_trunk_is_registered_and_taken_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with registrar() as (server, port):
        status, said = await report(capsys, tmp_path, port, dial=REGISTERS + DIAL)
        assert status == 0, said
        assert "[ok]   registration of trunk pbx as sip:1001@pbx.example: granted, and taken back" in said
        assert (server.busiest, server.registered) == (1, set())


async def test_a_password_that_is_wrong_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with registrar() as (server, port):
        server.asks, server.believes = 'Digest realm="r", nonce="n", qop="auth"', False
        status, said = await report(capsys, tmp_path, port, dial=REGISTERS + DIAL)
    assert status == 1
    assert "[FAIL] registration of trunk pbx as sip:1001@pbx.example: 401: the user or the password is wrong" in said


async def test_a_registrar_that_is_silent_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "REGISTER_SECONDS", 0.1)
    async with registrar() as (server, port):
        server.answer = None
        status, said = await report(capsys, tmp_path, port, dial=REGISTERS + DIAL)
    assert status == 1
    assert "no answer to REGISTER within 0.1 seconds" in said


async def test_of_many_accounts_those_that_fail_have_a_line_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with registrar() as (server, port):
        server.unknown = frozenset({"203", "255"})
        status, said = await report(capsys, tmp_path, port, dial=DIAL + ACCOUNTS)
        assert (server.busiest <= trying.AT_ONCE, server.registered) == (True, set())
    assert status == 1
    lines = [line for line in said.splitlines() if "account" in line]
    assert lines == [
        "[FAIL] account of user203@montague.example as sip:203@pbx.example: 404 Not Found",
        "[FAIL] account of user255@montague.example as sip:255@pbx.example: 404 Not Found",
        "[FAIL] accounts: 58 of 60 can register",
    ]
