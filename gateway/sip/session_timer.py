"""How long a session lives that nobody refreshes, and who refreshes it (RFC 4028).

A value of Session-Expires counts from the 2xx that carries it.  Its ``refresher`` is a role in that one transaction:
whoever sent the request (uac), or answered it (uas).  Without the header in a 2xx there is no such limit.
"""

from typing import NamedTuple

from gateway.errors import PeerError
from gateway.sip.grammar import number
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.wire import Outgoing

TAG = "timer"

LEAST = 90
"No interval may be asked to be shorter than this, in seconds (§4)."

SHORTEST = 30
"What a shorter interval in a peer's 2xx is taken for, in seconds, so that nobody makes us refresh without pause."

MAX_SECONDS = 2**31 - 1

MAX_REFUSALS = 3
"How often an interval is made longer because of a 422."

EARLY_SECONDS = 32.0
"So long before the end, or a third of the interval, a session is given up (§10)."


class Expires(NamedTuple):
    """A Session-Expires value."""

    seconds: int
    refresher: str | None

    @classmethod
    def parse(cls, text: str) -> "Expires":
        """Read it; PeerError (400)."""
        head, *params = (part.strip().lower() for part in text.split(";"))
        seconds = number(head, MAX_SECONDS)
        if seconds is None:
            raise PeerError(f"Session-Expires: cannot read {text[:80]!r}")
        named = (param.partition("=")[2].strip() for param in params if param.partition("=")[0].strip() == "refresher")
        refresher = next(named, None)
        return cls(seconds, refresher if refresher in ("uac", "uas") else None)


class SessionTimer:
    """One call's."""

    __slots__ = ("floor", "interval", "least", "ours", "pending", "refusals", "updates", "wished")

    def __init__(self, wished: int, least: int) -> None:
        """``wished``: the interval to ask for, in seconds, 0 for none; ``least``: what we accept."""
        self.wished = wished
        self.least = least
        self.floor = 0
        "What a 422 of the peer, or of a proxy, has asked for at least."

        self.interval: int | None = None
        "As agreed."

        self.ours = False
        "Whether we refresh."

        self.updates = False
        "Whether the peer takes UPDATE."

        self.pending: Outgoing | None = None
        "Our UPDATE that has no final response."

        self.refusals = 0

    # ----------------------------------------------------------------------------------------------------- our requests

    @property
    def headers(self) -> tuple[Header, ...]:
        """What our INVITE, re-INVITE or UPDATE says."""
        wanted = self.interval or self.wished
        if not wanted:
            return ()
        seconds = max(wanted, self.floor, self.least)
        refresher = "" if self.interval is None else f";refresher={'uac' if self.ours else 'uas'}"
        floor = max(self.floor, self.least)
        more: tuple[Header, ...] = (("Min-SE", str(floor)),) if floor > LEAST else ()
        return (("Session-Expires", f"{seconds}{refresher}"), *more)

    def accepted(self, response: SipResponse) -> None:
        """A 2xx to one of them (§7.2)."""
        self.refusals = 0
        self.updates = self.updates or "update" in _tokens(response, "Allow")
        granted = _read(response)
        if granted is None:
            self.interval = None
            return
        self.interval = max(granted.seconds, SHORTEST)
        self.ours = granted.refresher != "uas"

    def too_small(self, response: SipResponse) -> bool:
        """A 422: whether it is worth another try, with a longer interval (§7.3)."""
        floor = number(response.first("Min-SE"), MAX_SECONDS)
        if floor is None or floor <= max(self.interval or self.wished, self.floor) or self.refusals >= MAX_REFUSALS:
            return False
        self.refusals += 1
        self.floor = floor
        return True

    # --------------------------------------------------------------------------------------------------- their requests

    def refuse(self, request: SipRequest) -> tuple[int, tuple[Header, ...]] | None:
        """422 for an interval that is too small, to who knows what that means (§9); PeerError: it cannot be read."""
        text = request.first("Session-Expires")
        wish = None if text is None else Expires.parse(text)
        if wish is not None and wish.seconds < self.least and TAG in _tokens(request, "Supported"):
            return 422, (("Min-SE", str(self.least)),)
        return None

    def granted(self, request: SipRequest) -> tuple[Header, ...]:
        """Answer an INVITE or UPDATE with 2xx: what that says of the timer, which begins with it (§9, table 2)."""
        self.updates = self.updates or request.method == "UPDATE" or "update" in _tokens(request, "Allow")
        wish = _read(request)
        able = TAG in _tokens(request, "Supported")
        running = self.interval
        if wish is None and not (able and (running or self.wished)):
            self.interval = None
            return ()
        least = number(request.first("Min-SE"), MAX_SECONDS) or 0
        if wish is not None:
            self.interval = max(wish.seconds, SHORTEST)
        else:
            self.interval = max(running or self.wished, least, self.least)
        refresher = wish.refresher if wish is not None else None
        if not able:
            refresher = "uas"
        elif refresher is None:
            refresher = "uas" if running is not None and self.ours else "uac"
        self.ours = refresher == "uas"
        required: tuple[Header, ...] = () if self.ours else (("Require", TAG),)
        return (("Session-Expires", f"{self.interval};refresher={refresher}"), *required)

    # ------------------------------------------------------------------------------------------------------------- time

    @property
    def refresh_after(self) -> float | None:
        """When we refresh, in seconds from the 2xx (§7.2); None: that is not ours to do."""
        return self.interval / 2 if self.interval is not None and self.ours else None

    @property
    def lapse_after(self) -> float | None:
        """When the session is given up, in seconds from the last 2xx (§10)."""
        return None if self.interval is None else self.interval - min(EARLY_SECONDS, self.interval / 3)


def _read(message: SipRequest | SipResponse) -> Expires | None:
    text = message.first("Session-Expires")
    try:
        return None if text is None else Expires.parse(text)
    except PeerError:
        return None


def _tokens(message: SipRequest | SipResponse, name: str) -> frozenset[str]:
    try:
        return message.tokens(name)
    except PeerError:
        return frozenset()
