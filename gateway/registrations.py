"""Registrations kept: the pure bindings, the SIP port and the clock put together.

One timer serves all.  What a registrar granted is written into the `Book`, from which calls are routed.  A line is
logged when a registration's standing changes, not when it is refreshed.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog

from gateway.registration.binding import Binding
from gateway.registration.book import Book
from gateway.registration.registrant import Registrant, Timing
from gateway.registration.report import Report
from gateway.registration.request import contact_uri
from gateway.registration.schedule import Schedule
from gateway.registration.terms import Emitted, Outcome, Phase, Standing
from gateway.sip.flow import Flow
from gateway.sip.locating import is_numeric
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Failed
from gateway.throttle import Throttle

BURST_OF_LINES = 50
"Lines about registrations that are logged at once; when a registrar goes, thousands change."


BROKEN_SECONDS = 60.0
"From an attempt that an error of ours ended to the next."

LINGER_SECONDS = 2.0
"How often it is looked whether the last call through a registration that is to go is over."


class FlowKeeper(Protocol):
    """Who knows when connections are lost."""

    def hold(self, flow: Flow, who: object, lost: Callable[[], None]) -> None:
        """Call back, once, when it is gone."""
        ...

    def let_go(self, who: object) -> None:
        """They hold nothing any more."""
        ...


class RegistrationWire(Protocol):
    """The way to registrars."""

    @property
    def holding(self) -> FlowKeeper:
        """Who knows when its connections are lost."""
        ...

    def send(self, message: Any, owner: Any = None) -> None:
        """Send a request; what becomes of it is put into its owner."""
        ...

    def release(self, owner: Any) -> None:
        """Forget an owner."""
        ...

    def contact(self, transport: str | None = None, towards: str | None = None) -> str:
        """Where peers reach us: host:port, with the transport as a parameter where it is not UDP."""
        ...


class RegistrationObserver(Protocol):
    """What is counted of registrations."""

    def registration_stands(self, before: str | None, after: str | None) -> None:
        """The standing of one changed; None: it was not there, or is not there any more."""
        ...

    def registration_granted(self, seconds: float) -> None:
        """A registrar said yes, after so long."""
        ...

    def registration_failed(self, cause: str) -> None:
        """An attempt failed: credentials, refused, interval, server, timeout, transport."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationSettings:
    """What all registrations have in common."""

    rate: float = 20.0
    "Attempts a second, of all together."

    timing: Timing
    user_agent: str = "jingle-sip"


class _Kept:
    """A binding that is kept, as the owner of its requests."""

    __slots__ = ("binding", "failed_at", "failure", "heard", "since", "told")

    def __init__(self, binding: Binding, heard: "Callable[[_Kept, SipResponse | Failed], None]", now: float) -> None:
        self.binding = binding
        self.heard = heard
        self.told: Standing | None = None
        "The standing that was logged last."
        self.since = now
        self.failure = ""
        self.failed_at: float | None = None

    def put(self, message: SipRequest | SipResponse | Failed) -> None:
        """What came back."""
        assert not isinstance(message, SipRequest)
        self.heard(self, message)


