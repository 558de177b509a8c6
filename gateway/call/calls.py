"""All calls: which one a message belongs to, and whether a new one may begin."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import structlog

from gateway.call.admission import Admission, CallsLimits
from gateway.call.bridge import Bridge
from gateway.call.doors import Doors
from gateway.call.facts import Recorder
from gateway.call.opened import Opened
from gateway.call.opening import JingleObserver, Opening
from gateway.call.partings import Partings
from gateway.call.refusals import Refusals, RefusalsObserver
from gateway.call.story import named
from gateway.call.task import GIVE_WAY, CallTask
from gateway.call.wires import SipWire, XmppWire
from gateway.errors import PeerError
from gateway.jid import bare
from gateway.jingle import proposal, refusal
from gateway.jingle.initiation import too_late
from gateway.jingle.leg import JingleLeg
from gateway.jingle.request import read
from gateway.signals import End, Side
from gateway.sip import uas
from gateway.sip.leg import SipLeg
from gateway.sip.message import SipRequest
from gateway.sip.reasons import refusal_of_error
from gateway.sip.replaces import Replaces
from gateway.stanza import Stanza, read_error
from mappings.reasons import EndReason
from mappings.terms import Action, Initiation, Method


class CallsObserver(JingleObserver, RefusalsObserver, Protocol):
    """What is counted before, and beside, a call."""

    def call_opened(self, origin: str) -> None:
        """A call began."""
        ...


class Calls:
    """The calls there are, by everything that may name one."""

    def __init__(
        self,
        limits: CallsLimits,
        *,
        admission: Admission,
        opening: Callable[["Calls"], Opening],
        xmpp: XmppWire,
        sip: SipWire,
        observer: CallsObserver,
        new_id: Callable[[], str],
        recorder: Recorder | None = None,
    ) -> None:
        self.doors = Doors()
        self._new_id = new_id
        self._refusals = Refusals(observer=observer, recorder=recorder, new_id=new_id)
        self._limits = limits
        self.admission = admission
        self._xmpp = xmpp
        self._sip = sip
        self._observer = observer
        self.opening = opening(self)
        self._log = structlog.get_logger()
        self._empty = asyncio.Event()
        self._empty.set()
        self._by_name: dict[str, Opened] = {}
        self._by_user: dict[str, dict[str, Opened]] = {}
        self._partings = Partings()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Opened]:
        """Those that there are, in the order in which they began."""
        return iter(tuple(self._by_name.values()))

    def named(self, name: str) -> Opened | None:
        """The one that the log calls so."""
        return self._by_name.get(name)

    # ---------------------------------------------------------------------------------------------------------- stanzas

    def jingle(self, stanza: Stanza) -> None:
        """An IQ set that holds a <jingle/>: into its call, or a new one, or the error that XEP-0166 §10 asks for."""
        try:
            asked = read(stanza)
        except PeerError as failure:
            self._observer.jingle_request("in", "unreadable")
            self._say([refusal.refused(stanza, failure)])
            return
        self._observer.jingle_request("in", asked.action.value)
        door = self.doors.session(stanza, asked.sid)
        if door is not None:
            door.party.inlet.put(stanza)
        elif asked.action is Action.SESSION_INITIATE:
            self._open_from_xmpp(stanza, asked.sid)
        else:
            self._say([refusal.unknown_session(stanza)])

    def initiation(self, stanza: Stanza, *, wall: float) -> bool:
        """A message of XEP-0353: into its call, or, if it proposes one, a new call.  False: it is none of ours.

        ``wall``: the time in seconds since 1970, to tell a propose that was stored too long to be still alive.
        """
        try:
            said = proposal.read(stanza)
        except PeerError:
            return False
        if said is None:
            return False
        self._observer.jingle_request("in", said.kind.value)
        door = self.doors.session(stanza, said.id)
        if door is not None:
            door.party.inlet.put(stanza)
        elif said.kind is Initiation.PROCEED:
            self._say([too_late(stanza)])
        elif said.kind is not Initiation.PROPOSE:
            return False
        elif not said.stale(wall, self._limits.stale_seconds):
            self._open_from_xmpp(stanza, said.id)
        return True

    def reply(self, stanza: Stanza) -> bool:
        """An IQ result or error, or a bounced message: into the call that waits for it, if one does."""
        door = self.doors.replied(stanza)
        if door is None:
            return False
        if stanza.type == "error":
            self._observer.jingle_error("in", read_error(stanza).condition)
        door.party.inlet.put(stanza)
        return True

    def gone(self, jid: str, ours: str) -> None:
        """A full JID went offline (XEP-0166 §6.7), as that JID of ours was told."""
        if self._partings.has(bare(jid), ours):
            return
        for opened in tuple(self._by_user.get(bare(jid), {}).values()):
            for party in opened.task.seating.seats[opened.xmpp_side]:
                party.inlet.put(Stanza(kind="presence", type="unavailable", sender=jid, to=opened.local))

    def takes(self, trunk: str) -> bool:
        """Whether a call goes through that trunk."""
        return any(opened.task.trunk == trunk for opened in self._by_name.values())

    def parted(self, user: str, ours: str) -> None:
        """The user does not show presence to that JID of ours any more, so it is told that they went: they have not."""
        if user in self._by_user:
            self._partings.add(user, ours)
        for opened in tuple(self._by_user.get(user, {}).values()):  # it may have been told that first
            for party in opened.task.seating.seats[opened.xmpp_side]:
                if isinstance(party.leg, JingleLeg):
                    party.inlet.put(Stanza(kind="presence", sender=party.leg.peer, to=opened.local))

    def _open_from_xmpp(self, stanza: Stanza, sid: str) -> None:
        user = bare(stanza.sender)
        local = self.opening.local(stanza.to)
        crossing = [
            opened
            for opened in self._by_user.get(user, {}).values()
            if opened.local == local and opened.jingle.contested
        ]
        # Of two calls that cross, one stands (XEP-0166 §7.2.16; XEP-0353 §4.1).
        if any(opened.jingle.outranks(sid, stanza.sender) for opened in crossing):
            self._say(refusal.break_tie(stanza, local=local, id=self._new_id()))
            return
        try:
            if stanza.kind == "message" and (going := self._going(user, local, stanza.sender)) is not None:
                self.opening.moving.take_up(going, stanza, sid)
                return
            opened = self._opened_from_xmpp(stanza, leaving=len(crossing))
        except PeerError as failure:
            self._refusals.note(failure, "xmpp", caller=stanza.sender, callee=stanza.to)
            self._say(refusal.refuse(stanza, failure, local=local, id=self._new_id()))
            return
        for loser in crossing:
            loser.task.put(loser.xmpp_side, GIVE_WAY)
        self.begin(opened, "xmpp")
        opened.task.put(opened.xmpp_side, stanza)

    def _going(self, user: str, local: str, device: str) -> Opened | None:
        """The call that a propose is about, where it means one that there is."""
        going = self.talking(user, bare(local), device)
        return going if going is not None and going.jingle.movable else None

    def _opened_from_xmpp(self, stanza: Stanza, *, leaving: int) -> Opened:
        outbound = self.opening.way(stanza, self.admission)
        ticket = self.admission.leaves(stanza.sender, outbound, leaving=leaving)
        try:
            opened = self.opening.from_xmpp(stanza, outbound, ticket)
            if outbound.emergency:
                self._observer.policy.emergency_called("route")
                self._log.warning(
                    "emergency_called", call=opened.task.id, caller=stanza.sender, callee=outbound.number_label
                )
            return opened
        except BaseException:
            ticket.close()
            raise

    def _say(self, stanzas: Iterable[Stanza]) -> None:
        for stanza in stanzas:
            if stanza.type == "error":
                self._observer.jingle_error("out", read_error(stanza).condition)
            self._xmpp.send(stanza)

    # -------------------------------------------------------------------------------------------------------------- SIP

    def has(self, tag: str) -> bool:
        """Whether there is a call that has this tag of ours."""
        return self.doors.dialog(tag) is not None

    def dialog(self, message: SipRequest, tag: str) -> None:
        """A request that carries our tag: into its call, or 481 (RFC 3261 §12.2.2)."""
        door = self.doors.dialog(tag)
        if door is not None:
            if message.method != Method.ACK:  # whatever becomes of the call, it is answered
                self._sip.adopt(message, door.party.inlet, tag)
            door.party.inlet.put(message)
        elif message.method != Method.ACK:
            self._sip.dismiss(uas.answer(message, 481, tag=self._new_id()[:16], server=self._limits.server))

    def invite(self, message: SipRequest, trunk: str) -> None:
        """An INVITE from a trunk: a new call, a place in one, or the response that says why not."""
        try:
            replaces = Replaces.of(message)
            if replaces is not None:
                self._replace(message, replaces, trunk)
                return
            opened = self._opened_from_sip(message, trunk)
        except PeerError as failure:
            caller, callee = named(message.from_.uri), named(message.request_uri)
            self._refusals.note(failure, "sip", trunk=trunk, caller=caller, callee=callee)
            refused = refusal_of_error(failure)
            self._sip.send(
                uas.answer(
                    message, refused.status, refused.headers, tag=self._new_id()[:16], server=self._limits.server
                )
            )
            return
        self.begin(opened, "sip")
        self._sip.adopt(message, opened.task.seating.inlets[opened.sip_side], opened.sip.tag)
        opened.task.put(opened.sip_side, message)

    def _opened_from_sip(self, message: SipRequest, trunk: str) -> Opened:
        ticket = self.admission.arrives(trunk)
        try:
            self._unlooped(message)
            return self.opening.from_sip(message, trunk, ticket)
        except BaseException:
            ticket.close()
            raise

    def _replace(self, message: SipRequest, replaces: Replaces, trunk: str) -> None:
        door = self.doors.dialog(replaces.to_tag)
        if door is None:
            raise PeerError("Replaces: no such dialog", status=481, condition="item-not-found")
        self.opening.successors.replacing(door.opened, door.party, message, replaces, trunk)

    def _unlooped(self, message: SipRequest) -> None:
        """Raise PeerError when it is an INVITE of ours that has come back as it was."""
        ours = self.doors.dialog(message.from_.tag or "")
        if ours is not None and isinstance(ours.party.leg, SipLeg) and ours.party.leg.came_back(message):
            raise PeerError("the trunk sends our own call back to us", status=482)

    # ----------------------------------------------------------------------------------------------------- who is where

    def session(self, user: str, sid: str) -> Opened | None:
        """The call of an XMPP user (bare JID) by the sid of its session."""
        return next((opened for opened in self._by_user.get(user, {}).values() if opened.jingle.sid == sid), None)

    def talking(self, user: str, local: str, device: str) -> Opened | None:
        """The established call of an XMPP user with one of our bare JIDs; of several, that device's, else the last."""
        return self._with(user, local, device, lambda bridge: bridge.talking)

    def heard(self, user: str, local: str, device: str) -> Opened | None:
        """The same, or a call in which the user hears what is played before the answer."""
        return self._with(user, local, device, lambda bridge: bridge.heard)

    def _with(self, user: str, local: str, device: str, stands: Callable[[Bridge], bool]) -> Opened | None:
        calls = self._by_user.get(user, {}).values()
        found = [opened for opened in calls if bare(opened.local) == local and stands(opened.task.bridge)]
        return next((opened for opened in found if opened.jingle.peer == device), found[-1] if found else None)

    def engaged(self, user: str, local: str) -> str | None:
        """The trunk of a call, at whatever stage, of an XMPP user with one of our bare JIDs; of several, the last."""
        calls = self._by_user.get(user, {}).values()
        return next((opened.trunk for opened in reversed(calls) if bare(opened.local) == local), None)

    # ---------------------------------------------------------------------------------------------------- coming, going

    def begin(self, opened: Opened, origin: str) -> None:
        """Let a call run that has been put together."""
        task = opened.task
        self._by_name[task.id] = opened
        parties = task.parties
        owner = opened.jingle.peer if opened.xmpp_side is Side.CALLER else opened.peer
        self.doors.enter_jingle(opened, parties[opened.xmpp_side], name=task.id, owner=owner, sid=opened.jingle.sid)
        self.doors.enter_sip(opened, parties[opened.sip_side], opened.sip.tag)
        self._by_user.setdefault(opened.peer, {})[task.id] = opened
        self._empty.clear()
        self._observer.call_opened(origin)
        running = asyncio.get_running_loop().create_task(task.run(), name=f"call {task.id}")
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    def closed(self, task: CallTask) -> None:
        """A call is over: forget it, and answer what came too late for it."""
        opened = self._by_name.pop(task.id)
        opened.ticket.close()
        for inlet in self.doors.close(opened):
            self._sip.release(inlet)
        users = self._by_user[opened.peer]
        users.pop(task.id, None)
        if not users:
            del self._by_user[opened.peer]
            self._partings.end(opened.peer)
        for party, message in task.unanswered:
            if party.protocol == "jingle" and message.kind == "iq" and message.type == "set":
                self._say([refusal.failed(message)])
        if not self._by_name:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Accept nothing new, and wait so long for the calls to end by themselves; then end them."""
        self.admission.draining = True
        if self._by_name:
            self._log.info("calls_draining", calls=len(self._by_name), timeout_seconds=seconds)
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            self.end_all()

    def end_all(self) -> None:
        """End every call now, and say so to both of its sides."""
        self.admission.draining = True
        for opened in tuple(self._by_name.values()):
            opened.task.end(End(EndReason.GONE, "the gateway is stopping", 503))

    async def emptied(self, seconds: float) -> None:
        """Wait until no call is left, at most so long; what is left then is cut off."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            self._log.warning("calls_cut_off", calls=len(self._by_name))
            for task in tuple(self._tasks):
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
