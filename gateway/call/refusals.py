"""Calls that did not begin: they are counted, a few of many are logged, and fewer are put into the history.

Anybody can try as often as they like, so that what is kept of it has an end.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from gateway.call.admission import PolicyObserver
from gateway.call.facts import Recorder
from gateway.call.story import refused_call
from gateway.errors import PeerError
from gateway.throttle import Throttle
from mappings.reasons import EndReason

LOGGED_SECONDS = 1.0
"So often a refused call is logged, after the first few."

REMEMBERED_SECONDS = 30.0
"So often one is put into the history, after the first few."

BURST = 20
"The first few."

_CAUSES = {
    "resource-constraint": "limit",
    "item-not-found": "no_route",
    "forbidden": "forbidden",
    "service-unavailable": "forbidden",
}


class RefusalsObserver(Protocol):
    """What is counted of them."""

    @property
    def policy(self) -> PolicyObserver:
        """What is counted of the policy."""
        ...

    def call_refused(self, origin: str, cause: str) -> None:
        """No call began, for one of `gateway.metrics.calls.REFUSED_CALLS`."""
        ...


class Refusals:
    """All of them.  To be made inside the event loop."""

    def __init__(self, *, observer: RefusalsObserver, recorder: Recorder | None, new_id: Callable[[], str]) -> None:
        self._observer = observer
        self._recorder = recorder
        self._new_id = new_id
        self._log = structlog.get_logger()
        clock = asyncio.get_running_loop().time
        self._logged = Throttle(clock, burst=BURST, seconds=LOGGED_SECONDS)
        self._remembered = Throttle(clock, burst=BURST, seconds=REMEMBERED_SECONDS)

    def note(self, failure: PeerError, origin: str, **facts: str) -> None:
        """One more; ``facts``: who called whom, for the log."""
        self._observer.call_refused(origin, cause(failure))
        if failure.cause == "emergency":
            self._observer.policy.emergency_called("refuse")
        if not self._logged.admits():
            return
        facts = {"origin": origin, **facts}
        suppressed = self._logged.held()
        self._log.info("call_refused", **facts, cause=cause(failure), text=failure.text, suppressed=suppressed)
        if self._recorder is not None:
            refused = refused_call(self._new_id()[:16], failure, facts, self._recorder.wall())
            self._recorder.over(refused)
            if self._remembered.admits():
                self._recorder.recorded(refused, None)


def cause(failure: PeerError) -> str:
    """Why no call began, in the words of the metric."""
    if failure.cause is not None:
        return failure.cause
    if failure.reason is EndReason.GONE and failure.status == 503:
        return "draining"
    if failure.status == 404:
        return "no_route"
    return _CAUSES.get(failure.condition, "malformed")
