"""Keys that are pressed in a call and do not go with the sound (XEP-0181), in both directions.

A client that knows RTP says its digits there (RFC 4733), where they pass unseen; this is for the others.
"""

from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.signals import Digit
from gateway.stanza import Stanza, error, result
from mappings.digits import DEFAULT_DURATION, Dtmf
from mappings.namespaces import DTMF
from mappings.terms import Action

from . import tree
from .phases import Phase
from .session import Asked, Out, Session

TAG = f"{{{DTMF}}}dtmf"

LONGEST = 10_000
"Milliseconds; a tone that is to be longer is this long."


def pressed(session: Session, stanza: Stanza, element: Element) -> Out:
    """The client's user pressed a key; an error says that it is none, or that nobody hears it."""
    dropped = Dropped()
    try:
        said = tree.read(Dtmf, element, dropped)
    except PeerError as failure:
        return [error(stanza, "feature-not-implemented", failure.text)]
    session.dropped.extend(dropped.names())
    if session.deaf:
        return [error(stanza, "not-acceptable", "the other side takes digits in the sound only")]
    duration = DEFAULT_DURATION if said.duration is None else min(said.duration, LONGEST)
    return [result(stanza), *([Digit(said.code, duration, said.volume)] if duration else ())]


def tell(session: Session, digit: Digit, now: float) -> Out:
    """The other side's did: told to a client that says that it knows such things, once it has the session."""
    if session.phase not in (Phase.OFFERED, Phase.INITIATED, Phase.ACTIVE):
        return []
    if session.mute or not session.knows(session.peer, DTMF):
        session.dropped.append("dtmf")
        return []
    written = tree.write(Dtmf(code=digit.digit, duration=digit.duration, volume=digit.volume))
    return [session.ask(Action.SESSION_INFO, [written], now, asked=Asked.DIGIT)]
