"""Run the bench: `python -m tests.bench [--calls N] [--prosody]`."""

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.gateway import DOMAIN, SECRET, Gateway, cpu_seconds, resident_kib
from tests.bench.scenarios import Driver
from tests.bench.sip_end import SipEnd
from tests.bench.xmpp_end import ClientEnd, ComponentEnd, XmppEnd
from tests.peers.prosody import Prosody

JID = "romeo@home.example/bench"


def _free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def _bench(
    *, initiation: bool, hold: bool = False, known: bool = False, more: str = ""
) -> AsyncIterator[tuple[Driver, Gateway]]:
    """A fresh gateway with the driver at both its ends."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        end = ComponentEnd(SECRET, JID)
        server = await loop.create_server(lambda: end, "127.0.0.1", 0)
        sip_port = _free_port(socket.SOCK_DGRAM)
        transport, sip = await loop.create_datagram_endpoint(
            lambda: SipEnd(("127.0.0.1", sip_port)), local_addr=("127.0.0.1", 0)
        )
        gateway = Gateway(
            Path(folder),
            xmpp_port=server.sockets[0].getsockname()[1],
            sip_port=sip_port,
            pbx_port=sip.address[1],
            http_port=_free_port(),
            jid=JID.partition("/")[0],
            more=more,
        )
        try:
            async with gateway:
                await end.ready
                driver = Driver(end, sip, DOMAIN, initiation=initiation, hold=hold)
                if known:
                    await _introduce(end, driver)
                yield driver, gateway
        finally:
            transport.close()
            server.close()


async def _introduce(end: XmppEnd, driver: Driver) -> None:
    """Let the gateway know a device without message initiation: presence with caps, and the disco answer."""
    asked = asyncio.get_running_loop().create_future()
    inner = end.on_stanza

    def answer(text: str, when: float) -> None:
        if "disco#info" in text and 'type="get"' in text.replace("'", '"'):
            attributes = dict(part.split("=", 1) for part in text.partition(">")[0].split()[1:] if "=" in part)
            id, to = attributes["id"].strip("'\""), attributes["from"].strip("'\"")
            node = text.partition("node=")[2][1:].partition('"')[0].partition("'")[0]
            features = "".join(
                f"<feature var='{name}'/>"
                for name in (
                    "urn:xmpp:jingle:1",
                    "urn:xmpp:jingle:apps:rtp:1",
                    "urn:xmpp:jingle:apps:rtp:audio",
                    "urn:xmpp:jingle:transports:raw-udp:1",
                )
            )
            end.send(
                f"<iq type='result' id='{id}' to='{to}'><query xmlns='http://jabber.org/protocol/disco#info' "
                f"node='{node}'><identity category='client' type='pc'/>{features}</query></iq>"
            )
            if not asked.done():
                asked.set_result(None)
        inner(text, when)

    end.on_stanza = answer
    end.send(
        "<presence to='gw.example'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:bench' "
        "ver='AAAAAAAAAAAAAAAAAAAAAAAAAAA='/></presence>"
    )
    async with asyncio.timeout(10):
        await asked
    end.on_stanza = inner


def _spread(times: list[float]) -> str:
    if not times:
        return "-"
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{statistics.median(ordered) * 1000:.2f} / {p99 * 1000:.2f}"


async def cost(calls: int, *, outgoing: bool, initiation: bool, rate: float = 100.0, more: str = "") -> None:
    """CPU milliseconds of the gateway per complete call."""
    async with _bench(initiation=initiation, known=not outgoing and not initiation, more=more) as (driver, gateway):
        await driver.run(50, rate, outgoing=outgoing)
        before = cpu_seconds(gateway.pid)
        driver.again()
        result = await driver.run(calls, rate, outgoing=outgoing, first=50)
        used = cpu_seconds(gateway.pid) - before
        way = "XMPP to SIP" if outgoing else "SIP to XMPP"
        print(
            f"{way}, {'with' if initiation else 'without'} message initiation: "
            f"{used / calls * 1000:.2f} ms CPU a call, "
            f"{result.completed} of {calls} complete, {result.failed} failed",
            flush=True,
        )


async def delay(calls: int, rate: float = 20.0) -> None:
    """The two times at 20 calls a second."""
    for outgoing in (True, False):
        async with _bench(initiation=False, known=not outgoing) as (driver, _):
            await driver.run(20, rate, outgoing=outgoing)
            driver.again()
            result = await driver.run(calls, rate, outgoing=outgoing, first=20)
            if outgoing:
                print(f"session-initiate to INVITE, median / p99: {_spread(result.to_invite)} ms", flush=True)
                print(f"200 to session-accept, median / p99: {_spread(result.to_accept)} ms", flush=True)
            else:
                print(f"session-accept to 200, median / p99: {_spread(result.to_accept)} ms", flush=True)


async def sustained(seconds: float) -> None:
    """The most calls a second, in steps, with no failure and all of them complete."""
    best = 0.0
    for rate in (100, 200, 250, 300, 350, 400, 450, 500):
        async with _bench(initiation=False) as (driver, gateway):
            calls = int(rate * seconds)
            before = cpu_seconds(gateway.pid)
            started = asyncio.get_running_loop().time()
            try:
                result = await driver.run(calls, rate, outgoing=True)
            except TimeoutError:
                print(f"  {rate}/s: not all ended", flush=True)
                break
            took = asyncio.get_running_loop().time() - started
            again = driver.sip.counts.get("INVITE again", 0)
            used = cpu_seconds(gateway.pid) - before
            print(
                f"  {rate}/s: {calls / took:.0f}/s done, {result.failed} failed, {again} INVITEs repeated, "
                f"gateway busy {used / took:.0%}, to INVITE {_spread(result.to_invite)} ms",
                flush=True,
            )
            if result.failed or again or took > seconds * 1.1 + 1:
                break
            best = calls / took
    print(f"sustained: {best:.0f} calls a second", flush=True)


async def memory(calls: int, more: str = "") -> None:
    """Memory of an open call."""
    async with _bench(initiation=False, hold=True, more=more) as (driver, gateway):
        await driver.run(100, 100, outgoing=True)
        before = resident_kib(gateway.pid)
        driver.again()
        await driver.run(calls, 100, outgoing=True, first=100)
        after = resident_kib(gateway.pid)
        print(f"memory: {(after - before) / calls:.1f} KiB an open call, at {calls} calls", flush=True)
        await driver.release()


async def history(calls: int) -> None:
    """What it costs to remember calls: the same with and without their records and trails."""
    for words, more in (
        ("with records and trails", ""),
        ("with records", "[history]\nsteps = 0"),
        ("with neither", "[history]\nsteps = 0\ndays = 0"),
    ):
        print(f"{words}:", flush=True)
        await cost(calls, outgoing=True, initiation=False, more=more)
        await memory(calls, more)


async def with_prosody(calls: int, rate: float = 20.0) -> None:
    """A real server in the path, and its own CPU."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        prosody = Prosody(Path(folder))
        await prosody.start()
        end = ClientEnd("home.example", "romeo", prosody.accounts["romeo"])
        sip_port = _free_port(socket.SOCK_DGRAM)
        transport, sip = await loop.create_datagram_endpoint(
            lambda: SipEnd(("127.0.0.1", sip_port)), local_addr=("127.0.0.1", 0)
        )
        gateway = Gateway(
            Path(folder),
            xmpp_port=prosody.component_port,
            xmpp_host=prosody.address,
            secret=prosody.secret,
            sip_port=sip_port,
            pbx_port=sip.address[1],
            http_port=_free_port(),
            jid="romeo@home.example",
        )
        try:
            await loop.create_connection(lambda: end, prosody.address, prosody.client_port)
            await end.ready
            async with gateway:
                for initiation in (False, True):
                    await _through_prosody(
                        Driver(end, sip, DOMAIN, initiation=initiation), gateway, prosody, calls, rate
                    )
        finally:
            transport.close()
            await prosody.stop()


