"""A call's SIP side: one machine for the leg that calls and the one that is called.

Rules.  Which event does what in which phase stands in `gateway.sip.table`, and nowhere else.  What a leg remembers is
`gateway.sip.state`'s.  Here is only the face: what is told to a leg, turned into events.

Theory of operation.  The leg is told signals by the bridge, and requests, responses and failed transactions by the
wire; it returns signals, requests and responses.  Below it are transactions: they repeat requests, acknowledge final
responses that are no 2xx, answer CANCEL, absorb what comes twice.  Above them, and so in here, are the 2xx and its ACK,
which belong to no transaction (RFC 3261 §13), forks, CANCEL's races, credentials, redirections, and 491.

The end.  A leg says End once, or is told it once, never both after another.  It may have to go on after that: CANCEL
waits for a provisional response, BYE for the ACK, both for their answer.  Each of these waits has a limit of 64*T1, so
that a leg is closed in the end whatever the peer does.  What comes later is answered 481, and a late 2xx with ACK and
BYE by `gateway.sip.dialog.refuse_fork`.
"""

from collections.abc import Callable
from typing import Any, assert_never

from gateway.errors import PeerError
from gateway.sdp.history import SdpSession
from gateway.signals import (
    Answer,
    Attendance,
    Candidates,
    Complete,
    Digit,
    Early,
    End,
    NoDigits,
    Offer,
    PickedUp,
    Picture,
    Progress,
    Refuse,
    Signal,
    Transfer,
    Transferred,
)
from gateway.sip import digits, early, info, late, transferring
from gateway.sip.dialog import Dialog
from gateway.sip.manners import USUAL, Manners
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reasons import refusal_of_error
from gateway.sip.state import Emitted, LegSettings, LegState, Phase, Received, Timer
from gateway.sip.table import TABLE, Event
from gateway.sip.target import Credentials, SipTarget
from gateway.sip.trickling import Mode
from gateway.sip.uas import refuse
from gateway.sip.wire import Failed, Outgoing

__all__ = ["Credentials", "Emitted", "LegSettings", "Phase", "Received", "SipLeg", "SipTarget", "Timer"]

P = Phase
_OUR_INVITE = frozenset({P.CALLING, P.PROCEEDING, P.WITHDRAWING, P.CANCELLING})
_CLASSES = {1: Event.PROVISIONAL, 2: Event.ACCEPTED}


