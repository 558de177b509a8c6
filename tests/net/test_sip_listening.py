"""Where the SIP port listens, and what it calls itself."""

import asyncio
import socket

import pytest
from structlog.testing import capture_logs

from gateway.errors import ConfigError, TransportError
from gateway.net.connecting import Acceptor
from gateway.net.sip import Listener, SipPort, SipPortSettings
from gateway.sip.flow import Hop
from gateway.sip.message import respond
from tests.net.rig import BOTH, HERE, Inbox, Phone, answer, incoming, outgoing, rig, scenario, stream_response, until


@scenario
async def test_several_listeners_of_both_ip_versions_answer_where_they_were_asked() -> None:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    listeners = (*BOTH, Listener("UDP", HERE, 0), Listener("UDP", "::1", 0), Listener("TCP", "::1", 0))
    async with rig(listeners) as it:
        assert len({(found.transport, found.host, found.port) for found in it.port.listening}) == 5
        second = [found.port for found in it.port.listening if found.transport == "UDP"][1]
        it.phone.send(incoming("OPTIONS"), second)
        it.port.send(respond(await it.inbox.request(), 200, tag="mine"))
        _, source = await it.phone.heard.get()
        assert source[1] == second

        _, phone6 = await asyncio.get_running_loop().create_datagram_endpoint(Phone, local_addr=("::1", 0))
        it.port.send(outgoing(Hop("::1", phone6.port), "OPTIONS", "z9hG4bK6"))
        request = await phone6.gets_request("OPTIONS")
        port6 = next(found.port for found in it.port.listening if found.host == "::1")
        assert request.via.hostport == f"[::1]:{port6}"
        assert phone6.transport is not None
        phone6.transport.sendto(answer(request, 200), ("::1", port6))
        await until(lambda: it.counts.of["in", "OPTIONS", 200] == 1)
        phone6.close()
        reader, writer = await asyncio.open_connection("::1", it.port.listening[4].port)
        it.peers.append(writer)
        writer.write(incoming("OPTIONS", "z9hG4bKtcp6", transport="TCP", call_id="other"))
        it.port.send(respond(await it.inbox.request(), 200, tag="mine"))
        assert (await stream_response(reader)).via.params.get("received") == "::1"


@scenario
async def test_a_port_that_is_taken_is_said_and_nothing_stays_open() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((HERE, 0))
        taken = bound.getsockname()[1]
        port = SipPort(SipPortSettings(listeners=(*BOTH, Listener("UDP", HERE, taken))), on_request=Inbox().put)
        with pytest.raises(TransportError, match=f"UDP {HERE}:{taken}: cannot listen, Address already in use"):
            await port.start()
        assert port.listening == ()


@scenario
async def test_a_transport_that_we_do_not_have_is_the_operators_mistake() -> None:
    port = SipPort(SipPortSettings(listeners=(Listener("TLS", HERE, 0),)), on_request=Inbox().put)
    with pytest.raises(ConfigError):
        await port.start()


@scenario
async def test_it_knows_what_to_call_itself() -> None:
    async with rig() as it:
        assert it.port.sent_by() == f"{HERE}:{it.udp}"
        assert it.port.contact("UDP") == f"{HERE}:{it.udp}"
        assert it.port.contact("TCP") == f"{HERE}:{it.listening('TCP')};transport=tcp"
    async with rig((Listener("UDP", "0.0.0.0", 0),)) as it:
        assert it.port.sent_by("UDP", HERE) == f"{HERE}:{it.udp}"
        assert it.port.sent_by("TCP", HERE) == f"{HERE}:{it.udp}"
        it.port.send(outgoing(it.phone.hop, "OPTIONS"))
        assert (await it.phone.gets_request("OPTIONS")).via.hostport == f"{HERE}:{it.udp}"
    async with rig(advertised_host="192.0.2.80", advertised_port=5099) as it:
        assert it.port.contact() == "192.0.2.80:5099"
        it.port.send(outgoing(it.phone.hop, "OPTIONS"))
        assert (await it.phone.gets_request("OPTIONS")).via.hostport == "192.0.2.80:5099"


@scenario
async def test_an_error_of_ours_in_taking_a_connection_costs_that_one_alone() -> None:
    taken: list[socket.socket] = []

    def take(made: socket.socket, host: str, port: int) -> None:
        if not failures:
            failures.append(host)
            raise ValueError
        taken.append(made)

    failures: list[str] = []
    bound = socket.create_server((HERE, 0))
    bound.setblocking(False)
    with capture_logs() as logs:
        acceptor = Acceptor(bound, take)
        first, second = (socket.create_connection(bound.getsockname()) for _ in range(2))
        await until(lambda: bool(taken))
        await acceptor.close()
    assert [line["event"] for line in logs] == ["sip_connection_failed"]
    assert first.recv(1) == b""
    for made in (first, second, *taken):
        made.close()
