"""What is counted of SIP's messages: each once, however often it is sent."""

from collections.abc import Sequence

from gateway.net.sip_face import SipObserver
from gateway.sip.message import METHODS, SipRequest, SipResponse
from gateway.sip.transactions import Deliver, Effect, Transmit


class Counting:
    """Tells an observer what comes and goes."""

    def __init__(self, observer: SipObserver) -> None:
        self._observer = observer

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
        """Count what leaves."""
        method = known(sent.method)
        if sent.retransmission:
            self._observer.retransmitted(method)
        elif sent.status is None:
            self._observer.request_sent(method)
        else:
            self._observer.response_sent(method, sent.status)


def known(method: str) -> str:
    """The method as a label: peers may invent as many as they like."""
    return method if method in METHODS else "other"


def _is_repetition(effect: Effect) -> bool:
    return isinstance(effect, Transmit) and effect.retransmission
