"""`jingle-sip check`: everything around the gateway tried once, a line each, green or what to do about it."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from gateway.accounts.rows import ids
from gateway.config import Settings
from gateway.config.store import StoreSettings
from gateway.errors import AnchorError, ConfigError, StoreError, TransportError
from gateway.keys import KeyPair
from gateway.media.embedded.backend import own_addresses
from gateway.media.embedded.ports import Ports
from gateway.media.embedded.settings import EmbeddedSettings
from gateway.media.rtpengine import RtpengineAnchors
from gateway.net.options import Reply, options
from gateway.net.sip import SipPort
from gateway.net.xmpp import XmppPort
from gateway.parts import sip_port_settings, xmpp_port_settings
from gateway.rules import Trunk
from gateway.sip.address import Uri, hostport
from gateway.sip.flow import Flow, Hop
from gateway.sip.locating import default_port
from gateway.sip.wire import Failed
from gateway.store.database import Database
from gateway.store.vault import unlocked
from gateway.trying import registrations

HANDSHAKE_SECONDS = 10.0
OPTIONS_SECONDS = 8.0
LEAST_DAYS = 7
"How long our certificate must be good yet to be well."

_WHY = {
    "not-authorized": "the secret is not the one that the server has",
    "host-unknown": "the server knows no component of that name: add it to its configuration",
    "conflict": "a component of that name is connected already: is the gateway running?",
}


class Finding(NamedTuple):
    """One thing that was tried."""

    well: bool
    what: str
    text: str


class _Nobody:
    """Counts nothing."""

    def stanza(self, direction: str, kind: str) -> None:
        """Ignored."""

    def xmpp_connected(self, connected: bool) -> None:
        """Ignored."""

    def xmpp_reconnected(self) -> None:
        """Ignored."""


def check(settings: Settings) -> int:
    """Try everything and print it; 0 when all is well, else 1."""
    return asyncio.run(_check(settings))


async def _check(settings: Settings) -> int:
    colour = sys.stdout.isatty()
    well = True
    print(
        f"[ok]   configuration: trunks {len(settings.routing.trunks)}, dial rules {len(settings.routing.dial)}, "
        f"numbers {len(settings.routing.numbers)}"
    )
    async for finding in _findings(settings):
        word = "[ok]  " if finding.well else "[FAIL]"
        if colour:
            word = f"\x1b[{32 if finding.well else 31}m{word}\x1b[0m"
        print(f"{word} {finding.what}: {finding.text}", flush=True)
        well = well and finding.well
    return 0 if well else 1


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    yield await _component(settings)
    yield await _store(settings.store)
    sip = SipPort(sip_port_settings(settings), on_request=lambda request: None)
    try:
        await sip.start()
    except (ConfigError, TransportError, OSError) as error:
        text = f"{error}: the gateway or another program has it, or the address is not ours; trunks are not asked"
        yield Finding(False, "sip sockets", text)
        return
    try:
        yield Finding(True, "sip sockets", ", ".join(f"{at.transport} {at.host}:{at.port}" for at in sip.listening))
        if settings.embedded is not None:
            yield await _media(settings.embedded)
        if settings.tls.own is not None:
            yield _certificate(settings.tls.own, sip.tls.expires_at)
        for trunk in settings.routing.trunks:
            async for finding in _trunk(settings, sip, trunk):
                yield finding
        async for finding in _registrations(settings, sip):
            yield finding
    finally:
        await sip.stop()
    async for finding in _rtpengines(settings):
        yield finding
    yield await _http(settings)
    if not any(trunk.allow for trunk in settings.routing.trunks):
        yield Finding(False, "callers", "no trunk's 'allow' names anybody, so nobody may call out")
    if settings.routing.trunks and not settings.routing.dial:
        yield Finding(False, "dial rules", "there is no [[dial]], so no number can be called")


async def _store(settings: StoreSettings) -> Finding:
    """Whether the database can be used; nothing is made where there is none yet."""
    if settings.path is None:
        return Finding(True, "store", "nothing is kept ([store] file is empty)")
    what = f"store {settings.path}"
    if not settings.path.exists():
        well = os.access(settings.path.parent, os.W_OK)
        return Finding(well, what, "will be made" if well else "cannot be made: the folder is not there, or not ours")
    database = Database(settings.path, owned=False)
    try:
        await database.open()
        await unlocked(database, settings.key)
        number = len(await database.read(ids))
    except StoreError as error:
        return Finding(False, what, str(error).removeprefix(f"{settings.path}: "))
    finally:
        await database.close()
    return Finding(True, what, f"accounts {number}" + ("" if settings.key else "; no key, so no passwords can be kept"))


async def _media(settings: EmbeddedSettings) -> Finding:
    """Whether the anchor's addresses are ours, and how much there is room for."""
    addresses = settings.addresses or own_addresses()
    ports = Ports(settings.port_low, settings.port_high)
    what = f"media on {', '.join(addresses)}, UDP {settings.port_low}-{settings.port_high}"
    for address in addresses:
        try:
            ports.single(address).close()
        except AnchorError:
            return Finding(
                False, what, f"{address} has no free port, or is no address of this machine: [media] addresses"
            )
    return Finding(True, what, f"room for {ports.free // (2 + len(addresses))} calls with sound")


