"""The whole gateway on a virtual clock: everything is real but the two wires, which end in the actors' inboxes.

Taken out are the sockets below `SipPort` and the stream below `XmppPort`; each speaks text to the actors, so that what
is written is what a peer would read.  After a flow nothing may be left: no call, no transaction, no owner, no task, no
message that nobody took, and no line in the log that says that the gateway failed.
"""

import asyncio
import contextlib
import logging
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock
from xml.etree.ElementTree import Element, fromstring, tostring

import structlog
from structlog.testing import LogCapture

from gateway import app as application
from gateway import parts
from gateway.app import App
from gateway.config import Settings, load
from gateway.jid import bare
from gateway.net.sent_by import Listener
from gateway.sip.flow import Flow
from mappings.namespaces import COMPONENT
from tests.call.paper_anchor import PaperAnchors
from tests.flows.clock import VirtualLoop

DOMAIN = "gw.example"
GATEWAY = "192.0.2.1"
PHONE = "192.0.2.20"

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
"When a flow begins, by the clock that says which day it is."

COOLING_SECONDS = 40.0
"More than 64*T1, after which no transaction may be left."

SETTINGS = """
[xmpp]
domain = "gw.example"
secret_env = "SECRET"
{xmpp}
[sip]
listen = ["udp:192.0.2.1:5060"]
{sip}
[routing]
[[trunk]]
name = "pbx"
host = "{host}"
transport = "udp"
allow = ["montague.example"]
{trunk}
[[dial]]
match = '[+]?[0-9]+'
trunk = "pbx"
{dial}
[[number]]
number = "+15550100"
jid = "romeo@montague.example"
[[number]]
number = "+15550101"
jid = "nurse@capulet.example"
[media]
{media}
[store]
file = ""
[history]
{history}
[control]
socket = ""
[limits]
{limits}
[presence]
{presence}
[incoming]
{incoming}
[notices]
{notices}
"""


@lru_cache
def settings(**tables: str) -> Settings:
    """The settings of a flow; further keys by table."""
    empty = dict.fromkeys(("xmpp", "sip", "trunk", "dial", "limits", "history", "presence", "incoming", "notices"), "")
    usual = {**empty, "host": PHONE, "media": 'anchor = "none"'}
    text = SETTINGS.format(**usual | tables)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.toml"
        path.write_text(text)
        return load(path, {"SECRET": "hush"})


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message, for the ladder."""

    at: float
    source: str
    target: str
    word: str
    mark: str = ""

    def __str__(self) -> str:
        left, middle, right = " " * 44, "gateway", ""
        label = f"{self.word}{' ' + self.mark if self.mark else ''}"
        if self.source == "gateway" and self.target.startswith("sip:"):
            right = f"── {label} ──▶ {self.target[4:]}"
        elif self.source.startswith("sip:"):
            right = f"◀── {label} ── {self.source[4:]}"
        elif self.target == "gateway":
            left = f"{self.source} ── {label} ──▶".rjust(44)
        else:
            left = f"{self.target} ◀── {label} ──".rjust(44)
        return f"{self.at:9.3f} {left} {middle} {right}"


class BrokenFlow(AssertionError):
    """A step did not happen; the text is the ladder as far as it went."""


class _NoHttp:
    """Serves nothing."""

    async def start(self) -> None:
        """Nothing to bind."""

    async def stop(self) -> None:
        """Nothing to close."""


class MemorySockets:
    """In the place of `gateway.net.sockets.Sockets`: one UDP socket, whose datagrams are handed over."""

    def __init__(self, world: "World", user: Any, **_: Any) -> None:
        self.listening: tuple[Listener, ...] = ()
        self.connections = 0
        self._world = world
        world.sip = user

    async def listen(self, listeners: Sequence[Any]) -> None:
        """Listen; nothing can go wrong."""
        self.listening = tuple(Listener(at.transport, at.host, at.port) for at in listeners)

    async def close(self) -> None:
        """Stop listening."""
        self.listening = ()

    def datagrams(self, host: str) -> "MemorySockets":
        """The socket for datagrams: there is one."""
        return self

    def flow(self, host: str, port: int) -> Flow:
        """Where a datagram goes."""
        return Flow("UDP", host, port, "main")

    def is_open(self, flow: Flow) -> bool:
        """Whether something can be sent there."""
        return flow.transport == "UDP"

    def send(self, data: bytes, flow: Flow) -> None:
        """Hand a datagram over."""
        self._world.sip_out(data, (flow.host, flow.port))


class MemoryStream:
    """In the place of slixmpp's component: a server that can go away and come back."""

    _run_out_filters = None

    def __init__(self, world: "World", _settings: Any, take: Callable[[Element], None]) -> None:
        self.heard = False
        self._world = world
        self._take = take
        self._handlers: dict[str, Callable[[Any], None]] = {}
        self._connected = False
        world.stream = self

    def add_event_handler(self, name: str, handler: Callable[[Any], None]) -> None:
        """As slixmpp's."""
        self._handlers[name] = handler

    def connect(self) -> None:
        """The handshake takes one turn of the loop."""
        self._world.loop.call_soon(self._opened)

    def _opened(self) -> None:
        self._connected = self._world.server_is_up
        if self._connected:
            self._handlers["session_start"]({})
        else:
            self._handlers["connection_failed"]("connection refused")

    def cancel_connection_attempt(self) -> None:
        """As slixmpp's."""

    def is_connected(self) -> bool:
        """As slixmpp's."""
        return self._connected

    @property
    def is_open(self) -> bool:
        """As `gateway.net.xmpp`'s."""
        return self._connected

    async def disconnect(self, wait: float = 0.0) -> None:
        """As slixmpp's."""
        self._connected = False

    def abort(self) -> None:
        """As slixmpp's: the connection is gone."""
        self.lose("connection lost")

    def lose(self, why: str) -> None:
        """The server is gone."""
        self._connected = False
        self._handlers["disconnected"](why)

    def send_raw(self, text: str) -> None:
        """A stanza leaves the gateway."""
        self._world.xmpp_out(text)

    def receive(self, stanza: Element) -> None:
        """A stanza comes to the gateway."""
        self.heard = True
        self._take(stanza)


