"""Digits that do not go with the sound: the element of XEP-0181, and what phones write into INFO.

The keys of a telephone are RFC 4733's events 0 to 15, in that order; 16 is the hook flash, for which Jingle has no word.
"""

from typing import Annotated

from .namespaces import DTMF
from .record import Number, Unsigned, Word, record

KEYS = "0123456789*#ABCD"
"By their event codes (RFC 4733 §3.2)."

DEFAULT_DURATION = 100
"Milliseconds of a tone whose duration nobody says (XEP-0181)."

RELAY = "application/dtmf-relay"
"An INFO's body of lines: Signal=5, Duration=160."

PLAIN = "application/dtmf"
"An INFO's body that is the key alone."

Key = Annotated[str, Word("[0-9*#A-D]", upper=True)]


@record(f"{{{DTMF}}}dtmf", lines="INFO application/dtmf-relay: Signal={code}, Duration={duration}")
class Dtmf:
    """A key that was pressed (XEP-0181). `duration` in ms, `volume` in -dBm0 (RFC 4733 §2.3.4)."""

    code: Key
    duration: Unsigned | None = None
    volume: Annotated[int, Number(0, 63)] | None = None
