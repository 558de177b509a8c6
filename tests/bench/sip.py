"""SIP alone: calls through the gateway's SIP side and through Kamailio, and messages read and written.

`python -m tests.bench.sip [--seconds N]`.  Both are between SIPp's own client and server, on one core in turn, at the
same rates: the gateway as both ends of two calls (`tests.bench.b2b`), Kamailio as a proxy that keeps transactions and
stays in the dialog.  A back-to-back user agent has twice the transactions, and two descriptions to understand.
"""

import argparse
import asyncio
import csv
import os
import subprocess
import sys
import tempfile
import timeit
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from gateway.sip.message import SipRequest, parse, respond
from tests.bench.gateway import cpu_seconds
from tests.bench.sip_end import SDP
from tests.peers import loopback
from tests.peers.kamailio import Kamailio
from tests.peers.program import Program
from tests.peers.sipp import KEYS, SCENARIOS

RATES = (50, 100, 150, 200, 250, 300, 400, 500, 600)
HOST = "127.0.0.1"
CORE, DRIVER = ({0}, {1}) if (os.cpu_count() or 1) > 1 else (set(), set())
"What is measured has a core of its own, where there are two."

INVITE = (
    "INVITE sip:+15550100@gw.example;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK74bf9a1c;rport\r\n"
    "Via: SIP/2.0/TCP 192.0.2.21:5060;branch=z9hG4bK11bf9a1c;received=192.0.2.22\r\n"
    "Record-Route: <sip:192.0.2.20;lr;ftag=9fxced76sl>\r\nMax-Forwards: 68\r\n"
    'From: "Juliet" <sip:juliet@sip.example.org>;tag=9fxced76sl\r\nTo: <sip:+15550100@gw.example;user=phone>\r\n'
    "Call-ID: 3848276298220188511@192.0.2.30\r\nCSeq: 1 INVITE\r\nContact: <sip:juliet@192.0.2.30:5062>\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE\r\nSupported: timer, 100rel, replaces\r\n"
    "Session-Expires: 1800\r\nUser-Agent: bench\r\nP-Asserted-Identity: <sip:+15550199@sip.example.org>\r\n"
    f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}"
).encode()


@dataclass(frozen=True)
class Measured:
    """One run at one rate."""

    calls: int
    failed: int
    repeated: int
    seconds: float
    cpu: float


@asynccontextmanager
async def gateway(folder: Path, callee: int) -> AsyncIterator[tuple[int, int]]:
    """Our process and port; what it calls is at ``callee``."""
    port = loopback.port(HOST)
    program = Program("b2b", [sys.executable, "-m", "tests.bench.b2b", str(port), str(callee)], folder=folder)
    program.start()
    try:
        await program.ready(lambda: "listening" in program.text(), "listens")
        yield program.pid, port
    finally:
        await program.stop()


@asynccontextmanager
async def kamailio(folder: Path, callee: int) -> AsyncIterator[tuple[int, int]]:
    """Kamailio's first process and its port."""
    at = (HOST, loopback.port(HOST))
    parameters = {"next": f"sip:{HOST}:{callee}"}
    async with Kamailio(folder, "proxy", transports=["udp"], at=at, parameters=parameters, level=-1) as proxy:
        yield proxy.program.pid, at[1]


KINDS = {"gateway": gateway, "Kamailio": kamailio}


