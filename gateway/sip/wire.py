"""What a leg and the transactions tell each other, besides the messages themselves."""

from dataclasses import dataclass
from typing import Literal

from gateway.sip.flow import Hop
from gateway.sip.message import SipRequest


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to send: without its Via, which depends on the socket, but with the branch that Via is to have.

    A CANCEL has the branch of its INVITE (RFC 3261 §9.1); an ACK to a 2xx has one of its own (§13.2.2.4).
    """

    request: SipRequest
    branch: str
    hop: Hop
    spare: bool = False
    "Whether the sender has another way, so that silence is not to be waited out."


@dataclass(frozen=True, slots=True)
class Failed:
    """A client transaction ended without a final response (RFC 3261 §8.1.3.1)."""

    branch: str
    method: str
    cause: Literal["timeout", "transport"]
    text: str
    "For the log."
