"""Connections that peers have opened and let us use for requests to them too (RFC 5923).

A peer says so by `alias` in its Via, and proves by its certificate which domains it speaks for: requests for those, to
the address it came from and the port that its Via names, take its connection instead of a new one.
"""

from gateway.net.stream import Connection
from gateway.sip.certificate import domains
from gateway.sip.flow import Flow

MOST_FLOWS = 64
"For which one connection stands: every port that its peer names makes one for each domain of its certificate."


class Aliases:
    """Which connection there is by the flow that it stands for."""

    def __init__(self) -> None:
        self._connections: dict[Flow, Connection] = {}
        self._flows: dict[int, set[Flow]] = {}
        "By identity of the connection."

    def add(self, connection: Connection, port: int) -> None:
        """A peer lets its connection be used; of one that has proved nothing it changes nothing."""
        flows = self._flows.setdefault(id(connection), set())
        for domain in domains(connection.shown or {}):
            flow = Flow(connection.flow.transport, connection.flow.host, port, domain=domain)
            if len(flows) < MOST_FLOWS and self._connections.get(flow) is not connection:
                self._connections[flow] = connection
                flows.add(flow)

    def get(self, flow: Flow) -> Connection | None:
        """The connection that stands for a flow."""
        return self._connections.get(flow)

    def forget(self, connection: object) -> list[Flow]:
        """A connection is gone; the flows for which it stood."""
        gone = [flow for flow in self._flows.pop(id(connection), ()) if self._connections.get(flow) is connection]
        for flow in gone:
            del self._connections[flow]
        return gone
