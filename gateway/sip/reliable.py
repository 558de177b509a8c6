"""Provisional responses that must arrive: what is remembered of them, ours and the peer's (RFC 3262).

A reliable response has a number of its own (RSeq) and is repeated until a PRACK names it.  Ours never carry an SDP: a
client answers once, and that is the 200.  So nothing of ours has to wait for a PRACK but the next reliable response
(§3), and an offer in a PRACK finds the INVITE's still unanswered.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gateway.errors import PeerError
from gateway.sdp.history import SdpSession
from gateway.sip.dialog import Dialog
from gateway.sip.grammar import number
from gateway.sip.message import Header, SipRequest, SipResponse
from mappings.description import Description

TAG = "100rel"

REQUIRED: Header = ("Require", TAG)

MAX_RSEQ = 2**31 - 1

MAX_EARLY = 16
"Early dialogs of one INVITE; what further forks say is heard, and nothing of it kept."

MAX_RELIABLE = 64
"Reliable responses in one early dialog; further ones are not acknowledged."

Mode = Literal["auto", "always", "never"]
"To whom provisional responses are sent reliably: who requires it; who supports it, too; nobody, nor asked for."


class RAck(NamedTuple):
    """Which response a PRACK acknowledges (§7.2)."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str | None) -> "RAck":
        """Read it; PeerError (400) when it is missing or cannot be read."""
        words = (text or "").split()
        if len(words) == 3:
            rseq, cseq = number(words[0], 2**32 - 1), number(words[1], 2**32 - 1)
            if rseq is not None and cseq is not None:
                return cls(rseq, cseq, words[2])
        raise PeerError(f"RAck: cannot read {(text or '')[:80]!r}")

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


def rseq(response: SipResponse) -> int | None:
    """The number of a response that is to be acknowledged; None: it is not reliable."""
    try:
        required = TAG in response.tokens("Require")
    except PeerError:
        return None
    return number(response.first("RSeq"), MAX_RSEQ) if required else None


@dataclass(frozen=True, slots=True)
class Unsure:
    """What a phone has answered in a response that may be lost, and so is to be answered again in the 2xx."""

    text: str
    sdp: SdpSession
    answer: Description


@dataclass(slots=True)
class EarlyDialog:
    """A dialog that a provisional response of the peer began (RFC 3261 §12.1.2)."""

    dialog: Dialog
    rseq: int | None = None
    "Of the last reliable response; the next has one more (§4)."

    reliable: int = 0
    "How many of those there were."

    sdp: SdpSession | None = None
    "Our side of offer and answer as this fork has answered it, reliably; None: it has not."

    answer: Description | None = None
    agreed: str = ""

    unsure: Unsure | None = None
    "What it has answered last while it has not done so reliably, where somebody listens."

    authorised: bool = True
    "Whether the network lets it be heard (RFC 5009)."

    played: Description | None = None
    "What the caller was told of it last, to hear it."

    takes_digits: bool = False
    "Whether it says that it takes INFO."

    def follows(self, number: int) -> bool:
        """Whether a reliable response is the next: others came before, or must not be acknowledged yet (§4)."""
        if self.reliable >= MAX_RELIABLE or (self.rseq is not None and number != self.rseq + 1):
            return False
        self.rseq = number
        self.reliable += 1
        return True


@dataclass(slots=True)
class Assured:
    """Our provisional responses to one INVITE, where they are reliable."""

    asked: bool = False
    "Whether they are."

    rseq: int = 0
    "Of the last one."

    waiting: SipResponse | None = None
    "The one that has no PRACK yet."

    queue: deque[SipResponse] = field(default_factory=deque)
    "Those that have to wait for that (§3)."

    resend_after: float = 0.0

    def acknowledged(self, request: SipRequest) -> bool:
        """Whether a PRACK names the one that waits, which then waits no more.  PeerError: it names nothing."""
        rack = RAck.parse(request.first("RAck"))
        if self.waiting is None or rack != (self.rseq, self.waiting.cseq.number, "INVITE"):
            return False
        self.waiting = None
        return True
