"""A wire that loses, repeats or reorders datagrams, between the gateway and a SIP program.

It sits at the trunk's address and stands for the program, which has another one: what it sends is made to say so.
"""

import asyncio
from typing import Literal

Fault = Literal["loses", "repeats", "swaps"]
"Of each datagram the first copy is lost; each comes three times; each waits for the one after it."

HOLD_SECONDS = 0.06
"How long a datagram waits for another one to overtake it."

Address = tuple[str, int]


class Relay(asyncio.DatagramProtocol):
    """One of these, between `gateway` and `inner`."""

    def __init__(self, fault: Fault, outer: Address, gateway: Address, inner: Address) -> None:
        self.fault = fault
        self.outer = outer
        self.gateway = gateway
        self.inner = inner
        self.lost = 0
        self._seen: set[tuple[bytes, Address]] = set()
        self._held: dict[Address, bytes | None] = {gateway: None, inner: None}
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> "Relay":
        """Listen."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self.outer)
        return self

    def close(self) -> None:
        """Stop."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Pass it on, after a fashion."""
        target = self.inner if addr == self.gateway else self.gateway
        if target == self.gateway:
            head, end, body = data.partition(b"\r\n\r\n")
            head = head.replace(_written(self.outer), _written(self.gateway))
            data = head.replace(_written(self.inner), _written(self.outer)) + end + body
        match self.fault:
            case "loses":
                if (data, target) not in self._seen:
                    self._seen.add((data, target))
                    self.lost += 1
                else:
                    self._send(data, target)
            case "repeats":
                for _ in range(3):
                    self._send(data, target)
            case "swaps":
                held, self._held[target] = self._held[target], None
                if held is None:
                    self._held[target] = data
                    asyncio.get_running_loop().call_later(HOLD_SECONDS, self._release, data, target)
                else:
                    self._send(data, target)
                    self._send(held, target)

    def _release(self, data: bytes, target: Address) -> None:
        if self._held[target] is data:
            self._held[target] = None
            self._send(data, target)

    def _send(self, data: bytes, target: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, target)


def _written(address: Address) -> bytes:
    return f"{address[0]}:{address[1]}".encode()
