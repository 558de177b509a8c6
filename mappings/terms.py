"""The closed vocabularies of both protocols: one member a value that a specification lists."""

from enum import StrEnum


class Action(StrEnum):
    """What a <jingle/> element asks (XEP-0166 §7.2)."""

    CONTENT_ACCEPT = "content-accept"
    CONTENT_ADD = "content-add"
    CONTENT_MODIFY = "content-modify"
    CONTENT_REJECT = "content-reject"
    CONTENT_REMOVE = "content-remove"
    DESCRIPTION_INFO = "description-info"
    SECURITY_INFO = "security-info"
    SESSION_ACCEPT = "session-accept"
    SESSION_INFO = "session-info"
    SESSION_INITIATE = "session-initiate"
    SESSION_TERMINATE = "session-terminate"
    TRANSPORT_ACCEPT = "transport-accept"
    TRANSPORT_INFO = "transport-info"
    TRANSPORT_REJECT = "transport-reject"
    TRANSPORT_REPLACE = "transport-replace"


class Role(StrEnum):
    """Who sent, and who received, the session-initiate or the first INVITE; fixed for the whole session (XEP-0166 §4)."""

    INITIATOR = "initiator"
    RESPONDER = "responder"

    @property
    def other(self) -> "Role":
        """The other role."""
        return Role.RESPONDER if self is Role.INITIATOR else Role.INITIATOR


class Senders(StrEnum):
    """Who sends a medium, in absolute terms (XEP-0166 §7.3)."""

    BOTH = "both"
    INITIATOR = "initiator"
    RESPONDER = "responder"
    NONE = "none"


class Direction(StrEnum):
    """Who sends a medium, seen by the writer of the description (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class Setup(StrEnum):
    """Who opens the DTLS association (XEP-0320; RFC 8842 §5). 'holdconn' has no place in Jingle."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"


class CandidateType(StrEnum):
    """How a candidate was found (XEP-0176 §5.3; RFC 8445 §5.1.1)."""

    HOST = "host"
    SRFLX = "srflx"
    PRFLX = "prflx"
    RELAY = "relay"


class Info(StrEnum):
    """The session-info payloads of XEP-0167 §8."""

    ACTIVE = "active"
    HOLD = "hold"
    MUTE = "mute"
    RINGING = "ringing"
    UNHOLD = "unhold"
    UNMUTE = "unmute"


class Initiation(StrEnum):
    """The message-initiation elements (XEP-0353 0.8); ACCEPT is of older versions and only read."""

    PROPOSE = "propose"
    RINGING = "ringing"
    PROCEED = "proceed"
    REJECT = "reject"
    RETRACT = "retract"
    FINISH = "finish"
    ACCEPT = "accept"


class Method(StrEnum):
    """The SIP methods that have a meaning here (RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665)."""

    INVITE = "INVITE"
    ACK = "ACK"
    CANCEL = "CANCEL"
    BYE = "BYE"
    OPTIONS = "OPTIONS"
    INFO = "INFO"
    PRACK = "PRACK"
    UPDATE = "UPDATE"
    REFER = "REFER"
    NOTIFY = "NOTIFY"
    SUBSCRIBE = "SUBSCRIBE"
    MESSAGE = "MESSAGE"
    PUBLISH = "PUBLISH"
    REGISTER = "REGISTER"


# fmt: off
DIRECTIONS: dict[tuple[Role, Direction], Senders] = {
    # who wrote the SDP    its direction         who sends (conformance reference 1.3; XEP-0166 §7.3)
    (Role.INITIATOR, Direction.SENDRECV): Senders.BOTH,       (Role.RESPONDER, Direction.SENDRECV): Senders.BOTH,
    (Role.INITIATOR, Direction.SENDONLY): Senders.INITIATOR,  (Role.RESPONDER, Direction.SENDONLY): Senders.RESPONDER,
    (Role.INITIATOR, Direction.RECVONLY): Senders.RESPONDER,  (Role.RESPONDER, Direction.RECVONLY): Senders.INITIATOR,
    (Role.INITIATOR, Direction.INACTIVE): Senders.NONE,       (Role.RESPONDER, Direction.INACTIVE): Senders.NONE,
}
# fmt: on
SENDERS: dict[tuple[Role, Senders], Direction] = {
    (role, senders): direction for (role, direction), senders in DIRECTIONS.items()
}
"The same table, for writing."