def family(pid: int) -> list[int]:
    """A process and all that it has started, themselves or by others."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
    found = [pid]
    for one in found:
        found.extend(child for child, parent in parents.items() if parent == one)
    return found


async def through(kind: str, rate: int, seconds: float) -> Measured:
    """So many calls a second for so long."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        callee = loopback.port(HOST)
        answering = ["sipp", *_scenario(folder, "uas_answer"), "-i", HOST, "-p", str(callee), "-nostdin"]
        server = Program("uas", answering, folder=folder)
        server.start()
        try:
            await server.ready(lambda: (HOST, callee) in server.datagram_sockets(), "listens")
            async with KINDS[kind](folder, callee) as (pid, port):
                for one in family(pid):
                    os.sched_setaffinity(one, CORE or os.sched_getaffinity(0))
                await asyncio.to_thread(_calls, folder, port, rate, 2 * rate)  # to be warm
                before = sum(map(cpu_seconds, family(pid)))
                row = await asyncio.to_thread(_calls, folder, port, rate, int(rate * seconds))
                used = sum(map(cpu_seconds, family(pid))) - before
        finally:
            await server.stop()
    hours, minutes, rest = row["ElapsedTime(C)"].split(":")[:3]
    return Measured(
        int(row["TotalCallCreated"]), int(row["FailedCall(C)"]), int(row["Retransmissions(C)"]),
        int(hours) * 3600 + int(minutes) * 60 + float(rest), used,
    )  # fmt: skip


def _scenario(folder: Path, name: str) -> list[str]:
    """SIPp's arguments for one of the tests' scenarios: calls of a tenth of a second, answered at once."""
    text = Template((SCENARIOS / f"{name}.xml").read_text(encoding="latin-1"))
    file = folder / f"{name}.xml"
    file.write_text(text.safe_substitute(milliseconds=0 if name == "uas_answer" else 100), encoding="latin-1")
    return ["-sf", str(file), *(word for key in ("from", "reason") for word in ("-key", key, KEYS[key]))]


def _calls(folder: Path, port: int, rate: int, calls: int) -> dict[str, str]:
    """Let SIPp call, and read what it counts in the end."""
    said = folder / "calls.csv"
    said.unlink(missing_ok=True)
    command = ["sipp", *_scenario(folder, "uac_call"), "-i", HOST, "-p", str(loopback.port(HOST)), "-nostdin"]
    command += ["-r", str(rate), "-m", str(calls), "-l", "100000", "-timeout", "120"]
    command += ["-trace_stat", "-fd", "1", "-stf", str(said), f"{HOST}:{port}"]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    with said.open() as file:
        return list(csv.DictReader(file, delimiter=";"))[-1]


async def throughput(seconds: float) -> None:
    """Both at each rate, until the gateway does not keep up."""
    print(f"{'':10} {'asked':>7} {'failed':>7} {'repeated':>9} {'busy':>6} {'CPU a call':>11} {'a full core':>12}")
    for rate in RATES:
        kept_up = True
        for kind in KINDS:
            found = await through(kind, rate, seconds)
            each = found.cpu / found.calls
            busy = found.cpu / max(found.seconds, seconds)
            print(
                f"{kind:10} {rate:5}/s {found.failed:7} {found.repeated:9} {busy:6.0%} {each * 1000:8.3f} ms "
                f"{1 / each if each else 0:10.0f}/s",
                flush=True,
            )
            kept_up = kept_up and not found.failed and found.repeated < found.calls / 100
        if not kept_up:
            break


def _cost(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, number=500, repeat=7)) / 500


def messages() -> None:
    """What it takes to read and to write one message."""
    invite = parse(INVITE)
    assert isinstance(invite, SipRequest)
    ringing = respond(invite, 180, tag="bench", headers=(("Contact", "<sip:gw.example>"), ("Server", "bench")))
    text = ringing.encode()
    rows: list[tuple[str, Callable[[], object]]] = [
        (f"an INVITE with SDP, {len(INVITE)} octets, read", lambda: parse(INVITE)),
        ("  written", invite.encode),
        (f"a 180, {len(text)} octets, read", lambda: parse(text)),
        ("  written", ringing.encode),
    ]
    for name, work in rows:
        seconds = _cost(work)
        print(f"{name:42} {seconds * 1e6:7.1f} µs {1 / seconds:9.0f} a second", flush=True)


async def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sip", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each rate")
    parser.add_argument("--only", choices=("messages", "throughput"))
    options = parser.parse_args()
    if DRIVER:
        os.sched_setaffinity(0, DRIVER)
    if options.only != "throughput":
        messages()
    if options.only != "messages":
        await throughput(options.seconds)


if __name__ == "__main__":
    asyncio.run(main())
