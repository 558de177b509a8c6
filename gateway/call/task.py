"""One call at run time: its inbox, its timer, its two legs, and what is told about it afterwards."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from gateway.call.bridge import Bridge, OutOfOrder, Send, State
from gateway.call.leg import Leg
from gateway.errors import PeerError
from gateway.signals import (
    Answer,
    Candidates,
    Complete,
    Digit,
    End,
    NoDigits,
    Offer,
    Progress,
    Refuse,
    Side,
    Signal,
)
from mappings.description import Description
from mappings.reasons import EndReason

GIVE_WAY = object()
"For the inbox of a call to an XMPP user who is calling us at that moment, and whose call stands."

SIGNALS = (Offer, Complete, Progress, Answer, Refuse, Candidates, Digit, NoDigits, End)


class CallObserver(Protocol):
    """The facts of a call that are counted."""

    def call_answered(self, origin: str, setup_seconds: float) -> None:
        """From the offer to the answer."""
        ...

    def call_ended(self, origin: str, reason: str, ended_by: str, duration_seconds: float | None) -> None:
        """The one verdict on a call; no duration when it was never answered."""
        ...

    def out_of_order(self, side: str, signal: str) -> None:
        """A signal that the bridge had no place for."""
        ...

    def dropped(self, spelling: str, name: str) -> None:
        """Something the other side cannot say."""
        ...

    def inbox_wait(self, seconds: float) -> None:
        """How long a message lay in a call's inbox: our own lag."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long things may take, in seconds."""

    ring_seconds: float = 120.0
    "From the offer to the answer."

    call_seconds: float = 14_400.0
    "From the answer to the end."


@dataclass(slots=True)
class Party:
    """One side of a call: its leg, the protocol it speaks, and the way to its wire."""

    leg: Leg[Any]
    protocol: str
    transmit: Callable[[Any], None]
    spelling: str
    "What is lost when this side's peer says something that the other cannot: sdp or jingle."


class Inlet:
    """Where the wires put what belongs to one side of a call."""

    __slots__ = ("call", "side")

    def __init__(self, call: "CallTask", side: Side) -> None:
        self.call = call
        self.side = side

    def put(self, message: Any) -> None:
        """Take a message for this side."""
        self.call.put(self.side, message)


