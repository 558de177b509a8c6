"""A new call put together: where it goes, its two legs, and what the log will call it."""

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol
from xml.etree.ElementTree import Element

from gateway.addressing import plain
from gateway.call.admission import Admission, Ticket
from gateway.call.anchorage import Anchorage
from gateway.call.anchoring import Anchoring
from gateway.call.facts import CallLimits, CallObserver, Recorder
from gateway.call.moving import Moving
from gateway.call.opened import Opened
from gateway.call.seat import Party
from gateway.call.sip_legs import SipLegs
from gateway.call.story import named
from gateway.call.successors import Book, Successors
from gateway.call.task import CallTask
from gateway.call.wires import SipWire, XmppWire
from gateway.entity.presence import Direct, Propose
from gateway.jid import bare, is_full
from gateway.jid import local as localpart
from gateway.jingle import proposal
from gateway.jingle.announcing import Announcements
from gateway.jingle.leg import JingleLeg, JingleTimers
from gateway.media.anchor import Anchors
from gateway.outward import Outbound
from gateway.policy.screening import Caller
from gateway.routing import Routing
from gateway.signals import Side, Transfer
from gateway.sip.leg import LegSettings, SipLeg
from gateway.sip.message import SipRequest
from gateway.stanza import Stanza, read_error
from mappings.namespaces import MESSAGE_INITIATION


class JingleObserver(Protocol):
    """What is said in Jingle, by clients and by us."""

    def jingle_request(self, direction: str, action: str) -> None:
        """A Jingle action or message-initiation element."""
        ...

    def jingle_error(self, direction: str, condition: str) -> None:
        """A stanza error about one."""
        ...