async def _through_prosody(driver: Driver, gateway: Gateway, prosody: Prosody, calls: int, rate: float) -> None:
    pid = prosody.program.pid
    first = 100_000 * (1 + driver.initiation)
    await driver.run(20, rate, outgoing=True, first=first)
    driver.again()
    before = cpu_seconds(gateway.pid), cpu_seconds(pid)
    result = await driver.run(calls, rate, outgoing=True, first=first + 20)
    ours, theirs = cpu_seconds(gateway.pid) - before[0], cpu_seconds(pid) - before[1]
    print(
        f"with Prosody, {'with' if driver.initiation else 'without'} message initiation: "
        f"gateway {ours / calls * 1000:.2f} ms, Prosody {theirs / calls * 1000:.2f} ms CPU a call "
        f"(ratio {ours / theirs:.2f}); to INVITE {_spread(result.to_invite)} ms, "
        f"to session-accept {_spread(result.to_accept)} ms, {result.failed} failed",
        flush=True,
    )


async def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="calls of each measurement")
    parser.add_argument("--only", choices=("cost", "delay", "sustained", "memory", "history", "prosody"))
    options = parser.parse_args()
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    only = options.only
    if only in (None, "cost"):
        for outgoing in (True, False):
            for initiation in (False, True):
                await cost(options.calls, outgoing=outgoing, initiation=initiation)
    if only in (None, "delay"):
        await delay(min(options.calls, 400))
    if only in (None, "sustained"):
        await sustained(8)
    if only in (None, "memory"):
        await memory(2000)
    if only in (None, "history"):
        await history(options.calls)
    if only in (None, "prosody"):
        await with_prosody(min(options.calls, 500))


if __name__ == "__main__":
    asyncio.run(main())
