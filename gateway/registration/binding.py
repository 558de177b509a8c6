"""One binding's machine: what it does on what happens, as a table."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final

from gateway.registration.grant import Grant, read
from gateway.registration.registrant import Registrant, Timing
from gateway.registration.request import register
from gateway.registration.terms import Cause, Emitted, Event, Outcome, Phase, Standing, event_of, retry_after, said
from gateway.sip.address import Uri
from gateway.sip.auth import DigestSession
from gateway.sip.dialog import branch, hop_to
from gateway.sip.grammar import number
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reasons import redirects
from gateway.sip.wire import Failed, Outgoing

MAX_REQUESTS: Final = 8
"Requests of one attempt: a question for a password, one for each proxy, a stale nonce, a 423, a redirection or two."

MAX_MIN_EXPIRES: Final = 7 * 86_400
"Seconds that a registrar may want a binding to last at least."

REFRESH: Final = (0.6, 0.8)
"When a binding is refreshed, as parts of its time: late enough to be rare, early enough for a second try."


class Binding:
    """One address-of-record's binding to us.

    It is `due` at `at`; `receive` takes what comes back, `leave` ends it.  Each returns what is to be sent, and an
    `Outcome` when an attempt is over.
    """

    __slots__ = (
        "_asked_at", "_call_id", "_contact", "_cseq", "_digest", "_expires", "_failures", "_hop", "_new_id", "_out",
        "_outbound", "_refusals", "_requests", "_tag", "_timing", "_uri", "_user_agent", "_visited", "at", "emitted",
        "grant", "phase", "registrant", "standing", "text", "until",
    )  # fmt: skip

    def __init__(
        self,
        registrant: Registrant,
        *,
        contact: str,
        timing: Timing,
        new_id: Callable[[], str],
        user_agent: str,
        now: float,
    ) -> None:
        """``contact`` is the Contact's URI; ``now`` is when it is due first."""
        self.registrant = registrant
        self.phase = Phase.WAITING
        self.standing = Standing.PENDING
        self.text = ""
        "Why it is not registered, in words."
        self.grant: Grant | None = None
        "What the registrar has granted, while that lasts."
        self.until = -inf
        "When it lapses."
        self.at: float = now
        "When it is due."
        self.emitted: list[Emitted] = []
        self._contact = contact
        self._timing = timing
        self._new_id = new_id
        self._user_agent = user_agent
        self._expires = registrant.expires_seconds
        self._outbound = registrant.hop.transport not in (None, "UDP")
        self._call_id = new_id()
        self._tag = new_id()[:16]
        self._cseq = 0
        self._digest: DigestSession | None = None
        self._out: Outgoing | None = None
        self._uri = registrant.registrar
        self._hop = registrant.hop
        self._visited: tuple[str, ...] = ()
        self._requests = 0
        "Of this attempt."
        self._asked_at = 0.0
        self._failures = 0
        "In a row, of those that may pass."
        self._refusals = 0

    # --------------------------------------------------------------------------------------------------------- the face

    def due(self, now: float) -> list[Emitted]:
        """Its time has come."""
        return self._do(Event.DUE, None, now)

    def leave(self, now: float) -> list[Emitted]:
        """Unregister, where there may be something to undo; `phase` says when that is over."""
        return self._do(Event.LEAVE, None, now)

    def flow_lost(self, now: float) -> None:
        """The connection over which calls would come is gone: it is due again as soon as may be (RFC 5626 §4.5)."""
        if self.phase is Phase.WAITING and self.grant is not None:
            self.until = now
            self.at = min(self.at, max(now, self._asked_at + self._timing.shortest_seconds))

    def receive(self, message: SipRequest | SipResponse | Failed, now: float) -> list[Emitted]:
        """What came back; what answers no request of ours changes nothing."""
        out = self._out
        if out is None or isinstance(message, SipRequest) or message.branch != out.branch:
            return []
        if isinstance(message, SipResponse) and message.status < 200:
            return []
        self._out = None
        return self._do(event_of(message), message, now)

    def _do(self, event: Event, message: SipResponse | Failed | None, now: float) -> list[Emitted]:
        action = TABLE.get((self.phase, event))
        if action is not None:
            action(self, message, now)
        emitted, self.emitted = self.emitted, []
        return emitted

    # ----------------------------------------------------------------------------------------------------- what it does

    def ask(self, _: object, now: float) -> None:
        """Begin an attempt."""
        self.phase = Phase.ASKING
        self._requests = 0
        self._visited = (self._uri,)
        self._asked_at = now
        self._send(self._expires)

    def granted(self, message: SipResponse | Failed | None, now: float) -> None:
        """A 2xx."""
        assert isinstance(message, SipResponse)
        if self._digest is not None:
            self._digest.accepted(message)
        grant = read(message, Uri.parse(self._contact), self.registrant.instance, self._expires)
        if grant.expires_seconds == 0:
            self._fail("server", f"{message.status} without our Contact among the bindings", now)
            return
        self.grant, self.until = grant, now + grant.expires_seconds
        self.standing, self.text = Standing.REGISTERED, ""
        self._failures = self._refusals = 0
        low, high = REFRESH
        self._over(None, "", grant.expires_seconds * (low + (high - low) * self._chance()), now)

    def challenged(self, message: SipResponse | Failed | None, now: float) -> None:
        """A 401 or 407."""
        assert isinstance(message, SipResponse)
        leaving = self.phase is Phase.LEAVING
        credentials = self.registrant.credentials
        if credentials is None:
            text = f"{message.status}: it asks for a password, and there is none"
        else:
            if self._digest is None:
                self._digest = DigestSession(
                    credentials.user, credentials.password, credentials.realm, credentials.nonces
                )
            answered = self._digest.answers
            if self._digest.challenged(message):
                self._again(0 if leaving else self._expires, now)
                return
            text = f"{message.status}: the user or the password is wrong"
            if not answered:
                text = f"{message.status}: it asks in a way, or for a realm, that we have no answer for"
        self._refuse("credentials", text, message, now)

    def brief(self, message: SipResponse | Failed | None, now: float) -> None:
        """A 423: ask for as long as it wants (§10.2.8)."""
        assert isinstance(message, SipResponse)
        least = number(message.first("Min-Expires"), 2**32 - 1)
        if least is None or not self._expires < least <= MAX_MIN_EXPIRES:
            self._refuse("interval", f"423 to {self._expires} seconds, and it does not say what would do", message, now)
            return
        self._expires = least
        self._again(self._expires, now)

    def redirected(self, message: SipResponse | Failed | None, now: float) -> None:
        """A 3xx: ask there, each address once an attempt (§8.1.3.4)."""
        assert isinstance(message, SipResponse)
        for uri in redirects(message):
            target = str(replace(uri, headers=None))
            if uri.scheme == "sip" and target not in self._visited:
                self._visited = (*self._visited, target)
                self._uri, self._hop = target, replace(hop_to(uri), fenced=self._hop.fenced)
                self._again(self._expires, now)
                return
        self._refuse("refused", f"{said(message)}, to nowhere that is new", message, now)

    def without_outbound(self, message: SipResponse | Failed | None, now: float) -> None:
        """A 439: the first hop does not do RFC 5626 (§11.6 there); register plainly."""
        assert isinstance(message, SipResponse)
        if self._outbound:
            self._outbound = False
            self._again(self._expires, now)
        else:
            self._refuse("refused", said(message), message, now)

    def refused(self, message: SipResponse | Failed | None, now: float) -> None:
        """Something that will not pass by itself."""
        assert isinstance(message, SipResponse)
        self._refuse("refused", said(message), message, now)

    def busy(self, message: SipResponse | Failed | None, now: float) -> None:
        """Something that may pass."""
        if isinstance(message, Failed):
            self._fail(message.cause, message.text, now)
        else:
            assert message is not None
            self._fail("server", said(message), now, retry_after(message))

    def part(self, _: object, now: float) -> None:
        """Unregister when the REGISTER that is out is over."""
        self.phase = Phase.PARTING

    def unregister(self, _: object, now: float) -> None:
        """Take the binding away, where there may be one."""
        if self.phase is Phase.WAITING and self.until <= now:
            self.vanish(None, now)
            return
        self.phase = Phase.LEAVING
        self._requests = 0
        self._send(0)

    def part_over(self, _: object, now: float) -> None:
        """The REGISTER is over and has granted nothing; an earlier one may have."""
        if self.until > now:
            self.unregister(None, now)
        else:
            self.vanish(None, now)

    def vanish(self, _: object, now: float) -> None:
        """It is over."""
        self.phase = Phase.GONE
        self.at = inf
        self.grant = None
        self._out = None

    # ---------------------------------------------------------------------------------------------------- how it ends

    def _refuse(self, cause: Cause, text: str, message: SipResponse, now: float) -> None:
        """No: once more as if it might pass, and then long nothing."""
        if self.phase is Phase.LEAVING:
            self.vanish(None, now)
            return
        self._refusals += 1
        self._forget(now, lost=True)
        self.standing, self.text = Standing.REFUSED, text
        timing = self._timing
        most = 2 * timing.first_seconds if self._refusals == 1 else timing.refused_seconds
        wait = max(most * (1 - self._chance() / 2), retry_after(message))
        self._over(cause, text, wait, now)

    def _fail(self, cause: Cause, text: str, now: float, least: float = 0.0) -> None:
        """RFC 5626 §4.5: wait half to all of a time that doubles, but not beyond the end of the binding."""
        self._failures += 1
        timing = self._timing
        most = min(timing.most_seconds, timing.first_seconds * 2 ** min(self._failures, 16))
        wait = max(most * (1 - self._chance() / 2), least)
        if self.until > now:
            wait = min(wait, max(self.until - now, least))
        self._forget(now, lost=self.until <= now)
        self.text = text
        self._over(cause, text, wait, now)

    def _forget(self, now: float, *, lost: bool) -> None:
        """Go back to the registrar that is configured; the binding is there still unless it is lost."""
        self._uri, self._hop = self.registrant.registrar, self.registrant.hop
        if lost:
            self.standing = Standing.FAILING
            self.grant, self.until = None, -inf

    def _over(self, cause: Cause | None, text: str, wait: float, now: float) -> None:
        wait = max(wait, self._timing.shortest_seconds - (now - self._asked_at))
        self.phase = Phase.WAITING
        self.at = now + wait
        self.emitted.append(Outcome(cause, text, now - self._asked_at, wait))

    # ------------------------------------------------------------------------------------------------------ the request

    def _again(self, expires: int, now: float) -> None:
        """Send the request anew, in the same attempt, unless that has gone on for too long."""
        if self._requests < MAX_REQUESTS:
            self._send(expires)
        elif self.phase is Phase.LEAVING:
            self.vanish(None, now)
        else:
            self._fail("server", f"{MAX_REQUESTS} requests, and still no answer but other questions", now)

    def _send(self, expires: int) -> None:
        self._requests += 1
        self._cseq += 1
        request = register(
            self.registrant,
            uri=self._uri,
            contact=self._contact,
            expires=expires,
            outbound=self._outbound,
            call_id=self._call_id,
            tag=self._tag,
            number=self._cseq,
            user_agent=self._user_agent,
        )
        if self._digest is not None:
            request = self._digest.authorize(request, self._new_id())
        self._out = Outgoing(request, branch(self._new_id), self._hop)
        self.emitted.append(self._out)

    def _chance(self) -> float:
        """A number from 0 to 1, made of a fresh id."""
        return int(self._new_id()[:8], 16) / 0xFFFFFFFF


