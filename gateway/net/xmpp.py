"""The component stream (XEP-0114): stanzas in, stanzas out, and a connection that comes back.

The only module that names slixmpp.  slixmpp opens the stream, shakes hands and parses; a stanza is then taken off the
stream as a `Stanza` value before slixmpp builds its own objects of it, since nothing here uses those and they cost more
than the rest of a call (measured: 61 µs for a small IQ, 136 µs for a session-initiate).

While the stream is down, what is sent waits, since the calls go on: a stanza is sent after the reconnect if that comes
within `hold_seconds`, the time for which its receiver still has a use for it.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from xml.etree.ElementTree import Element

import structlog
from slixmpp import ComponentXMPP
from slixmpp.xmlstream import tostring

from gateway.errors import TransportError
from gateway.stanza import Stanza
from mappings.namespaces import COMPONENT, PING, XML

_KINDS = {f"{{{COMPONENT}}}{kind}": kind for kind in ("iq", "message", "presence")}
_LANG = f"{{{XML}}}lang"


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppPortSettings:
    """Where the XMPP server takes components, and how patient we are. Times in seconds."""

    domain: str
    host: str
    port: int
    secret: str
    backoff_first_seconds: float = 1.0
    backoff_most_seconds: float = 60.0
    handshake_seconds: float = 10.0
    "How long a connection may take until it is of use."
    idle_ping_seconds: float = 60.0
    "After so long without a byte the stream is pinged; after half as long again without an answer it is given up."
    hold_seconds: float = 60.0
    hold_limit: int = 10_000

    def __repr__(self) -> str:
        return f"XmppPortSettings({self.domain} at {self.host}:{self.port})"


class XmppObserver(Protocol):
    """What is worth counting."""

    def stanza(self, direction: str, kind: str) -> None:
        """A stanza came in, or went out."""
        ...

    def xmpp_connected(self, connected: bool) -> None:
        """The stream stands, or is gone."""
        ...

    def xmpp_reconnected(self) -> None:
        """The stream stands again after it was lost."""
        ...


class _Component(ComponentXMPP):
    """slixmpp's component with its stanza handling short-circuited to `take`."""

    def __init__(self, settings: XmppPortSettings, take: Callable[[Element], None]) -> None:
        super().__init__(settings.domain, settings.secret, settings.host, settings.port)  # type: ignore[no-untyped-call]
        self._take = take
        self.heard = False
        self._closes = False

    def data_received(self, data: bytes | str) -> None:
        self.heard = True
        super().data_received(data)

    def disconnect(self, *arguments: Any, **options: Any) -> Any:
        """Also slixmpp's own way out when the XML is broken; nothing may be sent after it."""
        self._closes = True
        return super().disconnect(*arguments, **options)

    @property
    def is_open(self) -> bool:
        """Whether what is sent goes out."""
        return self.is_connected() and not self._closes

    def _spawn_event(self, xml: Element) -> None:
        xml = self.incoming_filter(xml)  # type: ignore[no-untyped-call]
        if xml.tag in _KINDS:
            self._take(xml)
        else:
            super()._spawn_event(xml)


