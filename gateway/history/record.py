"""One call as it is remembered: a value for the table, for the operator, and for the user whose call it was."""

from dataclasses import dataclass

ONGOING = ("calling", "ringing", "early", "talking", "ending")
"The states of a call that is not over; early: what is played is heard, and nobody has answered."


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call, over or not.  Times are seconds since 1970."""

    id: str
    "Ours, as in the log."

    origin: str
    "The protocol that the caller speaks: xmpp, sip."

    user: str
    "The XMPP user's bare JID; empty where a call was refused before it was known whom it is for."

    number: str
    "The SIP side, as the user knows it: a number, a user or an address."

    trunk: str = ""
    "The trunk that it took last; empty where it was refused before that was known."

    began: float
    answered: float | None = None
    ended: float | None = None
    "None while it lasts."

    reason: str = "unspecified"
    "Why it ended, a word of `mappings.reasons.EndReason`."

    text: str = ""
    "Why, in words, where somebody said."

    status: int | None = None
    "The SIP status behind it, where there was one."

    ended_by: str = "gateway"
    "caller, callee, gateway."

    codec: str = ""
    anchor: str = ""
    "Who relays the media: none, or a back-end's name."

    state: str = "ended"
    "One of `ONGOING`, or ended."

    name: str = ""
    "What the SIP side calls itself, in a call that came in; not kept in the table, nor is what follows."

    rang: bool = False
    elsewhere: bool = False
    "Whether somebody else has answered it."

    @property
    def outgoing(self) -> bool:
        """Whether the XMPP user called."""
        return self.origin == "xmpp"

    @property
    def duration(self) -> float | None:
        """From the answer to the end, in seconds; None: it was not answered, or is not over."""
        if self.answered is None or self.ended is None:
            return None
        return self.ended - self.answered
