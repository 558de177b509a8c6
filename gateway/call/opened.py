"""A call that may run, by everything that may name it, and the wire that its SIP legs speak over."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.call.admission import Ticket
from gateway.call.seat import Inlet
from gateway.call.task import CallTask
from gateway.call.trial import TrialLeg
from gateway.jingle.leg import JingleLeg
from gateway.signals import Side
from gateway.sip.leg import SipLeg
from gateway.sip.message import SipRequest, SipResponse


class SipWire(Protocol):
    """The way to SIP peers."""

    def send(self, message: Any, owner: Inlet | None = None) -> None:
        """Send a request or response; what becomes of a request is put into its owner's inbox."""
        ...

    def dismiss(self, response: SipResponse) -> None:
        """Answer a request of somebody unknown, or about nothing, and forget it."""
        ...

    def adopt(self, request: SipRequest, owner: Inlet, tag: str | None = None) -> None:
        """Let a received request's CANCEL reach this owner, whose responses will have that To tag."""
        ...

    def release(self, owner: Inlet) -> None:
        """Forget an owner."""
        ...

    def contact(self, transport: str | None) -> str:
        """Where peers reach us: host:port, with the transport as a parameter where it is not UDP."""
        ...


@dataclass(slots=True, kw_only=True)
class Opened:
    """A call that may run, and by what its messages find it."""

    task: CallTask
    peer: str
    "The XMPP user's bare JID."

    local: str
    "The full JID under which the SIP user calls or is called."

    sdp_address: str
    "What stands in o= when a description names no address of its own."

    ticket: Ticket
    xmpp_side: Side
    tags: list[str] = field(default_factory=list)
    "Our tags in its SIP dialogs."

    sessions: list[tuple[str, str, str]] = field(default_factory=list)
    "Its Jingle sessions: whose, with whom, and their sids."

    names: list[str] = field(default_factory=list)
    "What the ids of its Jingle legs' stanzas begin with."

    @property
    def jingle(self) -> JingleLeg | TrialLeg:
        """The leg that sits on the XMPP side."""
        leg = self.task.parties[self.xmpp_side].leg
        assert isinstance(leg, JingleLeg | TrialLeg)
        return leg

    @property
    def trunk(self) -> str:
        """The trunk that the call takes."""
        trunk = self.task.trunk
        assert trunk is not None
        return trunk

    @property
    def sip(self) -> SipLeg:
        """The leg that sits on the SIP side."""
        leg = self.task.parties[self.sip_side].leg
        assert isinstance(leg, SipLeg)
        return leg

    @property
    def deaf(self) -> bool:
        """Whether the SIP side can be told no keys: its sound does not pass here, and it takes none beside it."""
        anchoring = self.task.anchoring
        return self.sip.deaf and (anchoring is None or anchoring.backend is None)

    @property
    def sip_side(self) -> Side:
        """Where the SIP user sits."""
        return self.xmpp_side.other
