"""What is remembered of the targets that requests went to: who failed, and who takes no TCP."""

from collections.abc import Callable, Iterable

import structlog

from gateway.sip.blacklist import Blacklist, place
from gateway.sip.flow import Flow
from gateway.throttle import Throttle

REFUSAL_SECONDS = 300.0
"How long we remember that a peer takes no TCP."

MAX_REFUSALS = 1_024
"Of how many peers we remember that."


class Standing:
    """The blacklist at work; what changes on it is logged."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._blacklist = Blacklist()
        self._refusals: dict[tuple[str, int], float] = {}
        "Until when a peer is believed not to take TCP."
        self._throttle = Throttle(clock, burst=20)
        self._log = structlog.get_logger().bind(protocol="sip")

    def order(self, targets: Iterable[Flow], *, spare: bool = False) -> tuple[list[Flow], list[Flow]]:
        """The targets in the order in which they are tried, and those of them to find out about.

        Whoever has another way (``spare``) tries none when all of them are bad.
        """
        now = self._clock()
        ordered = self._blacklist.order(targets, now)
        if spare and ordered and not self._blacklist.is_good(ordered[0], now):
            return [], self._blacklist.on_trial(ordered, now)
        return ordered, self._blacklist.on_trial(ordered[1:], now)

    def failed(self, flow: Flow, text: str) -> None:
        """It was silent, or could not be reached."""
        now = self._clock()
        before, self._blacklist = self._blacklist, self._blacklist.failed(flow, now)
        if self._blacklist is not before and self._throttle.admits():
            seconds = round(self._blacklist.bans[place(flow)].until - now, 3)
            self._log.warning(
                "sip_target_failed",
                peer=f"{flow.host}:{flow.port}",
                text=text,
                delay_seconds=seconds,
                suppressed=self._throttle.held(),
            )

    def told(self, flow: Flow, seconds: float) -> None:
        """It asks to be left alone for so long."""
        self._blacklist = self._blacklist.told(flow, self._clock(), seconds)

    def answered(self, flow: Flow) -> None:
        """It is well."""
        before, self._blacklist = self._blacklist, self._blacklist.answered(flow)
        if self._blacklist is not before:
            self._log.info("sip_target_back", peer=f"{flow.host}:{flow.port}")

    def refused_tcp(self, flow: Flow) -> None:
        """It took no connection that it had not asked for."""
        if len(self._refusals) >= MAX_REFUSALS:
            self._refusals.clear()
        self._refusals[flow.host, flow.port] = self._clock() + REFUSAL_SECONDS

    def refuses_tcp(self, flow: Flow) -> bool:
        """Whether it did so not long ago."""
        until = self._refusals.get((flow.host, flow.port))
        return until is not None and until > self._clock()
