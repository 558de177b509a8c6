"""What happens to a call, as it is told: a line for each change, one line with everything at the end, and counts.

Beside the log it is told to who remembers calls: the messages as they pass, and the whole in one record at the end.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from gateway.addressing import plain
from gateway.call.facts import CallLimits, CallObserver, Recorder
from gateway.call.seat import Party
from gateway.errors import PeerError
from gateway.history import wording
from gateway.history.record import CallRecord
from gateway.history.trail import LONGEST_REMARK, Step
from gateway.jid import bare, local
from gateway.media.anchor import Statistics
from gateway.signals import Answer, Early, End, Offer, Progress, Refuse, Side, Signal
from gateway.sip.address import Uri
from mappings.description import Description
from mappings.reasons import EndReason

LONGEST_NAMED = 128
"Characters of a user part that the log shows."


class Story:
    """One call's.  Times are on the clock of whoever tells it, in seconds."""

    def __init__(
        self,
        call: str,
        origin: str,
        facts: Mapping[str, str],
        *,
        limits: CallLimits,
        observer: CallObserver,
        on_answered: Callable[[], None],
        recorder: Recorder | None,
        log: Any,
        now: float,
        number: str = "",
        name: str = "",
    ) -> None:
        """``recorder``: None, and the call is remembered nowhere; ``number``: the SIP side, as the user knows it.

        ``name``: what it calls itself.
        """
        self.limit: float | None = None
        "When the call must be over, or answered."

        self.answered: float | None = None
        self.trail = None if recorder is None else recorder.follow()
        "What passed, where that is remembered."

        self._call = call
        self._origin = origin
        self._facts = facts
        self._limits = limits
        self._observer = observer
        self._on_answered = on_answered
        self._recorder = recorder
        self._number = number
        self._name = name
        self._log = log
        self._began = now
        self._ended: End | None = None
        self._ended_by = "gateway"
        self._offered: float | None = None
        self._rang = False
        self._early = False
        self._codec: str | None = None
        self._backend: str | None = None
        self._media: dict[str, object] = {}

    def begin(self) -> None:
        """There is a call."""
        self._log.info("call_opened", **self._facts)

    def expired(self, now: float) -> End | None:
        """The end, when the limit has come."""
        if self.limit is None or self.limit > now:
            return None
        self.limit = None
        if self.answered is None:
            return End(EndReason.TIMEOUT, f"no answer within {self._limits.ring_seconds:g} seconds")
        return End(EndReason.EXPIRED, f"the longest call here is {self._limits.call_seconds:g} seconds")

    def note(self, side: Side | None, signal: Signal, now: float) -> None:
        """Keep the facts of a change of state, and say it in one line."""
        match signal:
            case Offer() if self._offered is None:
                self._offered = now
                self.limit = now + self._limits.ring_seconds
            case Progress(ringing=True):
                self._rang = True
                self._log.info("leg_ringing", side=side.value if side else None)
            case Early() if not self._early:
                self._early = True
                self._observer.media.early()
                self._log.info("early_media_heard", side=side.value if side else None)
                self._happened(now, "early media heard", "")
            case Answer() if self.answered is None:
                self.answered = now
                self.limit = now + self._limits.call_seconds
                self._codec = codec(signal.description)
                self._on_answered()
                self._observer.call_answered(self._origin, self._setup(now))
                setup = round(self._setup(now), 4)
                self._log.info("leg_answered", side=side.value if side else None, setup_seconds=setup)
            case End():
                self._ended = signal
                self._ended_by = side.value if side else "gateway"
                self.limit = None
                if side is None:
                    self._happened(now, signal.reason.value, signal.text or "")
                if self._recorder is not None:
                    wall = self._recorder.wall()
                    self._recorder.over(replace(self.record(now, wall), ended=wall))
            case Refuse():
                self._log.info("offer_refused", side=side.value if side else None, reason=signal.reason.value)
            case _:
                pass

    @property
    def trunk(self) -> str | None:
        """The trunk that the call took last."""
        return self._facts.get("trunk")

    def goes_through(self, trunk: str) -> None:
        """The trunk that its SIP side has now."""
        if trunk != self.trunk:
            self._facts = {**self._facts, "trunk": trunk}
            self._log.info("call_rerouted", trunk=trunk)

    def break_off(self, end: End) -> None:
        """An error of ours ends it, unless it had ended."""
        self._ended = self._ended or end

    def tell(self, parties: Iterable[Party], now: float) -> None:
        """It is over: the one line."""
        end = self._ended or End(EndReason.UNSPECIFIED)
        duration = None if self.answered is None else now - self.answered
        self._observer.call_ended(self._origin, end.reason.value, self._ended_by, duration)
        self._log.info(
            "call_ended",
            **self._facts,
            **identities(parties),
            reason=end.reason.value,
            text=end.text,
            status=end.status,
            ended_by=self._ended_by,
            answered=self.answered is not None,
            early_media=self._early,
            setup_seconds=None if self.answered is None else round(self._setup(self.answered), 4),
            duration_seconds=None if duration is None else round(duration, 3),
            codec=self._codec,
            anchor=self._backend or "none",
            **self._media,
        )
        if self._recorder is not None:
            wall = self._recorder.wall()
            self._recorder.recorded(replace(self.record(now, wall), ended=wall, state="ended"), self.trail)

    def passed(self, party: Party, message: Any, now: float, *, inward: bool) -> None:
        """A message came from a party's peer, or goes there."""
        if self.trail is not None:
            self.trail.add(wording.step(now, party.protocol, inward, message))

    def replaced(self, side: Side, now: float) -> None:
        """Somebody else sits on that side."""
        self._log.info("leg_replaced", side=side.value)
        self._happened(now, "leg replaced", side.value)

    def _happened(self, now: float, word: str, remark: str) -> None:
        if self.trail is not None:
            self.trail.add(Step(now, "", False, word, remark[:LONGEST_REMARK]))

    def record(self, now: float, wall: float) -> CallRecord:
        """The call as it stands; ``wall`` is the same moment as ``now``, in seconds since 1970."""
        user = self._facts["caller" if self._origin == "xmpp" else "callee"]
        end = self._ended or End(EndReason.UNSPECIFIED)
        if self._ended is not None:
            state = "ending"
        elif self.answered is not None:
            state = "talking"
        elif self._early:
            state = "early"
        else:
            state = "ringing" if self._rang else "calling"
        return CallRecord(
            id=self._call,
            origin=self._origin,
            user=bare(user),
            number=self._number,
            trunk=self.trunk or "",
            began=wall - (now - self._began),
            answered=None if self.answered is None else wall - (now - self.answered),
            reason=end.reason.value,
            text=end.text or "",
            status=end.status,
            ended_by=self._ended_by,
            codec=self._codec or "",
            anchor=self._backend or "none",
            state=state,
            name=self._name,
            rang=self._rang,
            elsewhere=end.elsewhere,
        )

    def _setup(self, answered: float) -> float:
        return answered - (self._offered if self._offered is not None else self._began)

    # ---------------------------------------------------------------------------------------------------------- media

    def anchored(self, backend: str) -> None:
        """Its media pass here."""
        if self._backend is None:
            self._backend = backend
            self._observer.media.opened(backend)

    def connected(self, side: Side, now: float) -> None:
        """A side's media have a way."""
        seconds = 0.0 if self.answered is None else now - self.answered
        self._observer.media.connected(side, seconds)
        self._log.info("media_connected", side=side.value, setup_seconds=round(seconds, 4))
        self._happened(now, "media connected", side.value)

    def heard(self, side: Side, *, silent: bool) -> None:
        """Nothing comes from a side while the other one sends; or it does after all."""
        if silent:
            self._observer.media.one_way(side)
            self._log.warning("media_one_way", side=side.value)
        else:
            self._log.info("media_both_ways", side=side.value)

    def media_lost(self, end: End, side: Side | None) -> None:
        """Its media cannot be, or are no more."""
        self._observer.media.failed(end.reason)
        self._log.warning("media_failed", side=side.value if side else None, reason=end.reason.value, text=end.text)

    def counted(self, statistics: Statistics) -> None:
        """Its media are over, and this is what they were."""
        if self._backend is None:
            return
        self._observer.media.closed(self._backend)
        for side, streams in statistics.items():
            for stream in streams:
                self._observer.media.counted(side, stream)
                if stream.kind == "audio":
                    self._media |= {
                        f"{side.value}_packets": stream.packets,
                        f"{side.value}_lost": stream.lost,
                        f"{side.value}_jitter_seconds": round(stream.jitter, 4),
                        f"{side.value}_round_trip_seconds": _rounded(stream.round_trip, 4),
                        f"{side.value}_mos": _rounded(stream.mos, 2),
                    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def codec(description: Description) -> str | None:
    """The first codec of a description, for the log."""
    for media in description.media:
        for one in media.rtp.codecs:
            return one.name or str(one.id)
    return None


_IDENTITIES = {
    "jingle": (("jingle_sid", "sid"),),
    "sip": (("sip_call_id", "call_id"), ("sip_session_id", "session_id"), ("sip_status", "last_status")),
}


def identities(parties: Iterable[Party]) -> dict[str, str | int | None]:
    """What a call's legs call it, for the log."""
    facts: dict[str, str | int | None] = {}
    for party in parties:
        facts |= {key: _plain(getattr(party.leg, name, None)) for key, name in _IDENTITIES.get(party.protocol, ())}
    return facts


def _plain(value: object) -> str | int | None:
    return value if value is None or isinstance(value, str | int) else str(value)


def refused_call(call: str, failure: PeerError, facts: Mapping[str, str], wall: float) -> CallRecord:
    """The record of a call that did not begin; ``wall`` in seconds since 1970.

    Whose a call from SIP would have been is not known then, and the record is nobody's.
    """
    ours = facts["origin"] == "xmpp"
    return CallRecord(
        id=call,
        origin=facts["origin"],
        user=bare(facts["caller"]) if ours else "",
        number=(plain(local(facts["callee"])) or facts["callee"]) if ours else facts["caller"],
        trunk=facts.get("trunk", ""),
        began=wall,
        ended=wall,
        reason=failure.reason.value,
        text=failure.text,
        status=failure.status,
    )


def named(uri: Uri) -> str:
    """A SIP address for the log: who and where, without a password, and not as long as a peer likes."""
    user = "" if uri.user is None else f"{uri.user[:LONGEST_NAMED]}@"
    return f"{user}{uri.hostport}" if uri.is_sip else str(uri)[:LONGEST_NAMED]
