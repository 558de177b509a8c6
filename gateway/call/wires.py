"""The ways to both networks, as calls and all that is beside them know these."""

from typing import Any, Protocol

from gateway.call.seat import Inlet
from gateway.sip.message import SipRequest, SipResponse
from gateway.stanza import Stanza


class XmppWire(Protocol):
    """The way to the XMPP server."""

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


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
