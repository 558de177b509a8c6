"""Offering once more what holds: to refresh a session, and its end when nobody does (RFC 4028 §7.2, §10).

By UPDATE where the peer takes it, which carries no SDP and meets no other exchange; else by a re-INVITE that offers
once more what holds.  What the other side wants to change meanwhile waits for that.
"""

from contextlib import suppress
from dataclasses import replace

from gateway.errors import PeerError
from gateway.signals import End, Offer
from gateway.sip.grammar import number
from gateway.sip.message import SipResponse
from gateway.sip.reasons import end_of_failure, end_of_response
from gateway.sip.reinvite import accepted_again, release
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.uas import ALLOW_HEADER
from gateway.sip.wire import Failed
from gateway.sip.within import back_off, confirm, drop_pending, hang_up, send_offer
from mappings.description import Description, Media
from mappings.reasons import EndReason

AGAIN_SECONDS = 5.0
"When a refresh that could not be, or was refused, is tried again."

UNABLE = frozenset({405, 501})
"Responses to an UPDATE that say: not this method."


def due(leg: LegState, _: None, now: float) -> None:
    """Half of the interval is over."""
    if leg.session.updates:
        if leg.session.pending is None:
            headers = (("Contact", leg.contact), ALLOW_HEADER, *leg.trickle.headers, *leg.session.headers)
            leg.session.pending = leg.within("UPDATE", headers)
    elif leg.phase is Phase.CONFIRMED:
        offer_again(leg)
    else:
        _later(leg, now)


def lapsed(leg: LegState, _: None, now: float) -> None:
    """No refresh has come, or come through."""
    end = End(EndReason.TIMEOUT, f"the session was not refreshed within {leg.session.interval} seconds")
    drop_pending(leg)
    hang_up(leg, end, now)
    leg.say(end)


# --------------------------------------------------------------------------------------------------------------- UPDATE


def updated(leg: LegState, response: SipResponse, now: float) -> None:
    """Our UPDATE's response."""
    status = response.status
    if status < 200:
        return
    leg.session.pending = None
    if leg.challenged(response):
        due(leg, None, now)
    elif status < 300:
        assert leg.dialog is not None
        with suppress(PeerError):  # an unreadable Contact leaves the peer where it was
            leg.dialog = leg.dialog.refreshed(response)
        leg.session.accepted(response)
        leg.rearm(now)
    elif status in UNABLE:
        leg.session.updates = False
        due(leg, None, now)
    else:
        _refused(leg, response, now)


def lost(leg: LegState, failed: Failed, now: float) -> None:
    """Our UPDATE had no response: the peer is gone (§10)."""
    leg.session.pending = None
    end = end_of_failure(failed)
    drop_pending(leg)
    hang_up(leg, end, now)
    leg.say(end)


# ------------------------------------------------------------------------------------------------------------ re-INVITE


def accepted(leg: LegState, response: SipResponse, now: float) -> None:
    """The answer to what we offered once more; what is new in it is an offer to the other side."""
    known = leg.sdp.theirs
    leg.trickle.offering = False
    description = accepted_again(leg, response, now)
    if description is None:
        return
    if known is not None and _said(description) != _said(known):
        leg.phase = Phase.LEARNING
        leg.out.append(Offer(description))
    else:
        release(leg, now)


def rejected(leg: LegState, response: SipResponse, now: float) -> None:
    """No: the session lives on until its time is over."""
    if leg.challenged(response):
        offer_again(leg)
        return
    leg.sdp.rollback()
    confirm(leg)
    if not leg.trickle.offering or response.status in (408, 481, 422):
        _refused(leg, response, now)
    elif response.status == 491 and leg.trickle.collided():
        leg.timers[Timer.LATE] = now + back_off(leg)
    leg.trickle.offering = False
    if leg.phase is Phase.CONFIRMED:
        release(leg, now)


def offer_again(leg: LegState) -> None:
    """A re-INVITE with all that the other side has said, and what came late for it."""
    whole = leg.trickle.whole(leg.sdp)
    assert whole is not None
    send_offer(leg, leg.sdp.write_offer(whole))
    leg.phase = Phase.REFRESHING


# ----------------------------------------------------------------------------------------------------------------- both


def _refused(leg: LegState, response: SipResponse, now: float) -> None:
    if response.status == 422 and leg.session.too_small(response):
        due(leg, None, now)
    elif response.status in (408, 481):
        end = end_of_response(response, rang=False)
        drop_pending(leg)
        hang_up(leg, end, now)
        leg.say(end)
    elif response.status == 491:
        leg.timers[Timer.REFRESH] = now + back_off(leg)
    else:
        wanted = number(response.first("Retry-After"), 3600)
        _later(leg, now, AGAIN_SECONDS if wanted is None else max(float(wanted), 1.0))


def _later(leg: LegState, now: float, seconds: float = AGAIN_SECONDS) -> None:
    leg.timers[Timer.REFRESH] = now + seconds


def _said(description: Description) -> Description:
    """A description without who opens the DTLS association: an offer leaves open what an answer decides."""
    return replace(description, media=tuple(map(_without_role, description.media)))


def _without_role(media: Media) -> Media:
    fingerprints = tuple(replace(one, setup=None) for one in media.transport.fingerprints)
    return replace(media, transport=replace(media.transport, fingerprints=fingerprints))
