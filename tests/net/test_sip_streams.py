"""SIP over connections: which way requests take, framing, and how connections end."""

import asyncio
import socket
import struct
from dataclasses import replace

import pytest

from gateway.net import departures, links, sent_by
from gateway.net.sip import Listener, SipPortSettings
from gateway.net.stream import MAX_UNSENT, Connection
from gateway.sip.flow import Flow, Hop
from gateway.sip.message import MAX_HEAD, respond
from gateway.sip.strangers import source
from tests.net.rig import (
    HERE,
    Inbox,
    Phone,
    answer,
    end_of,
    incoming,
    outgoing,
    rig,
    scenario,
    stream_request,
    stream_response,
    taken_port,
    tcp_server,
    until,
)
from tests.peers import loopback


@scenario
async def test_two_requests_share_one_connection_whose_small_writes_leave_at_once() -> None:
    async with rig() as it, tcp_server() as peer:
        owner = Inbox()
        hop = Hop(HERE, peer.port, "TCP")
        it.port.send(outgoing(hop, "OPTIONS", "z9hG4bK1"), owner)
        it.port.send(outgoing(hop, "OPTIONS", "z9hG4bK2"), owner)
        reader, writer = await peer.accepted.get()
        for branch in ("z9hG4bK1", "z9hG4bK2"):
            request = await stream_request(reader)
            assert (request.branch, request.via.transport) == (branch, "TCP")
            assert request.via.hostport == f"{HERE}:{it.listening('TCP')}"
            writer.write(answer(request, 200))
            assert (await owner.response()).branch == branch
        (connection,) = it.port._sockets._links._by_flow.values()
        assert isinstance(connection, Connection)
        assert connection._transport is not None
        made = connection._transport.get_extra_info("socket")
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        it.port.send(outgoing(hop, "OPTIONS", "z9hG4bK3"), owner)
        await stream_request(reader)
        assert it.port.connections == 1
        writer.close()
        assert (await owner.failure()).text.endswith("connection lost (closed)")
        assert it.port.connections == 0


@pytest.mark.conformance("SIP-23")
@scenario
async def test_a_large_request_goes_by_tcp_where_the_peer_takes_it() -> None:
    async with rig() as it, tcp_server() as peer:
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, peer.port), body=b"v" * 1200), owner)
        reader, writer = await peer.accepted.get()
        request = await stream_request(reader)
        assert request.via.transport == "TCP"
        writer.write(answer(request, 486))
        assert (await owner.response()).status == 486
        assert (await stream_request(reader)).method == "ACK"


@scenario
async def test_a_connection_comes_from_an_address_that_we_listen_on() -> None:
    ours = loopback.address()
    places = (Listener("UDP", HERE, 0), Listener("UDP", ours, 0), Listener("TCP", ours, 0))
    for listeners, known in ((places[1:], ours), (places, HERE), ((Listener("TCP", "0.0.0.0", 0),), HERE)):
        async with rig(listeners) as it, tcp_server() as peer:
            it.port.send(outgoing(Hop(HERE, peer.port, "TCP"), "OPTIONS", "z9hG4bK1"), Inbox())
            _, writer = await peer.accepted.get()
            assert writer.get_extra_info("peername")[0] == known
            writer.close()


@pytest.mark.parametrize(
    ("listening", "towards", "origin"),
    [
        (["192.0.2.5"], "198.51.100.7", "192.0.2.5"),
        (["127.0.0.1"], "198.51.100.7", None),
        (["127.0.0.1", "192.0.2.5"], "198.51.100.7", "192.0.2.5"),
        (["::", "192.0.2.5"], "198.51.100.7", "192.0.2.5"),
        (["192.0.2.5", "0.0.0.0"], "198.51.100.7", None),
        (["192.0.2.5"], "2001:db8::7", None),
        (["127.0.0.1", "192.0.2.5"], "127.0.0.1", None),
    ],
)
def test_nobody_beyond_the_machine_is_called_from_loopback(
    listening: list[str], towards: str, origin: str | None
) -> None:
    assert sent_by.origin([Listener("TCP", host) for host in listening], towards) == origin


