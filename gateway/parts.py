"""What each part of the daemon is given of the operator's settings."""

from collections.abc import Callable
from datetime import UTC
from functools import partial
from zoneinfo import ZoneInfo

from gateway.call.admission import CallsLimits
from gateway.call.facts import CallLimits
from gateway.call.opening import OpeningSettings
from gateway.call.wires import XmppWire
from gateway.config import Settings
from gateway.history.keeping import HistorySettings
from gateway.jingle.leg import JingleTimers
from gateway.media.anchor import Anchors
from gateway.media.embedded import EmbeddedAnchors
from gateway.media.embedded.voice import Grounds, Voice
from gateway.media.rtpengine import RtpengineAnchors
from gateway.net.resolve import ResolverSettings
from gateway.net.sip import Listener, SipPortSettings
from gateway.net.xmpp import XmppPortSettings
from gateway.notices import NoticesSettings
from gateway.policy.permits import Permits, TrunkLimits
from gateway.registration.registrant import Timing
from gateway.registrations import RegistrationSettings
from gateway.relays import Gathers, Relays
from gateway.rules import Trunk
from gateway.sip.leg import LegSettings


def anchors(settings: Settings) -> Anchors | None:
    """What anchors media; None where no trunk ever needs it."""
    if not _anchors(settings):
        return None
    if settings.rtpengine is not None:
        return RtpengineAnchors(settings.rtpengine)
    return EmbeddedAnchors(settings.embedded) if settings.embedded is not None else None


def _anchors(settings: Settings) -> bool:
    return settings.media.anchor != "none" and any(map(_may_anchor, settings.routing.trunks))


def _may_anchor(trunk: Trunk) -> bool:
    return trunk.media.anchors_client(None) or trunk.media.anchors_phone(None)


def xmpp_port_settings(settings: Settings) -> XmppPortSettings:
    """What the component stream is given."""
    xmpp = settings.xmpp
    return XmppPortSettings(
        domain=xmpp.domain,
        host=xmpp.host,
        port=xmpp.port,
        secret=settings.xmpp_secret.reveal(),
        backoff_first_seconds=xmpp.reconnect_first_seconds,
        backoff_most_seconds=xmpp.reconnect_most_seconds,
        idle_ping_seconds=xmpp.idle_ping_seconds,
        hold_seconds=xmpp.hold_seconds,
        hold_limit=xmpp.hold_stanzas,
    )


def sip_port_settings(settings: Settings) -> SipPortSettings:
    """What the SIP sockets are given."""
    return SipPortSettings(
        listeners=tuple(Listener(at.transport, at.host, at.port) for at in settings.listeners),
        advertised_host=settings.sip.advertised_host,
        advertised_port=settings.sip.advertised_port,
        user_agent=settings.sip.user_agent,
        failover_seconds=settings.sip.failover_seconds,
        failover_total_seconds=settings.sip.failover_total_seconds,
        resolver=ResolverSettings(nameservers=settings.nameservers, timeout_seconds=settings.sip.dns_timeout_seconds),
        tls=settings.tls,
        keepalive_seconds=settings.sip.keepalive_seconds,
        origins=frozenset(origin.lower().rstrip("/") for origin in settings.sip.websocket_origins),
        stranger_rate=settings.limits.strangers_per_second,
        stranger_burst=settings.limits.strangers_burst,
    )


def registration_settings(settings: Settings) -> RegistrationSettings:
    """How registrations are kept."""
    table = settings.registration
    return RegistrationSettings(
        rate=table.rate_per_second,
        timing=Timing(first_seconds=table.retry_first_seconds, most_seconds=table.retry_most_seconds),
        user_agent=settings.sip.user_agent,
    )


def history_settings(settings: Settings) -> HistorySettings:
    """What is remembered of calls."""
    table = settings.history
    return HistorySettings(days=table.days, steps=table.steps, trails=table.trails)


def calls_limits(settings: Settings) -> CallsLimits:
    """How many calls there may be."""
    return CallsLimits(
        calls=settings.limits.calls,
        calls_per_user=settings.limits.calls_per_caller,
        stale_seconds=settings.limits.ring_timeout_seconds,
        server=settings.sip.user_agent,
    )


def permits(settings: Settings) -> Permits:
    """Who may call how often, and through which trunk."""
    routing = settings.routing
    trunks = {
        trunk.name: TrunkLimits(trunk.calls, trunk.calls_per_second, trunk.calls_in_per_second)
        for trunk in routing.trunks
    }
    name = routing.policy.time_zone
    return Permits(routing.policy, trunks, UTC if name == "UTC" else ZoneInfo(name))


def opening_settings(settings: Settings) -> OpeningSettings:
    limits = settings.limits
    return OpeningSettings(
        domain=settings.xmpp.domain,
        resource=settings.xmpp.resource,
        limits=CallLimits(ring_seconds=limits.ring_timeout_seconds + 30, call_seconds=limits.max_call_seconds),
        jingle=JingleTimers(
            iq_timeout_seconds=limits.iq_timeout_seconds,
            no_device_timeout_seconds=limits.no_device_timeout_seconds,
            ring_timeout_seconds=limits.ring_timeout_seconds,
            proceed_timeout_seconds=limits.proceed_timeout_seconds,
            hold_by_info=settings.media.hold_by_info,
        ),
        sip=LegSettings(
            gather_seconds=limits.gather_seconds,
            failover_seconds=settings.sip.failover_total_seconds,
            user_agent=settings.sip.user_agent,
        ),
        kinds=("audio", "video") if settings.media.video else ("audio",),
        sdp_address=settings.sip.advertised_host or settings.listeners[0].host,
        clients=settings.client_reach.admits,
    )


def voices(anchors: Anchors | None) -> Callable[[], Voice] | None:
    """What speaks in test calls; None where media never pass through this process."""
    return partial(Voice, anchors) if isinstance(anchors, Grounds) else None


def notices_settings(settings: Settings) -> NoticesSettings:
    """What users are told of calls by message."""
    return NoticesSettings(
        domain=settings.xmpp.domain,
        resource=settings.xmpp.resource,
        missed=settings.notices.missed_calls,
        failed=settings.notices.failed_calls,
        a_minute=settings.limits.messages_per_minute,
    )


def relays(
    settings: Settings,
    anchors: Anchors | None,
    *,
    xmpp: XmppWire,
    new_id: Callable[[], str],
    wall: Callable[[], float],
) -> Relays | None:
    """Who asks the XMPP server for STUN and TURN servers; None where nobody is to, or nobody gathers candidates."""
    media, embedded = settings.media, settings.embedded
    if not media.services_from or embedded is None or not isinstance(anchors, Gathers):
        return None
    return Relays(
        server=media.services_from,
        domain=settings.xmpp.domain,
        known=embedded.servers,
        back_end=anchors,
        xmpp=xmpp,
        new_id=new_id,
        wall=wall,
    )
