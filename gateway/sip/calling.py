"""What a leg does that calls: from the offer to the ACK (RFC 3261 §9.1, §13.2, §14.1, §22.2)."""

from dataclasses import replace
from itertools import dropwhile

from gateway.errors import PeerError
from gateway.signals import Answer, Candidates, Complete, End, Offer, Progress
from gateway.sip import asking, digits, early, gather, hearing, info, redirect
from gateway.sip.body import SDP
from gateway.sip.dialog import MAX_FORWARDS, Dialog
from gateway.sip.flow import Hop
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.reasons import cancel_reason, end_of_error, end_of_failure, end_of_response
from gateway.sip.session_timer import SessionTimer
from gateway.sip.state import LegState, Phase, Timer
from gateway.sip.target import digest_session
from gateway.sip.trickling import REQUIRED
from gateway.sip.uas import ACCEPT_HEADER, ALLOW_HEADER
from gateway.sip.wire import Failed
from gateway.sip.within import acknowledge, back_off, hang_up, hear_answer
from mappings.reasons import EndReason

MAX_COLLISIONS = 1
"How often the first INVITE is sent again after a 491 (conformance reference 1.7.2)."


# ------------------------------------------------------------------------------------------------- offer and candidates


def offer(leg: LegState, signal: Offer, now: float) -> None:
    """Take the offer; send it when its candidates are together."""
    leg.offered = signal.description
    leg.phase = Phase.GATHERING
    if leg.asks:
        invite(leg, None, now)
        return
    if signal.description is None:
        return  # owed: it comes with Complete
    info.offering(leg, signal.description)
    if leg.trickle.required or gather.ready(signal.description):
        invite(leg, None, now)
    else:
        leg.timers[Timer.GATHERED] = now + min(leg.settings.gather_seconds, gather.MAX_SECONDS)


def complete(leg: LegState, signal: Complete, now: float) -> None:
    """The description that was owed."""
    if leg.offered is None:
        offer(leg, Offer(signal.description), now)


def candidates(leg: LegState, signal: Candidates, now: float) -> None:
    """More candidates for the offer that waits for them."""
    if leg.offered is None:
        return
    leg.offered = gather.merged(leg.offered, signal.by_media, restarts=True)
    if gather.ready(leg.offered):
        invite(leg, None, now)


def abandon(leg: LegState, signal: End, now: float) -> None:
    """The other side is gone, and the peer knows of nothing."""
    leg.end_said = True
    leg.close()


# ----------------------------------------------------------------------------------------------------------- the INVITE


def invite(leg: LegState, _: None, now: float) -> None:
    """Send the INVITE with what there is."""
    target, offered, text = leg.target, leg.offered, ""
    assert target is not None
    leg.offered = None
    leg.timers.clear()
    if not leg.asks:
        assert offered is not None
        try:
            text = leg.sdp.write_offer(offered)
        except PeerError as error:
            leg.say(end_of_error(error))
            leg.close()
            return
        leg.note_dropped()
    uri, hop, number = target.uri, target.hop, 1
    if leg.invite is None:
        leg.began_at = now
    else:
        number = leg.invite.request.cseq.number + 1
        if leg.visited:  # that one was refused for its extension; else it went another way
            uri, hop = leg.invite.request.uri, leg.invite.hop
    headers = (
        ("Max-Forwards", MAX_FORWARDS),
        ("From", str(target.from_.with_tag(leg.tag))),
        ("To", str(target.to)),
        ("Call-ID", leg.call_id),
        ("CSeq", f"{number} INVITE"),
        ("Contact", leg.contact),
        ALLOW_HEADER,
        *leg.trickle.headers,
        *(REQUIRED if leg.trickle.required else ()),
        *leg.session.headers,
        *hearing.headers(leg),
        ACCEPT_HEADER,
        leg.agent,
        *target.headers,
        *((("Content-Type", SDP),) if text else ()),
    )
    leg.visited.add(uri)
    leg.invite = leg.transmit(SipRequest("INVITE", uri, headers, text.encode()), hop, spare=bool(target.others))
    leg.phase = Phase.CALLING