@pytest.mark.conformance("SIP-23")
@scenario
async def test_a_large_request_goes_by_udp_where_tcp_is_refused_and_the_next_at_once() -> None:
    async with rig() as it:
        owner = Inbox()
        it.port.send(outgoing(it.phone.hop, body=b"v" * 1200), owner)
        assert it.port.connections == 1
        invite = await it.phone.gets_request("INVITE")
        assert (invite.via.transport, invite.branch) == ("UDP", "z9hG4bKout1")
        it.says(answer(invite, 486))
        await owner.response()
        it.port.send(outgoing(it.phone.hop, "INFO", "z9hG4bK2", b"v" * 1200), owner)
        assert it.port.connections == 0


@scenario
async def test_a_large_request_does_not_wait_long_for_a_firewall_that_says_nothing() -> None:
    elsewhere = loopback.address()
    with socket.socket() as full, pytest.MonkeyPatch.context() as patch:
        patch.setattr(departures, "UNASKED_SECONDS", 0.01)
        full.bind((elsewhere, 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # what is beyond the backlog gets no answer
            one.setblocking(False)
            one.connect_ex((elsewhere, port))
        _, phone = await asyncio.get_running_loop().create_datagram_endpoint(Phone, local_addr=(elsewhere, port))
        async with rig() as it:
            it.port.send(outgoing(Hop(elsewhere, port), "INFO", body=b"v" * 1200))
            assert (await phone.gets_request("INFO")).via.transport == "UDP"
        phone.close()
        for one in waiting:
            one.close()


@scenario
async def test_a_large_request_stays_on_udp_when_we_have_no_tcp_or_the_transport_is_said() -> None:
    async with rig((Listener("UDP", HERE, 0),)) as it:
        it.port.send(outgoing(it.phone.hop, "INFO", "z9hG4bK1", b"v" * 1200))
        assert (await it.phone.gets_request("INFO")).via.transport == "UDP"
    async with rig() as it:
        it.port.send(outgoing(replace(it.phone.hop, transport="UDP"), "INFO", "z9hG4bK1", b"v" * 1200))
        assert it.port.connections == 0
        await it.phone.gets_request("INFO")


@scenario
async def test_an_invite_whose_owner_left_before_the_connection_stood_does_not_leave() -> None:
    async with rig() as it, tcp_server() as peer:
        owner = Inbox()
        hop = Hop(HERE, peer.port, "TCP")
        it.port.send(outgoing(hop), owner)
        it.port.send(outgoing(hop, "BYE", "z9hG4bKbye"), owner)
        it.port.release(owner)
        reader, _ = await peer.accepted.get()
        assert (await stream_request(reader)).method == "BYE"


@scenario
async def test_a_flow_that_is_open_is_used_again_and_one_that_is_not_is_made_again() -> None:
    async with rig() as it, tcp_server() as peer:
        reader, writer = await it.connect()
        writer.write(incoming("OPTIONS", transport="TCP"))
        flow = (await it.inbox.request()).flow
        assert flow is not None
        it.port.send(outgoing(Hop("away.invalid", flow=flow), "INFO", "z9hG4bK1"))
        assert (await stream_request(reader)).method == "INFO"
        writer.close()
        await until(lambda: it.port.connections == 0)
        it.port.send(outgoing(Hop(HERE, peer.port, "TCP", flow), "INFO", "z9hG4bK2"))
        reader, _ = await peer.accepted.get()
        assert (await stream_request(reader)).branch == "z9hG4bK2"


@pytest.mark.conformance("SIP-24")
@scenario
async def test_a_stream_is_cut_into_messages_wherever_its_segments_end() -> None:
    async with rig() as it:
        reader, writer = await it.connect()
        first = incoming("OPTIONS", "z9hG4bK1", transport="TCP")
        second = incoming("INFO", "z9hG4bK2", transport="TCP", body=b"Signal=5\r\n")
        writer.write(first + second)
        assert [(await it.inbox.request()).method for _ in range(2)] == ["OPTIONS", "INFO"]
        third = incoming("INFO", "z9hG4bK3", transport="TCP", call_id="other", body=b"Signal=6\r\n")
        step = len(third) // 10
        (connection,) = it.port._sockets._links._by_flow.values()
        assert isinstance(connection, Connection)
        for start in range(0, len(third), step):
            part = third[start : start + step]
            before = connection._framer.waiting
            writer.write(part)
            await until(lambda had=before: connection._framer.waiting != had)  # type: ignore[misc]
        request = await it.inbox.request()
        assert (request.branch, request.body) == ("z9hG4bK3", b"Signal=6\r\n")
        it.port.send(respond(request, 200, tag="mine"))
        assert (await stream_response(reader)).branch == "z9hG4bK3"
        writer.write(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"\r\n"


@pytest.mark.conformance("SIP-25")
@scenario
async def test_a_stream_without_content_length_is_closed() -> None:
    async with rig() as it:
        reader, writer = await it.connect()
        writer.write(incoming("OPTIONS", transport="TCP").replace(b"Content-Length: 0\r\n", b""))
        await end_of(reader)
        assert it.counts.of["malformed", "TCP"] == 1
        assert it.inbox.empty
        await until(lambda: it.port.connections == 0)


@scenario
async def test_a_stream_that_announces_too_much_is_closed() -> None:
    async with rig(max_message=1000) as it:
        reader, writer = await it.connect()
        writer.write(incoming("INFO", transport="TCP").replace(b"Length: 0", b"Length: 1001"))
        await end_of(reader)
        reader, writer = await it.connect()
        writer.write(b"INFO sip:x SIP/2.0\r\nSubject: " + b"x" * 70_000)
        await end_of(reader)
        await until(lambda: it.port.connections == 0)


@scenario
async def test_a_malformed_message_on_a_stream_is_answered_and_the_stream_goes_on() -> None:
    async with rig() as it:
        reader, writer = await it.connect()
        writer.write(incoming("OPTIONS", transport="TCP").replace(b"Forwards: 70", b"Forwards: x"))
        assert (await stream_response(reader)).status == 400
        writer.write(incoming("OPTIONS", "z9hG4bK2", transport="TCP"))
        assert (await it.inbox.request()).branch == "z9hG4bK2"


@scenario
async def test_a_connection_reset_in_the_middle_of_a_message_leaves_nothing() -> None:
    async with rig() as it:
        _, writer = await it.connect()
        writer.write(incoming("INVITE", transport="TCP", body=b"v=0\r\n")[:-3])
        await until(lambda: it.port.connections == 1)
        (connection,) = it.port._sockets._links._by_flow.values()
        assert isinstance(connection, Connection)
        await until(lambda: connection._framer.waiting > 0)
        made = writer.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await until(lambda: it.port.connections == 0)
        assert it.port.transactions == 0
        assert [entry["event"] for entry in it.logs if entry["log_level"] == "warning"] == ["sip_connection_lost"]


@scenario
async def test_half_a_message_and_silence_is_cut_off_and_an_idle_connection_closed() -> None:
    async with rig(idle_seconds=600.0) as it:
        slow_reader, slow = await it.connect()
        slow.write(incoming("OPTIONS", transport="TCP")[:40])
        idle_reader, _ = await it.connect()
        await until(lambda: it.port.connections == 2)
        await until(lambda: any(found.began_at for found in it.port._sockets._links._by_flow.values()))
        it.clock.ahead = 31.0
        it.port._sockets._links._close_idle()
        assert it.port.connections == 2
        it.clock.ahead = 33.0
        it.port._sockets._links._close_idle()
        await end_of(slow_reader)
        await until(lambda: it.port.connections == 1)
        it.clock.ahead = 601.0
        it.port._sockets._links._close_idle()
        await end_of(idle_reader)
        await until(lambda: it.port.connections == 0)


@scenario
async def test_a_connection_with_a_live_transaction_is_not_idle() -> None:
    async with rig(idle_seconds=10.0) as it:
        reader, writer = await it.connect()
        writer.write(incoming(transport="TCP"))
        await it.inbox.request()
        it.clock.ahead = 20.0
        it.port._sockets._links._close_idle()
        assert (await stream_response(reader)).status == 100
        assert it.port._sockets.is_open(next(iter(it.port._sockets._links._by_flow)))
        writer.write(incoming("CANCEL", transport="TCP"))
        assert [(await stream_response(reader)).status for _ in range(2)] == [200, 487]
        writer.write(incoming("ACK", transport="TCP", to_tag=";tag=x"))
        await until(lambda: it.port.transactions == 0)


@scenario
async def test_a_response_finds_its_client_again_after_the_connection_broke() -> None:
    async with rig() as it, tcp_server() as peer:
        _, writer = await it.connect()
        writer.write(incoming("INFO", transport="TCP", sent_by=f"{HERE}:{peer.port}"))
        request = await it.inbox.request()
        writer.close()
        await until(lambda: it.port.connections == 0)
        it.port.send(respond(request, 200, tag="mine"))
        reader, _ = await peer.accepted.get()
        assert (await stream_response(reader)).status == 200


@scenario
async def test_connections_beyond_the_limit_are_turned_away() -> None:
    async with rig(max_connections=2) as it:
        for _ in range(2):
            await it.connect()
        await until(lambda: it.port.connections == 2)
        reader, _ = await it.connect()
        await end_of(reader)
        assert it.counts.of["refused", "connections"] == 1
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, 9, "TCP")), owner)
        assert (await owner.failure()).text == f"{HERE}:9: too many connections"