class CallTask:
    """A call: everything that happens to it passes through `put`, in order."""

    def __init__(
        self,
        call: str,
        *,
        origin: str,
        parties: Mapping[Side, Party],
        limits: CallLimits,
        observer: CallObserver,
        facts: Mapping[str, str],
        on_closed: Callable[["CallTask"], None],
        address: Callable[[str], str | None] = lambda address: None,
    ) -> None:
        self.id = call
        self.origin = origin
        self.parties = parties
        self.bridge = Bridge()
        self.ended: End | None = None
        self.ended_by = "gateway"
        self._limits = limits
        self._observer = observer
        self._on_closed = on_closed
        self._address = address
        "From the address that one side names to try instead, to the other side's words for it, or None."
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[tuple[float, Side | None, Any]] = deque()
        self._asking: Side | None = None
        "Whose message is being taken, until that side has heard something of it."
        self._wake: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._limit: float | None = None
        self._opened = self._loop.time()
        self._offered: float | None = None
        self._answered: float | None = None
        self._codec: str | None = None
        self._log = structlog.get_logger().bind(call=call, origin=origin)
        self._facts = facts
        self.inlets = {side: Inlet(self, side) for side in Side}

    # ------------------------------------------------------------------------------------------------------------ inbox

    def put(self, side: Side, message: Any) -> None:
        """Take a message for a side's leg."""
        self._push(side, message)

    def end(self, end: End) -> None:
        """End the call from outside: the gateway leaves, or an operator wants it."""
        self._push(None, end)

    def _push(self, side: Side | None, item: Any) -> None:
        self._inbox.append((self._loop.time(), side, item))
        wake = self._wake
        if wake is not None and not wake.done():
            wake.set_result(None)

    async def run(self) -> None:
        """Live until both legs are closed.  A failure of ours ends this call and no other."""
        try:
            self._log.info("call_opened", **self._facts)
            while not self._over():
                while self._inbox:
                    since, side, item = self._inbox[0]
                    now = self._loop.time()
                    self._observer.inbox_wait(now - since)
                    self._asking = side
                    self._take(side, item, now)
                    self._inbox.popleft()
                if self._over():
                    break
                self._arm()
                self._wake = self._loop.create_future()
                await self._wake
                self._wake = None
        except Exception:
            self._log.exception("call_failed", state=self.bridge.state)
            if self._asking is None:
                self._inbox.popleft()
            self._give_up()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._tell()
            self._on_closed(self)

    # ----------------------------------------------------------------------------------------------------- what happens

    def _take(self, side: Side | None, item: Any, now: float) -> None:
        if side is not None:
            leg = self.parties[side].leg
            if item is GIVE_WAY:
                self._carry(side, leg.give_way(now), now)  # type: ignore[attr-defined]
            else:
                self._guard(side, leg.receive, item, now)
        elif isinstance(item, End):
            self._end(item, now)
        else:
            self._expire(now)

    def _expire(self, now: float) -> None:
        self._timer = None
        for side, party in self.parties.items():
            deadline = party.leg.deadline
            if deadline is not None and deadline <= now:
                self._carry(side, party.leg.expire(now), now)
        if self._limit is not None and self._limit <= now:
            self._limit = None
            if self._answered is None:
                seconds = self._limits.ring_seconds
                self._end(End(EndReason.TIMEOUT, f"no answer within {seconds:g} seconds"), now)
            else:
                seconds = self._limits.call_seconds
                self._end(End(EndReason.EXPIRED, f"the longest call here is {seconds:g} seconds"), now)

    def _guard(self, side: Side, step: Callable[[Any, float], Iterable[Any]], item: Any, now: float) -> None:
        """Let a leg take a step.  A PeerError that it could not answer in its own protocol ends the call."""
        try:
            out = step(item, now)
        except PeerError as error:
            self._log.warning("peer_refused", side=side.value, protocol=self.parties[side].protocol, text=error.text)
            self._end(End(error.reason, error.text, error.status), now)
        else:
            self._carry(side, out, now)

    def _carry(self, side: Side, out: Iterable[Any], now: float) -> None:
        """Carry out what a leg returned, in its order: messages to the wire, signals to the bridge."""
        party = self.parties[side]
        for item in out:
            if not isinstance(item, SIGNALS):
                party.transmit(item)
                if side is self._asking:
                    self._asking = None
                continue
            signal: Signal = item
            if isinstance(signal, End) and signal.redirect is not None:
                signal = replace(signal, redirect=self._address(signal.redirect))
            try:
                sends = self.bridge.receive(side, signal)
            except OutOfOrder as error:
                self._observer.out_of_order(side.value, type(signal).__name__)
                self._log.debug("signal_out_of_order", side=side.value, text=str(error))
                continue
            self._note(side, signal, now)
            self._pass(sends, now)
        if dropped := getattr(party.leg, "dropped", None):
            for name in dropped:
                self._observer.dropped(party.spelling, name)
            self._log.debug("translation_dropped", side=side.value, names=list(dropped))
            dropped.clear()
        if (trunk := self.trunk) is not None and trunk != self._facts.get("trunk"):
            self._facts = {**self._facts, "trunk": trunk}
            self._log.info("call_rerouted", trunk=trunk)

    def _pass(self, sends: Iterable[Send], now: float) -> None:
        for side, signal in sends:
            self._guard(side, self.parties[side].leg.send, signal, now)

    def _end(self, end: End, now: float) -> None:
        sends = self.bridge.end(end)
        if sends:
            self._note(None, end, now)
        self._pass(sends, now)

    def _give_up(self) -> None:
        """After a bug of ours: tell both sides as well as the legs still can, and leave."""
        end = End(EndReason.GENERAL_ERROR, "the gateway failed", 500)
        if self.ended is None:
            self.ended = end
        now = self._loop.time()
        for party in self.parties.values():
            try:
                for item in party.leg.send(end, now):
                    if not isinstance(item, SIGNALS):
                        party.transmit(item)
            except Exception:
                self._log.exception("leg_failed", protocol=party.protocol)

    # ------------------------------------------------------------------------------------------------------ time, facts

    def _over(self) -> bool:
        return all(party.leg.closed for party in self.parties.values()) and not self._inbox

    def _arm(self) -> None:
        deadlines = [party.leg.deadline for party in self.parties.values()]
        due = min((at for at in (*deadlines, self._limit) if at is not None), default=None)
        if due is None:
            return
        if self._timer is not None:
            if self._timer.when() <= due:
                return  # it fires early, finds nothing due and is armed anew: cheaper than to re-arm at every message
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._push, None, None)

    def _note(self, side: Side | None, signal: Signal, now: float) -> None:
        """Keep the facts of a change of state, and say it in one line."""
        match signal:
            case Offer() if self._offered is None:
                self._offered = now
                self._limit = now + self._limits.ring_seconds
            case Progress(ringing=True):
                self._log.info("leg_ringing", side=side.value if side else None)
            case Answer() if self._answered is None:
                self._answered = now
                self._limit = now + self._limits.call_seconds
                self._codec = _codec(signal.description)
                setup = now - (self._offered if self._offered is not None else self._opened)
                self._observer.call_answered(self.origin, setup)
                self._log.info("leg_answered", side=side.value if side else None, setup_seconds=round(setup, 4))
            case End():
                self.ended = signal
                self.ended_by = side.value if side else "gateway"
                self._limit = None
            case Refuse():
                self._log.info("offer_refused", side=side.value if side else None, reason=signal.reason.value)
            case _:
                pass

    def _tell(self) -> None:
        end = self.ended or End(EndReason.UNSPECIFIED)
        now = self._loop.time()
        duration = None if self._answered is None else now - self._answered
        self._observer.call_ended(self.origin, end.reason.value, self.ended_by, duration)
        self._log.info(
            "call_ended",
            **self._facts,
            **self._legs(),
            reason=end.reason.value,
            text=end.text,
            status=end.status,
            ended_by=self.ended_by,
            answered=self._answered is not None,
            setup_seconds=None
            if self._answered is None
            else round(self._answered - (self._offered or self._opened), 4),
            duration_seconds=None if duration is None else round(duration, 3),
            codec=self._codec,
            anchor="none",
        )

    def _legs(self) -> dict[str, str | None]:
        facts: dict[str, str | None] = {}
        for party in self.parties.values():
            facts |= {key: getattr(party.leg, name, None) for key, name in _IDENTITIES.get(party.protocol, ())}
        return facts

    @property
    def unanswered(self) -> list[tuple[Side, Any]]:
        """What still lay in the inbox when the call failed, or was cut off, and whose it is."""
        return [(side, item) for _, side, item in self._inbox if side is not None and item is not GIVE_WAY]

    @property
    def trunk(self) -> str | None:
        """The trunk that the call takes, or took last."""
        ways = (getattr(party.leg, "trunk", None) for party in self.parties.values())
        return next(filter(None, ways), self._facts.get("trunk"))

    @property
    def answered(self) -> bool:
        """Whether somebody answered."""
        return self._answered is not None

    @property
    def over(self) -> bool:
        """Whether the two sides have been parted; legs may still wait for a last reply."""
        return self.bridge.state is State.ENDED


_IDENTITIES = {"jingle": (("jingle_sid", "sid"),), "sip": (("sip_call_id", "call_id"), ("sip_status", "last_status"))}


def _codec(description: Description) -> str | None:
    for media in description.media:
        for codec in media.rtp.codecs:
            return codec.name or str(codec.id)
    return None
