"""SIP over WebSockets (RFC 7118), with aiohttp at the other end."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.keys import KeyPair, TlsPeer, TlsSettings
from gateway.net.sip import Listener
from gateway.sip.flow import Hop
from gateway.sip.message import SipRequest, SipResponse, parse, respond
from tests.certificates import Authority
from tests.net.rig import HERE, Inbox, Rig, answer, end_of, incoming, outgoing, rig, scenario, until
from tests.net.test_tls import client, pair

UDP = (Listener("UDP", HERE, 0),)
WS = (*UDP, Listener("WS", HERE, 0))
WSS = (*UDP, Listener("WSS", HERE, 0))
DOMAIN = "sip.example.org"


@asynccontextmanager
async def browser(
    it: Rig,
    *,
    protocols: Sequence[str] = ("sip",),
    origin: str | None = None,
    ssl: ssl.SSLContext | bool = True,
) -> AsyncIterator[aiohttp.ClientWebSocketResponse[bool]]:
    """A client's WebSocket to the port."""
    transport = "WSS" if any(at.transport == "WSS" for at in it.port.listening) else "WS"
    url = f"{transport.lower()}://{HERE}:{it.listening(transport)}/any"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=protocols, origin=origin, ssl=ssl) as made,
    ):
        yield made


@asynccontextmanager
async def server(
    protocol: str = "sip", pair: KeyPair | None = None
) -> AsyncIterator[tuple[int, "asyncio.Queue[tuple[web.BaseRequest, web.WebSocketResponse]]"]]:
    """A server for WebSockets: its port, and those that connected."""
    accepted: asyncio.Queue[tuple[web.BaseRequest, web.WebSocketResponse]] = asyncio.Queue()
    over = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        made = web.WebSocketResponse(protocols=(protocol,))
        await made.prepare(request)
        accepted.put_nowait((request, made))
        await over.wait()
        return made

    context = None
    if pair is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HERE, 0, ssl_context=context)
    await site.start()
    try:
        yield runner.addresses[0][1], accepted
    finally:
        over.set()
        await runner.cleanup()


async def message(made: aiohttp.ClientWebSocketResponse[bool] | web.WebSocketResponse) -> SipRequest | SipResponse:
    """The next message, which is one of text."""
    return parse(str(await made.receive_str()).encode())


@scenario
async def test_a_browser_is_answered_and_asked_over_its_socket() -> None:
    async with rig(WS) as it:
        async with browser(it) as made:
            assert made.protocol == "sip"
            await made.send_str(incoming("OPTIONS", transport="WS", sent_by="df7jal.invalid").decode())
            request = await it.inbox.request()
            it.port.send(respond(request, 200))
            response = await message(made)
            assert isinstance(response, SipResponse)
            assert response.via.params.get("received") == HERE
            assert request.flow is not None
            assert request.flow.transport == "WS"
            await made.send_bytes(incoming("OPTIONS", "z9hG4bK2", transport="WS", call_id="2"))
            await it.inbox.request()
            owner = Inbox()
            it.port.send(outgoing(Hop("df7jal.invalid", None, "WS", request.flow), "OPTIONS"), owner)
            asks = await message(made)
            assert isinstance(asks, SipRequest)
            assert (asks.via.transport, asks.via.hostport) == ("WS", f"{HERE}:{it.listening('WS')}")
            await made.send_str(answer(asks, 200).decode())
            assert (await owner.response()).status == 200
        await until(lambda: it.port.connections == 0)
        it.port.send(outgoing(Hop("df7jal.invalid", None, "WS", request.flow), "OPTIONS", "z9hG4bKlate"), owner)
        assert "does not resolve" in (await owner.failure()).text


@scenario
async def test_what_is_no_utf_8_goes_as_bytes() -> None:
    async with rig(WS) as it, browser(it) as made:
        await made.send_bytes(incoming("OPTIONS", transport="WS"))
        request = await it.inbox.request()
        it.port.send(respond(request, 200, body=b"\xff\xfe", content_type="application/x"))
        assert (await made.receive_bytes()).endswith(b"\xff\xfe")