class SipLeg(LegState):
    """One call's SIP side (`gateway.call.leg.Leg`)."""

    __slots__ = ()

    @classmethod
    def calling(
        cls,
        target: SipTarget,
        *,
        call_id: str,
        tag: str,
        contact: str,
        sdp: SdpSession,
        new_id: Callable[[], str],
        settings: LegSettings,
        trickle: Mode = "auto",
        manners: Manners = USUAL,
        asks: bool = False,
    ) -> "SipLeg":
        """A leg that sends an INVITE when it is given an Offer. ``contact`` is a Contact value, with its brackets.

        ``asks``: the INVITE has no description, whatever the Offer has; the peer makes the offer, and this leg says it.
        """
        return cls(
            call_id=call_id, tag=tag, contact=contact, sdp=sdp, new_id=new_id, settings=settings, target=target,
            trickle=trickle, manners=manners, asks=asks,
        )  # fmt: skip

    @classmethod
    def called(
        cls,
        request: SipRequest,
        *,
        tag: str,
        contact: str,
        sdp: SdpSession,
        new_id: Callable[[], str],
        settings: LegSettings,
        trickle: Mode = "auto",
        manners: Manners = USUAL,
    ) -> "SipLeg":
        """A leg for an INVITE, which `receive` is given next."""
        return cls(
            call_id=request.call_id, tag=tag, contact=contact, sdp=sdp, new_id=new_id, settings=settings,
            trickle=trickle, manners=manners,
        )  # fmt: skip

    # --------------------------------------------------------------------------------------------------------- the face

    @property
    def closed(self) -> bool:
        """Nothing is outstanding.  So it is before a calling leg has its offer, too: then its peer knows of nothing."""
        return self.phase is Phase.CLOSED or (self.phase is Phase.IDLE and self.target is not None)

    @property
    def trunk(self) -> str | None:
        """By which way a calling leg calls; it may change until somebody's phone has rung."""
        return self.target.trunk or None if self.target is not None else None

    @property
    def source(self) -> str | None:
        """The address that the peer's signalling comes from, once it is known."""
        flow = self.dialog.flow if self.dialog is not None else self.heard
        return None if flow is None else flow.host

    @property
    def deadline(self) -> float | None:
        """When `expire` is wanted, or None."""
        due = min(self.timers.values(), default=None)
        known = self.referral.due
        return due if known is None or (due is not None and due < known) else known

    @property
    def focus(self) -> str | None:
        """The address of the conference whose focus the peer is, if it is one (RFC 4579 §5.1)."""
        dialog = self.dialog
        return dialog.target if dialog is not None and dialog.focus else None

    def came_back(self, request: SipRequest) -> bool:
        """Whether an INVITE is our own, unchanged: a loop. Sent on to another address it is none (RFC 5393 §4.2)."""
        ours = self.invite.request if self.invite is not None else None
        return (
            ours is not None
            and request.call_id == self.call_id
            and request.from_.tag == self.tag
            and request.uri == ours.uri
        )

    def send(self, signal: Signal, now: float) -> list[Emitted]:
        """The bridge passes what the other side said."""
        match signal:
            case Offer():
                event = Event.OFFER
            case Complete():
                event = Event.COMPLETE
            case Progress():
                event = Event.PROGRESS
            case Answer():
                event = Event.ANSWER
            case Refuse():
                event = Event.REFUSE
            case Candidates():
                event = Event.CANDIDATES
            case Digit():
                event = Event.DIGIT
            case Picture():
                event = Event.PICTURE
            case NoDigits() | PickedUp() | Attendance() | Early():
                return []  # what INFO says of digits is answered here in any case, and no description is owed by us
            case Transfer():
                event = Event.TRANSFER
            case Transferred():
                event = Event.TRANSFERRED
            case End():
                event = Event.END
                transferring.left(self, signal, now)
            case _:
                assert_never(signal)
        self._do(event, signal, now)
        return self._drain(now)

    def receive(self, message: Received, now: float) -> list[Emitted]:
        """Something came from the wire.  Nothing is raised: what cannot be read is answered, or dropped."""
        if not isinstance(message, Failed):
            self.session_id.hear(message)
        match message:
            case SipRequest():
                self._request(message, now)
            case SipResponse():
                self._response(message, now)
            case Failed():
                self._failed(message, now)
            case _:
                assert_never(message)
        return self._drain(now)

    def expire(self, now: float) -> list[Emitted]:
        """A time has come."""
        due = sorted((at, timer) for timer, at in self.timers.items() if at <= now)
        for at, timer in due:
            if self.timers.get(timer) == at:  # what was due before may have made it pointless
                del self.timers[timer]
                self._do(timer, None, now)
        if self.referral.due is not None and self.referral.due <= now:
            transferring.expired(self, now)
        return self._drain(now)

    # ------------------------------------------------------------------------------------------------ which event is it

    def _request(self, request: SipRequest, now: float) -> None:
        method = request.method
        if method == "CANCEL":  # its INVITE's transaction has matched it (§9.2)
            if self.invited is not None and request.cseq.number == self.invited.cseq.number:
                self._do(Event.CANCEL, request, now)
        elif self.phase is Phase.IDLE and self.target is None and method == "INVITE":
            self._do(Event.INVITE, request, now)
        elif self.phase is Phase.CLOSED or (dialog := early.holding(self, request)) is None:
            if method != "ACK":
                self.reply(request, 481)
        elif method == "ACK":
            self._do(Event.ACK, request, now)
        else:
            try:
                self._in_dialog(request, dialog, now)
            except PeerError as error:
                verdict = refusal_of_error(error)
                self.reply(request, verdict.status, verdict.headers)

    def _in_dialog(self, request: SipRequest, dialog: Dialog, now: float) -> None:
        received = dialog.received(request)
        if received is None:
            self.reply(request, 500)
            return
        early.keep(self, received)
        if self.refreshed is not None:
            self.refreshed = self.refreshed.received(request) or self.refreshed
        if (verdict := refuse(request)) is not None:
            self.reply(request, *verdict)
            return
        action = TABLE[self.phase].get(Event(request.method))
        if action is None:
            self.reply(request, 481)
        else:
            action(self, request, now)

    def _response(self, response: SipResponse, now: float) -> None:
        method = response.cseq.method
        if method == "INVITE":
            out = self._out
            if out is not None and response.branch == out.branch:
                self._do(_CLASSES.get(response.status // 100, Event.REJECTED), response, now)
            elif response.status // 100 == 2:  # nothing else comes after its time (RFC 6026 §7.2)
                self._do(Event.REPEATED, response, now)
        elif method == "BYE" and self.bye is not None and response.branch == self.bye.branch:
            self._do(Event.BYE_ANSWERED, response, now)
        elif method == "INFO" and (told := self.trickle.pending) is not None and response.branch == told.branch:
            self._do(Event.INFO_ANSWERED, response, now)
        elif method == "INFO" and self.telling is not None and response.branch == self.telling.branch:
            self._do(Event.DIGIT_ANSWERED, response, now)
        elif method == "INFO" and _is_of(response, self.asking):
            self._do(Event.PICTURE_ANSWERED, response, now)
        elif method == "PRACK" and response.branch in self.pracks:
            self._do(Event.PRACK_ANSWERED, response, now)
        elif method == "UPDATE" and (asked := self.session.pending) is not None and response.branch == asked.branch:
            self._do(Event.UPDATE_ANSWERED, response, now)
        elif _is_of(response, self.referral.ours):
            self._do(Event.REFER_ANSWERED, response, now)
        elif _is_of(response, self.referral.notify):
            self._do(Event.NOTIFY_ANSWERED, response, now)

    def _failed(self, failed: Failed, now: float) -> None:
        out = self._out
        if failed.method == "INVITE" and out is not None and failed.branch == out.branch:
            self._do(Event.LOST, failed, now)
        elif failed.method == "BYE" and self.bye is not None and failed.branch == self.bye.branch:
            self._do(Event.BYE_LOST, failed, now)
        elif failed.method == "INFO" and (told := self.trickle.pending) is not None and failed.branch == told.branch:
            self._do(Event.INFO_LOST, failed, now)
        elif failed.method == "INFO" and self.telling is not None and failed.branch == self.telling.branch:
            self._do(Event.DIGIT_LOST, failed, now)
        elif failed.method == "INFO" and _is_of(failed, self.asking):
            self._do(Event.PICTURE_LOST, failed, now)
        elif failed.branch in self.pracks:
            self._do(Event.PRACK_LOST, failed, now)
        elif (asked := self.session.pending) is not None and failed.branch == asked.branch:
            self._do(Event.UPDATE_LOST, failed, now)
        elif _is_of(failed, self.referral.ours):
            self._do(Event.REFER_LOST, failed, now)
        elif _is_of(failed, self.referral.notify):
            self._do(Event.NOTIFY_LOST, failed, now)

    @property
    def _out(self) -> Outgoing | None:
        """Our INVITE or re-INVITE that has no final response yet."""
        if self.phase in _OUR_INVITE:
            return self.invite
        return self.reinvite if self.phase in (Phase.REINVITING, Phase.REFRESHING) else None

    def _do(self, event: Event | Timer, item: Any, now: float) -> None:
        action = TABLE[self.phase].get(event)
        if action is not None:
            action(self, item, now)

    def _drain(self, now: float) -> list[Emitted]:
        late.wait(self, now)
        info.tell(self)
        digits.tell(self)
        out, self.out = self.out, []
        return out


def _is_of(news: SipResponse | Failed, request: Outgoing | None) -> bool:
    """Whether it is about that request."""
    return request is not None and news.branch == request.branch
