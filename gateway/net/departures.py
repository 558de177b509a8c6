"""Requests on their way: to a target that can be reached, and on to the next one when that fails (RFC 3263 §4.3).

A request goes through its targets in turn.  What cannot be reached, is silent, or says 503 is followed by the next, as
a transaction of its own with a branch of its own; the owner hears nothing of it but the end.  Silence is waited out
only where there is nobody else to try.  Inside a dialog, and for what may do harm twice, it is not cut short at all.
Once a provisional response but 100 has been passed on there is no other target: somebody's phone may be ringing.

Which targets these are is for `gateway.net.aiming` to say.  Those that failed are remembered, and when their time is
over an OPTIONS finds out about them, not a call.

What need not wait for anything does not: it leaves before `send` returns.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

import structlog

from gateway.net.aiming import Aim, Aiming
from gateway.net.departure import Departure, Target, is_hurried, retry_after
from gateway.net.listening import TRANSPORTS
from gateway.net.resolve import Resolver
from gateway.net.sip_face import Owner, SipObserver, SipPortSettings
from gateway.net.sockets import Sockets
from gateway.net.standing import Standing
from gateway.sip.blacklist import Place, place
from gateway.sip.flow import Flow
from gateway.sip.matching import Key
from gateway.sip.message import SipResponse
from gateway.sip.wire import Failed, Outgoing
from gateway.throttle import Throttle

UNASKED_SECONDS = 1.0
"How long a connection may take that only the size of a request asks for: many a firewall answers nothing at all."


class Port(Protocol):
    """What begins and ends transactions."""

    def begin(self, outgoing: Outgoing, owner: Owner | None, flow: Flow) -> str | None:
        """Start a transaction, or say why that is not possible."""
        ...

    def disown(self, key: Key) -> None:
        """Part a transaction from its owner; what still comes of it is cleaned up."""
        ...

    def cancel(self, outgoing: Outgoing) -> None:
        """Send a CANCEL that had to wait."""
        ...

    def question(self, flow: Flow) -> Outgoing:
        """An OPTIONS for a target."""
        ...


class Departures:
    """Finds each request its way."""

    def __init__(
        self,
        port: Port,
        sockets: Sockets,
        resolver: Resolver,
        settings: SipPortSettings,
        *,
        observer: SipObserver,
        clock: Callable[[], float],
    ) -> None:
        self._port = port
        self._sockets = sockets
        self._observer = observer
        self._failover_seconds = settings.failover_seconds
        self._failover_total_seconds = settings.failover_total_seconds
        self._clock = clock
        self._log = structlog.get_logger().bind(protocol="sip")
        self._throttle = Throttle(clock)
        self._waiting: set[Departure] = set()
        self._out: dict[Key, Departure] = {}
        "By the key of the transaction that it is in."
        self.fenced: set[str] = set()
        "The branches on the wire of INVITEs whose hops are fenced: what follows from their answers must be, too."
        self._invites: dict[str, Departure] = {}
        "By the branch that the owner knows."
        self._lookups: set[asyncio.Task[None]] = set()
        self._standing = Standing(clock)
        self._aiming = Aiming(sockets, resolver, self._standing, settings.reaches)
        self._trials: set[Place] = set()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def send(self, outgoing: Outgoing, owner: Owner | None) -> None:
        """Send a request as soon as it can be.  The owner hears its responses, or one `Failed`."""
        departure = Departure(outgoing, owner, outgoing.branch)
        if is_hurried(outgoing):
            departure.until = self._clock() + self._failover_total_seconds
        if departure.method == "INVITE":
            self._invites[outgoing.branch] = departure
        if (aim := self._aiming.known(outgoing)) is not None:
            self._depart(departure, aim)
        else:
            self._waiting.add(departure)
            lookup = asyncio.get_running_loop().create_task(self._look_up(departure))
            self._lookups.add(lookup)
            lookup.add_done_callback(self._lookups.discard)

    def forget(self, owner: Owner) -> None:
        """Its owner is gone."""
        for departure in tuple(self._waiting):
            if departure.owner is owner:
                departure.forsake()
                if departure.method == "INVITE":
                    self._give_up(departure)

    def forsake(self, key: Key) -> None:
        """The same, of one that is out."""
        if (departure := self._out.get(key)) is not None:
            departure.forsake()

    async def close(self) -> None:
        """Give up all that wait."""
        for departure in tuple(self._waiting):
            departure.cause, departure.text = "transport", "stopped"
            self._give_up(departure)
        for departure in self._out.values():
            departure.at_rest()
        for lookup in self._lookups:
            lookup.cancel()
        await asyncio.gather(*self._lookups, return_exceptions=True)
        self._out.clear()
        self._invites.clear()
        self.fenced.clear()
        self._trials.clear()

    # What comes back.

    def answered(self, branch: str, response: SipResponse) -> SipResponse | None:
        """A response, for the owner to hear; None: it was a 503, and the next target is tried."""
        departure = self._out.get((branch, response.cseq.method))
        if departure is None or departure.target is None:
            return response
        departure.at_rest()
        departure.heard = True
        flow = departure.target.flow
        if response.status == 503:
            departure.cause, departure.text = "transport", f"{flow.host}:{flow.port}: 503 {response.phrase}".rstrip()
            if (seconds := retry_after(response)) is not None:
                self._standing.told(flow, seconds)
            elif departure.trial is not None:
                self._standing.failed(flow, departure.text)
            departure.shun()
            if departure.may_move(self._clock()):
                self._move(departure, "status")
                return None
        else:
            self._standing.answered(flow)
        departure.told = departure.told or response.status > 100
        if departure.cancel is not None and response.status < 200:
            self._port.cancel(replace(departure.cancel, branch=branch))
            departure.cancel = None
        return departure.seen(response)

    def failed(self, failed: Failed) -> Failed | None:
        """A transaction ended without a response; None: the next target is tried."""
        departure = self._out.get((failed.branch, failed.method))
        if departure is None or departure.target is None:
            return failed
        departure.at_rest()
        departure.cause, departure.text = failed.cause, failed.text
        if failed.cause == "timeout":
            departure.shun()
        flow = departure.target.flow
        again = not flow.reliable or not flow.local  # a connection that the peer has made comes back by itself, or not
        if again and not departure.target.unasked and not departure.heard:
            self._standing.failed(flow, failed.text)
        if departure.may_move(self._clock()):
            self._move(departure)
            return None
        return replace(failed, branch=departure.outgoing.branch)

    def cancelled(self, outgoing: Outgoing) -> str | None:
        """The branch on the wire of the INVITE that a CANCEL is for; None: it waits, or is not needed any more."""
        departure = self._invites.get(outgoing.branch)
        if departure is None:
            return outgoing.branch
        if departure in self._waiting:
            departure.cause, departure.text = "transport", "cancelled on the way to another target"
            self._give_up(departure)
            return None
        departure.targets.clear()
        if departure.heard or departure.branch == outgoing.branch:
            return departure.branch
        departure.cancel = outgoing
        departure.at_rest()
        return None

    def over(self, key: Key) -> None:
        """A transaction is gone."""
        self.fenced.discard(key[0])
        departure = self._out.pop(key, None)
        if departure is not None:
            departure.at_rest()
            self._done(departure)

    def _move(self, departure: Departure, cause: str = "") -> None:
        """From a target that failed to the next."""
        cause = cause or departure.cause
        self._observer.failed_over(cause)
        if self._throttle.admits():
            self._log.info(
                "sip_failed_over", method=departure.method, cause=cause, text=departure.text,
                suppressed=self._throttle.held(),
            )  # fmt: skip
        if departure.sent:
            self._out.pop(departure.key, None)
            self._port.disown(departure.key)
            departure.sent = departure.heard = False
            departure.branch = f"z9hG4bK{secrets.token_hex(16)}"
        self._next(departure)

    def _silent(self, departure: Departure) -> None:
        """It has been silent for long enough, considering that there is another way."""
        departure.patience = None
        if departure.target is None:
            return
        flow = departure.target.flow
        departure.cause = "timeout"
        departure.text = f"{flow.host}:{flow.port}: no response in {self._failover_seconds:g} s"
        self._standing.failed(flow, departure.text)
        departure.shun()
        if departure.may_move(self._clock()):
            self._move(departure)
        elif departure.sent:
            self._out.pop(departure.key, None)
            self._port.disown(departure.key)
            self._give_up(departure)

    # On the way.

    async def _look_up(self, departure: Departure) -> None:
        aim = await self._aiming.find(departure.outgoing)
        if departure in self._waiting:
            self._waiting.discard(departure)
            self._depart(departure, aim)

    def _depart(self, departure: Departure, aim: Aim) -> None:
        departure.targets = [*aim.targets]
        departure.text = aim.text or departure.text
        for flow in aim.doubtful:
            self._try(flow)
        self._next(departure)

    def _try(self, flow: Flow) -> None:
        """Find out whether a target that failed is well again."""
        if place(flow) not in self._trials:
            self._trials.add(place(flow))
            outgoing = self._port.question(flow)
            self._next(Departure(outgoing, None, outgoing.branch, [Target(flow)], trial=place(flow)))

    def _next(self, departure: Departure) -> None:
        """Go for the next target."""
        while departure.targets:
            target = departure.targets.pop(0)
            flow = target.flow
            if self._sockets.is_open(flow):
                departure.target = target
                self._go(departure, flow)
                return
            if flow.transport == "UDP":
                datagrams = self._sockets.datagrams(flow.host)
                if datagrams is None:
                    departure.text = f"{flow.host}: no UDP listener of that IP version"
                    continue
                target = replace(target, flow=datagrams.flow(flow.host, flow.port))
            elif flow.transport not in TRANSPORTS:
                departure.text = f"{flow.host}: transport {flow.transport} is not supported"
                continue
            departure.target = target
            if target.flow.transport == "UDP":
                self._go(departure, target.flow)
            else:
                self._open(departure, target)
            return
        self._give_up(departure)

    def _go(self, departure: Departure, flow: Flow) -> None:
        departure.sent = True
        if departure.method != "ACK":
            self._out[departure.key] = departure
            if departure.hurried:
                later = asyncio.get_running_loop().call_later
                departure.patience = later(self._failover_seconds, self._silent, departure)
        outgoing = departure.outgoing
        if departure.branch != outgoing.branch:
            outgoing = replace(outgoing, branch=departure.branch)
        if outgoing.hop.fenced and departure.method == "INVITE":
            self.fenced.add(departure.branch)
        if (text := self._port.begin(outgoing, departure.owner, flow)) is not None:
            self._out.pop(departure.key, None)
            departure.cause, departure.text = "transport", text
            self._give_up(departure)

    def _open(self, departure: Departure, target: Target) -> None:
        departure.attempt += 1
        opened = partial(self._opened, departure, target, departure.attempt)
        self._waiting.add(departure)
        loop = asyncio.get_running_loop()
        if target.unasked:
            departure.patience = loop.call_later(UNASKED_SECONDS, opened, "connection is slow")
        elif departure.hurried:
            departure.patience = loop.call_later(self._failover_seconds, opened, "connection is slow")
        self._sockets.open(target.flow, opened)

    def _opened(self, departure: Departure, target: Target, attempt: int, text: str | None) -> None:
        if departure.attempt != attempt or departure not in self._waiting:
            return
        self._waiting.discard(departure)
        departure.at_rest()
        if text is None:
            self._go(departure, target.flow)
            return
        flow = target.flow
        departure.cause, departure.text = "transport", f"{flow.host}:{flow.port}: {text}"
        if target.unasked:
            self._standing.refused_tcp(flow)
            self._next(departure)
            return
        self._standing.failed(flow, departure.text)
        if departure.may_move(self._clock()):
            self._move(departure)
        else:
            self._give_up(departure)

    def _give_up(self, departure: Departure) -> None:
        """Nothing is left to try, or nobody wants it any more."""
        self._waiting.discard(departure)
        departure.at_rest()
        self._done(departure)
        if departure.owner is not None and departure.method != "ACK":
            departure.owner.put(Failed(departure.outgoing.branch, departure.method, departure.cause, departure.text))

    def _done(self, departure: Departure) -> None:
        if self._invites.get(departure.outgoing.branch) is departure:
            del self._invites[departure.outgoing.branch]
        if departure.trial is not None:
            self._trials.discard(departure.trial)
