"""What a leg knows of its Jingle session, and how it says things in it: requests, messages, the end."""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from gateway.signals import End, Signal
from gateway.stanza import Stanza
from mappings.description import Description
from mappings.terms import Action, Role, Senders

from . import changes, contents, proposal
from .announcing import Announcements
from .contents import Credentials, Transport
from .description import CONTENT
from .dialects import USUAL, ended
from .phases import Phase
from .request import write, write_reason
from .waits import Asked, JingleTimers, Timer

if TYPE_CHECKING:
    from .accepting import Fallback
    from .our_change import OurChange
    from .wishes import TheirChange, Wish

__all__ = ["GONE_SECONDS", "Asked", "JingleTimers", "Out", "Session", "Timer"]

Out = list[Stanza | Signal]

GONE_SECONDS = 10.0
"How long a peer whose presence went may be silent before it counts as gone (XEP-0166 §6.7: five to ten seconds)."

MAX_UNANSWERED = 256
"Requests of ours whose replies are waited for; a client can make us ask, and need not answer."


class Session:
    """One Jingle session and the message initiation around it, as a record that `gateway.jingle.leg` keeps."""

    __slots__ = (
        "_announced_to",
        "_number",
        "announce",
        "announcements",
        "begun",
        "by_message",
        "change",
        "creators",
        "credentials",
        "deaf",
        "dialect",
        "dropped",
        "early",
        "ended",
        "finish",
        "gathers",
        "generations",
        "handing",
        "heard",
        "held",
        "informed",
        "kept",
        "kinds",
        "known",
        "knows",
        "late",
        "local",
        "moves",
        "mute",
        "name",
        "nick",
        "only",
        "order",
        "origin",
        "ours",
        "peer",
        "phase",
        "proposed_as",
        "queue",
        "rejected",
        "rings",
        "role",
        "rung",
        "settings",
        "sid",
        "silent",
        "theirs",
        "timers",
        "uninformed",
        "waiting",
        "watching",
        "withdrawn",
    )

    def __init__(  # noqa: PLR0915 — a record
        self,
        *,
        name: str,
        sid: str,
        local: str,
        peer: str,
        role: Role,
        settings: JingleTimers,
        announce: tuple[Element, ...] = (),
        nick: str | None = None,
        origin: Element | None = None,
        kinds: Collection[str] = (),
        announcements: Announcements | None = None,
        known: bool = False,
        only: tuple[str, ...] = (),
        knows: Callable[[str, str], bool] = lambda jid, feature: False,
        late: bool = False,
    ) -> None:
        self.name = name
        self.sid = sid
        self.local = local
        self.peer = peer
        "A bare JID until a device has said proceed."

        self.role = role
        self.settings = settings
        self.announce = announce
        self.nick = nick
        self.origin = origin
        "What is told of the call beside the proposal."

        self.kinds = kinds
        self.late = late
        "Whether the other side is called before this peer has described anything, by what the anchor can offer."

        self.announcements = Announcements() if announcements is None else announcements
        self.known = known
        "Whether a device is there that takes calls, as far as its presence tells."

        self.only = only
        "The devices that are proposed to, where not all are."

        self.knows = knows
        "Whether a device has said that it knows a feature."

        self.phase = Phase.NEW
        self.by_message = False
        self.begun = False
        "Whether there was a session-initiate."

        self.rings = False
        "Whether a device of the peer's has said that it rings."

        self.rung = False
        "Whether that was told: by us to them, or to the other side."

        self.heard = False
        "Whether the peer has sent a request."

        self.ended = False
        "Whether End was said, by us or to us."

        self.proposed_as = ""
        "The id of the message that proposed the call, or said proceed to it; an error may come for it."

        self.rejected: End | None = None
        "Why their propose was rejected."

        self.finish: End | None = None
        "What the peer's finish said, while its session-terminate is due."

        self.moves = False
        "Whether it said that another session takes the place of this one."

        self.ours: Description | None = None
        self.theirs: Description | None = None
        "What we said last, and what the peer did; once the call is active, both have the same contents and senders."

        self.change: OurChange | TheirChange | Fallback | None = None
        "The change that is under way; there is never more than one."

        self.queue: list[Wish] = []
        "Changes that the peer wants, and that have to wait."

        self.held: dict[str, Senders] = {}
        "Who sent each content before the peer put it on hold."

        self.withdrawn: set[str] = set()
        "Contents that we offered and took back, or gave up; an answer to them may still come."

        self.kept: set[str] = set()
        "Contents that the peer keeps although the other side has given them up."

        self.watching: set[str] = set()
        "Contents in which the peer does not send, and can not be told to."

        self.creators: dict[str, Role] = {}
        "By content, who its creator is in the peer's eyes, where it is somebody else."

        self.generations: dict[str, int] = {}
        "How often our transport of a content was restarted."

        self.order: Stanza | None = None
        "The peer's order to hand the other side on, until it is known whether that takes it up."

        self.handing = False
        "Whether the other side has taken it up, and nobody knows yet how it ends."

        self.dialect = USUAL
        "What the peer takes, as far as it has told."

        self.silent = False
        "Whether the peer leaves a content-modify without a reply (COMPAT(Monal))."

        self.informed = False
        "Whether the peer was told a hold by session-info."

        self.uninformed = False
        "Whether it said that it does not know those."

        self.deaf = False
        "Whether the other side can be told no digits."

        self.mute = False
        "Whether the peer has refused one."

        self.credentials: dict[str, Credentials] = {}
        "The peer's ICE credentials by content, of each that it has described."

        self.gathers = False
        "Whether the peer has said that it had all its candidates, and so understands that of others."

        self.early: dict[str, Transport] = {}
        "Candidates that came before the answer which they belong to."

        self.timers: dict[Timer, float] = {}
        self.waiting: dict[str, tuple[Asked, float]] = {}
        self.dropped: list[str] = []
        self._number = 0
        self._announced_to: str | None = None

    @property
    def deadline(self) -> float | None:
        """The earliest time-out."""
        # All are given the same time, so the one asked first is due first.
        due = next((at for _, at in self.waiting.values()), None)
        if self.timers:
            first = min(self.timers.values())
            return first if due is None else min(first, due)
        return due

    def begin(self, phase: Phase) -> None:
        """There is a session from here on."""
        self.phase = phase
        self.begun = True

    def agree(self, ours: Description, theirs: Description) -> None:
        """Both sides are agreed on the same contents from here on; `ours` says who sends."""
        senders = {media.name: media.senders for media in ours.media}
        theirs = changes.only(changes.with_senders(theirs, senders), set(senders))
        self.ours, self.theirs = changes.roles(ours, theirs), changes.roles(theirs, ours)
        self.held = {name: before for name, before in self.held.items() if name in senders}
        self.credentials = contents.credentials({media.name: media.transport for media in theirs.media})

    def aged(self, name: str, transport: Transport) -> Transport:
        """A transport of ours whose candidates say how often it was restarted (XEP-0176 §5.9)."""
        generation = self.generations.get(name, 0)
        return contents.aged(transport, generation) if generation else transport

    # ------------------------------------------------------------------------------------------------ saying things

    def new_id(self) -> str:
        """A stanza id that leads replies back to this call."""
        self._number += 1
        return f"{self.name}-{self._number}"

    def ask(
        self,
        action: Action,
        children: Iterable[Element],
        now: float,
        *,
        asked: Asked = Asked.OTHER,
        initiator: str | None = None,
        responder: str | None = None,
    ) -> Stanza:
        """A request of ours; its reply is awaited."""
        id = self.new_id()
        if len(self.waiting) >= MAX_UNANSWERED:
            del self.waiting[next(id for id, (about, _) in self.waiting.items() if about is Asked.OTHER)]
        self.waiting[id] = (asked, now + self.settings.iq_timeout_seconds)
        element = write(action, self.sid, children, initiator=initiator, responder=responder)
        for content in element.iterfind(CONTENT) if self.creators else ():
            if (creator := self.creators.get(content.get("name", ""))) is not None:
                content.set("creator", creator.value)
        return Stanza(kind="iq", type="set", id=id, sender=self.local, to=self.peer, children=(element,))

    def message(self, children: Iterable[Element]) -> Stanza:
        """A message of initiation."""
        return Stanza(
            kind="message", type="chat", id=self.new_id(), sender=self.local, to=self.peer, children=tuple(children)
        )

    def announced(self) -> Out:
        """Presence with caps for a peer that does not get ours (XEP-0353 §3.1, §3.4)."""
        if not self.announce:
            return []
        self._announced_to = self.peer
        self.announcements.tell(self.local, self.peer)
        return [Stanza(kind="presence", sender=self.local, to=self.peer, children=self.announce)]

    # ------------------------------------------------------------------------------------------------------ the end

    def say(self, end: End) -> Out:
        """End, to the bridge, unless it is known there."""
        if self.ended:
            return []
        self.ended = True
        return [end]

    def terminate(self, end: End, now: float) -> Out:
        """End the session that there is, and await the reply to that alone."""
        self._forget()
        self.phase = Phase.ENDING
        said = write_reason(ended(end, self.dialect, self.ours if self.theirs is None else None))
        terminate = self.ask(Action.SESSION_TERMINATE, [said], now, asked=Asked.TERMINATE)
        return [terminate, *self._farewell(end)]

    def leave(self, end: End) -> Out:
        """The end without a session-terminate: the peer knows of it, or there is no session."""
        self._forget()
        self.phase = Phase.CLOSED
        return [*self._farewell(end), *self.say(end)]

    def make_way(self) -> None:
        """The peer has left for another session, which has some time left to come."""
        until = self.timers[Timer.FINISH]
        self._forget()
        self.timers[Timer.FINISH] = until
        self.phase = Phase.MOVING

    def _forget(self) -> None:
        self.timers.clear()
        self.waiting.clear()
        self.queue.clear()
        self.change = None

    def _farewell(self, end: End) -> Out:
        """What follows a session: finish, where it began by message, and the directed presence taken back."""
        out: Out = []
        if self.by_message and self.begun:
            out.append(self.message(proposal.finish(self.sid, end)))
        if self._announced_to is not None:
            for to in self.announcements.take_back(self.local, self._announced_to):
                out.append(Stanza(kind="presence", type="unavailable", sender=self.local, to=to))
            self._announced_to = None
        return out

    def settle(self) -> None:
        """Close when the last reply has come, or is not awaited any more."""
        if self.phase is Phase.ENDING and not self.waiting and not self.timers:
            self.phase = Phase.CLOSED