@dataclass
class World:
    """The gateway, its wires, who is at the other ends, and everything that has happened."""

    loop: VirtualLoop
    app: App = field(init=False)
    sip: Any = None
    "What takes datagrams: the real SipPort."

    stream: MemoryStream = field(init=False)
    running: "asyncio.Task[None]" = field(init=False)
    server_is_up: bool = True
    holding: bool = False
    "Whether the gateway gets no turn between two steps."

    losing: bool = False
    "Whether what is sent now is lost on the way."

    ladder: list[Arrow] = field(default_factory=list)
    stanzas: dict[str, deque[Element]] = field(default_factory=dict)
    "What came for an account, by bare JID."

    presences: list[Element] = field(default_factory=list)
    datagrams: dict[tuple[str, int], deque[bytes]] = field(default_factory=dict)
    "What came for a phone, by its address."

    repeated: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)
    "Datagrams that came again, octet by octet."

    names: dict[object, str] = field(default_factory=dict)
    "What the ladder calls whom."

    state: dict[object, Any] = field(default_factory=dict)
    "What each actor remembers."

    log: list[Any] = field(default_factory=list)
    known: set[tuple[tuple[str, int], bytes]] = field(default_factory=set)

    # ------------------------------------------------------------------------------------------------- from the gateway

    def xmpp_out(self, text: str) -> None:
        """Stanzas of the gateway's, as text."""
        for stanza in fromstring(f"<stream xmlns='{COMPONENT}'>{text}</stream>"):
            to = stanza.get("to", "")
            if bare(to) == DOMAIN:  # a ping to itself
                self.loop.call_soon(self.stream.receive, stanza)
                continue
            assert bare(stanza.get("from", "")).endswith(DOMAIN), f"sent as somebody else: {text}"
            self.note("gateway", self.names.get(to, to), word_of_stanza(stanza))
            if stanza.tag.endswith("}presence"):
                self.presences.append(stanza)
            else:
                self.stanzas.setdefault(bare(to), deque()).append(stanza)

    def sip_out(self, data: bytes, to: tuple[str, int]) -> None:
        """A datagram of the gateway's."""
        again = (to, data) in self.known
        self.known.add((to, data))
        self.note("gateway", f"sip:{self.names.get(to, to[0])}", word_of_datagram(data), "again" if again else "")
        if again:
            self.repeated.setdefault(to, []).append(data)
        else:
            self.datagrams.setdefault(to, deque()).append(data)

    # --------------------------------------------------------------------------------------------------- to the gateway

    def xmpp_in(self, name: str, stanza: Element) -> None:
        """A client says something."""
        self.note(name, "gateway", word_of_stanza(stanza), "lost" if self.losing else "")
        if not self.losing:
            assert self.stream.is_connected(), "the server is down"
            self.loop.call_soon(self.stream.receive, stanza)
        self.settle()

    def sip_in(self, source: tuple[str, int], data: bytes) -> None:
        """A phone says something."""
        name = self.names.get(source, source[0])
        self.note(f"sip:{name}", "gateway", word_of_datagram(data), "lost" if self.losing else "")
        if not self.losing:
            self.loop.call_soon(self.sip.datagram, data, Flow("UDP", *source, "main"))
        self.settle()

    # --------------------------------------------------------------------------------------------------------- the flow

    def note(self, source: str, target: str, word: str, mark: str = "") -> None:
        """One more arrow."""
        self.ladder.append(Arrow(self.loop.now - 1_000.0, source, target, word, mark))

    def settle(self) -> None:
        """Let the gateway do what there is to do, unless two things are to happen at once."""
        if not self.holding:
            self.loop.settle()

    def fail(self, text: str) -> None:
        """This arrow broke."""
        lines = [str(arrow) for arrow in self.ladder]
        failures = [entry for entry in self.log if entry["log_level"] in ("warning", "error")]
        told = [f"  log: {entry['event']} {entry.get('text', '')}{entry.get('exception', '')}" for entry in failures]
        raise BrokenFlow("\n".join(["", *lines, f"✗ {self.loop.now - 1_000.0:7.3f} {text}", *told]))

    # ---------------------------------------------------------------------------------------------------- nothing left

    @property
    def anchors(self) -> PaperAnchors:
        """What anchors media, where that is configured."""
        anchors = self.app.anchors
        assert isinstance(anchors, PaperAnchors)
        return anchors

    @property
    def has_stopped(self) -> bool:
        """Whether the process would have ended."""
        return self.running.done()

    def counts(self) -> dict[str, int]:
        """What there is of everything that has to go away."""
        calls: Any = self.app.calls
        return {
            "calls": len(calls),
            "doors": len(calls.doors),
            "announcements": len(calls.opening.announcements),
            "users": len(calls._by_user),
            "call tasks": len(calls._tasks),
            "anchors": len([one for one in getattr(self.app.anchors, "opened", ()) if not one.closed]),
            "anchors_active": int(self.total("jinglesip_anchors_active")),
            "calls_active": int(sum(self.sample("jinglesip_calls_active", origin=kind) for kind in ("xmpp", "sip"))),
            "tasks": len([task for task in asyncio.all_tasks(self.loop) if not task.get_name().startswith("gateway")]),
        }

    def remains(self) -> dict[str, int]:
        """What transactions leave for 64*T1 and no longer."""
        sip: Any = self.app.sip
        return self.counts() | {
            "transactions": sip.transactions,
            "owners": len(sip._owners),
            "forks": len(sip._forks),
        }

    def sample(self, metric: str, **labels: str) -> float:
        """A value of the gateway's metrics; of one that is not there, 0."""
        return self.app.registry.get_sample_value(metric, labels) or 0.0

    def total(self, metric: str) -> float:
        """A metric over all its labels."""
        found = (sample for family in self.app.registry.collect() for sample in family.samples)
        return sum(sample.value for sample in found if sample.name == metric)

    def expect_silence(self) -> None:
        """Nothing may lie unread."""
        for stanzas in self.stanzas.values():
            if stanzas:
                self.fail(f"nobody took: {tostring(stanzas[0], encoding='unicode')}")
        for datagrams in self.datagrams.values():
            if datagrams:
                self.fail(f"nobody took:\n{datagrams[0].decode()}")

    def expect_nothing_left(self, *, failures: bool) -> None:
        """After the last step: no message, no call, no task; after 64*T1 no transaction; no failure of ours."""
        self.expect_silence()
        if left := {name: number for name, number in self.counts().items() if number}:
            self.fail(f"left over: {left}")
        self.loop.advance(COOLING_SECONDS)
        self.expect_silence()
        if left := {name: number for name, number in self.remains().items() if number}:
            self.fail(f"left over after {COOLING_SECONDS:g} s: {left}")
        opened = sorted(entry["call"] for entry in self.log if entry["event"] == "call_opened")
        ended = sorted(entry["call"] for entry in self.log if entry["event"] == "call_ended")
        if opened != ended:
            self.fail(f"opened: {opened}, ended: {ended}")
        if lost := self.total("jinglesip_out_of_order_total"):
            self.fail(f"{lost:g} signals had no place in their call")
        errors = [entry for entry in self.log if entry["log_level"] in ("error", "critical")]
        if bool(errors) is not failures:
            self.fail("the gateway failed" if errors else "the gateway did not say that it failed")