_OVER: Final = (Event.GRANTED, Event.REDIRECTED, Event.BRIEF, Event.NO_OUTBOUND, Event.REFUSED, Event.BUSY)

# fmt: off
TABLE: Final[dict[tuple[Phase, Event], Callable[[Binding, SipResponse | Failed | None, float], None]]] = {
    (Phase.WAITING, Event.DUE):         Binding.ask,
    (Phase.WAITING, Event.LEAVE):       Binding.unregister,
    (Phase.ASKING,  Event.LEAVE):       Binding.part,
    (Phase.ASKING,  Event.GRANTED):     Binding.granted,
    (Phase.ASKING,  Event.REDIRECTED):  Binding.redirected,
    (Phase.ASKING,  Event.CHALLENGED):  Binding.challenged,
    (Phase.ASKING,  Event.BRIEF):       Binding.brief,
    (Phase.ASKING,  Event.NO_OUTBOUND): Binding.without_outbound,
    (Phase.ASKING,  Event.REFUSED):     Binding.refused,
    (Phase.ASKING,  Event.BUSY):        Binding.busy,
    (Phase.PARTING, Event.GRANTED):     Binding.unregister,
    (Phase.LEAVING, Event.CHALLENGED):  Binding.challenged,
    **{(Phase.LEAVING, event): Binding.vanish for event in _OVER},
    **{(Phase.PARTING, event): Binding.part_over for event in (*_OVER[1:], Event.CHALLENGED)},
}
# fmt: on
"What it does in each phase; an event without a row changes nothing."
