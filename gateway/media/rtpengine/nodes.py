"""Which node takes the next call: by weight, among those that answer and have room.  Pure; ``now`` is monotonic."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

MOST_MISSES = 2
"Requests in a row that a node may leave unanswered; then it is given no calls until it answers again."

FULL_SECONDS = 5.0
"How long a node that has said that it is full is not asked."


@dataclass(frozen=True, slots=True)
class Node:
    """One rtpengine, where it listens for ng."""

    host: str
    port: int
    weight: int = 1
    "Its share of the calls; 0: it is drained, finishes its calls and is given no more."

    def __str__(self) -> str:
        """As configuration and log name it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(slots=True)
class _Standing:
    misses: int = 0
    full_until: float = 0.0


class Pool:
    """The nodes, and how each stands.  A call stays with the node that it was given; that is the caller's to keep."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = tuple(nodes)
        self._standing = {node: _Standing() for node in self.nodes}

    def answered(self, node: Node) -> None:
        """It answered something, and is given calls again."""
        self._standing[node].misses = 0

    def missed(self, node: Node) -> None:
        """A request to it was left unanswered."""
        self._standing[node].misses += 1

    def full(self, node: Node, now: float) -> None:
        """It has as many calls as it takes."""
        self._standing[node].full_until = now + FULL_SECONDS

    def answers(self, node: Node) -> bool:
        """Whether it is believed to be there."""
        return self._standing[node].misses < MOST_MISSES

    def ready(self, now: float) -> tuple[Node, ...]:
        """The nodes that may be given a call."""
        return tuple(
            node for node in self.nodes if node.weight and self.answers(node) and self._standing[node].full_until <= now
        )

    def choose(self, now: float, draw: float, tried: Collection[Node] = ()) -> Node | None:
        """One of them that was not tried, ``draw`` (0 ≤ draw < 1) decides which; None: there is none."""
        left = [node for node in self.ready(now) if node not in tried]
        mark = draw * sum(node.weight for node in left)
        for node in left:
            mark -= node.weight
            if mark < 0:
                return node
        return left[-1] if left else None
