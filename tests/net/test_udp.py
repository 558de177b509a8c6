"""One UDP socket."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.net import udp
from gateway.net.udp import UdpSocket
from gateway.sip.flow import Flow
from tests.net.rig import HERE, scenario, until


class Heard:
    """What a socket tells."""

    def __init__(self) -> None:
        self.datagrams: list[tuple[bytes, Flow]] = []
        self.failures: list[tuple[Flow, str]] = []

    def received(self, data: bytes, flow: Flow) -> None:
        self.datagrams.append((data, flow))

    def failed(self, flow: Flow, text: str) -> None:
        self.failures.append((flow, text))


@contextmanager
def opened(heard: Heard) -> Iterator[tuple[UdpSocket, int]]:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind((HERE, 0))
    port = bound.getsockname()[1]
    made = UdpSocket(bound, "a", max_datagram=1000, received=heard.received, failed=heard.failed)
    try:
        yield made, port
    finally:
        made.close()


class Sending:
    """A socket whose sendto fails as told, and then works."""

    def __init__(self, *errors: OSError) -> None:
        self.errors = list(errors)
        self.sent = 0

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.sent += 1

    def recvmsg(self, *_: int) -> None:
        raise BlockingIOError


@scenario
async def test_more_datagrams_than_a_batch_are_all_read() -> None:
    heard = Heard()
    with opened(heard) as (_, port), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for number in range(200):
            peer.sendto(str(number).encode(), (HERE, port))
        await until(lambda: len(heard.datagrams) == 200)
        assert [data for data, _ in heard.datagrams] == [str(number).encode() for number in range(200)]
        assert heard.datagrams[0][1] is heard.datagrams[199][1]


@scenario
async def test_of_a_datagram_that_is_too_long_one_octet_more_is_read() -> None:
    heard = Heard()
    with opened(heard) as (_, port), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"x" * 5000, (HERE, port))
        peer.sendto(b"", (HERE, port))
        await until(lambda: len(heard.datagrams) == 2)
        assert [len(data) for data, _ in heard.datagrams] == [1001, 0]


@scenario
async def test_what_is_too_long_to_send_has_failed() -> None:
    heard = Heard()
    with opened(heard) as (made, _):
        flow = made.flow(HERE, 9)
        made.send(b"x" * 70_000, flow)
        assert heard.failures == []
        await until(lambda: bool(heard.failures))
        assert heard.failures == [(flow, "Message too long")]


@pytest.mark.parametrize(
    ("errors", "sent", "dropped", "failures"),
    [
        ([BlockingIOError()], 0, 1, 0),
        ([OSError(errno.ECONNREFUSED, "refused")], 1, 0, 0),
        ([OSError(errno.ECONNREFUSED, "refused"), BlockingIOError()], 0, 1, 0),
        ([OSError(errno.ENETUNREACH, "unreachable")] * 2, 0, 0, 1),
        ([OSError(errno.EPERM, "not permitted")], 0, 0, 1),
    ],
)
def test_an_error_that_may_be_of_an_earlier_datagram_is_asked_for_once_more(
    errors: list[OSError], sent: int, dropped: int, failures: int
) -> None:
    @scenario
    async def run() -> None:
        heard = Heard()
        with opened(heard) as (made, _), pytest.MonkeyPatch.context() as patch:
            broken = Sending(*errors)
            patch.setattr(made, "_socket", broken)
            made.send(b"x", made.flow(HERE, 9))
            patch.undo()
            await asyncio.sleep(0)
            assert (broken.sent, made.dropped, len(heard.failures)) == (sent, dropped, failures)

    run()


@scenario
async def test_peers_are_remembered_within_bounds() -> None:
    with opened(Heard()) as (made, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr(udp, "MAX_FLOWS", 10)
        for port in range(25):
            assert made.flow(HERE, port) == Flow("UDP", HERE, port, "a")
        assert len(made._flows) == 5


@scenario
async def test_a_socket_that_closes_while_it_reads_stops() -> None:
    heard = Heard()
    with opened(heard) as (made, port), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:

        def close(data: bytes, flow: Flow) -> None:
            heard.received(data, flow)
            made.close()

        made._received = close
        peer.sendto(b"1", (HERE, port))
        peer.sendto(b"2", (HERE, port))
        await until(lambda: bool(heard.datagrams))
        assert len(heard.datagrams) == 1
        await asyncio.sleep(0)
