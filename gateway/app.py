"""The daemon put together: what there is, how it starts, and the two ways it stops.

TERM drains: nothing new is taken, calls may end by themselves, and what is left after the time-out is ended.  INT ends
all calls at once.  Either way both sides of every call are told before the sockets close.
"""

import asyncio
import secrets
import signal
import time
from dataclasses import replace

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from gateway import __version__
from gateway.appearance import Appearance
from gateway.call.admission import Admission
from gateway.call.calls import Calls
from gateway.call.opening import Opening
from gateway.commands.desk import Commands
from gateway.commands.inband import InBand
from gateway.conferences import Conferences
from gateway.config import Settings
from gateway.control.desk import Desk
from gateway.control.server import ControlPort
from gateway.enlistment import Enlistment
from gateway.history.keeping import History
from gateway.keypad import Keypad
from gateway.metrics import Metrics
from gateway.net.http import HttpPort
from gateway.net.sip import SipPort
from gateway.net.watching import Watch
from gateway.net.xmpp import XmppPort
from gateway.notices import Notices
from gateway.parts import (
    anchors,
    calls_limits,
    history_settings,
    notices_settings,
    opening_settings,
    permits,
    relays,
    sip_port_settings,
    xmpp_port_settings,
)
from gateway.preferences import Preferences
from gateway.reach import final
from gateway.reception import Reception
from gateway.routing import Routing
from gateway.sip.message import SipRequest
from gateway.stanza import Stanza
from gateway.store.database import Database
from gateway.text.desk import Texts, TextSettings
from gateway.text.mailboxes import Mailboxes
from gateway.usage import Usage
from gateway.user_commands import user_commands

LAST_WORDS_SECONDS = 5.0
"How long the legs may take to say goodbye when we stop."


