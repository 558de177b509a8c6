"""What the nodes have given to this gateway's calls, and what no peer may say to be its own (`LegMedia.foreign`)."""

from collections.abc import Mapping

from gateway.media.rtpengine.wording import Transports
from mappings.description import Description, Ice, RawUdp


class Ours:
    """By call."""

    def __init__(self) -> None:
        self._given: dict[object, set[tuple[str, int | str]]] = {}

    def note(self, call: object, transports: Transports) -> None:
        """A node has this for a side of a call."""
        given = self._given.setdefault(call, set())
        for transport, _ in transports.values():
            given |= _names(transport)

    def forget(self, call: object) -> None:
        """The call is over."""
        self._given.pop(call, None)

    def named(self, said: Description | Mapping[str, Ice | RawUdp]) -> bool:
        """Whether a peer names something of ours: credentials with ICE, else an address."""
        transports = [one.transport for one in said.media] if isinstance(said, Description) else list(said.values())
        names = set[tuple[str, int | str]]().union(*map(_names, transports))
        return any(not names.isdisjoint(given) for given in self._given.values())


def _names(transport: Ice | RawUdp) -> set[tuple[str, int | str]]:
    if not isinstance(transport, Ice):
        return {(one.ip, one.port) for one in transport.candidates if one.port}
    if transport.ufrag is None or transport.pwd is None:
        return set()
    return {(transport.ufrag, transport.pwd)}
