"""A subscription that is kept: SUBSCRIBE, its refreshes and the NOTIFYs that come (RFC 6665, the subscriber's side).

Which event does what in which phase stands in `TABLE`; one without a row changes nothing, but a NOTIFY always has its
answer.  The subscription lasts until `stop`: what ends it, or keeps it from beginning, only says when the next attempt
is due.  What may pass is tried again with growing pauses; what somebody must repair (no such event, no such user, a
wrong password) once an hour.  Of a SUBSCRIBE that forks the first notifier is heard, as RFC 3842 §3.9 allows.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gateway.errors import PeerError
from gateway.sip.auth import DigestSession
from gateway.sip.dialog import MAX_FORWARDS, Dialog, branch
from gateway.sip.events import Emitted, Event, Notice, Phase, Trouble, Wanted
from gateway.sip.flow import Hop
from gateway.sip.grammar import NO_PARAMETERS, Parameters, number
from gateway.sip.message import Header, SipRequest, SipResponse, respond
from gateway.sip.reasons import status_line
from gateway.sip.target import digest_session
from gateway.sip.wire import Failed, Outgoing

__all__ = ["Emitted", "Event", "Notice", "Phase", "Subscription", "Trouble", "Wanted"]

EXPIRES = 3600
"Seconds that are asked for."

LONGEST_EXPIRES = 7 * 86_400
SHORTEST_SECONDS = 30.0
"Between two SUBSCRIBEs, however short a time was granted."

NOTIFY_SECONDS = 32.0
"Timer N: how long after the 2xx the first NOTIFY may take (§4.1.2.4)."

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 1800.0
REPAIR_SECONDS = 3600.0
"The pause where somebody must repair something first."

LEAVE_SECONDS = 5.0
REFUSALS = frozenset({401, 402, 403, 404, 405, 407, 410, 416, 420, 484, 485, 489, 501, 603, 604})
"What asking again does not help."

AT_ONCE = frozenset({"deactivated", "timeout"})
"Reasons of an end after which to subscribe again at once (§4.1.3)."


class Subscription:
    """One subscription; `deadline` says when `expire` is wanted."""

    __slots__ = (
        "_agent", "_cseq", "_dialog", "_digest", "_expires", "_failures", "_granted", "_heard", "_new_id", "_out",
        "_remote_tag", "_request", "call_id", "deadline", "phase", "tag", "wanted",
    )  # fmt: skip

    def __init__(self, wanted: Wanted, *, at: float, agent: Header, new_id: Callable[[], str]) -> None:
        """It begins with `expire` at ``at``; ``agent`` is our User-Agent."""
        self.wanted = wanted
        self.phase = Phase.RESTING
        self.deadline: float | None = at
        self.call_id = ""
        self.tag = new_id()[:16]
        "Ours: what the To of its NOTIFYs names."

        self._agent = agent
        self._new_id = new_id
        self._digest: DigestSession | None = digest_session(wanted.credentials)
        self._dialog: Dialog | None = None
        self._remote_tag: str | None = None
        self._request: Outgoing | None = None
        self._cseq = 0
        self._expires = EXPIRES
        self._granted = EXPIRES
        self._failures = 0
        self._heard = False
        "Whether a NOTIFY has come."
        self._out: list[Emitted] = []

    # --------------------------------------------------------------------------------------------------------- the face

    def expire(self, now: float) -> list[Emitted]:
        """The deadline has come."""
        if self.deadline is None or self.deadline > now:
            return []
        self.deadline = None
        return self._do(Event.DUE, None, now)

    def stop(self, now: float) -> list[Emitted]:
        """It is wanted no more: take leave of the notifier."""
        return self._do(Event.STOP, None, now)

    def renew(self, now: float) -> list[Emitted]:
        """Ask for everything again (RFC 6665 §4.1.2.2), unless a SUBSCRIBE is out that does."""
        return self._do(Event.DUE, None, now) if self.phase is Phase.ACTIVE else []

    def receive(self, message: SipResponse | Failed, now: float) -> list[Emitted]:
        """What became of our SUBSCRIBE."""
        if self._request is None or message.branch != self._request.branch:
            return []
        if isinstance(message, Failed):
            return self._do(Event.FAILED, message.text or "no answer to SUBSCRIBE", now)
        status = message.status
        if status < 200:
            return []
        if status in (401, 407) and self._digest is not None and self._digest.challenged(message):
            return self._do(Event.CHALLENGED, message, now)
        if self._digest is not None:
            self._digest.accepted(message)
        event = Event.ACCEPTED if status < 300 else _STATUSES.get(status, Event.REFUSED)
        return self._do(event, message, now)

    def notified(self, request: SipRequest, now: float) -> list[Emitted]:
        """A NOTIFY that names our tag; the first thing returned is its answer."""
        event = (request.first("Event") or "").partition(";")[0].strip().lower()
        remote = request.from_.tag or ""
        if request.call_id != self.call_id or self._remote_tag not in (None, remote) or not self._lives:
            return [respond(request, 481)]
        if event != self.wanted.event:
            return [respond(request, 489)]
        if self._dialog is not None:
            received = self._dialog.received(request)
            if received is None:
                return [respond(request, 500)]
            self._dialog = received
        self._remote_tag = remote
        self._out.append(respond(request, 200))
        if request.body:
            self._out.append(Notice(request.first("Content-Type") or "", request.body))
        state, _, parameters = (request.first("Subscription-State") or "active").partition(";")
        ended = state.strip().lower() == "terminated"
        said = NO_PARAMETERS
        with suppress(PeerError):  # what cannot be read says nothing
            said = Parameters.parse(f";{parameters}") if parameters else said
        return self._do(Event.ENDED if ended else Event.NOTIFIED, said, now)

    @property
    def _lives(self) -> bool:
        return self.phase not in (Phase.RESTING, Phase.CLOSED)

    def _do(self, event: Event, item: Any, now: float) -> list[Emitted]:
        action = TABLE[self.phase].get(event)
        if action is not None:
            action(self, item, now)
        out, self._out = self._out, []
        return out

    # --------------------------------------------------------------------------------------------------------- requests

    def ask(self, _: object, now: float) -> None:
        """A subscription of its own, from the beginning."""
        self.call_id, self._dialog, self._remote_tag, self._heard = self._new_id(), None, None, False
        self.phase = Phase.ASKING
        wanted = self.wanted
        self._cseq += 1
        headers = (
            ("Max-Forwards", MAX_FORWARDS),
            ("From", str(wanted.from_.with_tag(self.tag))),
            ("To", str(wanted.to)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._cseq} SUBSCRIBE"),
            *wanted.headers,
            *self._asked(self._expires),
        )
        self._send(SipRequest("SUBSCRIBE", wanted.uri, headers), wanted.hop)

    def refresh(self, _: object, now: float) -> None:
        """Before it lapses."""
        self.phase = Phase.REFRESHING
        self._within(self._expires)

    def leave(self, _: object, now: float) -> None:
        """Take leave of the notifier."""
        self.phase = Phase.LEAVING
        self.deadline = now + LEAVE_SECONDS
        self._within(0)

    def again(self, _: object, now: float) -> None:
        """With credentials, as a request of its own."""
        assert self._request is not None
        request, hop = self._request.request, self._request.hop
        self._cseq = request.cseq.number + 1
        headers = tuple(
            ("CSeq", f"{self._cseq} SUBSCRIBE") if name == "CSeq" else (name, value) for name, value in request.headers
        )
        if self._dialog is not None:
            self._dialog = replace(self._dialog, local_cseq=self._cseq)
        self._send(SipRequest("SUBSCRIBE", request.uri, headers), hop)

    def _within(self, expires: int) -> None:
        assert self._dialog is not None
        self._dialog, request = self._dialog.request("SUBSCRIBE", self._asked(expires))
        self._cseq = request.cseq.number
        # The notifier has said where it is, and may lead no further than the account that it was asked by.
        self._send(request, replace(self._dialog.hop, fenced=self.wanted.hop.fenced))

    def _asked(self, expires: int) -> tuple[Header, ...]:
        wanted = self.wanted
        return (
            ("Contact", wanted.contact),
            ("Event", wanted.event),
            ("Accept", wanted.accept),
            ("Expires", str(expires)),
            self._agent,
        )

    def _send(self, request: SipRequest, hop: Hop) -> None:
        if self._digest is not None:
            request = self._digest.authorize(request, self._new_id())
        self._request = Outgoing(request, branch(self._new_id), hop)
        self._out.append(self._request)

    # ---------------------------------------------------------------------------------------------------------- answers

    def accepted(self, response: SipResponse, now: float) -> None:
        """A 2xx: the dialog, and when to refresh."""
        assert self._request is not None
        if self._dialog is None:
            self._dialog = Dialog.from_response(self._request.request, response)
            self._remote_tag = self._remote_tag or response.to.tag
        else:
            with suppress(PeerError):  # a Contact that cannot be read moves nothing
                self._dialog = self._dialog.refreshed(response)
        self._failures = 0
        granted = number(response.first("Expires"), LONGEST_EXPIRES)
        self._granted = self._expires if granted is None else granted
        self.phase = Phase.ACTIVE if self._heard else Phase.WAITING
        self._lasts(self._granted, now)
        if not self._heard:
            self.deadline = now + NOTIFY_SECONDS

    def longer(self, response: SipResponse, now: float) -> None:
        """423: as long as the notifier wants at least (§4.1.2.1)."""
        least = number(response.first("Min-Expires"), LONGEST_EXPIRES)
        if least is None or least <= EXPIRES or self._expires != EXPIRES:
            self.refused(response, now)
            return
        self._expires = least
        if self._dialog is None:
            self.ask(None, now)
        else:
            self._within(least)

    def refused(self, response: SipResponse, now: float) -> None:
        """No."""
        later = number(
            response.first(
                "Retry-After",
            ),
            LONGEST_EXPIRES,
        )
        repair = REPAIR_SECONDS if response.status in REFUSALS else 0.0
        self._rest(status_line(response)[2], now, max(repair, float(later or 0)))

    def failed(self, text: str, now: float) -> None:
        """No answer, or no way there."""
        self._rest(text, now)

    def silent(self, _: object, now: float) -> None:
        """Accepted, and never notified: there is no subscription (§4.1.2.4)."""
        self._rest("no NOTIFY came", now)

    def heard(self, said: Parameters, now: float) -> None:
        """A NOTIFY, which may shorten the time that is left (§4.1.3)."""
        self._heard = True
        left = number(said.get("expires"), LONGEST_EXPIRES)
        if self.phase is Phase.WAITING or (self.phase is Phase.ACTIVE and left is not None):
            self._lasts(self._granted if left is None else left, now)
        if self.phase is Phase.WAITING:
            self.phase = Phase.ACTIVE

    def ended(self, said: Parameters, now: float) -> None:
        """The notifier is done."""
        reason = (said.get("reason") or "").lower()
        later = float(number(said.get("retry-after"), LONGEST_EXPIRES) or 0)
        if reason in AT_ONCE:
            self._rest(f"ended: {reason}", now, SHORTEST_SECONDS, growing=False)
        elif reason in ("rejected", "noresource"):
            self._rest(f"ended: {reason}", now, max(REPAIR_SECONDS, later))
        else:
            self._rest(f"ended: {reason or 'without a reason'}", now, later)

    def close(self, _: object, now: float) -> None:
        """Over."""
        self.phase, self.deadline, self._request = Phase.CLOSED, None, None

    def _lasts(self, seconds: int, now: float) -> None:
        """Refresh well before the end, and not all subscriptions at once."""
        self.deadline = now + max(SHORTEST_SECONDS, seconds * (0.75 + 0.15 * self._chance()))

    def _rest(self, text: str, now: float, least: float = 0.0, *, growing: bool = True) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 10)) if growing else 0.0
        self._failures += growing
        seconds = max(least, pause * (0.5 + 0.5 * self._chance()))
        self.phase, self.deadline, self._request = Phase.RESTING, now + seconds, None
        self._out.append(Trouble(text, seconds))

    def _chance(self) -> float:
        return int(self._new_id()[:4], 16) / 0xFFFF


_STATUSES = {423: Event.TOO_BRIEF, 481: Event.GONE}
Action = Callable[[Subscription, Any, float], None]
P, X, S = Phase, Event, Subscription

# fmt: off
TABLE: dict[Phase, dict[Event, Action]] = {
    P.RESTING: {
        X.DUE:        S.ask,
        X.STOP:       S.close,
    },
    P.ASKING: {
        X.ACCEPTED:   S.accepted,
        X.CHALLENGED: S.again,
        X.TOO_BRIEF:  S.longer,
        X.GONE:       S.refused,
        X.REFUSED:    S.refused,
        X.FAILED:     S.failed,
        X.NOTIFIED:   S.heard,
        X.ENDED:      S.ended,
        X.STOP:       S.close,
    },
    P.WAITING: {
        X.DUE:        S.silent,
        X.NOTIFIED:   S.heard,
        X.ENDED:      S.ended,
        X.STOP:       S.leave,
    },
    P.ACTIVE: {
        X.DUE:        S.refresh,
        X.NOTIFIED:   S.heard,
        X.ENDED:      S.ended,
        X.STOP:       S.leave,
    },
    P.REFRESHING: {
        X.ACCEPTED:   S.accepted,
        X.CHALLENGED: S.again,
        X.TOO_BRIEF:  S.longer,
        X.GONE:       S.ask,
        X.REFUSED:    S.refused,
        X.FAILED:     S.failed,
        X.NOTIFIED:   S.heard,
        X.ENDED:      S.ended,
        X.STOP:       S.leave,
    },
    P.LEAVING: {
        X.DUE:        S.close,
        X.ACCEPTED:   S.close,
        X.CHALLENGED: S.again,
        X.TOO_BRIEF:  S.close,
        X.GONE:       S.close,
        X.REFUSED:    S.close,
        X.FAILED:     S.close,
        X.ENDED:      S.close,
    },
    P.CLOSED: {},
}
# fmt: on
