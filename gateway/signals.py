"""What one leg can tell the other, in neither protocol's words.

Offer and Answer are RFC 3264's.  A description in a signal is always whole; a leg that speaks in differences (Jingle)
makes and merges them itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.attendance import News
from mappings.description import Description, Ice, RawUdp
from mappings.reasons import EndReason


class Side(StrEnum):
    """The two ends of a call, by who offered first, whichever protocol each speaks."""

    CALLER = "caller"
    CALLEE = "callee"

    @property
    def other(self) -> "Side":
        """The other side."""
        return Side.CALLEE if self is Side.CALLER else Side.CALLER


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer, in a new call or inside one; a description of None is owed and comes as `Complete`."""

    description: Description | None
    kinds: tuple[str, ...] = ()
    "The media kinds that the owed description will have: audio, video."


@dataclass(frozen=True, slots=True)
class Complete:
    """The description that an Offer or Answer owed."""

    description: Description


@dataclass(frozen=True, slots=True)
class Progress:
    """The callee's side is being alerted (`ringing`), or plays something before the answer.

    ``description``: its answer, where that is sure by now.
    """

    ringing: bool = True
    description: Description | None = None


@dataclass(frozen=True, slots=True)
class Early:
    """The callee plays something before it answers, and the caller is to hear it.

    ``description``: what the callee has answered so far; that of the next one, or of the Answer, takes its place.
    """

    description: Description


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes to the outstanding offer."""

    description: Description


@dataclass(frozen=True, slots=True)
class PickedUp:
    """The callee has answered an offer that the anchor made, while this side still owes its own description.

    It is told to a caller's leg only; what the leg then learns is a `Complete`, whose answer is an `Answer`.
    """


@dataclass(frozen=True, slots=True)
class Refuse:
    """No to an offer inside a call; the call goes on as it was. `glare`: the other side had one out already."""

    reason: EndReason
    text: str | None = None
    glare: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """More candidates, or the news that there are no more, by the name of the medium."""

    by_media: Mapping[str, Ice | RawUdp]


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed, outside the sound: `digit` is one of `mappings.digits.KEYS`, `duration` in milliseconds.

    ``volume`` is in -dBm0, 0 to 63 (RFC 4733 §2.3.4), where it was said.
    """

    digit: str
    duration: int
    volume: int | None = None


@dataclass(frozen=True, slots=True)
class NoDigits:
    """This side can be told none outside the sound."""


@dataclass(frozen=True, slots=True)
class Picture:
    """This side wants a whole picture of the other one, since it cannot go on from those that it has (RFC 5168)."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """This side is the focus of a conference, or is none any more; or, with news, who is in it."""

    focus: bool = True
    news: News | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The call is over, or never came to be.

    ``status`` and ``phrase`` are the SIP response behind it, where there was one; ``text`` is for people.
    ``redirect`` is the address to try instead, in the words of the side that named it.
    """

    reason: EndReason
    text: str | None = None
    status: int | None = None
    phrase: str | None = None
    redirect: str | None = None
    transferred: bool = False
    "The call goes on without this side: it was handed to somebody else."

    elsewhere: bool = False
    "Whoever called was answered by somebody else."

    migrated: str | None = None
    "The call goes on with this side, in the session of that sid."


@dataclass(frozen=True, slots=True)
class Transfer:
    """This side hands the other one on: it is to call somebody else.  `Transferred` says what becomes of it.

    All in the words of the side that says it; the call translates, and decides whether it may be.
    """

    target: str
    "Whom to call: a JID, or a SIP address."

    replaces: str | None = None
    "A call between this side and the target that the new one takes the place of: a sid, or the value of a Replaces."

    by: str | None = None
    "Who hands on, where that is to be told to the target."


@dataclass(frozen=True, slots=True)
class Transferred:
    """How far a transfer has come: under way (1xx), or failed (300 and more).

    One that succeeded is the End, as `End.transferred`.
    """

    status: int
    phrase: str | None = None


Signal = (
    Offer
    | Complete
    | Progress
    | Early
    | Answer
    | PickedUp
    | Refuse
    | Candidates
    | Digit
    | NoDigits
    | Picture
    | Attendance
    | End
    | Transfer
    | Transferred
)
