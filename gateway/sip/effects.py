"""What the transactions want done, in order: the only thing that comes out of them."""

from dataclasses import dataclass

from gateway.sip.flow import Flow
from gateway.sip.matching import Key
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Failed


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send these bytes; method and status say what they are."""

    data: bytes
    flow: Flow
    "With an empty `local`: over whatever leads there, a new connection if need be."

    method: str
    status: int | None = None
    retransmission: bool = False


@dataclass(frozen=True, slots=True)
class Deliver:
    """A message for the transaction's user, or one that belongs to no transaction (an ACK to a 2xx)."""

    message: SipRequest | SipResponse
    branch: str


@dataclass(frozen=True, slots=True)
class Terminated:
    """A transaction is gone; its key will not be spoken of again."""

    key: Key
    method: str
    timed_out: bool = False


Effect = Transmit | Deliver | Failed | Terminated
