"""The books of live transactions: found by key, by the flow they depend on, and by what is due next."""

import heapq
from math import inf

from gateway.sip.flow import Flow
from gateway.sip.matching import Key
from gateway.sip.message import SipRequest
from gateway.sip.transaction import Machine, State


class Transaction:
    """One live transaction: which machine it is, where that stands, and what it may have to send."""

    __slots__ = (
        "data", "end_at", "flow", "interval", "key", "machine", "merge", "method", "queued_at", "repeat_at", "request",
        "state", "status", "tag",
    )  # fmt: skip

    def __init__(self, key: Key, machine: Machine, method: str, flow: Flow) -> None:
        self.key = key
        self.machine = machine
        self.method = method
        self.flow = flow
        "Where the request went, or where the responses go."

        self.state: State = machine.start
        self.request: SipRequest | None = None
        "As long as something may have to be made of it: a response, a CANCEL, an ACK."

        self.data = b""
        "What was sent last, as long as it may have to be sent again."

        self.status: int | None = None
        "Of the response in `data`."

        self.tag: str | None = None
        "The To tag of an INVITE's responses, once it is known."

        self.merge: Key | None = None
        "What a merged request has in common with this."

        self.interval = 0.0
        self.repeat_at = inf
        self.end_at = inf
        self.queued_at = inf
        "The time of the one heap entry that counts."


class Ledger:
    """All live transactions.  Times are on the clock of the caller, in seconds."""

    def __init__(self) -> None:
        self.live: dict[Key, Transaction] = {}
        self.merges: set[Key] = set()
        self.servers = 0
        "How many of them are server transactions."

        self._flows: dict[Flow, set[Transaction]] = {}
        self._heap: list[tuple[float, int, Transaction]] = []
        self._serial = 0

    @property
    def deadline(self) -> float | None:
        """When the next is due, or None."""
        heap = self._heap
        while heap and heap[0][2].queued_at != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def add(self, transaction: Transaction) -> None:
        """Take a new one in."""
        self.live[transaction.key] = transaction
        if not transaction.machine.client:
            self.servers += 1
            if transaction.merge is not None:
                self.merges.add(transaction.merge)
        if transaction.machine.client or transaction.flow.reliable:
            self._flows.setdefault(transaction.flow, set()).add(transaction)

    def remove(self, transaction: Transaction) -> None:
        """Let one go, with all that it held: its heap entry may stay for a while."""
        del self.live[transaction.key]
        if not transaction.machine.client:
            self.servers -= 1
            if transaction.merge is not None:
                self.merges.discard(transaction.merge)
        self._leave(transaction)
        transaction.queued_at = inf
        transaction.request = None
        transaction.data = b""
        if not self.live:
            self._heap.clear()
        elif len(self._heap) > 2 * len(self.live) + 64:
            self._heap[:] = [entry for entry in self._heap if entry[2].queued_at == entry[0]]
            heapq.heapify(self._heap)

    def arm(self, transaction: Transaction) -> None:
        """See that the heap wakes us in time.  An entry that is too early is cheaper left than taken out."""
        wake = min(transaction.repeat_at, transaction.end_at)
        if wake < transaction.queued_at:
            transaction.queued_at = wake
            self._serial += 1
            heapq.heappush(self._heap, (wake, self._serial, transaction))

    def due(self, now: float) -> Transaction | None:
        """The next whose time may have come, to be armed again."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, transaction = heapq.heappop(heap)
            if transaction.queued_at == at:
                transaction.queued_at = inf
                return transaction
        return None

    def over(self, flow: Flow) -> tuple[Transaction, ...]:
        """Those that a broken flow concerns: all clients', and servers' over connections."""
        return tuple(self._flows.get(flow, ()))

    def move(self, transaction: Transaction, flow: Flow) -> None:
        """Take a server transaction away from a connection that is gone."""
        self._leave(transaction)
        transaction.flow = flow
        self._flows.setdefault(flow, set()).add(transaction)

    def clear(self) -> None:
        """Let all go."""
        self.live.clear()
        self.merges.clear()
        self.servers = 0
        self._flows.clear()
        self._heap.clear()

    def _leave(self, transaction: Transaction) -> None:
        users = self._flows.get(transaction.flow)
        if users is not None:
            users.discard(transaction)
            if not users:
                del self._flows[transaction.flow]
