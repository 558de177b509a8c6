"""What the sockets bring: bytes into messages, messages into transactions, and an answer to what is neither."""

from collections.abc import Callable, Iterable

from gateway.errors import PeerError
from gateway.net.sip_face import SipObserver, SipPortSettings
from gateway.net.telling import Teller, peer
from gateway.sip.effects import Effect
from gateway.sip.flow import Flow
from gateway.sip.message import Header, Malformed, SipRequest, SipResponse, parse
from gateway.sip.strangers import Strangers
from gateway.sip.transactions import Transactions


class Arrivals:
    """Takes what the sockets of one port tell (`gateway.net.sockets.SocketsUser`); nothing of it raises."""

    def __init__(
        self,
        transactions: Transactions,
        settings: SipPortSettings,
        *,
        strangers: Strangers,
        tell: Teller,
        observer: SipObserver,
        clock: Callable[[], float],
        carry_out: Callable[[Iterable[Effect]], None],
        alias: Callable[[Flow, int], None],
        gone: Callable[[Flow], None],
    ) -> None:
        """``alias``: a connection may be used for requests to that port of its peer.  ``gone``: a flow is."""
        self._transactions = transactions
        self._max_datagram = settings.max_datagram
        self._server: Header = ("Server", settings.user_agent)
        self._strangers = strangers
        self._tell = tell
        self._observer = observer
        self._clock = clock
        self._carry_out = carry_out
        self._alias = alias
        self._gone = gone

    def datagram(self, data: bytes, flow: Flow) -> None:
        """A datagram; longer than allowed by one octet when it was too long."""
        if len(data) > self._max_datagram:
            if self._strangers.admit(data, flow, self._clock()):
                self._refuse_oversize(data, flow)
        elif len(data) > 4 or data.strip(b"\r\n\0"):  # else a keep-alive (RFC 5626 §3.5.1)
            self.message(data, flow)

    def message(self, data: bytes, flow: Flow) -> None:
        """One message."""
        if not self._strangers.admit(data, flow, self._clock()):
            self._tell.flooded(flow)
            return
        self._tell.arrived(data, flow)
        try:
            message = parse(data, flow)
            if flow.transport == "TLS" and isinstance(message, SipRequest) and "alias" in message.via.params:
                self._alias(flow, message.via.port or 5061)
            effects = self._transactions.receive(message, self._clock())
            self._tell.received(message, effects)
            self._carry_out(effects)
        except Malformed as fault:
            self.unframed(fault, flow)
        except PeerError as error:  # in what is read only here: the Vias below the first
            self.unframed(Malformed(error.text, status=error.status), flow)
        except Exception:  # an error of ours ends one message, not the socket
            self._tell.message_failed(flow)

    def unframed(self, fault: Malformed, flow: Flow) -> None:
        """Answer what can be answered (§8.2, RFC 4475), and say so, now and then."""
        self._tell.malformed(flow, fault.text)
        if isinstance(fault.partial, SipRequest):
            self._carry_out(self._transactions.refuse(fault.partial, fault.status, headers=(self._server,)))

    def _refuse_oversize(self, data: bytes, flow: Flow) -> None:
        try:
            partial: SipRequest | SipResponse | None = parse(data, flow)
        except Malformed as fault:
            partial = fault.partial
        text = f"datagram: more than {self._max_datagram} octets"
        self.unframed(Malformed(text, status=513, partial=partial), flow)

    def lost(self, flow: Flow, text: str, *, orderly: bool = False) -> None:
        """Nothing gets there any more: what waits for it has failed."""
        if flow.reliable and not orderly:
            self._tell.lost(flow, text)
        self._carry_out(self._transactions.fail(flow, self._clock(), f"{peer(flow)}: {text}"))
        self._gone(flow)

    def in_use(self, flow: Flow) -> bool:
        """Whether a transaction waits for something from there."""
        return self._transactions.uses(flow)

    def refused(self, cause: str) -> None:
        """A connection was turned away."""
        self._observer.refused(cause)

    def tls_refused(self, cause: str) -> None:
        """A TLS handshake failed."""
        self._observer.tls_refused(cause)