@pytest.mark.conformance("ROB-06")
@scenario
async def test_a_crowd_from_one_place_makes_room_for_others() -> None:
    async with rig(max_connections=links.CROWD + 2) as it:
        _, busy = await it.connect()
        busy.write(incoming(transport="TCP"))
        invite = await it.inbox.request()
        first, _ = await it.connect()
        for _ in range(links.CROWD):
            await it.connect()
        await until(lambda: it.port.connections == links.CROWD + 2)
        same, _ = await it.connect()
        await end_of(same)
        reader, writer = await asyncio.open_connection(HERE, it.listening("TCP"), local_addr=(loopback.address(), 0))
        it.peers.append(writer)
        await end_of(first)
        writer.write(incoming("OPTIONS", transport="TCP"))
        await it.inbox.request()
        assert it.counts.of["refused", "connections"] == 1
        async with tcp_server() as peer:
            it.port.send(outgoing(Hop(HERE, peer.port, "TCP")))
            ours, _ = await peer.accepted.get()
            await stream_request(ours)
            assert it.port.connections == links.CROWD + 2
        assert not reader.at_eof()
        it.port.send(respond(invite, 486, tag="t"))
        await until(lambda: any(flow == invite.flow for flow in it.port._sockets._links._by_flow))


def test_a_place_of_ipv6_is_a_network() -> None:
    assert source("2001:db8::1") == source("2001:db8::ffff:1%eth0") != source("2001:db8:1::1")


