"""All texts that are on their way: whose turn it is, what comes back for which, and what is refused at once."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from gateway.buckets import Buckets
from gateway.call.story import named
from gateway.errors import PeerError
from gateway.jid import bare
from gateway.outward import ANONYMOUS, Outbound
from gateway.policy.screening import Caller
from gateway.routing import Inbound, Routing
from gateway.sip import uas
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.reasons import refusal_of_error
from gateway.sip.wire import Failed, Outgoing
from gateway.stanza import Stanza, error, read_error
from gateway.text import body, reading
from gateway.text.sending import Outcome, Sending
from gateway.throttle import Throttle
from mappings.conditions import BY_CONDITION

BOUNCE_SECONDS = 2.0
"How long a SIP sender waits for what the XMPP side says; after that, 202. No longer: others answer at once (RFC 4320)."

REMEMBERED_SECONDS = 300.0
"How long a MESSAGE that comes again, by another way or after a time-out, is answered as it was."

MAX_OPEN = 5_000
"Texts that wait for an answer, in each direction."

MAX_WAITING = 32
"Texts of one user to one address that wait for each other."

MAX_REMEMBERED = 20_000
"Repetitions that are known, and conversations."

RETRY_AFTER: Header = ("Retry-After", "10")

_UNSAID = {408: 504, 302: 480, 301: 480}
"What an error's status becomes: no 408 to a MESSAGE (RFC 4320 §4.2), no redirection without an address."

_Key = tuple[str, str, str, int]
"What names a MESSAGE, whichever way it comes: trunk, Call-ID, From tag, CSeq."


class XmppPort(Protocol):
    """The way to the XMPP server."""

    connected: bool

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


class SipPort(Protocol):
    """The way to SIP peers."""

    def send(self, message: Any, owner: Any = None) -> None:
        """Send a request or response; what becomes of a request is put into its owner."""
        ...


class TextObserver(Protocol):
    """What is counted."""

    def text(self, origin: str, result: str) -> None:
        """What became of a text: delivered, accepted, failed, refused."""
        ...


@dataclass(frozen=True, slots=True)
class TextSettings:
    """How much, and as whom."""

    domain: str
    resource: str
    a_minute: int = 60
    "Texts of one XMPP user, or of one SIP caller."

    server: str = ""
    "What the User-Agent and Server headers say."


class _Line:
    """The texts of one user to one address; the first is on its way."""

    __slots__ = ("desk", "key", "waiting")

    def __init__(self, desk: "Texts", key: tuple[str, str]) -> None:
        self.desk = desk
        self.key = key
        self.waiting: deque[Sending] = deque()

    def put(self, message: SipResponse | Failed) -> None:
        """What comes back for the first."""
        self.desk.heard(self, message)


@dataclass(slots=True)
class _Arrival:
    """A text from SIP that is with the XMPP side."""

    request: SipRequest
    key: _Key
    to: str
    trunk: str
    timer: asyncio.TimerHandle


class Texts:
    """The texts between XMPP and SIP.  To be made inside the event loop."""

    def __init__(
        self,
        settings: TextSettings,
        *,
        routing: Routing,
        xmpp: XmppPort,
        sip: SipPort,
        observer: TextObserver,
        new_id: Callable[[], str],
        block: Callable[[Caller, str], None],
    ) -> None:
        """``block`` raises PeerError when nothing of a caller's is to reach a user (bare JID)."""
        self._settings = settings
        self._block = block
        self._routing = routing
        self._xmpp = xmpp
        self._sip = sip
        self._observer = observer
        self._new_id = new_id
        self._loop = asyncio.get_running_loop()
        self._allowed = {origin: Buckets[str].a_minute(settings.a_minute) for origin in ("xmpp", "sip")}
        self._lines: dict[tuple[str, str], _Line] = {}
        self._sending = 0
        self._arrivals: dict[str, _Arrival] = {}
        "By the id of the message that the XMPP side got."
        self._answered: OrderedDict[_Key, tuple[float, int]] = OrderedDict()
        self._chats: OrderedDict[tuple[str, str], None] = OrderedDict()
        "Which users have written to which of our JIDs as in a chat, and so are answered."
        self._empty = asyncio.Event()
        self._empty.set()
        self._log = structlog.get_logger()
        self._throttle = Throttle(self._loop.time, burst=20, seconds=1.0)

    def __len__(self) -> int:
        """How many wait for an answer."""
        return self._sending + len(self._arrivals)

    # ----------------------------------------------------------------------------------------------------- XMPP to SIP

    def stanza(self, stanza: Stanza) -> bool:
        """Take a message; False: there is no text in it that is meant for somebody."""
        if stanza.type not in ("", "normal", "chat") or not bare(stanza.to).partition("@")[1]:
            return False
        try:
            text = reading.read(stanza)
            if text is None:
                return False
            outbound = self._routing.outbound(stanza.sender, stanza.to)
            self._admit("xmpp", bare(stanza.sender))
            sending = Sending(stanza, text, outbound, agent=("User-Agent", self._settings.server), new_id=self._new_id)
            self._queue(sending)
        except PeerError as failure:
            self._note("xmpp", "refused", caller=stanza.sender, callee=stanza.to, text=failure.text)
            self._xmpp.send(error(stanza, failure.condition, failure.text))
            return True
        if stanza.type == "chat":
            self._remember_chat(bare(stanza.sender), bare(stanza.to))
        return True

    def _queue(self, sending: Sending) -> None:
        key = (bare(sending.stanza.sender), sending.outbound.request_uri)
        line = self._lines.get(key) or _Line(self, key)
        if len(line.waiting) >= MAX_WAITING or self._sending >= MAX_OPEN:
            raise PeerError("text: too many wait for the phone's answer", status=503, condition="resource-constraint")
        self._lines[key] = line
        line.waiting.append(sending)
        self._sending += 1
        self._empty.clear()
        if len(line.waiting) == 1:
            self._sip.send(sending.begin(), line)

    def heard(self, line: _Line, message: SipResponse | Failed) -> None:
        """A response to the first text of a line, or that there will be none."""
        if not line.waiting:
            return
        sending = line.waiting[0]
        came = sending.receive(message)
        if isinstance(came, Outgoing):
            self._sip.send(came, line)
        elif isinstance(came, Outcome):
            self._close(line, sending, came)

    def _close(self, line: _Line, sending: Sending, outcome: Outcome) -> None:
        line.waiting.popleft()
        self._sending -= 1
        delivered = "delivered" if outcome.status == 200 else "accepted"
        result = delivered if outcome.text is None else "failed"
        outbound: Outbound = sending.outbound
        self._note(
            "xmpp", result, caller=sending.stanza.sender, callee=outbound.number_label, trunk=outbound.trunk,
            status=outcome.status, text=outcome.text,
        )  # fmt: skip
        if outcome.reply is not None:
            self._xmpp.send(outcome.reply)
        if line.waiting:
            self._sip.send(line.waiting[0].begin(), line)
        else:
            del self._lines[line.key]
            self._settle()

    # ----------------------------------------------------------------------------------------------------- SIP to XMPP

    def request(self, request: SipRequest, trunk: str) -> None:
        """Take a MESSAGE that a trunk sends; it gets its answer, now or within `BOUNCE_SECONDS`."""
        key = (trunk, request.call_id, request.from_.tag or "", request.cseq.number)
        known = self._answered.get(key)
        if known is not None and known[0] > self._loop.time():
            self._answer(request, known[1])
            return
        try:
            self._take(request, trunk, key)
        except PeerError as failure:
            verdict = refusal_of_error(failure)
            status, headers = body.unsupported(failure) or (verdict.status, verdict.headers)
            if status == 503:
                headers = (*headers, RETRY_AFTER)
            self._answer(request, status, headers)
            self._note(
                "sip", "refused", caller=named(request.from_.uri), callee=named(request.request_uri), trunk=trunk,
                status=status, text=failure.text,
            )  # fmt: skip

    def _take(self, request: SipRequest, trunk: str, key: _Key) -> None:
        inbound = self._routing.inbound_request(request, trunk)
        if not self._routing.takes_messages(trunk, anonymous=inbound.caller == ANONYMOUS):
            raise PeerError("From: texts of nobody are not taken", status=433, condition="not-allowed")
        self._block(inbound.source, bare(inbound.callee))
        text = body.read(request)
        if not self._xmpp.connected or len(self._arrivals) >= MAX_OPEN:
            raise PeerError("text: no way to XMPP at the moment", status=503, condition="resource-constraint")
        self._admit("sip", f"{trunk} {inbound.caller}")
        id = self._new_id()
        timer = self._loop.call_later(BOUNCE_SECONDS, self._accepted, id)
        self._arrivals[id] = _Arrival(request, key, inbound.callee, trunk, timer)
        self._empty.clear()
        self._xmpp.send(self._message(text, inbound, id))

    def _message(self, text: reading.Text, inbound: Inbound, id: str) -> Stanza:
        sender = f"{inbound.caller}@{self._settings.domain}"
        chats = (bare(inbound.callee), sender) in self._chats
        if inbound.caller == ANONYMOUS:
            # A Call-ID often names the host that made it.
            text = reading.Text(body=text.body, lang=text.lang, subject=text.subject)
        return reading.write(
            text,
            sender=f"{sender}/{self._settings.resource}",
            to=inbound.callee,
            id=id,
            type="chat" if chats else "normal",
            nick=None if chats else inbound.nick,
            origin=inbound.origin,
        )

    def reply(self, stanza: Stanza) -> bool:
        """An error or receipt; False: not for a text of ours."""
        id = stanza.id if stanza.type == "error" else reading.received(stanza)
        arrival = self._arrivals.get(id or "")
        if arrival is None or bare(stanza.sender) != bare(arrival.to):
            return False
        if stanza.type != "error":
            self._arrived(id or "", 200, "delivered")
            return True
        said = read_error(stanza)
        row = BY_CONDITION.get(said.condition, BY_CONDITION["undefined-condition"])
        status = row.full if "/" in stanza.sender else row.bare
        self._arrived(id or "", _UNSAID.get(status, status), "failed", said.text or said.condition)
        return True

    def _accepted(self, id: str) -> None:
        self._arrived(id, 202, "accepted")

    def _arrived(self, id: str, status: int, result: str, text: str | None = None) -> None:
        arrival = self._arrivals.pop(id)
        arrival.timer.cancel()
        self._answer(arrival.request, status)
        self._answered[arrival.key] = (self._loop.time() + REMEMBERED_SECONDS, status)
        if len(self._answered) > MAX_REMEMBERED:
            self._answered.popitem(last=False)
        self._note(
            "sip", result, caller=named(arrival.request.from_.uri), callee=arrival.to, trunk=arrival.trunk,
            status=status, text=text,
        )  # fmt: skip
        self._settle()

    def _answer(self, request: SipRequest, status: int, headers: tuple[Header, ...] = ()) -> None:
        self._sip.send(uas.answer(request, status, headers, tag=self._new_id()[:16], server=self._settings.server))

    # ------------------------------------------------------------------------------------------------------------ both

    def _admit(self, origin: str, who: str) -> None:
        if not self._allowed[origin].admits(who, self._loop.time()):
            raise PeerError("text: too many within a minute", status=503, condition="resource-constraint")

    def _remember_chat(self, user: str, ours: str) -> None:
        self._chats[user, ours] = None
        self._chats.move_to_end((user, ours))
        if len(self._chats) > MAX_REMEMBERED:
            self._chats.popitem(last=False)

    def _note(self, origin: str, result: str, **facts: Any) -> None:
        """Count it, and say so; of many, a few, since anybody can try as often as they like."""
        self._observer.text(origin, result)
        if result != "refused":
            self._log.info("text_carried", origin=origin, result=result, **facts)
        elif self._throttle.admits():
            self._log.info("text_refused", origin=origin, **facts, suppressed=self._throttle.held())

    def _settle(self) -> None:
        if not len(self):
            self._empty.set()

    async def emptied(self, seconds: float) -> None:
        """Wait until every text has its answer, at most so long; who still waits for one from us then gets it."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            for id in tuple(self._arrivals):
                self._accepted(id)
            gone = Failed("", "MESSAGE", "timeout", "the gateway stops, and the phone has not answered")
            for line in tuple(self._lines.values()):
                for sending in tuple(line.waiting):
                    came = sending.receive(gone)
                    if isinstance(came, Outcome) and came.reply is not None:
                        self._xmpp.send(came.reply)
                line.waiting.clear()
            self._lines.clear()
            self._sending = 0
