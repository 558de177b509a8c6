"""From a next hop to addresses: what `gateway.sip.locating` wants to know is asked here, once, and remembered.

Theory of operation.  Every question has one answer here, for as long as its TTL says, within bounds, and at most one
query under way, however many wait for it.  All questions that may matter are asked at once.  Nobody waits for more than
`timeout_seconds`; what has no answer by then counts as nothing.

A silent server.  When no answer comes, the last one is used on, for a day (RFC 8767).  Only the first call after its
time waits for that; from then on the old answer is given at once and the server asked again in the background, now and
then, until it answers.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from gateway.errors import TransportError
from gateway.net.names import Names, Reply, Silent
from gateway.net.sent_by import Listener
from gateway.sip.flow import Flow, Hop
from gateway.sip.locating import Kind, Located, Question, Record, is_numeric, locate, numeric
from gateway.throttle import Throttle

LEAST_SECONDS = 1.0
"The shortest time that an answer is believed, whatever its TTL."

MOST_SECONDS = 3600.0
"The longest."

MOST_NEGATIVE_SECONDS = 60.0
"The longest time that there is nothing: who has just written a record does not want to wait."

STALE_SECONDS = 86_400.0
"How long an old answer is good while no server gives a new one (RFC 8767 §5)."

RETRY_SECONDS = 10.0
"After this a server that was silent is asked again."

MAX_ANSWERS = 2_048
"Answers remembered; names may come from peers (Contact, Record-Route)."


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverSettings:
    """Whom to ask, and how long to wait."""

    nameservers: tuple[tuple[str, int], ...] = ()
    "Addresses and ports; none: those of the system."

    timeout_seconds: float = 3.0
    "How long anybody waits for the DNS, whatever it is asked."


class ResolverObserver(Protocol):
    """What is counted."""

    def name_asked(self, outcome: str) -> None:
        """A question went to the DNS: found, nothing, stale (no reply; an old one is used), silent (none)."""
        ...


class _Asks(Protocol):
    async def ask(self, question: Question, seconds: float) -> Reply: ...


@dataclass(slots=True)
class _Entry:
    records: tuple[Record, ...]
    until: float
    stale_until: float
    failing: bool = False
    "The last attempt to renew it failed."


class Resolver:
    """Finds the targets of hops."""

    def __init__(
        self,
        clock: Callable[[], float] | None = None,
        *,
        settings: ResolverSettings | None = None,
        names: _Asks | None = None,
        observer: ResolverObserver | None = None,
    ) -> None:
        self._settings = settings or ResolverSettings()
        self._clock = clock
        self._names: _Asks = names or Names(self._settings.nameservers)
        self._observer = observer
        self._answers: dict[Question, _Entry] = {}
        self._asked: dict[Question, asyncio.Task[None]] = {}
        self._log = structlog.get_logger().bind(protocol="dns")
        self._throttle = Throttle(clock or asyncio.get_running_loop().time)
        self._transports: Sequence[str] = ("UDP", "TCP")
        self._versions: Sequence[Kind] = ("A", "AAAA")

    def prefer(self, listening: Iterable[Listener]) -> None:
        """Look for what can be reached from these, in their order; what needs no listener can be reached anyway."""
        transports = [listener.transport for listener in listening]
        versions: list[Kind] = ["AAAA" if ":" in listener.host else "A" for listener in listening]
        self._transports = tuple(dict.fromkeys((*transports, "TCP")))
        self._versions = tuple(dict.fromkeys(versions))

    def known(self, hop: Hop, seed: str = "") -> tuple[Flow, ...] | None:
        """The targets without waiting for anybody; None when somebody must be waited for.  Unknown names give ().

        ``seed`` is what chance is made of, so that the requests of one call meet the same server.
        """
        if not hop.host:
            return ()
        if is_numeric(hop.host):
            return (numeric(hop),)
        found = self._locate(hop, seed, self._recall)
        return None if found.open else found.targets

    async def resolve(self, hop: Hop, seed: str = "") -> tuple[Flow, ...]:
        """The targets in the order in which they are to be tried.  TransportError when there are none."""
        found = await self._find(hop, seed)
        if not found.targets:
            raise TransportError(f"{hop.host}: name does not resolve")
        return found.targets

    async def watch(self, hop: Hop) -> tuple[frozenset[str], float]:
        """The addresses of all the targets, and for how many seconds that will be so.  TransportError when none."""
        found = await self._find(hop, "")
        if not found.targets:
            raise TransportError(f"{hop.host}: name does not resolve")
        entries = [self._answers[question] for question in found.used if question in self._answers]
        until = min((entry.until for entry in entries), default=self._now() + MOST_SECONDS)
        return frozenset(flow.host for flow in found.targets), max(LEAST_SECONDS, until - self._now())

    async def close(self) -> None:
        """Forget everything, and stop asking."""
        for asked in self._asked.values():
            asked.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        self._asked.clear()
        self._answers.clear()

    async def _find(self, hop: Hop, seed: str) -> Located:
        deadline = self._now() + self._settings.timeout_seconds
        while (found := self._locate(hop, seed, self._recall)).open:
            asked = [self._ask(question) for question in found.open]
            left = deadline - self._now()
            if left <= 0:
                return self._locate(hop, seed, self._last)
            await asyncio.wait(asked, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        return found

    def _locate(self, hop: Hop, seed: str, answers: Callable[[Question], tuple[Record, ...] | None]) -> Located:
        chance: list[random.Random] = []

        def draw(most: int) -> int:
            if not chance:  # made only when there is something to choose: it is not cheap
                chance.append(random.Random(f"{seed} {hop.host}") if seed else random.SystemRandom())  # noqa: S311
            return chance[0].randint(0, most)

        return locate(hop, answers, transports=self._transports, versions=self._versions, draw=draw)

    def _recall(self, question: Question) -> tuple[Record, ...] | None:
        """A fresh answer, or an old one while it cannot be renewed; None: it must be asked for."""
        entry = self._answers.get(question)
        if entry is None:
            return None
        if entry.until > (now := self._now()):
            return entry.records
        if entry.failing and entry.stale_until > now:
            self._ask(question)
            return entry.records
        return None

    def _last(self, question: Question) -> tuple[Record, ...]:
        """Whatever there is, now that the time to wait is over."""
        entry = self._answers.get(question)
        return entry.records if entry is not None and entry.stale_until > self._now() else ()

    def _ask(self, question: Question) -> "asyncio.Task[None]":
        """Ask once, however many wait for the answer."""
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = asyncio.get_running_loop().create_task(self._query(question))
            asked.add_done_callback(lambda done: self._asked.pop(question, None))
        return asked

    async def _query(self, question: Question) -> None:
        try:
            reply = await self._names.ask(question, self._settings.timeout_seconds)
        except Silent as silence:
            self._unanswered(question, str(silence))
            return
        except Exception as error:  # of ours or the library's; whoever waits must not wait for ever
            self._log.exception("dns_failed", kind=question.kind)
            self._unanswered(question, type(error).__name__)
            return
        most = MOST_SECONDS if reply.records else MOST_NEGATIVE_SECONDS
        until = self._now() + min(max(reply.seconds, LEAST_SECONDS), most)
        self._keep(question, _Entry(reply.records, until, until + STALE_SECONDS))
        self._count("found" if reply.records else "nothing")

    def _unanswered(self, question: Question, text: str) -> None:
        now = self._now()
        entry = self._answers.get(question)
        if entry is not None and entry.stale_until > now:
            entry.until, entry.failing = now + RETRY_SECONDS, True
            outcome = "stale"
        else:
            self._keep(question, _Entry((), now + RETRY_SECONDS, 0.0))
            outcome = "silent"
        self._count(outcome)
        if self._throttle.admits():
            self._log.warning(
                "dns_silent", peer=question.name, kind=question.kind, reason=outcome, text=text,
                suppressed=self._throttle.held(),
            )  # fmt: skip

    def _keep(self, question: Question, entry: _Entry) -> None:
        self._answers.pop(question, None)
        if len(self._answers) >= MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers[question] = entry

    def _count(self, outcome: str) -> None:
        if self._observer is not None:
            self._observer.name_asked(outcome)

    def _now(self) -> float:
        return (self._clock or asyncio.get_running_loop().time)()
