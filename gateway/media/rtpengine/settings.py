"""What the rtpengine back-end is told by the operator."""

from dataclasses import dataclass

from gateway.media.rtpengine.nodes import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpengineSettings:
    """[media] for rtpengine."""

    nodes: tuple[Node, ...]

    dtls_seconds: float = 15.0
    "How long a handshake may take, from the answer."

    look_seconds: float = 2.0
    "How often each call is asked for, and each node pinged."

    silence_seconds: float = 60.0
    "After so long without a packet of either side a call is over."

    held_seconds: float = 1800.0
    "The same while it is on hold."

    one_way_seconds: float = 8.0
    "After so long without a packet of one side only, that is told; more than three looks."