class Registrations:
    """All registrations of this process.  To be made inside the event loop."""

    def __init__(
        self,
        settings: RegistrationSettings,
        *,
        sip: RegistrationWire,
        book: Book,
        observer: RegistrationObserver,
        new_id: Callable[[], str],
        changed: Callable[[str], None] | None = None,
        busy: Callable[[str], bool] = lambda name: False,
    ) -> None:
        """``changed`` is told the name of each whose `report` is another than it was.

        ``busy``: whether calls go on through the trunk of that name.
        """
        self._settings = settings
        self._sip = sip
        self._book = book
        self._observer = observer
        self._new_id = new_id
        self._changed: Callable[[str], None] = changed or (lambda name: None)
        self._busy = busy
        self._loop = asyncio.get_running_loop()
        self._schedule = Schedule(settings.rate)
        self._kept: dict[str, _Kept] = {}
        self._parting: set[_Kept] = set()
        "Those that are being unregistered."
        self._lingering: list[_Kept] = []
        "Those that are to be, when the last call through them is over: what is in it may be sent by that name."
        self._lingers: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._leaving = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._log = structlog.get_logger()
        self._throttle = Throttle(self._loop.time, burst=BURST_OF_LINES, seconds=1.0)

    def __len__(self) -> int:
        """How many there are, those that are being taken back included."""
        return len(self._kept) + len(self._parting) + len(self._lingering)

    def add(self, registrants: Iterable[Registrant]) -> None:
        """Register these, each in its turn, and keep them registered."""
        now = self._loop.time()
        for registrant in registrants:
            binding = Binding(
                registrant,
                contact=contact_uri(registrant.contact_user, where(self._sip, registrant)),
                timing=self._settings.timing,
                new_id=self._new_id,
                user_agent=self._settings.user_agent,
                now=now,
            )
            self._kept[registrant.name] = kept = _Kept(binding, self._heard, now)
            self._book.write(registrant, None)
            self._supersede(registrant)
            if not self._is_parting(registrant):
                self._schedule.put(registrant.name, now)
            self._empty.clear()
            kept.told = binding.standing
            self._observer.registration_stands(None, binding.standing)
            self._changed(registrant.name)
        self._arm()

    def report(self, name: str) -> Report | None:
        """How the registration of that name is, by the loop's clock; None: there is none."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        binding = kept.binding
        return Report(
            standing=binding.standing,
            since=kept.since,
            until=binding.until if binding.grant is not None else None,
            failure=kept.failure,
            failed_at=kept.failed_at,
            next_at=binding.at if binding.phase is Phase.WAITING else None,
        )

    def remove(self, name: str) -> None:
        """Unregister what has that name, if anything does; calls that come for it are nobody's from now on."""
        kept = self._kept.pop(name, None)
        if kept is None:
            return
        self._schedule.drop(name)
        self._book.erase(kept.binding.registrant)
        self._observer.registration_stands(kept.told, None)
        self._changed(name)
        self._sip.holding.let_go(kept)
        waits = kept.binding.phase is Phase.WAITING and kept.binding.grant is not None
        if waits and not self._leaving and self._busy(name):
            self._lingering.append(kept)
            self._lingers = self._lingers or self._loop.call_later(LINGER_SECONDS, self._let_linger)
        else:
            self._part(kept)

    def _part(self, kept: _Kept) -> None:
        self._parting.add(kept)
        self._carry(kept, kept.binding.leave(self._loop.time()))

    def _let_linger(self) -> None:
        """Unregister those through which no calls go any more."""
        if self._lingers is not None:
            self._lingers.cancel()
        found, self._lingering, self._lingers = self._lingering, [], None
        for kept in found:
            if self._busy(kept.binding.registrant.name) and not self._leaving:
                self._lingering.append(kept)
            else:
                self._part(kept)
        if self._lingering:
            self._lingers = self._loop.call_later(LINGER_SECONDS, self._let_linger)

    def _supersede(self, registrant: Registrant) -> None:
        """Forget those that linger for the same address: to register it anew is to replace the binding (§10.2.1)."""
        for kept in [kept for kept in self._lingering if _is_same(kept.binding.registrant, registrant)]:
            self._lingering.remove(kept)
            self._sip.release(kept)

    async def leave(self, seconds: float) -> None:
        """Unregister everything, at the same rate; what is not done within that time lapses by itself."""
        self._leaving = True
        self._let_linger()
        self._schedule = Schedule(self._settings.rate)
        for name, kept in tuple(self._kept.items()):
            if kept.binding.phase is Phase.WAITING and kept.binding.grant is None:
                self.remove(name)
            else:
                self._schedule.put(name, 0.0)
        self._arm()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            self._log.warning("registrations_left", registrations=len(self), timeout_seconds=seconds)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for kept in (*self._kept.values(), *self._parting):
            self._sip.holding.let_go(kept)
            self._sip.release(kept)
        self._kept.clear()
        self._parting.clear()

    # ------------------------------------------------------------------------------------------------------- its turns

    def _turn(self) -> None:
        self._timer = None
        now = self._loop.time()
        while (name := self._schedule.take(now)) is not None:
            if self._leaving:
                self.remove(name)
            else:
                self._due(name, now)
        self._arm()

    def _due(self, name: str, now: float) -> None:
        kept = self._kept[name]
        try:
            self._carry(kept, kept.binding.due(now))
        except Exception:  # an error of ours costs one its turn, and not all others theirs
            self._log.exception("registration_failed", trunk=name)
            self._schedule.put(name, now + BROKEN_SECONDS)

    def _arm(self) -> None:
        at = self._schedule.next_at
        if self._timer is not None and (at is None or at != self._timer_at):
            self._timer.cancel()
            self._timer = None
        if at is not None and self._timer is None:
            self._timer_at = at
            self._timer = self._loop.call_at(at, self._turn)

    def _heard(self, kept: _Kept, message: SipResponse | Failed) -> None:
        self._carry(kept, kept.binding.receive(message, self._loop.time()))
        self._arm()

    def _carry(self, kept: _Kept, emitted: Iterable[Emitted]) -> None:
        """Do what the binding says; sending may fail at once, and so come back here before it returns."""
        for what in emitted:
            if isinstance(what, Outcome):
                self._over(kept, what)
            else:
                self._sip.send(what, kept)
        if kept.binding.phase is Phase.GONE:
            self._parting.discard(kept)
            self._sip.release(kept)
            self._follow(kept.binding.registrant)
            if not len(self):
                self._empty.set()

    def _over(self, kept: _Kept, outcome: Outcome) -> None:
        binding = kept.binding
        if outcome.cause is None:
            self._observer.registration_granted(outcome.seconds)
        else:
            self._observer.registration_failed(outcome.cause)
            kept.failure, kept.failed_at = outcome.text, self._loop.time()
        self._book.write(binding.registrant, grant := binding.grant)
        if grant is not None and grant.outbound and grant.flow is not None and grant.flow.reliable:
            self._sip.holding.hold(grant.flow, kept, partial(self._flow_lost, kept))
        else:
            self._sip.holding.let_go(kept)
        if not self._leaving:
            self._schedule.put(binding.registrant.name, binding.at)
        if kept.told is not binding.standing:
            self._observer.registration_stands(kept.told, binding.standing)
            kept.told, kept.since = binding.standing, self._loop.time()
            self._tell(binding, outcome)
        self._changed(binding.registrant.name)

    def _is_parting(self, registrant: Registrant) -> bool:
        """Whether the same address is being unregistered there: that would take the new binding away, too."""
        return any(_is_same(kept.binding.registrant, registrant) for kept in self._parting)

    def _follow(self, gone: Registrant) -> None:
        """Let what has come in the place of a binding that is gone have its turn."""
        kept = self._kept.get(gone.name)
        if kept is not None and kept.binding.phase is Phase.WAITING and _is_same(gone, kept.binding.registrant):
            self._schedule.put(gone.name, kept.binding.at)
            self._arm()

    def _flow_lost(self, kept: _Kept) -> None:
        kept.binding.flow_lost(self._loop.time())
        if not self._leaving:
            self._schedule.put(kept.binding.registrant.name, kept.binding.at)
        self._arm()

    def _tell(self, binding: Binding, outcome: Outcome) -> None:
        if not self._throttle.admits():
            return
        good = binding.standing is Standing.REGISTERED
        say = self._log.info if good else self._log.warning
        say(
            "registration_changed",
            trunk=binding.registrant.name,
            peer=binding.registrant.aor,
            state=binding.standing.value,
            text=outcome.text or None,
            delay_seconds=round(outcome.delay_seconds, 1),
            suppressed=self._throttle.held(),
        )


def _is_same(one: Registrant, other: Registrant) -> bool:
    return (one.name, one.aor, one.registrar) == (other.name, other.aor, other.registrar)


def where(sip: RegistrationWire, registrant: Registrant) -> str:
    """Our address as its registrar is to know it: host:port, and the transport as a parameter where it is not UDP."""
    host = registrant.hop.host
    return sip.contact(registrant.hop.transport, host if is_numeric(host) else None)
