"""Media sockets are read in turn, whatever one of them or its owner does, and whatever the loop watches meanwhile."""

import asyncio
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from gateway.media.embedded.socket import Arrivals
from tests.peers.program import until

HOST = "127.0.0.1"
MANY = 8


class Two:
    """Two sockets, and what was read from them."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets
        self.arrivals = Arrivals()
        self.got: list[int] = []

    def reader(self, index: int, then: Callable[[], object] = lambda: None) -> Callable[[], None]:
        """Reads one datagram from a socket."""

        def readable() -> None:
            self.sockets[index].recv(16)
            self.got.append(index)
            then()

        return readable

    def watch(self, *, first: Callable[[], object] = lambda: None, second: Callable[[], object] = lambda: None) -> None:
        """Read both, and do something each time."""
        for index, then in enumerate((first, second)):
            self.arrivals.add(self.sockets[index], self.reader(index, then))

    async def read(self, count: int) -> None:
        """Wait until so many datagrams were read."""
        await until(lambda: len(self.got) >= count, f"{count} datagrams read")
        assert len(self.got) == count

    def stop(self) -> None:
        """Read neither."""
        for one in self.sockets:
            self.arrivals.remove(one)

    def send(self, *counts: int) -> None:
        """Send each socket so many datagrams; they are there before this returns."""
        for one, count in zip(self.sockets, counts, strict=True):
            for _ in range(count):
                one.sendto(b"datagram", one.getsockname())
            if count:
                assert select.select([one], [], [], 20)[0]


@contextmanager
def two() -> Iterator[Two]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for one in sockets:
            one.setblocking(False)
            one.bind((HOST, 0))
        yield Two(sockets)


async def test_a_flood_at_one_port_leaves_the_others_their_turn() -> None:
    with two() as pair:
        pair.watch()
        pair.send(MANY, 1)
        await pair.read(MANY + 1)
        assert pair.got.index(1) <= 1
        pair.stop()


async def test_what_comes_alone_is_read_as_what_comes_in_crowds() -> None:
    with two() as pair:
        pair.watch()
        for counts in ((1, 0), (MANY, MANY), (0, 1), (1, 0), (1, 1), (0, 1)):
            pair.got.clear()
            pair.send(*counts)
            await pair.read(sum(counts))
        pair.stop()


async def test_a_fault_at_one_port_is_told_and_is_not_the_others() -> None:
    told: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))

    def fail() -> None:
        raise ValueError("this datagram")

    with two() as pair:
        pair.watch(first=fail)
        pair.send(2, 1)
        await pair.read(3)
        assert [str(error) for error in told] == ["this datagram"] * 2
        pair.stop()


async def test_a_socket_that_another_ones_datagram_has_closed_is_not_read() -> None:
    with two() as pair:
        pair.watch(
            first=lambda: pair.arrivals.remove(pair.sockets[1]), second=lambda: pair.arrivals.remove(pair.sockets[0])
        )
        pair.send(1, 1)
        await pair.read(1)
        pair.stop()


async def test_when_all_are_closed_nothing_is_left_and_others_may_come() -> None:
    with two() as pair:
        for counts in ((1, 0), (MANY, MANY)):  # watched by the loop, and looked at by the clock
            pair.watch()
            pair.got.clear()
            pair.send(*counts)
            await pair.read(sum(counts))
            pair.stop()
            assert pair.arrivals.idle
        pair.watch(first=pair.stop)
        pair.send(MANY, MANY)
        await until(lambda: pair.arrivals.idle, "all closed")