def again(leg: LegState, request: SipRequest, uri: str, hop: Hop) -> None:
    """Send an INVITE anew, as a request of its own: with credentials, to another address, or after a collision."""
    number = request.cseq.number + 1
    headers = tuple(
        ("CSeq", f"{number} INVITE") if header[0] == "CSeq" else header
        for header in request.headers
        if header[0] not in ("Session-Expires", "Min-SE")
    )
    headers = (*headers, *leg.session.headers)
    _afresh(leg)
    spare = leg.target is not None and bool(leg.target.others)
    leg.invite = leg.transmit(SipRequest("INVITE", uri, headers, request.body), hop, spare=spare)
    leg.phase = Phase.CALLING


def _afresh(leg: LegState) -> None:
    """Nothing is left of what the last INVITE began."""
    leg.timers.clear()
    leg.heard = None
    leg.early.clear()
    info.forget(leg)
    digits.forget(leg)


def _repeat(leg: LegState) -> None:
    """Send it anew to whom it went."""
    assert leg.invite is not None
    again(leg, leg.invite.request, leg.invite.request.uri, leg.invite.hop)


def collided(leg: LegState, _: None, now: float) -> None:
    """The wait after a 491 is over."""
    _repeat(leg)


# ------------------------------------------------------------------------------------------------------------ responses


def proceed(leg: LegState, response: SipResponse, now: float) -> None:
    """A provisional response. Ringing is told once, whichever fork it is; 181, 182 and 199 are not told (1.4.3).

    A 183 with a description plays something, which is all the ringing that many trunks have, where it is not heard.  It
    may begin a dialog, in which a peer that trickles is told our candidates, and bring an answer before the 2xx.
    """
    assert leg.invite is not None
    leg.phase = Phase.PROCEEDING
    leg.heard = response.flow
    leg.timers[Timer.SILENT] = now + leg.settings.trying_timeout_seconds
    if not early.admits(leg, leg.invite, response):
        return
    info.early(leg, response)
    leg.last_status = response.status
    played = early.answered(leg, response)
    rings = response.status == 180 and not leg.ringing_seen
    plays = response.status == 183 and not leg.playing_seen and bool(response.body)
    heard = hearing.heard(leg, response)
    if rings or ((plays or played is not None) and heard is None):
        leg.out.append(Progress(rings, played))
    leg.ringing_seen = leg.ringing_seen or rings
    leg.playing_seen = leg.playing_seen or plays
    if heard is not None:
        leg.out.append(heard)


def accept(leg: LegState, response: SipResponse, now: float) -> None:
    """A 2xx: acknowledge it whatever it holds, then look (§13.2.2.4); unless it holds the offer that we asked for."""
    if leg.asks:
        _agree(leg, response)
        asking.offered(leg, response, now)
        return
    _confirm(leg, response)
    description = early.settled(leg, response) or hear_answer(leg, response, f"{response.status} to INVITE", now)
    if description is None:
        return
    leg.phase = Phase.CONFIRMED
    leg.session.accepted(response)
    leg.rearm(now)
    leg.out.append(Answer(info.settled(leg, response, description)))
    digits.learn(leg, response)


def accept_late(leg: LegState, response: SipResponse, now: float) -> None:
    """A 2xx that crossed our CANCEL, or came before we could send it: acknowledge and hang up (§9.1, §15)."""
    _confirm(leg, response)
    hang_up(leg, leg.parting or End(EndReason.CANCEL), now)


def reject(leg: LegState, response: SipResponse, now: float) -> None:
    """A final response that is no 2xx; the transaction has acknowledged it."""
    assert leg.invite is not None
    status = leg.last_status = response.status
    leg.timers.clear()
    if leg.challenged(response):
        _repeat(leg)
        return
    if status == 422 and leg.session.too_small(response):
        _repeat(leg)
        return
    if (whole := info.excused(leg, response)) is not None:
        leg.heard = None
        offer(leg, Offer(whole), now)
        return
    if status == 491 and leg.collisions < MAX_COLLISIONS:
        leg.collisions += 1
        leg.phase = Phase.WAITING
        leg.timers[Timer.RETRY] = now + back_off(leg)
        return
    if status < 400:
        redirect.learn(leg, response)
    if status < 600 and _try_next(leg):
        return
    if leg.target is None or status not in leg.target.statuses or not _try_another_way(leg, now):
        leg.say(end_of_response(response, rang=leg.ringing_seen))
        leg.close()


def lost(leg: LegState, failed: Failed, now: float) -> None:
    """The INVITE could not be sent, or nothing came back."""
    if not _try_next(leg) and not _try_another_way(leg, now):
        leg.say(end_of_failure(failed))
        leg.close()


def over(leg: LegState, _: object, now: float) -> None:
    """The INVITE that we gave up is over, or it is time to believe so."""
    leg.close()