class OpeningObserver(CallObserver, JingleObserver, Protocol):
    """The facts of a call, and what its XMPP side says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningSettings:
    """What the legs of every call are given."""

    domain: str
    resource: str
    limits: CallLimits
    jingle: JingleTimers
    sip: LegSettings
    kinds: tuple[str, ...]
    "The media of which an XMPP user's call needs at least one."

    sdp_address: str
    "What stands in o= when a description names no address of its own."

    clients: Callable[[str], bool] = lambda address: True
    "Whether media of an XMPP client may be sent to an address."


class CallsBook(Book, Protocol):
    """Who keeps the calls."""

    def closed(self, task: CallTask) -> None:
        """A call is over."""
        ...


class Opening:
    """Makes calls; keeps none."""

    def __init__(
        self,
        settings: OpeningSettings,
        *,
        routing: Routing,
        xmpp: XmppWire,
        sip: SipWire,
        choose: Callable[[str], Propose | Direct],
        announce: Callable[[str, str, str], tuple[Element, ...]],
        introduce: Callable[[str, str, str | None], None],
        knows: Callable[[str, str], bool],
        observer: OpeningObserver,
        new_id: Callable[[], str],
        calls: CallsBook,
        admission: Admission,
        screen: Callable[[Caller, str], None],
        anchors: Anchors | None = None,
        recorder: Recorder | None = None,
        on_focus: Callable[[str, str | None], None] = lambda call, address: None,
        reaches: Callable[[str], bool] = lambda address: True,
    ) -> None:
        """``reaches``: whether media of an account of a user's own making may be sent to an address."""
        self._settings = settings
        self._recorder = recorder
        self._on_focus = on_focus
        "Told of calls whose SIP side is a conference's focus: which call, and its address; None: it is none any more."
        self._anchorage = Anchorage(
            anchors, kinds=settings.kinds, knows=knows, reaches=reaches, clients=settings.clients
        )
        self._admission = admission
        self._screen = screen
        "Raises PeerError when a caller is not to get through to a user (bare JID)."
        self._routing = routing
        self._xmpp = xmpp
        self._choose = choose
        self._announce = announce
        "The caps to announce to a user who does not get that number's presence, in a call through that trunk."
        self._introduce = introduce
        "See to it that a user has a caller, by JID and name, among the contacts, before it rings."
        self._knows = knows
        "Whether a device has announced a feature."
        self._observer = observer
        self._new_id = new_id
        self._calls = calls
        self.legs = SipLegs(settings.sip, sdp_address=settings.sdp_address, routing=routing, sip=sip, new_id=new_id)
        self.successors = Successors(
            legs=self.legs,
            routing=routing,
            sip=sip,
            book=calls,
            admission=admission,
            knows=knows,
            local=self.local,
        )
        self.announcements = Announcements()
        self.moving = Moving(
            settings,
            book=calls,
            transmit=self._send_stanza,
            announce=announce,
            announcements=self.announcements,
            knows=knows,
            new_id=new_id,
        )

    def way(self, stanza: Stanza, full: Container[str] = ()) -> Outbound:
        """Where a session-initiate or propose goes.  PeerError when there is no way, or no right, to it.

        ``full`` are the trunks that take no more calls.
        """
        return self.successors.inherited(stanza, self._routing.outbound(stanza.sender, stanza.to, full=full))

    def from_xmpp(self, stanza: Stanza, outbound: Outbound, ticket: Ticket) -> Opened:
        """A session-initiate or propose: a call to a SIP user.  PeerError where it cannot be read."""
        settings = self._settings
        name = self._new_id()[:16]
        local = self.local(stanza.to)
        jingle = JingleLeg.answering(
            name=name,
            request=stanza,
            late=self._anchorage.is_late(outbound),
            local=local,
            new_id=self._new_id,
            settings=settings.jingle,
            kinds=settings.kinds,
            announce=self._announce(stanza.sender, local, outbound.trunk),
            announcements=self.announcements,
            knows=self._knows,
        )
        sip = self.legs.calling(outbound, stanza.sender, ticket)
        facts = {"caller": stanza.sender, "callee": outbound.number_label, "trunk": outbound.trunk}
        opened = self.opened(
            name,
            Side.CALLER,
            Party(jingle, "jingle", self._send_stanza, "jingle"),
            sip,
            facts,
            anchoring=self._anchorage.from_xmpp(name, outbound),
            owner=stanza.sender,
            local=local,
            ticket=ticket,
        )
        opened.task.seating.seats[Side.CALLEE].again = partial(self._call_again, opened, outbound)
        return opened

    def _call_again(self, opened: Opened, outbound: Outbound) -> Party:
        """A leg for another offer to who has refused one, through the trunk that has said so."""
        way = next((way for way in (outbound, *outbound.others) if way.trunk == opened.trunk), outbound)
        leg = self.legs.calling(replace(way, others=()), opened.jingle.peer, opened.ticket)
        made = self.successors.entered(opened, leg)
        made.inlet.bind(opened.task, made)
        return made

    def from_sip(self, request: SipRequest, trunk: str, ticket: Ticket) -> Opened:
        """An INVITE from a trunk: a call to an XMPP user.  PeerError with the status when nobody has that number."""
        settings = self._settings
        inbound = self._routing.inbound_request(request, trunk)
        self._screen(inbound.source, bare(inbound.callee))
        ticket.belongs(bare(inbound.callee))
        name = self._new_id()[:16]
        sid = proposal.uuid4(self._new_id())
        local = self.local(f"{inbound.caller}@{settings.domain}")
        whom = Direct(inbound.callee) if is_full(inbound.callee) else self._choose(inbound.callee)
        self._introduce(bare(inbound.callee), local, inbound.nick)
        jingle = JingleLeg.calling(
            name=name,
            sid=sid,
            local=local,
            peer=whom.jid,
            direct=isinstance(whom, Direct),
            known=isinstance(whom, Propose) and whom.known,
            only=whom.only if isinstance(whom, Propose) else (),
            nick=inbound.nick,
            origin=inbound.origin,
            announce=self._announce(inbound.callee, local, trunk),
            announcements=self.announcements,
            new_id=self._new_id,
            settings=settings.jingle,
            knows=self._knows,
        )
        sip = self.legs.called(request, inbound, inbound.contact, offers=self._anchorage.offers(inbound))
        facts = {"caller": named(request.from_.uri), "callee": inbound.callee, "trunk": trunk}
        return self.opened(
            name,
            Side.CALLEE,
            Party(jingle, "jingle", self._send_stanza, "jingle"),
            sip,
            facts,
            anchoring=self._anchorage.from_sip(name, inbound, whom),
            owner=bare(inbound.callee),
            local=local,
            ticket=ticket,
            nick=inbound.nick or "",
        )

    def local(self, jid: str) -> str:
        """The full JID under which a SIP user appears: always the same one (clients.md rule 4)."""
        return f"{bare(jid)}/{self._settings.resource}"

    def _send_stanza(self, stanza: Stanza) -> None:
        """Count what a leg asks or refuses, and send it."""
        match stanza.kind, stanza.type:
            case "iq", "set":
                self._observer.jingle_request("out", stanza.children[0].get("action", ""))
            case "iq", "error":
                self._observer.jingle_error("out", read_error(stanza).condition)
            case "message", _ if stanza.speaks(MESSAGE_INITIATION):
                self._observer.jingle_request("out", stanza.children[0].tag.rpartition("}")[2])
            case _:
                pass
        self._xmpp.send(stanza)

    def opened(
        self,
        name: str,
        xmpp_side: Side,
        ours: Party,
        sip: SipLeg,
        facts: dict[str, str],
        *,
        anchoring: Anchoring | None,
        owner: str,
        local: str,
        ticket: Ticket,
        nick: str = "",
    ) -> Opened:
        """The call of two legs; ``ours`` sits on the XMPP side."""
        parties = {xmpp_side: ours, xmpp_side.other: self.legs.party(sip)}

        def transfer(side: Side, wanted: Transfer) -> Transfer | Party:
            return self.successors.transfer(opened, side, wanted)

        task = ticket.call = CallTask(
            name,
            origin="xmpp" if xmpp_side is Side.CALLER else "sip",
            parties={side: parties[side] for side in Side},
            limits=ticket.within(self._settings.limits),
            observer=self._observer,
            facts=facts,
            on_closed=self._calls.closed,
            on_answered=ticket.answered,
            address=partial(self._routing.redirect, user=owner, passes=partial(self._admission.pass_on, owner)),
            transfer=transfer,
            anchoring=anchoring,
            recorder=self._recorder,
            number=plain(localpart(local)),
            on_focus=self._on_focus,
            name=nick,
        )
        opened = Opened(task=task, peer=bare(owner), local=local, ticket=ticket, xmpp_side=xmpp_side)
        return opened