def test_all_connections_together_cannot_hold_much_of_our_memory() -> None:
    settings = SipPortSettings(listeners=())
    assert settings.max_connections * (MAX_HEAD + settings.max_message) < 256 * 1024 * 1024
    assert settings.max_connections * MAX_UNSENT <= 256 * 1024 * 1024


@scenario
async def test_a_peer_that_reads_nothing_is_cut_off() -> None:
    async with rig() as it:
        _, writer = await it.connect()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await until(lambda: it.port.connections == 1)
        (flow,) = it.port._sockets._links._by_flow
        for _ in range(200):
            it.port._sockets.send(b"x" * 65536, flow)
        await until(lambda: it.port.connections == 0)


@scenario
async def test_a_port_that_stops_cuts_off_who_does_not_read_and_gives_up_connecting() -> None:
    async with rig() as it:
        _, writer = await it.connect()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await until(lambda: it.port.connections == 1)
        ((flow, connection),) = it.port._sockets._links._by_flow.items()
        while not connection._transport.get_write_buffer_size():  # type: ignore[attr-defined]
            it.port._sockets.send(b"x" * 65536, flow)
        owner = Inbox()
        with taken_port() as port:
            it.port.send(outgoing(Hop(HERE, port, "TCP")), owner)
            await it.port.stop()
        assert (await owner.failure()).text == "stopped"


