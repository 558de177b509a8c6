"""What waits in mailboxes, told to whom they belong: NOTIFYs that come unasked, and subscriptions that are kept.

A mailbox's owner is found by the `[[number]]` rules.  They are told when there is more than before, and when nothing is
left; the same news again, which every refresh brings, are none.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import structlog

from gateway.buckets import Buckets
from gateway.errors import PeerError
from gateway.registration.grant import NO_GRANT
from gateway.routing import Routing
from gateway.sip import summary, uas
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.subscription import Notice, Phase, Subscription, Trouble, Wanted
from gateway.sip.summary import Summary
from gateway.sip.wire import Failed
from gateway.stanza import Stanza
from gateway.text import mailbox, reading
from gateway.text.desk import XmppPort

SPACING_SECONDS = 0.05
"Between the first SUBSCRIBEs of two mailboxes, so that thousands make no burst."

UNKNOWN_SECONDS = 1.0
"Between two looks whether a trunk that wants registration has granted it."

MAX_REMEMBERED = 20_000
"Mailboxes whose state is remembered."

NEWS_A_MINUTE = 10
"So often an owner is told of what a trunk says of their mailbox; further news are none until they are said again."

ALLOW_EVENTS: Header = ("Allow-Events", summary.EVENT)
ACCEPT: Header = ("Accept", summary.CONTENT)


class SipPort(Protocol):
    """The way to SIP peers."""

    def send(self, message: Any, owner: Any = None) -> None:
        """Send a request or response; what becomes of a request is put into its owner."""
        ...

    def contact(self, transport: str | None = None) -> str:
        """Where peers reach us: host:port, with the transport as a parameter where it is not UDP."""
        ...


class _Box:
    """One mailbox that is subscribed to, as the owner of its requests."""

    __slots__ = ("_mailboxes", "number", "subscription", "timer", "troubled", "trunk")

    def __init__(self, mailboxes: "Mailboxes", trunk: str, number: str, subscription: Subscription) -> None:
        self._mailboxes = mailboxes
        self.trunk = trunk
        self.number = number
        self.subscription = subscription
        self.timer: asyncio.TimerHandle | None = None
        self.troubled: str | None = None
        "Why there is no subscription, when that was logged."

    def put(self, message: SipResponse | Failed) -> None:
        """What became of a SUBSCRIBE."""
        self._mailboxes.heard(self, message)


class Mailboxes:
    """All mailboxes.  To be made inside the event loop."""

    def __init__(
        self,
        *,
        domain: str,
        resource: str,
        server: str,
        routing: Routing,
        xmpp: XmppPort,
        sip: SipPort,
        new_id: Callable[[], str],
    ) -> None:
        self._domain = domain
        self._resource = resource
        self._server = server
        self._routing = routing
        self._xmpp = xmpp
        self._sip = sip
        self._new_id = new_id
        self._loop = asyncio.get_running_loop()
        self._boxes: dict[str, _Box] = {}
        "By our tag."
        self._known: OrderedDict[tuple[str, str], Summary] = OrderedDict()
        "What waits, by trunk and owner."
        self._allowed = Buckets[str].a_minute(NEWS_A_MINUTE)
        self._next_at = 0.0
        self._left = asyncio.Event()
        self._log = structlog.get_logger()

    # ---------------------------------------------------------------------------------------------------- subscriptions

    def start(self) -> None:
        """Subscribe to what the configuration names, one after the other."""
        for trunk, number in self._routing.mailboxes:
            self.add(trunk, number)

    def add(self, trunk: str, number: str) -> None:
        """Subscribe to a number's mailbox, and keep that."""
        self._next_at = max(self._loop.time(), self._next_at + SPACING_SECONDS)
        subscription = Subscription(
            self._wanted(trunk, number), at=self._next_at, agent=("User-Agent", self._server), new_id=self._new_id
        )
        box = self._boxes[subscription.tag] = _Box(self, trunk, number, subscription)
        self._arm(box)

    def remove(self, trunk: str) -> None:
        """Take leave of a trunk that is going."""
        for box in [box for box in self._boxes.values() if box.trunk == trunk]:
            self._carry(box, box.subscription.stop(self._loop.time()))

    async def leave(self, seconds: float) -> None:
        """Take leave of the notifiers, and wait so long for their answers."""
        for box in tuple(self._boxes.values()):
            self._carry(box, box.subscription.stop(self._loop.time()))
        try:
            async with asyncio.timeout(seconds):
                while self._boxes:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            for box in self._boxes.values():
                if box.timer is not None:
                    box.timer.cancel()
            self._boxes.clear()

    def heard(self, box: _Box, message: SipResponse | Failed) -> None:
        """What became of a SUBSCRIBE."""
        self._carry(box, box.subscription.receive(message, self._loop.time()))
        if box.subscription.phase in (Phase.WAITING, Phase.ACTIVE) and box.troubled != "":
            box.troubled = ""
            self._log.info("mailbox_subscribed", trunk=box.trunk, callee=box.number)

    def _due(self, box: _Box) -> None:
        box.timer = None
        if box.subscription.phase is Phase.RESTING:
            if not self._routing.stands(box.trunk):  # it would be refused, and that is no news
                box.timer = self._loop.call_later(UNKNOWN_SECONDS, self._due, box)
                return
            # There may be another way by now.
            box.subscription.wanted = self._wanted(box.trunk, box.number)
        # The clock may be a little behind the timer.
        now = max(self._loop.time(), box.subscription.deadline or 0.0)
        self._carry(box, box.subscription.expire(now))

    def _carry(self, box: _Box, emitted: list[Any]) -> None:
        for item in emitted:
            match item:
                case Trouble(text, seconds):
                    if text != box.troubled:
                        box.troubled = text
                        self._log.warning(
                            "mailbox_lost", trunk=box.trunk, callee=box.number, text=text, delay_seconds=round(seconds)
                        )
                case SipResponse():
                    self._sip.send(item)
                case _:
                    self._sip.send(item, box)
        self._arm(box)
        if box.subscription.phase is Phase.CLOSED and self._boxes.pop(box.subscription.tag, None) is not None:
            self._left.set()

    def _arm(self, box: _Box) -> None:
        if box.timer is not None:
            box.timer.cancel()
            box.timer = None
        deadline = box.subscription.deadline
        if deadline is not None:
            box.timer = self._loop.call_later(max(0.0, deadline - self._loop.time()), self._due, box)

    def _wanted(self, trunk: str, number: str) -> Wanted:
        known, registered = self._routing.trunk(trunk), self._routing.registered
        where = self._sip.contact(known.transport)
        return mailbox.wanted(
            known, number, grant=registered.grant(trunk) or NO_GRANT, nonces=registered.nonces(trunk), where=where
        )

    # ---------------------------------------------------------------------------------------------------------- NOTIFYs

    def notified(self, request: SipRequest, tag: str) -> bool:
        """Take a NOTIFY of a subscription; False: it is of none of ours."""
        box = self._boxes.get(tag)
        if box is None or request.method != "NOTIFY":
            return False
        leaving = box.subscription.phase is Phase.LEAVING  # nobody waits for the news, and the trunk may be gone
        emitted = box.subscription.notified(request, self._loop.time())
        notices = [item for item in emitted if isinstance(item, Notice)]
        try:
            found = [_read(notice.content_type, notice.body) for notice in notices]
        except PeerError as failure:
            self._refuse(request, failure)
            emitted = [item for item in emitted if not isinstance(item, SipResponse)]
            found = []
        self._carry(box, [item for item in emitted if not isinstance(item, Notice)])
        for news in () if leaving else found:
            self._tell(news, box.trunk, *self._routing.mailbox_of(box.subscription.wanted.to.uri, box.trunk))
        return True

    def unasked(self, request: SipRequest, trunk: str) -> None:
        """Take a NOTIFY that no subscription has asked for (RFC 3842 leaves it out, and every switch sends it)."""
        try:
            event = (request.first("Event") or "").partition(";")[0].strip().lower()
            if event != summary.EVENT:
                raise PeerError("Event: not subscribed to", status=489)
            news = _read(request.first("Content-Type") or "", request.body) if request.body else None
            owner, called = self._owner(request, trunk, news)
        except PeerError as failure:
            self._refuse(request, failure)
            return
        self._sip.send(uas.answer(request, 200, tag=self._new_id()[:16], server=self._server))
        if news is not None:
            self._tell(news, trunk, owner, called)

    def _owner(self, request: SipRequest, trunk: str, news: Summary | None) -> tuple[str, str]:
        """Whose mailbox it is: by whom the request is for, else by the account that it names."""
        try:
            return self._routing.mailbox_of(self._routing.meant(request, trunk), trunk)
        except PeerError:
            if news is None or news.account is None:
                raise
            return self._routing.mailbox_of(news.account, trunk)

    def _refuse(self, request: SipRequest, failure: PeerError) -> None:
        headers = {489: (ALLOW_EVENTS,), 415: (ACCEPT,)}.get(failure.status, ())
        self._sip.send(uas.answer(request, failure.status, headers, tag=self._new_id()[:16], server=self._server))

    # ---------------------------------------------------------------------------------------------------------- telling

    def _tell(self, news: Summary, trunk: str, owner: str, called: str) -> None:
        key = (trunk, owner)
        before = self._known.get(key)
        is_news = mailbox.is_news(news, before)
        if is_news and not self._allowed.admits(f"{trunk} {owner}", self._loop.time()):
            return
        self._known[key] = news
        self._known.move_to_end(key)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        if not is_news:
            return
        if news.account is not None:
            with suppress(PeerError):
                called = self._routing.localpart(news.account, trunk)
        self._xmpp.send(self._message(summary.spoken(news), owner, called))
        self._log.info("mailbox_told", trunk=trunk, callee=owner)

    def _message(self, said: str, owner: str, called: str) -> Stanza:
        """From whom to call for what waits, so that the client can."""
        return reading.write(
            reading.Text(body=said, lang="en"),
            sender=f"{called}@{self._domain}/{self._resource}",
            to=owner,
            id=self._new_id(),
            type="normal",
        )


def _read(content_type: str, body: bytes) -> Summary:
    kind = content_type.partition(";")[0].strip().lower()
    if kind != summary.CONTENT:
        raise PeerError(f"Content-Type: {kind[:64]!r} is no {summary.CONTENT}", status=415)
    return summary.read(body)
