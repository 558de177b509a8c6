"""The Jingle side of a call: signals to stanzas and back, in both directions (XEP-0166, 0167, 0176, 0353).

What comes from the peer is looked up in `gateway.jingle.phases` and carried out in `actions`, `initiation` and
`failures`, what the other side says in `signals`.  Each request is answered before anything else is made of it.
Whoever says End first, it is said once: by this leg to the bridge, or by the bridge to this leg.
"""

from collections.abc import Callable, Collection
from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.jid import bare
from gateway.signals import Signal
from gateway.stanza import Stanza, read_error, receipt
from mappings.terms import Action, Initiation, Role

from . import failures, initiation, proposal, refusal, signals, their_change, transfer
from .actions import act
from .announcing import Announcements
from .frame import Frame
from .phases import REQUESTS, Phase
from .proposal import Proposal
from .request import JingleRequest, read
from .session import GONE_SECONDS, Asked, JingleTimers, Out, Session, Timer

__all__ = ["JingleLeg", "JingleTimers"]


class JingleLeg:
    """One Jingle session, and the message initiation around it."""

    __slots__ = ("_direct", "_first", "_frame", "_session")

    def __init__(
        self,
        session: Session,
        *,
        direct: bool = False,
        first: tuple[Stanza, JingleRequest | Proposal] | None = None,
        frame: Frame | None = None,
    ) -> None:
        self._session = session
        self._frame = frame
        self._direct = direct
        self._first = first

    @classmethod
    def answering(
        cls,
        *,
        name: str,
        request: Stanza,
        local: str,
        new_id: Callable[[], str],
        settings: JingleTimers,
        kinds: Collection[str] = ("audio",),
        late: bool = False,
        announce: tuple[Element, ...] = (),
        announcements: Announcements | None = None,
        knows: Callable[[str, str], bool] = lambda jid, feature: False,
        frame: Frame | None = None,
    ) -> "JingleLeg":
        """An XMPP user calls: by this propose or session-initiate, which is to be received next.

        ``kinds`` are the media of which a call needs at least one; ``late``: an anchor speaks for this side, so that
        what a propose begins need not wait for the session; ``announce`` and ``knows`` as in `calling`.  Raises
        PeerError when the stanza opens no session (`gateway.jingle.refusal.refuse` answers it).
        """
        first: JingleRequest | Proposal | None = read(request) if request.kind == "iq" else proposal.read(request)
        match first:
            case JingleRequest(action=Action.SESSION_INITIATE, sid=sid):
                pass
            case Proposal(kind=Initiation.PROPOSE, id=sid):
                pass
            case _:
                raise PeerError(
                    f"{request.kind}: opens no session", condition="item-not-found", detail=refusal.UNKNOWN_SESSION
                )
        session = Session(
            name=name,
            sid=sid,
            local=local,
            peer=request.sender,
            role=Role.RESPONDER,
            settings=settings,
            announce=announce,
            announcements=announcements,
            kinds=kinds,
            knows=knows,
            late=late,
        )
        return cls(session, first=(request, first), frame=frame)

    @classmethod
    def calling(
        cls,
        *,
        name: str,
        sid: str,
        local: str,
        peer: str,
        direct: bool,
        nick: str | None,
        origin: Element | None = None,
        announce: tuple[Element, ...],
        new_id: Callable[[], str],
        settings: JingleTimers,
        announcements: Announcements | None = None,
        known: bool = False,
        only: tuple[str, ...] = (),
        knows: Callable[[str, str], bool] = lambda jid, feature: False,
    ) -> "JingleLeg":
        """An XMPP user is called: by a propose to the bare JID, or ``direct``ly by a session-initiate to a full one.

        ``announce``: our caps, told where presence is not shared (XEP-0353 §3.1).  ``known``: a device takes calls.
        ``only``: the devices that are proposed to, if not all are.  ``knows``: whether a device has that feature.
        """
        session = Session(
            name=name,
            sid=sid,
            local=local,
            peer=peer if direct else bare(peer),
            role=Role.INITIATOR,
            settings=settings,
            announce=announce,
            announcements=announcements,
            nick=nick,
            origin=origin,
            known=known,
            only=only,
            knows=knows,
        )
        return cls(session, direct=direct)

    @property
    def sid(self) -> str:
        """The session's id, which is the id of its proposal too."""
        return self._session.sid

    @property
    def local(self) -> str:
        """Our full JID."""
        return self._session.local

    @property
    def peer(self) -> str:
        """The peer's full JID, or the bare one while no device has said proceed."""
        return self._session.peer

    @property
    def phase(self) -> Phase:
        """Where the session stands."""
        return self._session.phase

    @property
    def movable(self) -> bool:
        """Whether another session may take up the call that this one is in."""
        return self._session.phase in (Phase.ACTIVE, Phase.MOVING)

    @property
    def contents(self) -> tuple[tuple[str, str], ...]:
        """The names and kinds of what is agreed on, in the call's words."""
        ours = self._session.ours
        if ours is None:
            return ()
        told = ours if self._frame is None else self._frame.described(ours)
        return tuple((media.name, media.rtp.media) for media in told.media)

    @property
    def dropped(self) -> list[str]:
        """What reading left out; emptied by whoever counts it."""
        return self._session.dropped

    @property
    def closed(self) -> bool:
        """Nothing is outstanding; a leg that is to call and was never told to has nothing outstanding either."""
        phase = self._session.phase
        return phase is Phase.CLOSED or (phase is Phase.NEW and self._session.role is Role.INITIATOR)

    @property
    def deadline(self) -> float | None:
        """The earliest time-out."""
        return self._session.deadline

    # --------------------------------------------------------------------------------------------------- from the wire

    def receive(self, message: Stanza, now: float) -> Out:
        """A stanza of this session: its requests, replies to ours, messages of its initiation, errors, presence."""
        match message.kind, message.type:
            case "iq", "set" | "get":
                out = self._requested(message, now)
            case "iq", _:
                out = self._replied(message, now)
            case "message", "error":
                out = initiation.bounced(self._session, message, now)
            case "message", _:
                out = self._messaged(message, now)
            case _:
                out = self._seen(message, now)
        return self._settled(out, now)

    def _settled(self, out: Out, now: float) -> Out:
        """What else follows: a change that has waited for its turn, or the end."""
        session = self._session
        if session.queue:
            out = [*out, *their_change.go_on(session, now)]
        session.settle()
        if session.phase in (Phase.ENDING, Phase.CLOSED):
            out = [*transfer.ended(session, None), *out]
        frame = self._frame
        return out if frame is None else [one if isinstance(one, Stanza) else frame.outward(one) for one in out]

    def _requested(self, stanza: Stanza, now: float) -> Out:
        session = self._session
        # A session is its parties' alone: whoever else knows its sid learns nothing (XEP-0166 §13.5).
        if stanza.sender != session.peer:
            return [refusal.unknown_session(stanza)]
        known = self._known(stanza)
        try:
            request = known if isinstance(known, JingleRequest) else read(stanza)
        except PeerError as failure:
            return [refusal.refused(stanza, failure)]
        if request.sid != session.sid:
            return [refusal.unknown_session(stanza)]
        session.heard = True
        session.timers.pop(Timer.GONE, None)
        return act(session, REQUESTS[session.phase][request.action], stanza, request, now)

    def _known(self, stanza: Stanza) -> JingleRequest | Proposal | None:
        """What the first stanza was read as when the leg was made; it is read once."""
        if self._first is None or self._first[0] is not stanza:
            return None
        (_, known), self._first = self._first, None
        return known

    def _replied(self, stanza: Stanza, now: float) -> Out:
        session = self._session
        asked = session.waiting.get(stanza.id)
        if asked is None or stanza.sender not in (session.peer, bare(session.peer)):
            return []
        del session.waiting[stanza.id]
        session.timers.pop(Timer.GONE, None)
        if asked[0] is Asked.CHANGE:
            failure = read_error(stanza) if stanza.type == "error" else None
            return failures.changed(session, stanza.id, failure, now)
        if stanza.type != "error":
            return [transfer.TAKEN_UP] if asked[0] is Asked.TRANSFER else []
        return failures.refused(session, asked[0], read_error(stanza), stanza.sender, now)

    def _messaged(self, message: Stanza, now: float) -> Out:
        session = self._session
        known = self._known(message)
        try:
            said = known if isinstance(known, Proposal) else proposal.read(message)
        except PeerError:
            return []
        if said is None or said.id != session.sid or bare(said.sender) != bare(session.peer):
            return []
        received = receipt(message, id=session.new_id(), sender=session.local)
        return [*([] if received is None else [received]), *initiation.heard(session, message, said, now)]

    def _seen(self, presence: Stanza, now: float) -> Out:
        if presence.sender == self._session.peer:
            if presence.type == "unavailable":
                self.peer_gone(now)
            else:
                self._session.timers.pop(Timer.GONE, None)
        return []

    def peer_gone(self, now: float) -> None:
        """The peer's presence went away; unless it is heard of again soon, it is the end (XEP-0166 §6.7)."""
        if self._session.phase in (Phase.PROCEEDED, Phase.ASKED, Phase.OFFERED, Phase.INITIATED, Phase.ACTIVE):
            self._session.timers.setdefault(Timer.GONE, now + GONE_SECONDS)

    # ------------------------------------------------------------------------------------------------ from the bridge

    def send(self, signal: Signal, now: float) -> Out:
        """What the other side said, in Jingle."""
        heard = signal if self._frame is None else self._frame.inward(signal)
        return self._settled(signals.told(self._session, heard, now, direct=self._direct), now)

    # ------------------------------------------------------------------------------------------------------ time, ties

    def expire(self, now: float) -> Out:
        """Everything that is due by now."""
        session = self._session
        out: Out = []
        while (due := session.deadline) is not None and due <= now:
            timer = min(session.timers, key=session.timers.__getitem__, default=None)
            if timer is not None and session.timers[timer] == due:
                del session.timers[timer]
                out += failures.timed_out(session, timer, now)
            else:
                id = next(id for id, (_, at) in session.waiting.items() if at == due)
                asked, _ = session.waiting.pop(id)
                if asked is Asked.CHANGE:
                    out += failures.changed(session, id, None, now, late=True)
                else:
                    out += failures.unanswered(session, asked, now)
        return self._settled(out, now)

    @property
    def contested(self) -> bool:
        """Whether a call of the same user to us would cross this one (XEP-0166 §7.2.16, XEP-0353 §4.1)."""
        return self._session.phase in (Phase.PROPOSED, Phase.INITIATED)

    def outranks(self, sid: str, initiator: str) -> bool:
        """Whether this call stands against a crossing one: the lower sid does, of equal sids the lower JID."""
        return (self.sid.encode(), self.local.encode()) < (sid.encode(), initiator.encode())

    def give_way(self, now: float) -> Out:
        """Take this call back, because the user is calling us with the lower sid."""
        out = initiation.give_way(self._session, now)
        self._session.settle()
        return out
