"""What a SIP leg remembers, and the few things it can do: the words that its table's actions are written in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.sdp.history import SdpSession
from gateway.signals import Complete, Digit, End, Offer, Signal
from gateway.sip.address import Uri
from gateway.sip.body import agreement
from gateway.sip.dialog import Dialog, branch
from gateway.sip.flow import Flow, Hop
from gateway.sip.manners import USUAL, Manners
from gateway.sip.message import Header, SipRequest, SipResponse, respond
from gateway.sip.referral import Referral
from gateway.sip.reliable import Assured, EarlyDialog, RAck
from gateway.sip.session_id import SessionId
from gateway.sip.session_timer import SessionTimer
from gateway.sip.target import SipTarget, digest_session
from gateway.sip.trickling import Mode, Trickling
from gateway.sip.uas import ALLOW_HEADER
from gateway.sip.wire import Failed, Outgoing
from mappings.description import Description

Received = SipRequest | SipResponse | Failed
Emitted = Outgoing | SipResponse | Signal


class Phase(StrEnum):
    """Where a leg stands. The first group calls, the second is called, the third is the same for both."""

    IDLE = "idle"
    GATHERING = "gathering"
    "An offer is there and waits for its candidates."
    CALLING = "calling"
    "INVITE sent, nothing heard."
    PROCEEDING = "proceeding"
    "A provisional response came."
    WAITING = "waiting"
    "The INVITE met another (491) and is sent again after a while."
    WITHDRAWING = "withdrawing"
    "Ended by us before anything was heard; the CANCEL has to wait for a provisional response (RFC 3261 §9.1)."
    CANCELLING = "cancelling"
    "CANCEL sent; the INVITE is not over."

    DECIDING = "deciding"
    "The 200 to our INVITE had the offer; its ACK waits for the answer."

    INVITED = "invited"
    RINGING = "ringing"
    ANSWERING = "answering"
    "An answer is there and waits for its candidates."
    ANSWERED = "answered"
    "200 sent, and sent again until the ACK comes: to the first INVITE or to a later one."
    LEAVING = "leaving"
    "Like ANSWERED, but we have hung up; the BYE has to wait for the ACK (RFC 3261 §15)."

    PROMISED = "promised"
    "The 200 to the first INVITE is out with our offer; the answer comes with the ACK."

    CONFIRMED = "confirmed"
    REINVITED = "reinvited"
    "The peer's re-INVITE waits for its answer."
    REANSWERING = "reanswering"
    "It has one, which waits for its candidates."
    OFFERING = "offering"
    "The peer asked for an offer, and the 200 with it is out; the answer comes with the ACK."
    LEARNING = "learning"
    "That answer has said something new, which the other side is told as an offer."
    REGATHERING = "regathering"
    "Our change waits for its candidates."
    REINVITING = "reinviting"
    "Ours does."
    BACKING_OFF = "backing off"
    "Ours met the peer's (491) and is sent again after a while."
    UPDATED = "updated"
    "The peer's UPDATE waits for its answer."
    OVERDUE = "overdue"
    "It waits no longer, but what the other side says to it is still to come."
    REFRESHING = "refreshing"
    "What holds is offered once more, lest the session lapses."
    TERMINATING = "terminating"
    "BYE sent."
    CLOSED = "closed"


class Timer(StrEnum):
    """What a leg waits for."""

    GATHERED = "gathered"
    SILENT = "silent"
    "An INVITE of ours that nobody answers finally."
    GIVE_UP = "give up"
    "CANCEL or BYE, to which nothing came back."
    RESEND = "resend"
    UNACKED = "unacked"
    EXPIRED = "expired"
    "The peer's INVITE, by its Expires header."
    RETRY = "retry"
    LATE = "late"
    "Further candidates, for a peer that would need an offer to hear of them."
    REMIND = "remind"
    "Our provisional response, which begins a dialog that the peer may not know of yet."
    REASSURE = "reassure"
    "Our reliable provisional response, which is sent again until its PRACK comes."
    UNASSURED = "unassured"
    "Its PRACK has not come."
    OVERDUE = "overdue"
    "The peer's UPDATE has to be answered."
    REFRESH = "refresh"
    "It is time to refresh the session."
    LAPSED = "lapsed"
    "The session was not refreshed."


LASTING = frozenset({Timer.REFRESH, Timer.LAPSED})
"What goes on whatever else is over."


@dataclass(frozen=True, slots=True, kw_only=True)
class LegSettings:
    """What all SIP legs have in common; times in seconds."""

    t1: float = 0.5
    "RFC 3261's estimate of the round trip; 64 times that is how long anything may stay unanswered."

    t2: float = 4.0
    "The longest interval between two copies of a 200."

    gather_seconds: float = 1.5
    "How long an INVITE waits for ICE candidates; at most 3."

    trying_timeout_seconds: float = 180.0
    "How long an INVITE may stay without a final response after the last provisional one."

    offers: bool = False
    "Whether the other side can make the offer that an INVITE leaves to us: a media anchor can."

    kinds: tuple[str, ...] = ("audio",)
    "The media of such an offer."

    failover_seconds: float = 20.0
    "After this the INVITE is sent no other way."

    user_agent: str = "jingle-sip/0.1.0"


class LegState:
    """A leg's memory. Actions change it and put what is to be sent into `out`."""

    __slots__ = (
        "acks", "agreed", "answered", "asking", "asks", "assured", "began_at", "blind", "bye", "call_id", "collisions",
        "contact", "deaf", "dialog", "digest", "digits", "dropped", "early", "end_said", "forks", "heard", "invite",
        "invited", "last_status", "manners", "new_id", "offered", "out", "parting", "phase", "playing", "playing_seen",
        "pracks", "promised", "referral", "refreshed", "reinvite", "reoffer", "resend_after", "ringing_seen", "sdp",
        "session", "session_id", "settings", "tag", "target", "telling", "timers", "trickle", "untried", "visited",
        "waiting",
    )  # fmt: skip

    def __init__(  # noqa: PLR0915 — one memory
        self,
        *,
        call_id: str,
        tag: str,
        contact: str,
        sdp: SdpSession,
        new_id: Callable[[], str],
        settings: LegSettings,
        target: SipTarget | None = None,
        trickle: Mode = "auto",
        manners: Manners = USUAL,
        asks: bool = False,
    ) -> None:
        self.call_id = call_id
        self.tag = tag
        self.contact = contact
        self.sdp = sdp
        self.new_id = new_id
        self.settings = settings
        self.target = target
        "None: this leg is called."

        self.asks = asks
        "Whether our INVITE asks for an offer, rather than to make one."

        self.manners = manners
        self.trickle = Trickling(trickle, self.manners.supported)
        self.referral = Referral()
        self.phase = Phase.IDLE
        self.out: list[Emitted] = []
        self.timers: dict[Timer, float] = {}
        self.dropped: list[str] = []
        self.last_status: int | None = None
        "The last final status to an INVITE, in either direction; before it, the last provisional one."

        self.ringing_seen = False
        self.playing_seen = False
        self.end_said = False
        "Whether both sides know that it is over, whoever said it."

        self.parting: End | None = None
        "Why we leave, for a CANCEL or BYE that cannot be sent yet."

        self.dialog: Dialog | None = None
        self.refreshed: Dialog | None = None
        "The dialog as the peer's re-INVITE wants it, until that is answered."

        self.session_id = SessionId(call_id, tag)
        self.session = SessionTimer(manners.session_expires_seconds, manners.min_se_seconds)
        self.early: dict[str, EarlyDialog] = {}
        "What provisional responses to our INVITE have begun, by the peer's tag; in a call it is the dialog itself."
        self.playing: str | None = None
        "Who plays what the caller hears before the answer, by the tag; who was the last to, where it has gone since."
        self.pracks: dict[str, tuple[str, RAck]] = {}
        "Our PRACKs without response, by their branch: in which dialog, and what they acknowledge."
        self.assured = Assured()
        self.promised = False
        "Whether the peer's INVITE came without an offer, which it is to get in the 200."

        self.agreed = ""
        "Our SDP as it was last agreed, fit for an answer."
        self.offered: Description | None = None
        "Our offer or answer, while it waits for candidates."
        self.reoffer: Offer | Complete | None = None
        "The change that our re-INVITE asks for."
        self.waiting: Offer | Complete | None = None
        "An offer that came while the last exchange was still on its way."

        self.invite: Outgoing | None = None
        "Our first INVITE, as last sent."
        self.heard: Flow | None = None
        "Where its provisional responses came from."
        self.reinvite: Outgoing | None = None
        self.bye: Outgoing | None = None
        self.began_at = 0.0
        "When our first INVITE was sent."
        self.collisions = 0
        self.visited: set[str] = set()
        "Where the INVITE has been sent; more than one only if redirections are followed."
        self.untried: list[Uri] = []
        "Addresses of a redirection, best first."
        self.digest = digest_session(target.credentials) if target is not None else None

        self.invited: SipRequest | None = None
        "The peer's INVITE, or re-INVITE, that has no final response yet."
        self.answered: SipResponse | None = None
        self.resend_after = 0.0
        self.digits: list[Digit] = []
        "The other side's digits that the peer has not taken yet, in their order."
        self.telling: Outgoing | None = None
        "The INFO with the first of them."
        self.deaf = False
        "Whether the peer takes none."
        self.asking: Outgoing | None = None
        "The INFO that asks the peer for a whole picture."
        self.blind = False
        "Whether the peer knows of no such thing."
        self.acks: dict[int, Outgoing] = {}
        "The ACK of each 2xx to ours, by CSeq number, to be sent again when the 2xx is."
        self.forks: dict[str, Outgoing] = {}
        "The ACK of each 2xx that was one too many, by its tag."

    # --------------------------------------------------------------------------------------------------------- requests

    def transmit(self, request: SipRequest, hop: Hop, *, spare: bool = False) -> Outgoing:
        """Send a request as a transaction of its own; with credentials, where they were asked for before."""
        if self.digest is not None and request.method != "ACK":
            request = self.digest.authorize(request, self.new_id())
        request = request.replace_header(*self.session_id.header)
        if self.manners.fenced:
            hop = replace(hop, fenced=True)
        outgoing = Outgoing(request, branch(self.new_id), hop, spare)
        self.out.append(outgoing)
        return outgoing

    def within(self, method: str, headers: Sequence[Header] = (), body: bytes = b"") -> Outgoing:
        """Send a request inside the dialog."""
        assert self.dialog is not None
        self.dialog, request = self.dialog.request(method, (self.agent, *headers), body)
        return self.transmit(request, self.dialog.hop)

    def challenged(self, response: SipResponse) -> bool:
        """Whether a final response asks for credentials that we have, so that the request is to be sent again.

        Any other final response says that those it was given were right.
        """
        if self.digest is None:
            return False
        if response.status in (401, 407):
            return self.digest.challenged(response)
        self.digest.accepted(response)
        return False

    # -------------------------------------------------------------------------------------------------------- responses

    def reply(
        self, request: SipRequest, status: int, headers: Sequence[Header] = (), phrase: str | None = None
    ) -> None:
        """Answer a request without a body."""
        self.out.append(self.response(request, status, headers, phrase))

    def response(
        self,
        request: SipRequest,
        status: int,
        headers: Sequence[Header] = (),
        phrase: str | None = None,
        *,
        body: str = "",
    ) -> SipResponse:
        """An answer to a request, with an SDP or without."""
        kind = "application/sdp" if body else None
        headers = (*headers, self.session_id.header, ("Server", self.settings.user_agent))
        return respond(request, status, phrase, tag=self.tag, headers=headers, body=body.encode(), content_type=kind)

    def accept(self, request: SipRequest, text: str, now: float) -> None:
        """Answer an INVITE with 200 and keep sending that until its ACK comes (RFC 3261 §13.3.1.4)."""
        headers = (("Contact", self.contact), ALLOW_HEADER, *self.trickle.headers, *self.session.granted(request))
        self.answered = self.response(request, 200, headers, body=text)
        self.out.append(self.answered)
        self.agreed = text
        self.last_status = 200
        self.invited = None
        self.phase = Phase.ANSWERED
        self.settle()
        self.rearm(now)
        self.resend_after = self.settings.t1
        self.timers[Timer.RESEND] = now + self.resend_after
        self.timers[Timer.UNACKED] = now + self.patience

    # --------------------------------------------------------------------------------------------------------- the rest

    @property
    def agent(self) -> Header:
        """Our User-Agent header."""
        return "User-Agent", self.settings.user_agent

    @property
    def patience(self) -> float:
        """64*T1, in seconds: nothing is waited for any longer."""
        return 64 * self.settings.t1

    def settle(self) -> None:
        """An exchange is over, and what was waited for in it."""
        self.timers = {timer: at for timer, at in self.timers.items() if timer in LASTING}

    def rearm(self, now: float) -> None:
        """The session has begun, or was refreshed."""
        for timer, after in ((Timer.REFRESH, self.session.refresh_after), (Timer.LAPSED, self.session.lapse_after)):
            self.timers.pop(timer, None)
            if after is not None:
                self.timers[timer] = now + after

    def agree(self, answer: str) -> None:
        """Our offer was answered with this.  A refresh by the peer is answered with what we offered (RFC 3264 §8)."""
        self.agreed = agreement(self.sdp.text or "", answer)
        self.note_dropped()

    def note_dropped(self) -> None:
        """Keep what the last reading or writing of an SDP left out."""
        self.dropped.extend(self.sdp.dropped)

    def say(self, end: End) -> None:
        """Tell the other side that it is over, unless it knows."""
        if not self.end_said:
            self.end_said = True
            self.out.append(end)

    def close(self) -> None:
        """Nothing more to say or to wait for."""
        self.phase = Phase.CLOSED
        self.timers.clear()
        self.referral.clear()
        self.invited = self.waiting = self.offered = None
        self.early.clear()
