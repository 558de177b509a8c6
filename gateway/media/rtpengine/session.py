"""One call at one node: its name there, and the commands of its life."""

import secrets
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Protocol

from gateway.errors import AnchorError
from gateway.media.rtpengine.bencode import Value
from gateway.media.rtpengine.inquiry import TAGS
from gateway.media.rtpengine.ng import NgClient, NgRefusedError, NgSilentError, Reply
from gateway.media.rtpengine.nodes import Node, Pool
from gateway.signals import Side
from mappings.reasons import EndReason


class Nodes(Protocol):
    """The nodes that there are."""

    pool: Pool

    def client(self, node: Node) -> NgClient:
        """A node's client."""
        ...


class NodeSession:
    """A call's dealings with rtpengine.

    The first offer finds the node: one that does not answer, or is full, is left for the next, under another name,
    since what became of the offer there is not known.  From then on the call belongs to that node.
    """

    def __init__(self, nodes: Nodes, call: str, draw: Callable[[], float]) -> None:
        self._nodes = nodes
        self._call = call
        self._draw = draw
        self._node: Node | None = None
        self._name = ""
        self._there = False
        "The node knows the call."

    def __str__(self) -> str:
        """The call's node, for texts."""
        return f"rtpengine: node {self._node}"

    async def offer(self, side: Side, sdp: str, flags: Mapping[str, Value]) -> str:
        """A side's offer; the SDP for the other side.  AnchorError."""
        # With its tag from the start: else the ports that it is offered would belong to nobody until its answer.
        tags = {"from-tag": TAGS[side], "to-tag": TAGS[side.other]}
        fields: dict[str, Value] = {**flags, **tags, "sdp": sdp, "supports": ["load limit"]}
        return _sdp(await (self._first(fields) if self._node is None else self._asked("offer", fields)))

    async def answer(self, side: Side, sdp: str, flags: Mapping[str, Value]) -> str:
        """A side's answer to the other's offer; the SDP for the other side.  AnchorError."""
        fields = {**flags, "sdp": sdp, "from-tag": TAGS[side.other], "to-tag": TAGS[side]}
        return _sdp(await self._asked("answer", fields))

    async def play(self, side: Side, digit: str, duration: int) -> bool:
        """Let a side hear a digit, as if the other one had pressed it.  False: that cannot be."""
        fields: dict[str, Value] = {"from-tag": TAGS[side.other], "code": digit, "duration": duration}
        try:
            await self._request("play DTMF", fields)
        except (NgSilentError, NgRefusedError):
            return False
        return True

    async def query(self) -> Reply | None:
        """How the call is; None where there is none yet.  NgSilentError, NgRefusedError: it is gone."""
        return await self._request("query", {}, tries=2) if self._there else None

    async def delete(self) -> None:
        """Give back its ports now; what the node does not hear it forgets by itself, after its own time-out."""
        if self._node is None:
            return
        try:
            await self._request("delete", {"delete-delay": 0}, tries=2)
        except (NgSilentError, NgRefusedError):
            return

    async def _first(self, fields: Mapping[str, Value]) -> Reply:
        pool, tried, why = self._nodes.pool, set[Node](), "no node answers, or all are full"
        while (node := pool.choose(monotonic(), self._draw(), tried)) is not None:
            tried.add(node)
            self._node, self._name = node, f"{self._call}-{secrets.token_hex(4)}"
            try:
                reply = await self._request("offer", fields)
            except NgSilentError:
                why = f"node {node}: no answer"
            except NgRefusedError as error:
                why = f"node {node}: {error}"
            else:
                if reply.get("result") != "load limit":
                    self._there = True
                    return reply
                pool.full(node, monotonic())
                why = f"node {node}: full"
        self._node = None
        raise AnchorError(f"rtpengine: {why}", EndReason.GENERAL_ERROR, 503)

    async def _asked(self, command: str, fields: Mapping[str, Value]) -> Reply:
        try:
            return await self._request(command, fields)
        except (NgSilentError, NgRefusedError) as error:
            text = f"{self}: {command}: {error}"
            raise AnchorError(text, EndReason.FAILED_TRANSPORT, 503) from error

    async def _request(self, command: str, fields: Mapping[str, Value], *, tries: int = 0) -> Reply:
        node = self._node
        assert node is not None
        try:
            reply = await self._nodes.client(node).request(command, {**fields, "call-id": self._name}, tries=tries)
        except NgSilentError:
            self._nodes.pool.missed(node)
            raise
        except NgRefusedError:
            self._nodes.pool.answered(node)
            raise
        self._nodes.pool.answered(node)
        return reply


def _sdp(reply: Reply) -> str:
    sdp = reply.get("sdp")
    if not isinstance(sdp, str):
        raise AnchorError("rtpengine: an answer without SDP", EndReason.FAILED_TRANSPORT, 503)
    return sdp
