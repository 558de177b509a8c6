"""What phones play before they answer, where the caller is to hear it: ringback, announcements, menus (RFC 3960).

Any provisional response with an answer in it will do, reliable or not: what it says is sure enough to listen to, and
the 2xx decides.  A dialog is told of again only when it says something new, since phones repeat what they said.

Of several phones the last that begins to play is heard.  RFC 3960 §3.1 leaves the choice, and mixing, to us; most forks
come one after the other (hunting, or the mailbox when nobody picks up), and who has been left for the next seldom says
so.  Who does (RFC 6228) gives way to the one before.

A network says in P-Early-Media whether what is played may be heard (RFC 5009 §8); what it does not say again, holds.
"""

from copy import copy

from gateway.errors import PeerError
from gateway.signals import Early
from gateway.sip.body import agreement, session_description
from gateway.sip.message import Header, SipRequest, SipResponse
from gateway.sip.reliable import EarlyDialog, Unsure
from gateway.sip.state import LegState
from mappings.description import Description
from mappings.terms import Senders

HEADER = "P-Early-Media"

_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_TOWARDS_US = frozenset({"sendrecv", "sendonly"})
_SPEAKS = frozenset({Senders.BOTH, Senders.RESPONDER})


def headers(leg: LegState) -> tuple[Header, ...]:
    """What our INVITE says of it: that we know the header (RFC 5009 §4.1)."""
    return ((HEADER, "supported"),) if leg.manners.hears and not leg.asks else ()


def heard(leg: LegState, response: SipResponse) -> Early | None:
    """What is to be heard because of a provisional response, where that is news.

    To be asked when the answer in it, if it is sure, is known (`gateway.sip.early`).
    """
    known = leg.early.get(response.to.tag or "")
    if not leg.manners.hears or leg.asks or known is None:
        return None
    if known.sdp is None:
        _read(leg, known, response)
    known.takes_digits = known.takes_digits or "info" in _tokens(response, "Allow")
    return _news(leg, known, response)


def changed(leg: LegState, known: EarlyDialog, request: SipRequest) -> Early | None:
    """The same, because of an UPDATE in that dialog."""
    return _news(leg, known, request) if leg.manners.hears else None


def ended(leg: LegState, tag: str) -> Early | None:
    """A phone has gone (199): who was heard before it is heard again, where it was the one."""
    if leg.playing != tag:
        return None
    before = next((one for one in reversed(leg.early.values()) if one.played is not None), None)
    if before is None or before.played is None:
        return None
    leg.playing = before.dialog.remote_tag
    return Early(before.played)


def settled(leg: LegState, known: EarlyDialog, response: SipResponse) -> Description | None:
    """The answer of a 2xx that has none, where the caller has been hearing one; None: it has one, or never had.

    COMPAT(gateways to ISUP): what a 183 has said is left out of the 200, although the 183 was not reliable.
    """
    unsure = known.unsure
    if response.body or unsure is None or known.played is None:
        return None
    leg.sdp = unsure.sdp
    leg.agreed = agreement(unsure.sdp.text or "", unsure.text)
    leg.note_dropped()
    return unsure.answer


def _read(leg: LegState, known: EarlyDialog, response: SipResponse) -> None:
    try:
        text = session_description(response)
        if text is None or (known.unsure is not None and known.unsure.text == text):
            return
        sdp = copy(leg.sdp)  # each fork answers our offer alone
        known.unsure = Unsure(text, sdp, sdp.read_answer(text))
    except PeerError:
        leg.dropped.append("early answer")


def _news(leg: LegState, known: EarlyDialog, message: SipRequest | SipResponse) -> Early | None:
    said = _DIRECTIONS & _tokens(message, HEADER)
    if said:
        known.authorised = bool(said & _TOWARDS_US)
    answer = known.answer if known.sdp is not None else known.unsure.answer if known.unsure is not None else None
    if answer is None or answer == known.played or not known.authorised or not _speaks(answer):
        return None
    known.played = answer
    leg.playing = known.dialog.remote_tag
    return Early(answer)


def _tokens(message: SipRequest | SipResponse, name: str) -> frozenset[str]:
    try:
        return message.tokens(name)
    except PeerError:
        return frozenset()


def _speaks(answer: Description) -> bool:
    return any(media.senders in _SPEAKS and media.rtp.codecs for media in answer.media)
