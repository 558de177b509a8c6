"""A new call put together: where it goes, its two legs, and what the log will call it."""

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol
from xml.etree.ElementTree import Element

from gateway.addressing import plain
from gateway.call.admission import Admission, Ticket
from gateway.call.anchoring import Anchoring
from gateway.call.facts import CallLimits, CallObserver, Recorder
from gateway.call.moving import Moving
from gateway.call.opened import Opened, SipWire
from gateway.call.seat import Party
from gateway.call.story import named
from gateway.call.successors import Book, Successors, party, session_number
from gateway.call.task import CallTask
from gateway.entity.presence import Direct, Propose
from gateway.jid import bare, is_full
from gateway.jid import local as localpart
from gateway.jingle import proposal
from gateway.jingle.announcing import Announcements
from gateway.jingle.leg import JingleLeg, JingleTimers
from gateway.media.anchor import PHONE, WEB, Anchors, LegMedia
from gateway.media.anchor import Call as AnchoredCall
from gateway.media.policy import Policy, TrunkMedia, client_leg
from gateway.outward import Outbound
from gateway.policy.screening import Caller
from gateway.routing import Routing
from gateway.sdp.history import SdpSession
from gateway.signals import Side, Transfer
from gateway.sip.leg import LegSettings, SipLeg, SipTarget
from gateway.sip.message import SipRequest
from gateway.stanza import Stanza, read_error
from mappings.description import Description
from mappings.namespaces import MESSAGE_INITIATION
from mappings.terms import Role