@scenario
async def test_a_keep_alive_is_answered() -> None:
    async with rig(WS) as it, browser(it) as made:
        await made.send_str("\r\n\r\n")
        assert await made.receive_str() == "\r\n"
        await made.send_str("\r\n")
        await made.ping()
        await made.send_str(incoming("OPTIONS", transport="WS").decode())
        await it.inbox.request()


@pytest.mark.parametrize(
    ("origins", "origin", "protocols", "status"),
    [
        ([], None, ["sip"], 101),
        ([], "https://page.example", ["sip"], 403),
        (["https://page.example"], "https://Page.example", ["sip"], 101),
        (["https://page.example"], "https://other.example", ["sip"], 403),
        (["*"], "https://other.example", ["chat", "sip"], 101),
        ([], None, ["chat"], 400),
        ([], None, [], 400),
    ],
)
@scenario
async def test_who_may_connect(origins: list[str], origin: str | None, protocols: list[str], status: int) -> None:
    async with rig(WS, origins=frozenset(origins)) as it:
        try:
            async with browser(it, origin=origin, protocols=protocols) as made:
                found = 101
                await made.send_str(incoming("OPTIONS", transport="WS").decode())
                await it.inbox.request()
        except aiohttp.WSServerHandshakeError as error:
            found = error.status
        assert found == status
        await until(lambda: it.port.connections == 0)
        if status != 101:
            assert any("no WebSocket for SIP" in str(line.get("text")) for line in it.logs)


@scenario
async def test_plain_http_and_silence_end_their_connection() -> None:
    async with rig(WS, connect_seconds=0.3) as it:
        for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", incoming("OPTIONS"), b"\x16\x03\x01\x00", b"GET / HT"):
            reader, writer = await asyncio.open_connection(HERE, it.listening("WS"))
            it.peers.append(writer)
            writer.write(text)
            assert not (await reader.read()).startswith(b"SIP")
        await until(lambda: it.port.connections == 0)
        assert it.inbox.empty


@scenario
async def test_a_message_that_is_too_large_closes_its_socket_and_no_other() -> None:
    async with rig(WS, max_message=2_000) as it, browser(it) as kept, browser(it) as made:
        await made.send_str("x" * 2_001)
        found = await made.receive()
        assert (found.type, found.data) == (aiohttp.WSMsgType.CLOSE, 1009)
        await kept.send_str(incoming("OPTIONS", transport="WS").decode())
        await it.inbox.request()
        await until(lambda: any("Message size" in str(line.get("text")) for line in it.logs))


@scenario
async def test_a_socket_that_carries_no_sip_stays_and_its_message_is_answered_if_it_can_be() -> None:
    async with rig(WS) as it, browser(it) as made:
        await made.send_str("hello")
        await made.send_str(incoming("OPTIONS", transport="WS").decode().replace("Max-Forwards: 70", "Max-Forwards: x"))
        response = await message(made)
        assert isinstance(response, SipResponse)
        assert response.status == 400
        assert it.counts.of["malformed", "WS"] == 2


@scenario
async def test_who_reads_nothing_is_cut_off() -> None:
    async with rig(WS) as it:
        reader, writer = await asyncio.open_connection(HERE, it.listening("WS"), limit=1024)
        it.peers.append(writer)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        (flow,) = it.port._sockets._links._by_flow
        while it.port.connections:
            it.port._sockets.send(b"x" * 65_536, flow)
            await asyncio.sleep(0)
        assert any("cut off" in str(line.get("text")) for line in it.logs)


@scenario
async def test_a_socket_that_answers_pings_may_wait_for_calls_and_others_grow_idle() -> None:
    for seconds, left in ((100.0, 1), (0.0, 0)):
        async with rig(WS, keepalive_seconds=seconds, idle_seconds=600.0) as it, browser(it) as made:
            await made.send_str(incoming("OPTIONS", transport="WS").decode())
            request = await it.inbox.request()
            it.port.send(respond(request, 200))
            for _ in range(3):
                it.later(300.0)
                it.port._sockets._links._close_idle()
            if not left:
                await message(made)
                assert (await made.receive()).data == 1001
                await until(lambda: it.port.connections == 0)
            assert it.port.connections == left


