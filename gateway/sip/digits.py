"""Digits by INFO, both ways: application/dtmf-relay, and application/dtmf of still older phones (RFC 6086 §2, legacy).

A digit is told in an INFO of its own, and the next when that has its response, so that they arrive in order.  What is
typed before the call is up waits for it.  Whether a peer takes INFO its Allow header says, or a refusal.
"""

from gateway.errors import PeerError
from gateway.signals import Digit, NoDigits
from gateway.sip.grammar import number
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reasons import warning
from gateway.sip.state import LegState, Phase
from gateway.sip.wire import Failed
from mappings.digits import DEFAULT_DURATION, KEYS, PLAIN, RELAY

BODIES = (RELAY, PLAIN)

MOST_WAITING = 64
"So many digits wait for their turn; what a client says beyond them is dropped."

LONGEST = 10_000
"Milliseconds; a tone that is to be longer is this long."

UNABLE = frozenset({405, 415, 420, 469, 489, 501})
"Responses to an INFO that say: not this one, and no other like it."

_FLASH = 16
TALKING = frozenset({Phase.CONFIRMED, Phase.REINVITED, Phase.REANSWERING, Phase.REGATHERING, Phase.REINVITING,
                      Phase.BACKING_OFF, Phase.LEARNING})  # fmt: skip
"Where the call is up and the dialog known to both."


def digit(leg: LegState, signal: Digit, now: float) -> None:
    """The other side's user pressed a key."""
    if leg.deaf or len(leg.digits) >= MOST_WAITING:
        leg.dropped.append("dtmf")
    else:
        leg.digits.append(signal)


def tell(leg: LegState) -> None:
    """Send the next digit, if it may leave: in the call, or before it to a menu that the caller hears."""
    if not leg.digits or leg.telling is not None:
        return
    one = leg.digits[0]
    body = f"Signal={one.digit}\r\nDuration={one.duration}\r\n".encode()
    if leg.phase in TALKING:
        leg.telling = leg.within("INFO", (("Content-Type", RELAY),), body)
        return
    begun = leg.early.get(leg.playing or "") if leg.phase is Phase.PROCEEDING else None
    if begun is not None and begun.takes_digits:
        followed = leg.dialog is not None and leg.dialog.remote_tag == begun.dialog.remote_tag
        dialog = leg.dialog if followed and leg.dialog is not None else begun.dialog
        begun.dialog, request = dialog.request("INFO", (leg.agent, ("Content-Type", RELAY)), body)
        leg.dialog = begun.dialog if followed else leg.dialog
        leg.telling = leg.transmit(request, begun.dialog.hop)


def answered(leg: LegState, response: SipResponse, now: float) -> None:
    """The peer has taken it, or not; it is not said again, for its moment has passed."""
    if response.status < 200:
        return
    leg.telling = None
    if leg.challenged(response):
        return
    del leg.digits[0]
    if response.status in UNABLE:
        leg.dropped.append("dtmf")
        _deaf(leg)
    elif response.status >= 300:
        leg.dropped.append("dtmf")


def lost(leg: LegState, failed: Failed, now: float) -> None:
    """No response."""
    leg.telling = None
    del leg.digits[0]
    leg.dropped.append("dtmf")


def forget(leg: LegState) -> None:
    """Whoever was told the last one is not who will answer."""
    if leg.telling is not None:
        leg.telling = None
        del leg.digits[0]


def learn(leg: LegState, message: SipRequest | SipResponse) -> None:
    """Whether the peer takes INFO: one that says nothing of it may (RFC 3261 §20.5)."""
    if message.first("Allow") is not None and "info" not in message.tokens("Allow"):
        _deaf(leg)


def _deaf(leg: LegState) -> None:
    leg.dropped.extend(["dtmf"] * len(leg.digits))
    leg.digits.clear()
    leg.deaf = True
    leg.out.append(NoDigits())


def received(leg: LegState, request: SipRequest, kind: str) -> None:
    """An INFO with a digit: taken if it can be read, whatever becomes of it (1.10)."""
    try:
        found = read(kind, request.body)
    except PeerError as error:
        leg.reply(request, 400, (warning(399, error.text),))
        return
    leg.reply(request, 200)
    if found is None:
        leg.dropped.append(f"INFO {kind}")
    elif found.duration:
        leg.out.append(found)


def read(kind: str, body: bytes) -> Digit | None:
    """The digit in the body of an INFO; None: a hook flash, which no client can be told.  PeerError: it is no digit."""
    text = body[:256].decode("utf-8", "replace")
    if kind == PLAIN:
        return _digit(text.strip(), DEFAULT_DURATION)
    said: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        said.setdefault(name.strip().lower(), value.strip())
    if "signal" not in said:
        raise PeerError(f"{RELAY}: no Signal in it")
    duration = DEFAULT_DURATION
    if "duration" in said:
        milliseconds = number(said["duration"], 2**32 - 1)
        if milliseconds is None:
            raise PeerError(f"{RELAY}: cannot read Duration={said['duration'][:20]!r}")
        duration = min(milliseconds, LONGEST)
    return _digit(said["signal"], duration)


def _digit(said: str, duration: int) -> Digit | None:
    # One sign is a key; two are an event code, as some phones number * and the keys after it (HLD-22).
    key = said.upper()
    if len(key) == 1 and key in KEYS:
        return Digit(key, duration)
    code = number(said, _FLASH) if len(said) == 2 else None
    if code is not None and code < _FLASH:
        return Digit(KEYS[code], duration)
    if code == _FLASH or key in ("F", "FLASH", "HOOKFLASH", "!"):
        return None
    raise PeerError(f"INFO: no digit, {said[:20]!r}")
