"""A call that may run, by everything that may name it."""

from dataclasses import dataclass, field

from gateway.call.admission import Ticket
from gateway.call.task import CallTask
from gateway.call.trial import TrialLeg
from gateway.jingle.leg import JingleLeg
from gateway.signals import Side
from gateway.sip.leg import SipLeg


@dataclass(slots=True, kw_only=True)
class Opened:
    """A call that may run, and by what its messages find it."""

    task: CallTask
    peer: str
    "The XMPP user's bare JID."

    local: str
    "The full JID under which the SIP user calls or is called."

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