class App:
    """Everything, wired.  To be made inside the event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.metrics = Metrics(self.registry, trunks=[trunk.name for trunk in settings.routing.trunks])
        self.routing = Routing(settings.routing, draw=lambda most: secrets.randbelow(most + 1))
        self.database = Database(settings.store.path, observer=self.metrics.store)
        self.history = History(history_settings(settings), self.database, observer=self.metrics.history, wall=time.time)
        self.xmpp = XmppPort(
            xmpp_port_settings(settings),
            on_stanza=self._stanza,
            observer=self.metrics.xmpp,
            on_connected=lambda stands: self.appearance.contacts.connected(stands),  # noqa: PLW0108 - it comes later
        )
        self.appearance = Appearance(
            settings,
            routing=self.routing,
            database=self.database,
            xmpp=self.xmpp,
            engaged=lambda user, number: self.calls.engaged(user, number),  # noqa: PLW0108 - they come later
            observer=self.metrics.presence,
            new_id=_new_id,
        )
        self.sip = SipPort(
            replace(sip_port_settings(settings), reaches=self._reaches),
            on_request=self._request,
            is_trunk=lambda host, port: self.routing.trunk_for(host, port) is not None,
            is_call=lambda tag: self.calls.has(tag),  # noqa: PLW0108 - they come later
            is_compact=self.routing.is_compact,
            observer=self.metrics.sip,
        )
        self.anchors = anchors(settings)
        self.preferences = Preferences(self.database, settings.routing.policy)
        self.admission = Admission(calls_limits(settings), permits(settings), wall=_wall, observer=self.metrics.policy)
        self.usage = Usage(self.admission, self.database)
        self.notices = Notices(
            notices_settings(settings), recorder=self.history, xmpp=self.xmpp, observer=self.metrics.xmpp,
            wants=lambda user: self.preferences.of(user).missed_calls, new_id=_new_id,
            clock=asyncio.get_running_loop().time,
        )  # fmt: skip
        self.calls = Calls(
            calls_limits(settings),
            admission=self.admission,
            opening=lambda calls: Opening(
                opening_settings(settings),
                routing=self.routing,
                xmpp=self.xmpp,
                sip=self.sip,
                choose=self.appearance.devices.choose,
                announce=self.appearance.announce,
                introduce=self.appearance.contacts.introduce,
                knows=self.appearance.devices.knows,
                observer=self.metrics.calls,
                new_id=_new_id,
                calls=calls,
                admission=self.admission,
                screen=self.preferences.screen,
                anchors=self.anchors,
                on_focus=lambda call, address: self.conferences.focus(call, address),  # noqa: PLW0108
                recorder=self.notices,
                reaches=self._reaches,
            ),
            xmpp=self.xmpp,
            sip=self.sip,
            observer=self.metrics.calls,
            new_id=_new_id,
            recorder=self.notices,
        )
        self.texts = Texts(
            TextSettings(
                domain=settings.xmpp.domain,
                resource=settings.xmpp.resource,
                a_minute=settings.limits.messages_per_minute,
                server=settings.sip.user_agent,
            ),
            routing=self.routing,
            xmpp=self.xmpp,
            sip=self.sip,
            observer=self.metrics.xmpp,
            new_id=_new_id,
            block=self.preferences.block,
        )
        self.mailboxes = Mailboxes(
            domain=settings.xmpp.domain,
            resource=settings.xmpp.resource,
            server=settings.sip.user_agent,
            routing=self.routing,
            xmpp=self.xmpp,
            sip=self.sip,
            new_id=_new_id,
        )
        self.conferences = Conferences(
            how=settings.media.conferences,
            calls=self.calls,
            knows=self.appearance.devices.knows,
            routing=self.routing,
            xmpp=self.xmpp,
            sip=self.sip,
            server=settings.sip.user_agent,
            new_id=_new_id,
        )
        self.relays = relays(settings, self.anchors, xmpp=self.xmpp, new_id=_new_id, wall=time.time)
        self.enlistment = Enlistment(
            settings,
            database=self.database,
            routing=self.routing,
            sip=self.sip,
            mailboxes=self.mailboxes,
            busy=self.calls.takes,
            metrics=self.metrics,
            new_id=_new_id,
        )
        self.commands = Commands(
            user_commands(
                settings,
                affairs=self.enlistment.affairs,
                calls=self.calls,
                routing=self.routing,
                sip=self.sip,
                anchors=self.anchors,
                history=self.history,
                preferences=self.preferences,
                used=self.admission.used,
                reaches=self._reaches,
                new_id=_new_id,
            ),
            xmpp=self.xmpp,
            observer=self.metrics.xmpp,
            new_id=_new_id,
        )
        self.inband = InBand(self.enlistment.affairs, xmpp=self.xmpp, part=self.appearance.contacts.part)
        self.reception = Reception(
            calls=self.calls,
            texts=self.texts,
            mailboxes=self.mailboxes,
            conferences=self.conferences,
            keypad=Keypad(calls=self.calls, xmpp=self.xmpp, new_id=_new_id) if settings.media.digits_by_chat else None,
            relays=self.relays,
            commands=self.commands,
            inband=self.inband,
            entity=self.appearance.entity,
            devices=self.appearance.devices,
            contacts=self.appearance.contacts,
            routing=self.routing,
            xmpp=self.xmpp,
            sip=self.sip,
            server=settings.sip.user_agent,
            algorithms=settings.sip.digest_algorithms,
            observer=self.metrics.sip,
            new_id=_new_id,
            clock=asyncio.get_running_loop().time,
            wall=time.time,
        )
        self.watch = Watch(
            settings.routing.trunks,
            routing=self.routing,
            sip=self.sip,
            agent=settings.sip.user_agent,
            observer=self.metrics.trunks,
        )
        self.http = HttpPort(
            settings.http.host,
            settings.http.port,
            registry=self.registry,
            missing=self._missing,
            unwell=lambda: self.watch.down,
        )
        self.desk = Desk(calls=self.calls, history=self.history, clock=asyncio.get_running_loop().time)
        self.control = ControlPort(settings.control, self.desk.answer)
        self._stop = asyncio.Event()
        self._now = False
        self._log = structlog.get_logger()

    # ---------------------------------------------------------------------------------------------------------- running

    async def run(self) -> None:
        """Serve until told to stop.

        TransportError or OSError when a socket cannot be had, StoreError when the database cannot.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._told, "SIGTERM", False)
        loop.add_signal_handler(signal.SIGINT, self._told, "SIGINT", True)
        loop.add_signal_handler(signal.SIGHUP, self.sip.tls.refresh)
        self._log.info("gateway_started", version=__version__)
        try:
            await self.database.open()
            await self.enlistment.accounts.unlock()
            await self.preferences.start()
            await self.usage.start()
            self.history.start()
            await self.appearance.contacts.start()
            await self.sip.start()
            await self.http.start()
            self.xmpp.start()
            self.mailboxes.start()
            if self.relays is not None:
                self.relays.start()
            await self.enlistment.start()
            self.watch.start()
            await self.control.start()
            await self._stop.wait()
            await self._leave()
        finally:
            await self.control.stop()
            await self.watch.stop()
            await self.commands.stop()
            await self.inband.stop()
            if self.relays is not None:
                self.relays.stop()
            if self.anchors is not None:
                await self.anchors.close()
            await self.sip.stop()
            await self.xmpp.stop()
            await self.http.stop()
            await self.usage.stop()
            await self.history.stop(LAST_WORDS_SECONDS)
            await self.enlistment.stop()
            await self.database.close()
            self._log.info("gateway_stopped")

    def _told(self, stop: str, now: bool) -> None:
        self._log.info("gateway_stopping", stop=stop, calls=len(self.calls))
        self._now = self._now or now or self._stop.is_set()  # asked twice means now
        if self._now:
            self.calls.end_all()
        self._stop.set()

    async def _leave(self) -> None:
        if not self._now:
            await self.calls.drain(self.settings.limits.drain_timeout_seconds)
        await self.calls.emptied(LAST_WORDS_SECONDS)
        await self.texts.emptied(LAST_WORDS_SECONDS)
        await self.mailboxes.leave(LAST_WORDS_SECONDS)
        await self.enlistment.leave()
        await self.appearance.contacts.leave(self.settings.presence.leave_timeout_seconds)

    def _missing(self) -> list[str]:
        """What keeps a call from being made, a line each."""
        missing = []
        if not self.xmpp.connected:
            missing.append(f"xmpp: not connected: {self.xmpp.last_failure or 'connecting'}")
        if not self.sip.listening:
            missing.append("sip: not listening")
        if self._stop.is_set():
            missing.append(f"stopping: {len(self.calls)} calls left")
        return missing

    # ----------------------------------------------------------------------------------------------------------- wiring

    def _reaches(self, address: str) -> bool:
        """Whether an account of a user's own making may lead there.

        A trunk may know us by our address alone: whoever could lead us to it would call at its expense.
        """
        servers, ours = self.settings.own_accounts.servers, {at.host for at in self.sip.listening}
        address = final(address)
        is_ours = address in ours or address == self.settings.sip.advertised_host
        return servers.names(address) or (
            servers.admits(address) and not is_ours and not self.routing.is_of_trunk(address)
        )

    def _stanza(self, stanza: Stanza) -> None:
        self.reception.stanza(stanza)

    def _request(self, request: SipRequest) -> None:
        self.reception.request(request)


def _wall() -> float:
    """The time, in seconds since 1970."""
    return time.time()


def _new_id() -> str:
    return secrets.token_hex(16)