@contextlib.contextmanager
def world(**tables: str) -> Iterator[World]:
    """A running gateway, stopped afterwards, with everything it took given back."""
    loop = VirtualLoop()
    numbers = count(1)
    made = World(loop)

    def new_id() -> str:
        return f"{next(numbers):016x}" * 2

    def wall() -> float:
        return NOON + loop.time() - 1_000.0

    with (
        _captured() as made.log,
        mock.patch("gateway.net.sip.Sockets", partial(MemorySockets, made)),
        mock.patch("gateway.net.xmpp._Component", partial(MemoryStream, made)),
        mock.patch.object(application, "_new_id", new_id),
        mock.patch.object(application, "_wall", wall),
        mock.patch.object(parts, "EmbeddedAnchors", return_value=PaperAnchors()),
    ):

        async def start() -> None:
            made.app = App(settings(**tables))
            made.app.http = _NoHttp()  # type: ignore[assignment]
            made.running = asyncio.create_task(made.app.run(), name="gateway")

        loop.run_until_complete(start())
        try:
            loop.settle()
            yield made
            if not made.has_stopped:
                loop.signal(signal.SIGINT)
                loop.advance(10)
            assert made.has_stopped, "the gateway does not stop"
            made.running.result()
            assert not asyncio.all_tasks(loop)
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.settle()
            loop.close()


