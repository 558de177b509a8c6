"""What a SIP port counts and says; of what strangers can cause at will, only a few, and how many more there were."""

from collections.abc import Callable, Sequence

import structlog

from gateway.net.sip_face import SipObserver
from gateway.sip.effects import Deliver, Effect, Transmit
from gateway.sip.flow import Flow
from gateway.sip.message import METHODS, SipRequest, SipResponse
from gateway.throttle import Throttle


class Teller:
    """Counts through an observer, and logs."""

    def __init__(self, observer: SipObserver, clock: Callable[[], float]) -> None:
        self._observer = observer
        self._throttle = Throttle(clock)
        self._ours = Throttle(clock)
        "For the connections that we make: no stranger's noise is to hide why a trunk cannot be reached."

        self._floods = Throttle(clock, burst=1, seconds=60.0)
        self._log = structlog.get_logger().bind(protocol="sip")

    def arrived(self, data: bytes, flow: Flow) -> None:
        """Bytes came."""
        self._log.debug("sip_message_received", transport=flow.transport, peer=peer(flow), wire=data)

    def received(self, message: SipRequest | SipResponse, effects: Sequence[Effect]) -> None:
        """Count what is no retransmission: that does nothing, or makes us repeat ourselves."""
        if isinstance(message, SipRequest):
            if message.method == "ACK" or not all(map(_is_repetition, effects)):
                self._observer.request_received(known(message.method))
            if len(effects) == 1 and isinstance(effects[0], Transmit) and effects[0].status == 503:
                self._observer.refused("transactions")
        elif any(isinstance(effect, Deliver) for effect in effects):
            self._observer.response_received(known(message.cseq.method), message.status)

    def sent(self, sent: Transmit) -> None:
        """A message leaves."""
        self._log.debug("sip_message_sent", transport=sent.flow.transport, peer=peer(sent.flow), wire=sent.data)
        method = known(sent.method)
        if sent.retransmission:
            self._observer.retransmitted(method)
        elif sent.status is None:
            self._observer.request_sent(method)
        else:
            self._observer.response_sent(method, sent.status)

    def malformed(self, flow: Flow, text: str) -> None:
        """What came is no SIP."""
        self._observer.malformed(flow.transport)
        if self._throttle.admits():
            self._log.warning(
                "sip_malformed",
                transport=flow.transport,
                peer=peer(flow),
                text=text,
                suppressed=self._throttle.held(),
            )

    def flooded(self, flow: Flow) -> None:
        """Somebody asks more than they may, and is not heard."""
        self._observer.refused("flood")
        if self._floods.admits():
            self._log.warning("sip_flood", transport=flow.transport, peer=peer(flow), suppressed=self._floods.held())

    def lost(self, flow: Flow, text: str) -> None:
        """A connection ended that was not to end, or never came to be."""
        throttle = self._throttle if flow.local else self._ours
        if throttle.admits():
            self._log.warning(
                "sip_connection_lost",
                transport=flow.transport,
                peer=peer(flow),
                text=text,
                suppressed=throttle.held(),
            )

    def message_failed(self, flow: Flow) -> None:
        """An error of ours ended one message, in the handler of which this is called."""
        if self._throttle.admits():
            self._log.exception("sip_message_failed", transport=flow.transport, peer=peer(flow))

    def request_failed(self, request: SipRequest) -> None:
        """An error of ours ended one request, in the handler of which this is called."""
        if self._throttle.admits():
            self._log.exception("sip_request_failed", method=request.method, peer=peer(request.flow))


def known(method: str) -> str:
    """The method as a label: peers may invent as many as they like."""
    return method if method in METHODS else "other"


def peer(flow: Flow | None) -> str:
    """Where a flow leads, for the log."""
    return f"{flow.host}:{flow.port}" if flow else ""


def _is_repetition(effect: Effect) -> bool:
    return isinstance(effect, Transmit) and effect.retransmission