async def _component(settings: Settings) -> Finding:
    xmpp = settings.xmpp
    what = f"component {xmpp.domain} at {xmpp.host}:{xmpp.port}"
    port = XmppPort(xmpp_port_settings(settings), on_stanza=lambda stanza: None, observer=_Nobody())
    port.start()
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await port.established()
    except TransportError as error:
        return Finding(False, what, _WHY.get(str(error), f"{error}: does the server listen for components there?"))
    except TimeoutError:
        return Finding(False, what, f"no handshake within {HANDSHAKE_SECONDS:g} seconds")
    finally:
        await port.stop()
    return Finding(True, what, "handshake done")


async def _rtpengines(settings: Settings) -> AsyncIterator[Finding]:
    """Each node that is to carry media."""
    if settings.rtpengine is None:
        return
    anchors = RtpengineAnchors(settings.rtpengine)
    try:
        for node in settings.rtpengine.nodes:
            why = await anchors.ping(node)
            text = f"{why}: is it running, and does it listen for ng there?" if why else "answers"
            yield Finding(not why, f"rtpengine {node}", text)
    finally:
        await anchors.close()


async def _trunk(settings: Settings, sip: SipPort, trunk: Trunk) -> AsyncIterator[Finding]:
    """A trunk, or each of its servers where the DNS knows several."""
    hop = trunk.hop
    what = f"trunk {trunk.name} at {trunk.host}:{trunk.port or default_port(trunk.transport or 'UDP')}"
    try:
        targets = await sip.resolver.resolve(hop)
    except TransportError as error:
        yield Finding(False, what, str(error))
        return
    if len(targets) == 1:
        yield await _server(settings, sip, trunk, hop, targets[0], what)
        return
    for target in targets:
        there = f"trunk {trunk.name} at {target.transport} {hostport(target.host, target.port)}"
        alone = Hop(target.host, target.port, target.transport, domain=hop.domain or hop.host)
        yield await _server(settings, sip, trunk, alone, target, there)


async def _server(  # noqa: PLR0917 — what is asked, and how it is called
    settings: Settings, sip: SipPort, trunk: Trunk, hop: Hop, target: Flow, what: str
) -> Finding:
    reply = Reply()
    to, us = Uri(scheme="sip", host=trunk.host, port=trunk.port), Uri(scheme="sip", host=trunk.from_domain)
    contact, agent = sip.contact(hop.transport), settings.sip.user_agent
    sip.send(options(to, us, hop, contact=contact, agent=agent), reply)
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(OPTIONS_SECONDS):
            answer = await reply.future
    except TimeoutError:
        place = f"{target.host}:{target.port}"
        return Finding(False, what, f"no answer to OPTIONS from {place} within {OPTIONS_SECONDS:g} seconds")
    finally:
        sip.release(reply)
    if isinstance(answer, Failed):
        return Finding(False, what, answer.text)
    took = (loop.time() - started) * 1000
    # Any answer shows that somebody speaks SIP there; many PBXs answer OPTIONS of a stranger by 401, 404 or 405.
    text = f"OPTIONS answered {answer.status} {answer.phrase} in {took:.0f} ms"
    if (expires_at := sip.tls.shown(hop.domain or hop.host)) is not None:
        text += f"; its certificate is good for {_days(expires_at)} days"
    return Finding(answer.status < 500, what, text)


def _certificate(own: KeyPair, expires_at: float | None) -> Finding:
    what = f"certificate {own.certificate}"
    if expires_at is None:
        return Finding(False, what, "cannot be read: is it in PEM?")
    days = _days(expires_at)
    if days < 0:
        return Finding(False, what, f"expired {-days} days ago: peers will refuse it")
    return Finding(days >= LEAST_DAYS, what, f"good for {days} days" + ("" if days >= LEAST_DAYS else ": renew it"))


def _days(expires_at: float) -> int:
    return int((expires_at - time.time()) // 86_400)


async def _registrations(settings: Settings, sip: SipPort) -> AsyncIterator[Finding]:
    """Of accounts there may be thousands: those that fail have a line each, the others one together."""
    agent = settings.sip.user_agent
    trunks = [trunk.registrant for trunk in settings.routing.trunks if trunk.registrant]
    async for registrant, failure in registrations(sip, trunks, agent):
        what = f"registration of trunk {registrant.name} as {registrant.aor}"
        yield Finding(failure is None, what, failure or "granted, and taken back")
    made = [account.trunk(settings.xmpp.domain) for account in settings.accounts]
    owners = {trunk.name: trunk.owner for trunk in made}
    good = bad = 0
    async for registrant, failure in registrations(
        sip, [trunk.registrant for trunk in made if trunk.registrant], agent
    ):
        if failure is None:
            good += 1
        else:
            bad += 1
            yield Finding(False, f"account of {owners[registrant.name]} as {registrant.aor}", failure)
    if good or bad:
        yield Finding(bad == 0, "accounts", f"{good} of {good + bad} can register")


async def _http(settings: Settings) -> Finding:
    what = f"http {settings.http.host}:{settings.http.port}"
    try:
        server = await asyncio.start_server(lambda reader, writer: None, settings.http.host, settings.http.port)
    except OSError as error:
        return Finding(False, what, f"{error.strerror or error}: another program, or the gateway itself, has it")
    server.close()
    return Finding(True, what, "free")