class XmppWire(Protocol):
    """The way to the XMPP server."""

    def send(self, stanza: Stanza) -> None:
        """Send, or hold until the stream is back."""
        ...


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
        self._reaches = reaches
        self._recorder = recorder
        self._on_focus = on_focus
        "Told of calls whose SIP side is a conference's focus: which call, and its address; None: it is none any more."
        self._anchors = anchors
        "None: media never pass here."

        self._admission = admission
        self._screen = screen
        "Raises PeerError when a caller is not to get through to a user (bare JID)."
        self._routing = routing
        self._xmpp = xmpp
        self._sip = sip
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
        self.successors = Successors(
            settings.sip,
            routing=routing,
            sip=sip,
            book=calls,
            admission=admission,
            knows=knows,
            local=self.local,
            new_id=new_id,
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
        media = outbound.media
        jingle = JingleLeg.answering(
            name=name,
            request=stanza,
            late=self._anchors is not None and media.anchors_client(None),
            local=local,
            new_id=self._new_id,
            settings=settings.jingle,
            kinds=settings.kinds,
            announce=self._announce(stanza.sender, local, outbound.trunk),
            announcements=self.announcements,
            knows=self._knows,
        )
        sip = self.calling(outbound, stanza.sender, ticket)
        facts = {"caller": stanza.sender, "callee": outbound.number_label, "trunk": outbound.trunk}
        fenced = outbound.manners.fenced
        anchoring = self._anchoring(name, Side.CALLER, media.anchors_client, media, WEB, fenced=fenced)
        opened = self.opened(
            name,
            Side.CALLER,
            Party(jingle, "jingle", self._send_stanza, "jingle"),
            sip,
            facts,
            anchoring=anchoring,
            owner=stanza.sender,
            local=local,
            ticket=ticket,
        )
        opened.task.seating.seats[Side.CALLEE].again = partial(self._call_again, opened, outbound)
        return opened

    def calling(self, outbound: Outbound, caller: str, ticket: Ticket) -> SipLeg:
        """The leg that calls there."""
        return SipLeg.calling(
            self._target(outbound, caller, ticket),
            call_id=self._new_id(),
            tag=self._new_id()[:16],
            contact=outbound.contact(self._sip.contact(outbound.hop.transport)),
            sdp=self._sdp(Role.INITIATOR),
            new_id=self._new_id,
            settings=self._settings.sip,
            trickle=outbound.trickle,
            manners=outbound.manners,
        )

    def _call_again(self, opened: Opened, outbound: Outbound) -> Party:
        """A leg for another offer to who has refused one, through the trunk that has said so."""
        way = next((way for way in (outbound, *outbound.others) if way.trunk == opened.trunk), outbound)
        made = self.successors.entered(opened, self.calling(replace(way, others=()), opened.jingle.peer, opened.ticket))
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
        media = inbound.media
        offers = self._anchors is not None and media.anchors_phone(None)
        sip = SipLeg.called(
            request,
            tag=self._new_id()[:16],
            contact=inbound.contact(self._sip.contact(request.flow.transport if request.flow else None)),
            sdp=self._sdp(Role.RESPONDER),
            new_id=self._new_id,
            settings=replace(settings.sip, offers=True, kinds=settings.kinds) if offers else settings.sip,
            trickle=inbound.trickle,
            manners=inbound.manners,
        )
        facts = {"caller": named(request.from_.uri), "callee": inbound.callee, "trunk": trunk}
        client = client_leg(partial(self._knows, whom.jid)) if isinstance(whom, Direct) else WEB
        plain = media.policy is Policy.AUTO and client is PHONE
        anchoring = None
        if not plain:
            fenced = inbound.manners.fenced
            anchoring = self._anchoring(name, Side.CALLEE, media.anchors_phone, media, client, fenced=fenced)
        return self.opened(
            name,
            Side.CALLEE,
            Party(jingle, "jingle", self._send_stanza, "jingle"),
            sip,
            facts,
            anchoring=anchoring,
            owner=bare(inbound.callee),
            local=local,
            ticket=ticket,
            nick=inbound.nick or "",
        )

    def _target(self, outbound: Outbound, caller: str, ticket: Ticket) -> SipTarget:
        return SipTarget(
            uri=outbound.request_uri,
            hop=outbound.hop,
            from_=outbound.from_,
            to=outbound.to,
            headers=outbound.headers,
            credentials=outbound.credentials,
            trunk=outbound.trunk,
            contact=outbound.contact(self._sip.contact(outbound.hop.transport)),
            trickle=outbound.trickle,
            manners=outbound.manners,
            others=tuple(self._target(other, caller, ticket) for other in outbound.others),
            statuses=outbound.statuses,
            may_follow=partial(self._routing.may_follow, user=caller, trunk=outbound.trunk),
            takes=partial(ticket.takes, outbound.trunk),
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

    def _sdp(self, role: Role) -> SdpSession:
        return SdpSession(role, session_number(self._new_id), address=self._settings.sdp_address)

    def _anchoring(
        self,
        name: str,
        xmpp_side: Side,
        wanted: Callable[[Description | None], bool],
        media: TrunkMedia,
        client: LegMedia,
        *,
        fenced: bool,
    ) -> Anchoring | None:
        """The call's dealings with an anchor, if it may come to any."""
        if self._anchors is None or media.policy is Policy.DIRECT:
            return None
        again = media.again if xmpp_side is Side.CALLER else None
        legs = {
            xmpp_side: self._carried(media.transcoded(client)),
            xmpp_side.other: self._carried(media.leg),
        }
        return Anchoring(
            self._anchors,
            AnchoredCall(id=name, legs=legs),
            wanted=wanted,
            caller_proposes=xmpp_side is Side.CALLER,
            again=None if again is None else self._carried(again),
            reaches={xmpp_side.other: self._reaches} if fenced else {},
        )

    def _carried(self, leg: LegMedia) -> LegMedia:
        """What is carried on a leg, of the kinds that calls have here."""
        return leg if "video" in self._settings.kinds else replace(leg, codecs=leg.audio)

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
        parties = {
            xmpp_side: ours,
            xmpp_side.other: party(sip, self._sip),
        }

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
        opened = Opened(
            task=task,
            peer=bare(owner),
            local=local,
            sdp_address=self._settings.sdp_address,
            ticket=ticket,
            xmpp_side=xmpp_side,
        )
        return opened