@contextlib.contextmanager
def _captured() -> Iterator[list[Any]]:
    """What the gateway logs, from info on, with the tracebacks of its failures."""
    before = structlog.get_config()
    capture = LogCapture()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, capture],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    try:
        yield capture.entries
    finally:
        structlog.configure(**before)


def word_of_stanza(stanza: Element) -> str:
    """A stanza in a few words: what steps expect, and what the ladder shows."""
    kind, type = stanza.tag.rpartition("}")[2], stanza.get("type", "")
    child = next(iter(stanza), None)
    if type == "error":
        return f"{'' if kind == 'iq' else kind + ' '}{_error(stanza)}"
    if kind == "presence":
        return f"presence {type}".strip()
    if kind == "iq" and type == "result":
        return "result"
    if child is None:
        return f"{kind} {type}"
    if kind == "iq" and child.tag == "{urn:xmpp:jingle:1}jingle":
        return _said(child.get("action", ""), child)
    return _said(child.tag.rpartition("}")[2], child)


def _said(word: str, element: Element) -> str:
    names = [word]
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name == "reason":
            names += [
                inner.tag.rpartition("}")[2] for inner in child if inner.tag == f"{{urn:xmpp:jingle:1}}{_local(inner)}"
            ]
        elif name not in ("content", "description", "group"):
            names.append(name)
    return " ".join(name for name in names if name != "text")


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _error(stanza: Element) -> str:
    error = next((child for child in stanza if _local(child) == "error"), None)
    names = [] if error is None else [_local(child) for child in error if _local(child) != "text"]
    return " ".join(["error", *names])


def word_of_datagram(data: bytes) -> str:
    """A request's method, or a response's status and the method that it answers."""
    line, _, rest = data.decode(errors="replace").partition("\r\n")
    if not line.startswith("SIP/2.0 "):
        return line.partition(" ")[0]
    cseq = next((part for part in rest.split("\r\n") if part.lower().startswith("cseq:")), "")
    return f"{line.split(' ')[1]} {cseq.rpartition(' ')[2]}"