@scenario
async def test_what_nothing_leads_to_fails() -> None:
    async with rig((Listener("TCP", HERE, 0),)) as it:
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, 5060)), owner)
        assert (await owner.failure()).text == f"{HERE}: no UDP listener of that IP version"
        lost = asyncio.Event()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(it.port._sockets._user, "lost", lambda flow, text: lost.set())
            it.port._sockets.send(b"x", Flow("TCP", HERE, 1, "c99"))
            await lost.wait()
            lost.clear()
            it.port._sockets.send(b"x", Flow("UDP", HERE, 1, "gone"))
            await lost.wait()
        refused: list[str | None] = []
        it.port._sockets.open(Flow("TCP", HERE, 1, "c99"), refused.append)
        assert refused == ["connection closed"]


@scenario
async def test_a_connection_of_ours_is_asked_whether_it_lives_and_closed_when_it_does_not() -> None:
    async with rig(keepalive_seconds=100.0) as it, tcp_server() as peer:
        owner = Inbox()
        it.port.send(outgoing(Hop(HERE, peer.port, "TCP"), "OPTIONS", "z9hG4bK1"), owner)
        reader, writer = await peer.accepted.get()
        await stream_request(reader)
        (connection,) = it.port._sockets._links._by_flow.values()
        assert isinstance(connection, Connection)
        it.clock.ahead += 101
        it.port._sockets._links._close_idle()
        assert await reader.readexactly(4) == b"\r\n\r\n"
        before = connection.heard_at
        writer.write(b"\r\n")
        await until(lambda: connection.heard_at > before)
        it.clock.ahead += 101
        it.port._sockets._links._close_idle()
        assert await reader.readexactly(4) == b"\r\n\r\n"
        it.clock.ahead += 11
        it.port._sockets._links._close_idle()
        assert "no answer to a keep-alive in 10 s" in (await owner.failure()).text
        assert it.port.connections == 0


@scenario
async def test_a_peer_that_answers_no_keep_alive_is_left_alone() -> None:
    async with rig(keepalive_seconds=100.0) as it, tcp_server() as peer:
        it.port.send(outgoing(Hop(HERE, peer.port, "TCP"), "OPTIONS", "z9hG4bK1"), Inbox())
        reader, writer = await peer.accepted.get()
        writer.write(answer(await stream_request(reader), 200))
        for _ in range(3):
            it.clock.ahead += 101
            it.port._sockets._links._close_idle()
            assert await reader.readexactly(4) == b"\r\n\r\n"
        it.clock.ahead += 50
        it.port._sockets._links._close_idle()
        assert it.port.connections == 1
        _, writer = await it.connect()  # who connects to us asks us, if anybody
        await until(lambda: it.port.connections == 2)
        it.clock.ahead += 101
        it.port._sockets._links._close_idle()
        assert await reader.readexactly(4) == b"\r\n\r\n"
        writer.write(incoming("OPTIONS", transport="TCP"))
        await it.inbox.request()
