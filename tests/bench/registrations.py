"""Registrations a second, and what one costs, against Kamailio: `python -m tests.bench.registrations [--accounts N]`.

Every account is asked for its password, as registrars do, so that a registration is two requests.  Gateway and Kamailio
have a core each.  What a start without registering takes is subtracted.
"""

import argparse
import asyncio
import os
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.__main__ import JID, _free_port
from tests.bench.gateway import SECRET, Gateway, cpu_seconds, resident_kib
from tests.bench.xmpp_end import ComponentEnd
from tests.peers.kamailio import Kamailio

DOMAIN = "sip.test"
PASSWORD = "sesame"
COOLING_SECONDS = 40.0
"After that no transaction is left, and what remains is the registrations'."

RATES = (200.0, 400.0, 600.0, 800.0, 1000.0, 1200.0)

ACCOUNT = f"""
[[account]]
jid = "user{{number}}@home.example"
address = "u{{number}}@{DOMAIN}"
password_env = "BENCH_PASSWORD"
proxy = "{{place}}"
transport = "udp"
register = {{register}}
"""


@dataclass(frozen=True)
class Measured:
    """One run."""

    seconds: float
    "From the start of the process until all were registered, or it was ready."

    cpu: float
    repeated: float
    kib: int
    "Resident, at rest."


async def run(accounts: int, *, register: bool, rate: float, rests: bool) -> Measured:
    """Start a gateway with so many accounts, and wait until all are registered; ``rests``: and until it is at rest."""
    with tempfile.TemporaryDirectory() as folder:
        parameters = {"domain": DOMAIN, "password": PASSWORD, "algorithm": "MD5"}
        server = Kamailio(Path(folder), "registrar", domains=[DOMAIN], parameters=parameters, level=-1)
        place = f"{server.address}:{server.ports['udp']}"
        tables = [
            ACCOUNT.format(number=number, place=place, register="true" if register else "false")
            for number in range(accounts)
        ]
        end = ComponentEnd(SECRET, JID)
        component = await asyncio.get_running_loop().create_server(lambda: end, "127.0.0.1", 0)
        gateway = Gateway(
            Path(folder),
            xmpp_port=component.sockets[0].getsockname()[1],
            sip_port=_free_port(socket.SOCK_DGRAM),
            pbx_port=_free_port(socket.SOCK_DGRAM),
            http_port=_free_port(),
            jid=JID.partition("/")[0],
            more="\n".join([*tables, f"[registration]\nrate_per_second = {rate}\nleave_timeout_seconds = 0.1\n"]),
        )
        async with component, server:
            started = time.monotonic()
            async with gateway, asyncio.timeout(60 + accounts / rate):
                if register:
                    await _registered(gateway, accounts)
                took, used = time.monotonic() - started, cpu_seconds(gateway.pid)
                name = 'jinglesip_sip_retransmissions_total{method="REGISTER"}'
                repeated = await asyncio.to_thread(gateway.metric, name)
                if rests:
                    await asyncio.sleep(COOLING_SECONDS)
                return Measured(took, used, repeated, resident_kib(gateway.pid))


async def _registered(gateway: Gateway, accounts: int) -> None:
    while True:
        if await asyncio.to_thread(gateway.metric, 'jinglesip_registrations{state="registered"}') == accounts:
            return
        await asyncio.sleep(0.05)


async def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.registrations", description=__doc__)
    parser.add_argument("--accounts", type=int, default=2000)
    options = parser.parse_args()
    number: int = options.accounts
    os.environ["BENCH_PASSWORD"] = PASSWORD
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    bare = await run(number, register=False, rate=1.0, rests=False)
    for rate in RATES:
        found = await run(number, register=True, rate=rate, rests=False)
        seconds = found.seconds - bare.seconds
        print(
            f"  {rate:g}/s: {number / seconds:.0f}/s done, {(found.cpu - bare.cpu) / number * 1000:.2f} ms CPU each, "
            f"{found.repeated:g} requests repeated",
            flush=True,
        )
        if found.repeated > number / 100:
            break
    slow = await run(number, register=True, rate=RATES[0], rests=True)
    print(f"memory: {(slow.kib - bare.kib) / number:.1f} KiB a registration", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
