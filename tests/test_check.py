"""`jingle-sip check`: each thing around the gateway, well and not."""

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway import check, log
from gateway.net.resolve import Resolver
from gateway.secret import Secret
from gateway.sip.flow import Flow, Hop
from gateway.store.database import Database
from gateway.store.vault import unlocked
from tests.configured import DIAL, configured
from tests.net.component_server import component_server


@pytest.fixture(autouse=True)
def _quiet(logging_undone: None) -> None:
    log.configure(level="error", format="console")  # as the command does


class _Pbx(asyncio.DatagramProtocol):
    """Answers every request with one status, or with nothing."""

    def __init__(self, status: str | None) -> None:
        self.status = status
        self.requests: list[str] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        self.requests.append(text)
        if self.status is None:
            return
        head = "\r\n".join(re.findall(r"(?m)^(?:Via|From|Call-ID|CSeq): [^\r\n]*", text))
        to = re.search(r"(?m)^To: ([^\r\n]*)", text)
        assert to is not None
        self.transport.sendto(
            f"SIP/2.0 {self.status}\r\n{head}\r\nTo: {to[1]};tag=pbx\r\nContent-Length: 0\r\n\r\n".encode(), addr
        )


@contextlib.asynccontextmanager
async def pbx(status: str | None = "200 OK") -> AsyncIterator[tuple[_Pbx, int]]:
    """A PBX and its port."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Pbx(status), local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@contextlib.contextmanager
def taken(kind: socket.SocketKind) -> Iterator[int]:
    """A port that somebody has."""
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            found.listen()
        yield found.getsockname()[1]


async def report(capsys: pytest.CaptureFixture[str], folder: Path, **values: object) -> tuple[int, list[str]]:
    """The exit status and the lines."""
    status = await asyncio.to_thread(check.check, configured(folder, **values))
    return status, capsys.readouterr().out.splitlines()


async def test_all_is_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with component_server() as server, pbx() as (trunk, port):
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port)
    assert status == 0
    assert all(line.startswith("[ok]  ") for line in lines), lines
    told = "\n".join(lines)
    for word in ("configuration", "component gw.example", "sip sockets: UDP 127.0.0.1:", "answered 200 OK in", "http"):
        assert word in told
    assert trunk.requests[0].startswith("OPTIONS sip:127.0.0.1:")


async def test_what_is_wrong_with_the_store_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async def told(name: str) -> str:
        async with component_server() as server, pbx() as (_, port):
            _, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port, store=name)
        (line,) = [line for line in lines if f" store {tmp_path / name}: " in line]
        return line.replace(str(tmp_path / name), name)

    assert await told("new") == "[ok]   store new: will be made"
    assert "new" not in os.listdir(tmp_path)
    assert await told("none/new") == "[FAIL] store none/new: cannot be made: the folder is not there, or not ours"
    database = Database(tmp_path / "there")
    await database.open()
    assert await told("there") == "[ok]   store there: accounts 0; no key, so no passwords can be kept"
    await unlocked(database, Secret("a key"))
    await database.close()
    assert "its passwords are encrypted, and [store] names no key: key_file" in await told("there")
    Path.write_text(tmp_path / "letter", "no database" * 100)
    assert await told("letter") == "[FAIL] store letter: it is no SQLite database"


@pytest.mark.parametrize("answer", ["404 Not Found", "405 Method Not Allowed"])
async def test_a_trunk_that_answers_anything_speaks_sip(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, answer: str
) -> None:
    async with component_server() as server, pbx(answer) as (_, port):
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port)
    assert status == 0, lines


async def test_a_trunk_that_is_out_of_order_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with component_server() as server, pbx("503 Down") as (_, port):
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port)
    assert status == 1
    assert any(line.startswith("[FAIL] trunk pbx") and "503 Down" in line for line in lines)


async def test_an_address_for_media_that_is_not_ours_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with component_server() as server, pbx() as (_, port):
        more = '[media]\naddresses = ["127.0.0.1", "203.0.113.99"]\nport_low = 25000\nport_high = 25011\n'
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port, dial=f"{DIAL}{more}")
        assert status == 1
        assert any(line.startswith("[FAIL] media on 127.0.0.1, 203.0.113.99") for line in lines), lines
        more = more.replace(', "203.0.113.99"', "")
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port, dial=f"{DIAL}{more}")
    assert status == 0
    assert "[ok]   media on 127.0.0.1, UDP 25000-25011: room for 3 calls with sound" in lines


async def test_a_trunk_that_does_not_answer_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "OPTIONS_SECONDS", 0.1)
    async with component_server() as server, pbx(None) as (_, port):
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port)
    assert status == 1
    assert any("no answer to OPTIONS from 127.0.0.1" in line and "0.1 seconds" in line for line in lines)


async def test_a_trunk_where_nobody_listens_is_said_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    async with component_server() as server:
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port)
    assert status == 1
    assert any(line.startswith("[FAIL] trunk pbx") and "refused" in line.lower() for line in lines), lines


async def test_each_server_of_a_trunk_has_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with component_server() as server, pbx() as (_, well), pbx("503 Down") as (_, ill):
        places = tuple(Flow("UDP", "127.0.0.1", port) for port in (well, ill))
        locate = Resolver.known

        def known(resolver: Resolver, hop: Hop, seed: str = "") -> tuple[Flow, ...] | None:
            return places if hop.host == "pbx.example" else locate(resolver, hop, seed)

        async def resolve(resolver: Resolver, hop: Hop, seed: str = "") -> tuple[Flow, ...]:
            return known(resolver, hop) or ()

        monkeypatch.setattr(Resolver, "known", known)
        monkeypatch.setattr(Resolver, "resolve", resolve)
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk="pbx.example")
    assert status == 1
    (good,) = [line for line in lines if line.startswith(f"[ok]   trunk pbx at UDP 127.0.0.1:{well}: OPTIONS")]
    assert "200 OK" in good
    (bad,) = [line for line in lines if line.startswith(f"[FAIL] trunk pbx at UDP 127.0.0.1:{ill}: OPTIONS")]
    assert "503 Down" in bad


async def test_a_trunk_whose_name_does_not_resolve_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with component_server() as server:
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk="nobody.invalid")
    assert status == 1
    assert any("nobody.invalid: name does not resolve" in line for line in lines), lines


@pytest.mark.parametrize(
    ("condition", "advice"),
    [
        ("not-authorized", "the secret is not the one"),
        ("host-unknown", "add it to its configuration"),
        ("conflict", "connected already"),
        ("policy-violation", "policy-violation"),
    ],
)
async def test_a_server_that_refuses_us_is_said_with_what_to_do(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, condition: str, advice: str
) -> None:
    async with component_server() as server, pbx() as (_, port):
        server.refuses_with = condition
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port)
    assert status == 1
    assert any(line.startswith("[FAIL] component") and advice in line for line in lines), lines


async def test_a_server_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with pbx() as (_, port):
        status, lines = await report(capsys, tmp_path, trunk_port=port)
    assert status == 1
    assert any(line.startswith("[FAIL] component") and "does the server listen" in line for line in lines), lines


async def test_a_server_that_says_nothing_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "HANDSHAKE_SECONDS", 0.1)
    async with component_server() as server, pbx() as (_, port):
        server.is_mute = True
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port)
    assert status == 1
    assert any("no handshake within 0.1 seconds" in line for line in lines), lines


async def test_a_sip_port_that_is_taken_is_said_and_trunks_are_not_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with component_server() as server:
        with taken(socket.SOCK_DGRAM) as port:
            status, lines = await report(capsys, tmp_path, xmpp_port=server.port, sip_port=port)
    assert status == 1
    assert any(line.startswith("[FAIL] sip sockets") and "trunks are not asked" in line for line in lines), lines


async def test_an_http_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with component_server() as server, pbx() as (_, trunk_port):
        with taken(socket.SOCK_STREAM) as port:
            status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=trunk_port, http_port=port)
    assert status == 1
    assert any(line.startswith("[FAIL] http") for line in lines), lines


async def test_rules_that_let_nobody_call_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with component_server() as server, pbx() as (_, port):
        status, lines = await report(capsys, tmp_path, xmpp_port=server.port, trunk_port=port, allow="", dial="")
    assert status == 1
    assert any("nobody may call out" in line for line in lines)
    assert any("no number can be called" in line for line in lines)