class XmppPort:
    """The gateway's connection to its XMPP server."""

    def __init__(
        self,
        settings: XmppPortSettings,
        *,
        on_stanza: Callable[[Stanza], None],
        observer: XmppObserver,
        on_connected: Callable[[bool], None] = lambda connected: None,
    ) -> None:
        """``on_connected`` is told when the stream stands, and when it is gone."""
        self.connected = False
        self.last_failure: str | None = None
        "Why the stream is down, while it is."
        self._settings = settings
        self._on_stanza = on_stanza
        self._observer = observer
        self._on_connected = on_connected
        self._log = structlog.get_logger().bind(protocol="xmpp", peer=f"{settings.host}:{settings.port}")
        self._shows = self._log.is_enabled_for(logging.DEBUG)
        "Whether stanzas are shown; one that came has to be written again for that."
        self._held: deque[tuple[float, Stanza]] = deque(maxlen=settings.hold_limit)
        self._out: list[tuple[Stanza, str]] = []
        "What this turn of the loop has said, and as text."
        self._stream: _Component | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._attempts = 0
        self._condition: str | None = None
        self._was_connected = False
        self._stopping = False
        self._waiting: list[asyncio.Future[None]] = []

    def start(self) -> None:
        """Begin to connect; `connected` tells when the handshake is done."""
        self._loop = asyncio.get_running_loop()
        self._connect()

    async def stop(self) -> None:
        """Close the stream after what is queued has been sent."""
        self._stopping = True
        self._cancel_timer()
        self._flush()
        stream, self._stream = self._stream, None
        if stream is None:
            return
        stream.cancel_connection_attempt()
        if stream.is_connected():
            await stream.disconnect(wait=1.0)
        if stream._run_out_filters is not None:
            stream._run_out_filters.cancel()
            await asyncio.gather(stream._run_out_filters, return_exceptions=True)
        self._lost("closed")

    async def established(self) -> None:
        """Wait for the next handshake to be done; TransportError with the reason if it fails first (for `check`)."""
        if not self.connected:
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            await waiter

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        if not self._is_open:
            self._held.append((self._loop.time(), stanza))
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append((stanza, _text(stanza)))

    @property
    def _is_open(self) -> bool:
        return self.connected and self._stream is not None and self._stream.is_open

    def _flush(self) -> None:
        """Write what one turn of the loop has said in one piece: a write costs more than the stanzas in it."""
        out, self._out = self._out, []
        if not out:
            return
        stream = self._stream
        if stream is None or not self._is_open:  # it broke in this turn
            now = self._loop.time()
            self._held.extendleft((now, stanza) for stanza, _ in reversed(out))
            return
        stream.send_raw("".join([text for _, text in out]))
        for stanza, text in out:
            self._observer.stanza("out", stanza.kind)
            self._log.debug("stanza_sent", wire=text)

    # ------------------------------------------------------------------------------------------------------ connection

    def _connect(self) -> None:
        if self._stopping:
            return
        self._attempts += 1
        stream = self._stream = _Component(self._settings, self._received)
        stream.add_event_handler("session_start", lambda _: self._established(stream))
        stream.add_event_handler("stream_error", lambda error: self._refused(error["condition"]))
        stream.add_event_handler("connection_failed", lambda why: self._failed(stream, str(why)))
        stream.add_event_handler("disconnected", lambda why: self._failed(stream, str(why or "closed by the server")))
        stream.connect()
        self._timer = self._loop.call_later(self._settings.handshake_seconds, self._tire, stream)

    def _tire(self, stream: _Component) -> None:
        """A server may take connections and be stuck; TCP would never tell."""
        stream.abort()
        self._failed(stream, f"no handshake within {self._settings.handshake_seconds:g} seconds")

    def _established(self, stream: _Component) -> None:
        if stream is not self._stream:
            return
        self._cancel_timer()
        self.connected = True
        self._attempts = 0
        self.last_failure = None
        self._log.info("xmpp_connected", held=len(self._held))
        self._observer.xmpp_connected(True)
        if self._was_connected:
            self._observer.xmpp_reconnected()
        self._was_connected = True
        self._tell(None)
        oldest = self._loop.time() - self._settings.hold_seconds
        while self._held:
            since, stanza = self._held.popleft()
            if since >= oldest:
                self.send(stanza)
        self._say(True)
        self._watch()

    def _refused(self, condition: str) -> None:
        self._condition = condition
        self._log.warning("xmpp_refused", reason=condition)

    def _failed(self, stream: _Component, why: str) -> None:
        if stream is not self._stream or self._stopping:
            return
        stream.cancel_connection_attempt()
        if stream._run_out_filters is not None:
            stream._run_out_filters.cancel()
        self._stream = None
        self.last_failure, self._condition = self._condition or why, None
        self._lost(self.last_failure)
        # Full jitter above the half, so that many gateways do not come back to a restarted server in step.
        settings = self._settings
        most = min(settings.backoff_most_seconds, settings.backoff_first_seconds * 2 ** min(self._attempts, 16))
        delay = most * (0.5 + random.random() / 2)  # noqa: S311 - jitter
        self._log.warning("xmpp_reconnecting", reason=self.last_failure, delay_seconds=round(delay, 2))
        self._cancel_timer()
        self._timer = self._loop.call_later(delay, self._connect)

    def _lost(self, why: str) -> None:
        self._cancel_timer()
        if self.connected:
            self.connected = False
            self._observer.xmpp_connected(False)
            self._say(False)
            say = self._log.info if self._stopping else self._log.warning
            say("xmpp_disconnected", reason=why)
        self._tell(why)

    def _say(self, stands: bool) -> None:
        try:
            self._on_connected(stands)
        except Exception:  # an error of ours must not keep the stream from being watched, or from coming back
            self._log.exception("xmpp_change_failed")

    def _tell(self, failure: str | None) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if waiter.done():
                continue
            if failure is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(TransportError(failure))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------------------------------------------------- liveliness

    def _watch(self) -> None:
        """Notice a server that is gone without a word: a TCP connection alone would not tell for many minutes."""
        stream = self._stream
        if stream is None or not self.connected:
            return
        stream.heard = False
        self._timer = self._loop.call_later(self._settings.idle_ping_seconds, self._ask, stream)

    def _ask(self, stream: _Component) -> None:
        if stream is not self._stream:
            return
        if stream.heard:
            self._watch()
            return
        domain = self._settings.domain
        # The ping is to ourselves: it goes to the server and comes back, which proves both directions (XEP-0199 §4.3).
        ping = Stanza(
            kind="iq", type="get", id="ping", sender=domain, to=domain, children=(Element(f"{{{PING}}}ping"),)
        )
        stream.send_raw(_text(ping))
        self._timer = self._loop.call_later(self._settings.idle_ping_seconds / 2, self._judge, stream)

    def _judge(self, stream: _Component) -> None:
        if stream is not self._stream:
            return
        if stream.heard:
            self._watch()
            return
        self._condition = "the server does not answer"
        stream.abort()

    # ---------------------------------------------------------------------------------------------------------- stanzas

    def _received(self, xml: Element) -> None:
        attributes = xml.attrib
        stanza = Stanza(
            kind=_KINDS[xml.tag],  # type: ignore[arg-type]
            type=attributes.get("type", ""),
            id=attributes.get("id", ""),
            sender=attributes.get("from", ""),
            to=attributes.get("to", ""),
            children=tuple(xml),
            lang=attributes.get(_LANG, ""),
        )
        self._observer.stanza("in", stanza.kind)
        if self._shows:
            self._log.debug("stanza_received", wire=_shown(stanza))
        try:
            self._on_stanza(stanza)
        except Exception:
            # One stanza that breaks us must not break the stream, and with it every call.
            self._log.exception("stanza_failed", kind=stanza.kind, type=stanza.type)


def _shown(stanza: Stanza) -> str:
    """What came, as text; no server limits how deep a peer may nest elements, and writing them is recursive."""
    try:
        return _text(stanza)
    except RecursionError:
        return f"<{stanza.kind}/> nested too deep to be shown"


def _text(stanza: Stanza) -> str:
    attributes = {"from": stanza.sender, "to": stanza.to}
    if stanza.type:
        attributes["type"] = stanza.type
    if stanza.id:
        attributes["id"] = stanza.id
    if stanza.lang:
        attributes[_LANG] = stanza.lang
    element = Element(f"{{{COMPONENT}}}{stanza.kind}", attributes)
    for child in stanza.children:
        if child.tag[0] != "{":
            # An <error/> is in the namespace of its stanza (RFC 6120 §8.3.2), and which that is, is known only here.
            child.tag = f"{{{COMPONENT}}}{child.tag}"
        element.append(child)
    text: Any = tostring(element, xmlns=COMPONENT)
    return str(text)
