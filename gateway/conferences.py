"""Calls into conferences: the focus is subscribed to, and the user is told who comes and goes (RFC 4579, RFC 4575).

A call's SIP side may turn out to be a focus, by a parameter of its Contact.  The client is told so; and where it knows
COIN, or the operator wants it written in the chat, the conference's state is subscribed to, at the call's trunk and as
the call's user.  A subscription lasts as long as the call.  A focus that takes none is nothing that anybody must hear
of: the call is a call like others.

What comes is gathered for a second before it is told, so that a focus that says much makes few stanzas.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, Protocol

import structlog

from gateway.addressing import written_jid
from gateway.attendance import Attendee, Told
from gateway.buckets import Buckets
from gateway.call.calls import Calls
from gateway.call.opened import Opened
from gateway.errors import PeerError
from gateway.jid import domain
from gateway.registration.grant import NO_GRANT
from gateway.routing import Routing
from gateway.signals import Attendance
from gateway.sip import conference, uas
from gateway.sip.address import NameAddr, Uri, escape_user
from gateway.sip.conference import NOBODY, Roster, Verdict
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.subscription import REPAIR_SECONDS, Notice, Phase, Subscription, Trouble, Wanted
from gateway.sip.wire import Failed
from gateway.stanza import Stanza
from gateway.text import reading
from mappings.namespaces import COIN

GATHER_SECONDS = 1.0
"From the first news to their telling."

RENEW_SECONDS = 5.0
"Between two requests for everything, where news were missed."

MESSAGES_A_MINUTE = 12
"So often is one call's user written to."

MOST_NAMED = 12
"People that one message names."

How = Literal["coin", "chat", "none"]


class SipPort(Protocol):
    """The way to SIP peers."""

    def send(self, message: Any, owner: Any = None) -> None:
        """Send a request or response; what becomes of a request is put into its owner."""
        ...

    def release(self, owner: Any) -> None:
        """Forget an owner."""
        ...

    def contact(self, transport: str | None = None) -> str:
        """Where peers reach us: host:port, with the transport as a parameter where it is not UDP."""
        ...


class XmppPort(Protocol):
    """The way to the XMPP server."""

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


class _Followed:
    """One conference that is subscribed to, as the owner of its requests."""

    __slots__ = (
        "_conferences",
        "address",
        "call",
        "due",
        "opened",
        "renewed",
        "roster",
        "subscription",
        "timer",
        "told",
    )

    def __init__(self, conferences: "Conferences", opened: Opened, address: str, subscription: Subscription) -> None:
        self._conferences = conferences
        self.address = address
        self.call = opened.task.id
        self.opened = opened
        self.subscription = subscription
        self.timer: asyncio.TimerHandle | None = None
        self.due: asyncio.TimerHandle | None = None
        "When what is new is told."

        self.roster: Roster = NOBODY
        self.renewed: float | None = None
        "When everything was asked for again, until it came."

        self.told = Told()

    def put(self, message: SipResponse | Failed) -> None:
        """What became of a SUBSCRIBE."""
        self._conferences.heard(self, message)


class Conferences:
    """Those that calls are in.  To be made inside the event loop."""

    def __init__(
        self,
        *,
        how: How,
        calls: Calls,
        knows: Callable[[str, str], bool],
        routing: Routing,
        xmpp: XmppPort,
        sip: SipPort,
        server: str,
        new_id: Callable[[], str],
    ) -> None:
        """``how``: who is told: clients that know COIN; by messages, those too that do not; nobody.

        ``knows``: whether a device has announced a feature.
        """
        self._how = how
        self._calls = calls
        self._knows = knows
        self._routing = routing
        self._xmpp = xmpp
        self._sip = sip
        self._server = server
        self._new_id = new_id
        self._loop = asyncio.get_running_loop()
        self._by_call: dict[str, _Followed] = {}
        self._by_tag: dict[str, _Followed] = {}
        "Those too that take leave."

        self._allowed = Buckets[str].a_minute(MESSAGES_A_MINUTE)
        self._log = structlog.get_logger()

    def __len__(self) -> int:
        return len(self._by_tag)

    # ------------------------------------------------------------------------------------------------------------ calls

    def focus(self, call: str, address: str | None) -> None:
        """A call's SIP side is a conference's focus at that address; None: it is none any more, or the call is over.

        Said again, another device of the user's has the call.
        """
        followed, opened = self._by_call.get(call), self._calls.named(call)
        if followed is not None and (address is None or followed.address != address):
            del self._by_call[call]
            self._leave(followed)
            followed = None
        if opened is None or opened.task.over or self._how == "none":
            return
        opened.task.speak(opened.sip_side, Attendance(focus=address is not None))
        if followed is not None:
            followed.told = Told()
            self._tell_soon(followed)
        elif address is not None and (self._how == "chat" or self._coins(opened)):
            self._follow(opened, address)

    def _coins(self, opened: Opened) -> bool:
        return self._knows(opened.jingle.peer, COIN)

    def _follow(self, opened: Opened, address: str) -> None:
        try:
            wanted = self._wanted(opened, Uri.parse(address))
        except (PeerError, KeyError):  # the account that it went through may be gone
            return
        now = self._loop.time()
        subscription = Subscription(wanted, at=now, agent=("User-Agent", self._server), new_id=self._new_id)
        followed = _Followed(self, opened, address, subscription)
        self._by_call[followed.call] = self._by_tag[subscription.tag] = followed
        self._carry(followed, subscription.expire(now))

    def _wanted(self, opened: Opened, focus: Uri) -> Wanted:
        trunk, registered = self._routing.trunk(opened.trunk), self._routing.registered
        grant = registered.grant(trunk.name) or NO_GRANT
        dialog = opened.sip.dialog
        assert dialog is not None
        ours = NameAddr.parse(dialog.local)
        where = self._sip.contact(trunk.transport)
        return Wanted(
            event=conference.EVENT,
            accept=conference.CONTENT,
            uri=str(focus),
            to=NameAddr("", focus),
            from_=replace(ours, params=ours.params.without("tag")),
            hop=grant.way(trunk.hop),
            contact=f"<{grant.gruu}>" if grant.gruu else f"<sip:{escape_user(opened.peer)}@{where}>",
            headers=tuple(("Route", route) for route in grant.routes),
            credentials=trunk.credentials(registered.nonces(trunk.name)),
        )

    # ---------------------------------------------------------------------------------------------------- subscriptions

    def heard(self, followed: _Followed, message: SipResponse | Failed) -> None:
        """What became of a SUBSCRIBE."""
        self._carry(followed, followed.subscription.receive(message, self._loop.time()))

    def notified(self, request: SipRequest, tag: str) -> bool:
        """Take a NOTIFY of a subscription; False: it is of none of ours."""
        followed = self._by_tag.get(tag)
        if followed is None or request.method != "NOTIFY":
            return False
        emitted = followed.subscription.notified(request, self._loop.time())
        missed = False
        try:
            for notice in emitted:
                if isinstance(notice, Notice) and self._by_call.get(followed.call) is followed:
                    missed = self._take(followed, notice) is Verdict.GAP
        except PeerError as failure:
            headers = (("Accept", conference.CONTENT),) if failure.status == 415 else ()
            reply = uas.answer(request, failure.status, headers, tag=tag, server=self._server)
            emitted = [reply, *(item for item in emitted if not isinstance(item, SipResponse))]
        self._carry(followed, emitted)
        if missed:
            self._renew(followed)
        return True

    def _take(self, followed: _Followed, notice: Notice) -> Verdict:
        kind = notice.content_type.partition(";")[0].strip().lower()
        if kind != conference.CONTENT:
            raise PeerError(f"Content-Type: {kind[:64]!r} is no {conference.CONTENT}", status=415)
        document = conference.read(notice.body)
        followed.roster, verdict = followed.roster.take(document, asked=followed.renewed is not None)
        if verdict is Verdict.TAKEN:
            if document.get("state", "full") == "full":
                followed.renewed = None
            self._tell_soon(followed)
        return verdict

    def _tell_soon(self, followed: _Followed) -> None:
        if followed.due is None:
            seconds = GATHER_SECONDS if followed.told.begun else 0.0
            followed.due = self._loop.call_later(seconds, self._tell, followed)

    def _renew(self, followed: _Followed) -> None:
        """Ask for everything again, but not for each of many news that make no sense."""
        now = self._loop.time()
        if followed.renewed is not None and now < followed.renewed + RENEW_SECONDS:
            return
        followed.renewed = now
        self._carry(followed, followed.subscription.renew(now))

    def _leave(self, followed: _Followed) -> None:
        if followed.due is not None:
            followed.due.cancel()
            followed.due = None
        self._carry(followed, followed.subscription.stop(self._loop.time()))
        self._forget(followed)

    def _forget(self, followed: _Followed) -> None:
        """What is still asked of the notifier of a subscription that is over is waited for no more."""
        if followed.subscription.phase is Phase.CLOSED:
            self._sip.release(followed)

    def _due(self, followed: _Followed) -> None:
        followed.timer = None
        # The clock may be a little behind the timer.
        now = max(self._loop.time(), followed.subscription.deadline or 0.0)
        self._carry(followed, followed.subscription.expire(now))
        self._forget(followed)

    def _carry(self, followed: _Followed, emitted: list[Any]) -> None:
        for item in emitted:
            match item:
                case Trouble(text, seconds):
                    self._log.debug("conference_lost", call=followed.call, text=text, delay_seconds=round(seconds))
                    if seconds >= REPAIR_SECONDS:  # it gives no such news: that is how most of them are
                        if self._by_call.get(followed.call) is followed:
                            del self._by_call[followed.call]
                        followed.subscription.stop(self._loop.time())
                case SipResponse():
                    self._sip.send(item)
                case Notice():
                    pass
                case _:
                    self._sip.send(item, followed)
        if followed.timer is not None:
            followed.timer.cancel()
            followed.timer = None
        subscription = followed.subscription
        if subscription.phase is Phase.CLOSED:
            self._by_tag.pop(subscription.tag, None)
        elif subscription.deadline is not None:
            followed.timer = self._loop.call_later(
                max(0.0, subscription.deadline - self._loop.time()), self._due, followed
            )

    # ---------------------------------------------------------------------------------------------------------- telling

    def _tell(self, followed: _Followed) -> None:
        followed.due = None
        opened, roster, told = followed.opened, followed.roster, followed.told
        if roster.version is None:
            return
        shown = (self._shown(one, opened.trunk) for one in roster.users.values() if one.present)
        people = {one.entity: one for one in shown}
        before, begun = told.people, told.begun
        parts = told.news(roster.entity or followed.address, roster.title, roster.count, people)
        if not parts:
            return
        if self._coins(opened):
            for news in parts:
                opened.task.speak(opened.sip_side, Attendance(news=news))
        elif self._how == "chat":
            self._write(opened, _in_words(before, people, first=not begun))

    def _shown(self, attendee: Attendee, trunk: str) -> Attendee:
        """With an address that the user can call, where there is one."""
        with suppress(PeerError):
            uri = Uri.parse(attendee.entity)
            if not uri.is_sip and uri.scheme != "tel":
                return attendee
            jid = written_jid(uri, hosted=frozenset())
            if jid is None or domain(jid) == self._routing.domain:
                jid = f"{self._routing.localpart(uri, trunk)}@{self._routing.domain}"
            return replace(attendee, entity=f"xmpp:{jid}")
        return attendee

    def _write(self, opened: Opened, said: str) -> None:
        if not said or not self._allowed.admits(opened.task.id, self._loop.time()):
            return
        self._xmpp.send(
            reading.write(
                reading.Text(body=said, lang="en"),
                sender=opened.local,
                to=opened.jingle.peer,
                id=self._new_id(),
                type="chat",
            )
        )


def _in_words(before: dict[str, Attendee], people: dict[str, Attendee], *, first: bool) -> str:
    """Who is there, or who came and went; empty: that is as it was."""
    if first:
        return f"In the conference: {_named(people.values())}." if people else ""
    came = [one for key, one in people.items() if key not in before]
    left = [one for key, one in before.items() if key not in people]
    said = []
    if came:
        said.append(f"Joined: {_named(came)}.")
    if left:
        said.append(f"Left: {_named(left)}.")
    return " ".join(said)


def _named(people: Iterable[Attendee]) -> str:
    names = [one.called for one in people]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
