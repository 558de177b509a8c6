"""A stretch of network between two ends that holds packets back, repeats them and loses them, as it was told to.

This kernel need have no netem for it, and every run has the same weather.
"""

from collections.abc import Mapping, Set
from dataclasses import replace

from mappings.description import Description, Ice, RawUdp
from tests.media.rig import Address, Ear


class Weather:
    """It, for the RTP packets that come from the near end; all else passes as it comes."""

    def __init__(
        self,
        near: Ear,
        far: Ear,
        *,
        held: Mapping[int, int] | None = None,
        twice: Set[int] = frozenset(),
        lost: Set[int] = frozenset(),
    ) -> None:
        """``near`` and ``far`` are its sockets for the two ends, at which each of them finds the other one.

        By sequence number: after how many others a ``held`` packet passes, and which ones pass twice or never.
        """
        self.passed: list[int] = []
        "The sequence numbers of the packets of the near end, in the order in which the far end gets them."

        self.seen = 0
        "How many of them came here."

        self._near, self._far = near, far
        self._held = dict(held or {})
        self._twice, self._lost = twice, lost
        self._waiting: list[tuple[int, bytes]] = []
        "What is held, and after how many packets it is due."

        self._ends: dict[Ear, Address] = {}
        "Where each socket's end is."

        near.datagram_received = self._outward  # type: ignore[method-assign, assignment]
        far.datagram_received = self._inward  # type: ignore[method-assign, assignment]

    def of_near(self, said: Description) -> Description:
        """What the near end says of itself, as the far end is to have it."""
        return self._moved(said, self._near, self._far)

    def of_far(self, said: Description) -> Description:
        """What the far end says of itself, as the near end is to have it."""
        return self._moved(said, self._far, self._near)

    def _moved(self, said: Description, ear: Ear, shown: Ear) -> Description:
        (media,) = said.media
        host, port = shown.address
        transport: Ice | RawUdp
        if isinstance(media.transport, Ice):
            first, *_ = media.transport.candidates
            self._ends[ear] = (first.ip, first.port)
            transport = replace(media.transport, candidates=(replace(first, ip=host, port=port),))
        else:
            raw, *_ = media.transport.candidates
            self._ends[ear] = (raw.ip, raw.port)
            transport = replace(media.transport, candidates=(replace(raw, ip=host, port=port),))
        return replace(said, media=(replace(media, transport=transport),))

    def _outward(self, data: bytes, address: Address) -> None:
        if data[0] >> 6 != 2 or 192 <= data[1] <= 223:
            self._far.send(data, self._ends[self._far])
            return
        sequence = int.from_bytes(data[2:4], "big")
        self.seen += 1
        if sequence in self._lost:
            return
        if (after := self._held.get(sequence)) is not None:
            self._waiting.append((len(self.passed) + after, data))
            return
        for _ in range(2 if sequence in self._twice else 1):
            self._pass(data)
        while self._waiting and min(self._waiting)[0] <= len(self.passed):
            due = min(self._waiting)
            self._waiting.remove(due)
            self._pass(due[1])

    def _pass(self, data: bytes) -> None:
        self.passed.append(int.from_bytes(data[2:4], "big"))
        self._far.send(data, self._ends[self._far])

    def _inward(self, data: bytes, address: Address) -> None:
        self._near.send(data, self._ends[self._near])
