"""Where a Jingle session stands, and what each request and each message of initiation does there.

Everything that decides about what comes from the peer stands in REQUESTS and MESSAGES; `gateway.jingle.leg` carries it
out.  Every phase has a row for every action, so that no request stays unanswered.

::

    they call   NEW ── propose ──> PROCEEDED ── session-initiate ──> OFFERED ── our accept ──> ACTIVE
                 │                     │                               │
                 ├── propose ──> ASKED ┘ when the callee has answered  │    anchored only
                 └────────────────── session-initiate ─────────────────┘
    we call     NEW ── Offer ──> PROPOSED ── proceed ──> INITIATED ── their accept ──> ACTIVE
                 └──────────── Offer to a full JID ─────────┘
    the end     any ── our session-terminate ──> ENDING ── its reply ──> CLOSED;   any ── theirs ──> CLOSED
"""

from enum import Enum, StrEnum, auto

from mappings.terms import Action, Initiation


class Phase(StrEnum):
    """Where the session stands."""

    NEW = "new"
    PROCEEDED = "proceeded"
    "Their propose has our proceed; the session-initiate is on its way."

    ASKED = "asked"
    "Their propose is known to the other side, whose ringing they are told; proceed waits for its answer."

    OFFERED = "offered"
    "Their session-initiate is acknowledged; our accept is owed (XEP-0166 §5.1: pending)."

    PROPOSED = "proposed"
    "Our propose is with their devices."

    INITIATED = "initiated"
    "Our session-initiate is with one device; its accept is owed (pending)."

    ACTIVE = "active"
    MOVING = "moving"
    "The client has left for another session, which is still to come (XEP-0353 §4.2)."

    ENDING = "ending"
    "It is over; a last reply is awaited."

    CLOSED = "closed"


class Step(Enum):
    """What a request does."""

    OPEN = auto()
    ACCEPT = auto()
    TERMINATE = auto()
    INFORM = auto()
    "session-info: answered by what it holds (XEP-0166 §6.8)."

    CANDIDATES = auto()
    DESCRIBE = auto()
    "description-info: advice, acknowledged and taken, when it is its turn, as far as it goes (XEP-0167 §9)."

    SECURE = auto()
    "security-info: we know none, so anything inside it is unsupported."

    CHANGE = auto()
    "content-add, -modify, -remove: acknowledged, and offered to the other side as soon as there is a call."

    REPLACE = auto()
    "transport-replace: the same in a call; before it, what a client without ICE asks for."

    ACCEPTED = auto()
    "The client's yes to a content or transport of ours."

    REJECTED = auto()
    "Its no."

    OUT_OF_ORDER = auto()
    UNKNOWN_SESSION = auto()


_UNKNOWN = dict.fromkeys(Action, Step.UNKNOWN_SESSION)

_SESSION = {
    Action.CONTENT_ACCEPT: Step.OUT_OF_ORDER,  # nothing is added, nor replaced, before there is a call
    Action.CONTENT_ADD: Step.CHANGE,
    Action.CONTENT_MODIFY: Step.CHANGE,
    Action.CONTENT_REJECT: Step.OUT_OF_ORDER,
    Action.CONTENT_REMOVE: Step.CHANGE,
    Action.DESCRIPTION_INFO: Step.DESCRIBE,
    Action.SECURITY_INFO: Step.SECURE,
    Action.SESSION_ACCEPT: Step.OUT_OF_ORDER,
    Action.SESSION_INFO: Step.INFORM,
    Action.SESSION_INITIATE: Step.OUT_OF_ORDER,
    Action.SESSION_TERMINATE: Step.TERMINATE,
    Action.TRANSPORT_ACCEPT: Step.OUT_OF_ORDER,
    Action.TRANSPORT_INFO: Step.CANDIDATES,
    Action.TRANSPORT_REJECT: Step.OUT_OF_ORDER,
    Action.TRANSPORT_REPLACE: Step.REPLACE,
}

_CALL = _SESSION | {
    Action.CONTENT_ACCEPT: Step.ACCEPTED,
    Action.CONTENT_REJECT: Step.REJECTED,
    Action.SESSION_ACCEPT: Step.ACCEPTED,  # COMPAT(Movim): so it answers a content-add
    Action.TRANSPORT_ACCEPT: Step.ACCEPTED,
    Action.TRANSPORT_REJECT: Step.REJECTED,
    Action.TRANSPORT_REPLACE: Step.CHANGE,
}

_OPENING = _UNKNOWN | {Action.SESSION_INITIATE: Step.OPEN}

REQUESTS: dict[Phase, dict[Action, Step]] = {
    Phase.NEW: _OPENING,
    Phase.PROCEEDED: _OPENING,
    Phase.ASKED: _OPENING,  # who does not wait for proceed is taken at their word
    Phase.OFFERED: _SESSION
    | {Action.TRANSPORT_ACCEPT: Step.ACCEPTED, Action.TRANSPORT_REJECT: Step.REJECTED},  # of what stands for ICE
    Phase.PROPOSED: _UNKNOWN,
    Phase.INITIATED: _SESSION | {Action.SESSION_ACCEPT: Step.ACCEPT},
    Phase.ACTIVE: _CALL,
    Phase.MOVING: _UNKNOWN,
    Phase.ENDING: _UNKNOWN,  # "unknown-session" to everything after our session-terminate (XEP-0166 §6.7)
    Phase.CLOSED: _UNKNOWN,
}


class Turn(Enum):
    """What a message of initiation does; where MESSAGES has no row, nothing."""

    PROPOSED = auto()
    REPEATED = auto()
    "The same propose again: its client has been away, and may have missed what we said to it."

    RINGING = auto()
    PROCEED = auto()
    REJECTED = auto()
    RETRACTED = auto()
    FINISHING = auto()
    "The peer says that it is over, so its session-terminate is due; if that is lost, this is the end."


MESSAGES: dict[Phase, dict[Initiation, Turn]] = {
    Phase.NEW: {Initiation.PROPOSE: Turn.PROPOSED},
    Phase.PROCEEDED: {
        Initiation.PROPOSE: Turn.REPEATED,
        Initiation.RETRACT: Turn.RETRACTED,
        Initiation.FINISH: Turn.RETRACTED,
    },
    Phase.ASKED: {
        Initiation.PROPOSE: Turn.REPEATED,
        Initiation.RETRACT: Turn.RETRACTED,
        Initiation.FINISH: Turn.RETRACTED,
    },
    Phase.OFFERED: {Initiation.RETRACT: Turn.FINISHING, Initiation.FINISH: Turn.FINISHING},
    Phase.PROPOSED: {
        Initiation.RINGING: Turn.RINGING,
        Initiation.PROCEED: Turn.PROCEED,
        Initiation.REJECT: Turn.REJECTED,
    },
    Phase.INITIATED: {Initiation.REJECT: Turn.REJECTED, Initiation.FINISH: Turn.FINISHING},
    Phase.ACTIVE: {Initiation.FINISH: Turn.FINISHING},
    Phase.MOVING: {},
    Phase.ENDING: {Initiation.PROPOSE: Turn.REPEATED},
    Phase.CLOSED: {},
}
