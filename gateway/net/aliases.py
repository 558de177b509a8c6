"""Connections that peers have opened and let us use for requests to them too (RFC 5923).

A peer says so by `alias` in its Via, and proves by its certificate which domains it speaks for: requests for those, to
the address it came from and the port that its Via names, take its connection instead of a new one.
"""

from gateway.net.stream import Connection
from gateway.sip.certificate import domains
from gateway.sip.flow import Flow


class Aliases:
    """Which connection there is by the flow that it stands for."""

    def __init__(self) -> None:
        self._connections: dict[Flow, Connection] = {}

    def add(self, connection: Connection, port: int) -> None:
        """A peer lets its connection be used; of one that has proved nothing it changes nothing."""
        for domain in domains(connection.shown or {}):
            self._connections[Flow(connection.flow.transport, connection.flow.host, port, domain=domain)] = connection

    def get(self, flow: Flow) -> Connection | None:
        """The connection that stands for a flow."""
        return self._connections.get(flow)

    def forget(self, connection: object) -> list[Flow]:
        """A connection is gone; the flows for which it stood."""
        gone = [flow for flow, known in self._connections.items() if known is connection]
        for flow in gone:
            del self._connections[flow]
        return gone