@scenario
async def test_a_port_that_stops_says_goodbye() -> None:
    async with rig(WS) as it, browser(it) as made:
        await made.send_str(incoming("OPTIONS", transport="WS").decode())
        await it.inbox.request()
        stopping = asyncio.create_task(it.port.stop())
        found = await made.receive()
        assert (found.type, found.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        await made.close()
        await stopping


# ---------------------------------------------------------------------------------------------------------- as a client


@scenario
async def test_a_trunk_is_called_over_a_socket_of_ours_and_calls_back_over_it() -> None:
    async with rig(UDP, tls=TlsSettings(peers={DOMAIN: TlsPeer(path="/ws")})) as it, server() as (port, accepted):
        owner = Inbox()
        hop = Hop(HERE, port, "WS", domain=DOMAIN)
        it.port.send(outgoing(hop, "OPTIONS"), owner)
        request, made = await accepted.get()
        assert (request.path, request.headers["Host"]) == ("/ws", f"{DOMAIN}:{port}")
        asks = await message(made)
        assert isinstance(asks, SipRequest)
        assert asks.via.transport == "WS"
        assert asks.via.host.endswith(".invalid")
        assert asks.via.hostport == it.port.contact("WS").removesuffix(";transport=ws")
        await made.send_str(answer(asks, 200).decode())
        response = await owner.response()
        assert response.flow is not None
        assert response.flow.domain == DOMAIN
        await made.send_str(incoming("OPTIONS", transport="WS").decode())
        it.port.send(respond(await it.inbox.request(), 200))
        assert isinstance(await message(made), SipResponse)
        it.port.send(outgoing(hop, "OPTIONS", "z9hG4bK2"), owner)
        assert (await message(made)).branch == "z9hG4bK2"
        await made.close()
        assert "closed" in (await owner.failure()).text


@scenario
async def test_a_server_that_speaks_no_sip_or_no_websocket_is_refused() -> None:
    async with rig(UDP) as it, server("chat") as (port, _):
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, port, "WS"), "OPTIONS"), owner)
        assert "not for SIP" in (await owner.failure()).text
    runner = web.ServerRunner(web.Server(lambda request: refuse()))

    async def refuse() -> web.StreamResponse:
        return web.Response(status=404)

    await runner.setup()
    await web.TCPSite(runner, HERE, 0).start()
    async with rig(UDP) as it:
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, runner.addresses[0][1], "WS"), "OPTIONS"), owner)
        assert "no WebSocket there: status 404" in (await owner.failure()).text
    await runner.cleanup()


@pytest.mark.parametrize(("name", "text"), [(DOMAIN, ""), ("other.example", f"not for {DOMAIN}")])
@scenario
async def test_a_secure_server_must_be_who_it_is_to_be(name: str, text: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    shown = pair(authority.issue("peer", dns=[name]))
    settings = TlsSettings(peers={DOMAIN: TlsPeer(ca_file=authority.file)})
    async with rig(UDP, tls=settings) as it, server(pair=shown) as (port, accepted):
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, port, "WSS", domain=DOMAIN), "OPTIONS"), owner)
        if text:
            assert text in (await owner.failure()).text
            assert it.counts.of["tls", "name"] == 1
        else:
            asks = await message((await accepted.get())[1])
            assert asks.via.transport == "WSS"
            assert it.port.contact("WSS").endswith(".invalid;transport=ws")


@scenario
async def test_an_unknown_authority_is_refused_by_name(tmp_path: Path) -> None:
    shown = pair(Authority(tmp_path).issue("peer", dns=[DOMAIN]))
    async with rig(UDP) as it, server(pair=shown) as (port, _):
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, port, "WSS", domain=DOMAIN), "OPTIONS"), owner)
        assert "unable to get local issuer certificate" in (await owner.failure()).text
        assert it.counts.of["tls", "authority"] == 1


@scenario
async def test_a_browser_connects_securely_and_plain_text_does_not(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    settings = TlsSettings(own=pair(authority.issue("ours", addresses=[HERE])))
    async with rig(WSS, tls=settings) as it, browser(it, ssl=client(authority)) as made:
        await made.send_str(incoming("OPTIONS", transport="WSS").decode())
        request = await it.inbox.request()
        assert request.flow is not None
        assert request.flow.transport == "WSS"
        reader, writer = await asyncio.open_connection(HERE, it.listening("WSS"))
        it.peers.append(writer)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await end_of(reader)
        assert it.counts.of["tls", "protocol"] == 1