# ------------------------------------------------------------------------------------------------------------ giving up


def withdraw(leg: LegState, signal: End, now: float) -> None:
    """Ended before anything was heard: a CANCEL must not leave before a provisional response came (§9.1)."""
    leg.end_said = True
    leg.parting = signal
    leg.timers.clear()
    leg.timers[Timer.GIVE_UP] = now + leg.patience
    leg.phase = Phase.WITHDRAWING


def cancel(leg: LegState, signal: End, now: float) -> None:
    """Ended before the answer."""
    withdraw(leg, signal, now)
    _send_cancel(leg, signal)


def cancel_held(leg: LegState, response: SipResponse, now: float) -> None:
    """The provisional response that the CANCEL waited for."""
    leg.heard = response.flow
    cancel(leg, leg.parting or End(EndReason.CANCEL), now)


def silent(leg: LegState, _: None, now: float) -> None:
    """Provisional responses, then nothing (as timer C of proxies, §16.8)."""
    end = End(EndReason.TIMEOUT, f"no final response within {leg.settings.trying_timeout_seconds:g} seconds")
    leg.say(end)
    cancel(leg, end, now)


def _send_cancel(leg: LegState, end: End) -> None:
    assert leg.invite is not None
    invited = leg.invite.request
    headers = (
        *[header for header in invited.headers if header[0] in _COPIED],
        ("Max-Forwards", MAX_FORWARDS),
        ("CSeq", f"{invited.cseq.number} CANCEL"),
        cancel_reason(end),
        leg.agent,
    )
    # It must come where the INVITE came: by the connection, or to the address, that answered it.
    hop = leg.invite.hop if leg.heard is None else replace(leg.invite.hop, flow=leg.heard)
    leg.out.append(replace(leg.invite, request=SipRequest("CANCEL", invited.uri, headers), hop=hop))
    leg.phase = Phase.CANCELLING


_COPIED = frozenset({"Route", "From", "To", "Call-ID", "Session-ID"})


def _confirm(leg: LegState, response: SipResponse) -> None:
    """The dialog of a 2xx, and its ACK."""
    _agree(leg, response)
    assert leg.invite is not None
    acknowledge(leg, leg.invite.request)


def _agree(leg: LegState, response: SipResponse) -> None:
    """The dialog of a 2xx."""
    assert leg.invite is not None
    leg.timers.clear()
    leg.last_status = response.status
    leg.challenged(response)
    dialog = Dialog.from_response(leg.invite.request, response)
    begun = early.dialog(leg, dialog.remote_tag)
    if leg.dialog is not None and leg.dialog.remote_tag != dialog.remote_tag:
        info.forget(leg)
    if leg.playing != dialog.remote_tag:
        digits.forget(leg)
    if begun is not None:
        dialog = replace(dialog, local_cseq=begun.local_cseq, remote_cseq=begun.remote_cseq)
    leg.dialog = dialog


def _try_next(leg: LegState) -> bool:
    """Send the INVITE to the next address of a redirection, where there is one."""
    found = redirect.following(leg)
    if found is not None:
        again(leg, *found)
    return found is not None


def _try_another_way(leg: LegState, now: float) -> bool:
    """Send the INVITE through another trunk, as that one wants it, where there is one and nobody has heard a sound."""
    target, whole = leg.target, leg.trickle.whole(leg.sdp)
    answered = any(begun.answer is not None for begun in leg.early.values())
    sounded = leg.ringing_seen or leg.playing is not None or answered
    if target is None or whole is None or sounded or now - leg.began_at >= leg.settings.failover_seconds:
        return False
    left = tuple(dropwhile(lambda other: not other.takes(), target.others))
    if not left:
        return False
    leg.target = target = replace(left[0], others=left[1:], statuses=target.statuses)
    leg.contact = target.contact or leg.contact
    leg.digest = digest_session(target.credentials)
    leg.manners = target.manners
    leg.session = SessionTimer(leg.manners.session_expires_seconds, leg.manners.min_se_seconds)
    leg.collisions = 0
    leg.untried.clear()
    leg.visited.clear()
    _afresh(leg)
    complete = not leg.trickle.required
    leg.trickle.turn(target.trickle, target.manners.supported)
    info.offering(leg, whole)
    if complete or leg.trickle.required:
        leg.offered = whole
        invite(leg, None, now)
    else:
        offer(leg, Offer(whole), now)
    return True
