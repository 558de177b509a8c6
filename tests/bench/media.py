"""What media cost: `python -m tests.bench.media [--calls N]`: forwarding SRTP ⇄ RTP, set-ups, memory.

The forwarder has one core and this driver the other.  All calls share the driver's two sockets, one for each side, and
are told apart by SSRC; the protected packets are made beforehand.  ICE is not run for forwarding: its outcome is put
into its place, so that packets take the way through its sockets.  CPU is the forwarder's whole process over the time of
sending, by the scheduler's account.
"""

import argparse
import asyncio
import base64
import contextlib
import gc
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import aioice
from pylibsrtp import Policy, Session

from gateway.media.anchor import PHONE, WEB, Call, Protection
from gateway.media.embedded import EmbeddedAnchors, EmbeddedSettings, srtp
from gateway.media.embedded.ice import IceLink
from gateway.signals import Side
from mappings.description import (
    Codec,
    Crypto,
    Description,
    Encryption,
    Ice,
    Media,
    RawCandidate,
    RawUdp,
    RtcpMux,
    Rtp,
)
from tests.bench.gateway import resident_kib
from tests.media.rig import BackToBack, rigged

CALLER, CALLEE = Side
HOST = "127.0.0.1"
PCMU = Codec(id=0, name="PCMU", clockrate=8000)
RATE = 50
"Packets a second in each direction of a call."

KEY = bytes(range(46))
_HEADER = struct.Struct("!BBHII")
_STAMP = struct.Struct("!d")


def crypto(suite: str) -> Crypto:
    """The driver's key for a suite."""
    length = srtp.BY_SDES[suite].key + srtp.BY_SDES[suite].salt
    return Crypto(tag=1, crypto_suite=suite, key_params=f"inline:{base64.b64encode(KEY[:length]).decode()}")


# ----------------------------------------------------------------------------------------------------------- forwarders


async def anchors(calls: int, suite: str, web: int, phone: int) -> list[tuple[int, int]]:
    """Anchors of so many calls, open between the driver's two ports; the ports that each call has."""
    back = EmbeddedAnchors(EmbeddedSettings(port_low=45_000, port_high=49_999))
    legs = {CALLER: replace(WEB, protection=Protection.SDES if suite else Protection.NONE), CALLEE: PHONE}
    encryption = Encryption(required=True, crypto=(crypto(suite),)) if suite else None
    near = Media(
        name="0",
        rtp=Rtp(media="audio", codecs=(PCMU,), rtcp_mux=RtcpMux(), encryption=encryption),
        transport=Ice(ufrag="bench", pwd="x" * 24),
    )
    far = Media(
        name="0",
        rtp=Rtp(media="audio", codecs=(PCMU,)),
        transport=RawUdp(candidates=(RawCandidate(ip=HOST, port=phone),)),
    )
    ports = []
    for index in range(calls):
        anchor = await back.open(Call(id=str(index), legs=legs), lambda event: None)
        await anchor.take_offer(CALLER, Description(media=(near,)))
        told = (await anchor.make_offer(CALLEE)).media[0].transport
        await anchor.take_answer(CALLEE, Description(media=(replace(far, name="0"),)))
        answer = (await anchor.make_answer(CALLER)).media[0].transport
        link = anchor._links[CALLER][0]
        assert isinstance(link, IceLink)
        generation = link._next
        assert generation is not None
        assert generation._task is not None
        generation._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await generation._task
        generation._add_remote_candidate(aioice.Candidate("1", 1, "udp", 1, HOST, web, "host"), HOST)
        transport = generation._protocols[0].transport
        generation.ways[1] = (transport.send, (HOST, web))  # type: ignore[attr-defined]
        link.found(generation)
        ports.append((answer.candidates[0].port, told.candidates[0].port))
    return ports


async def floor(calls: int, web: int, phone: int) -> list[tuple[int, int]]:
    """What Python cannot do without: a loop that reads a socket and sends to another."""
    loop = asyncio.get_running_loop()
    ports = []
    for _ in range(calls):
        pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for one in pair:
            one.setblocking(False)
            one.bind((HOST, 0))

        def forwarding(near: socket.socket, far: socket.socket, to: tuple[str, int]) -> Callable[[], None]:
            receive, send = near.recvfrom, far.sendto

            def readable() -> None:
                for _ in range(16):
                    try:
                        data, _ = receive(2048)
                    except OSError:
                        return
                    send(data, to)

            return readable

        loop.add_reader(pair[0].fileno(), forwarding(pair[0], pair[1], (HOST, phone)))
        loop.add_reader(pair[1].fileno(), forwarding(pair[1], pair[0], (HOST, web)))
        ports.append((pair[0].getsockname()[1], pair[1].getsockname()[1]))
    return ports


async def forward(kind: str, calls: int, web: int, phone: int) -> None:
    """The forwarder's process: open, tell the ports, and forward until it is ended."""
    ports = await floor(calls, web, phone) if kind == "floor" else await anchors(calls, kind, web, phone)
    gc.collect()
    gc.freeze()
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


class Rtpengine:
    """rtpengine in user space, told of the same calls over its ng protocol, which it takes as JSON too."""

    def __init__(self, folder: str) -> None:
        self._ng = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ng.settimeout(5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            self._address = probe.getsockname()
        command = [
            "rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1",
            f"--interface={HOST}", f"--listen-ng={HOST}:{self._address[1]}", f"--pidfile={folder}/rtpengine.pid",
            "--port-min=45000", "--port-max=49999",
        ]  # fmt: skip
        self.process = subprocess.Popen(pinned(command), stderr=subprocess.DEVNULL)
        for _ in range(100):
            with contextlib.suppress(OSError):
                self._ask({"command": "ping"})
                return
            time.sleep(0.1)
        raise RuntimeError("rtpengine does not answer")

    def _ask(self, said: Mapping[str, object]) -> dict[str, str]:
        cookie = os.urandom(8).hex()
        self._ng.sendto(f"{cookie} {json.dumps(said)}".encode(), self._address)
        answer: dict[str, str] = json.loads(self._ng.recv(65536).partition(b" ")[2])
        if answer["result"] not in ("ok", "pong"):
            raise RuntimeError(f"rtpengine: {answer}")
        return answer

    def open(self, calls: int, suite: str, web: int, phone: int) -> list[list[int]]:
        """So many calls between the driver's two ports; the ports that each has."""
        ports = []
        for index in range(calls):
            near, far = _sdp(web, suite), _sdp(phone, "")
            keys = {"call-id": str(index), "from-tag": "near", "ICE": "remove", "replace": ["origin"]}
            offer = {"command": "offer", "sdp": near, "DTLS": "off", "transport-protocol": "RTP/AVP", **keys}
            told = self._ask(offer)["sdp"]
            answer = self._ask({"command": "answer", "to-tag": "far", "sdp": far, **keys})["sdp"]
            ports.append([_port(answer), _port(told)])
        return ports


def _sdp(port: int, suite: str) -> str:
    line = crypto(suite) if suite else None
    lines = ["v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0"]
    lines += [f"m=audio {port} RTP/{'SAVP' if suite else 'AVP'} 0"]
    lines += [f"a=crypto:{line.tag} {line.crypto_suite} {line.key_params}"] if line is not None else []
    return "\r\n".join([*lines, ""])


def _port(sdp: str) -> int:
    return int(sdp.partition("m=audio ")[2].split()[0])


# --------------------------------------------------------------------------------------------------------------- driver


@dataclass(slots=True)
class Outcome:
    """One run."""

    sent: int = 0
    arrived: int = 0
    cpu: float = 0.0
    seconds: float = 0.0
    delays: list[float] = field(default_factory=list)

    def line(self, name: str, calls: int) -> str:
        """In words."""
        late = sorted(self.delays)
        p99 = late[int(len(late) * 0.99)] * 1000 if late else 0.0
        each = self.cpu / max(1, self.arrived)
        return (
            f"{name:39} {calls:4} calls: {each * 1e6:5.1f} µs CPU a packet, {1 / each:7.0f} packets a CPU second, "
            f"{self.cpu / self.seconds:4.0%} of a core, {self.sent - self.arrived} of {self.sent} lost, "
            f"p99 delay {p99:.1f} ms"
        )


def scheduled(pid: int) -> float:
    """CPU seconds of a process and its threads."""
    total = 0.0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as account:
            total += int(account.read().split()[0])
    return total / 1e9


def packets(calls: int, count: int, suite: str) -> Iterator[tuple[int, bytes, bytes]]:
    """By turn and call: the protected packet, and what the phone sends."""
    made = []
    if suite:
        wanted = srtp.BY_SDES[suite]
        key = KEY[: wanted.key + wanted.salt]
        for _ in range(calls):
            policy = Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=wanted.profile)
            made.append(Session(policy))
    for turn in range(count):
        for call in range(calls):
            plain = _HEADER.pack(0x80, 0, turn & 0xFFFF, turn * 160, 1000 + call) + bytes(160)
            yield call, made[call].protect(plain) if suite else plain, plain


def pinned(command: list[str]) -> list[str]:
    """A command on the second core, where there is one."""
    return ["taskset", "-c", "1", *command] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else command


@contextlib.contextmanager
def forwarding(kind: str, calls: int, ends: list[int], loop: str) -> Iterator[tuple[int, list[list[int]]]]:
    """A forwarder of so many calls: its process, and the ports that each call has."""
    if kind.startswith("rtpengine"):
        with tempfile.TemporaryDirectory() as folder:
            engine = Rtpengine(folder)
            try:
                yield engine.process.pid, engine.open(calls, kind.partition(" ")[2], *ends)
            finally:
                engine.process.terminate()
                engine.process.wait()
        return
    command = [sys.executable, "-m", "tests.bench.media", "--forward", kind, "--calls", str(calls)]
    command += ["--ends", *map(str, ends), *(["--loop", loop] if loop else [])]
    with subprocess.Popen(pinned(command), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.pid, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def run(kind: str, calls: int, seconds: float, *, loop: str = "") -> Outcome:
    """Forward so many calls for so long."""
    suite = "" if kind == "floor" else kind.removeprefix("rtpengine").strip()
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for one in sockets:
        one.setblocking(False)
        one.bind((HOST, 0))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024 * 1024)
    web, phone = sockets
    try:
        with forwarding(kind, calls, [one.getsockname()[1] for one in sockets], loop) as (pid, ports):
            return _drive(pid, web, phone, ports, list(packets(calls, int(seconds * RATE), suite)))
    finally:
        for one in sockets:
            one.close()


def _drive(
    pid: int, web: socket.socket, phone: socket.socket, ports: list[list[int]], made: list[tuple[int, bytes, bytes]]
) -> Outcome:
    outcome = Outcome()
    calls = len(ports)
    step = 1 / RATE / calls
    # When each of the phone's packets left: the protected side's arrival cannot be read, so that one is counted only.
    left: dict[tuple[int, int], float] = {}
    gc.disable()
    before, begun = scheduled(pid), time.monotonic()
    for number, (call, protected, plain) in enumerate(made):
        due = begun + number * step
        while (now := time.monotonic()) < due:
            _drain(web, phone, outcome, left, now)
            time.sleep(0.0002)
        if number % 16 == 0:
            _drain(web, phone, outcome, left, now)
        left[1000 + call, number // calls] = now
        web.sendto(protected, (HOST, ports[call][0]))
        phone.sendto(plain, (HOST, ports[call][1]))
        outcome.sent += 2
    outcome.seconds = time.monotonic() - begun
    for _ in range(200):
        time.sleep(0.002)
        _drain(web, phone, outcome, left, time.monotonic())
        if outcome.arrived == outcome.sent:
            break
    outcome.cpu = scheduled(pid) - before
    gc.enable()
    return outcome


def _drain(
    web: socket.socket, phone: socket.socket, outcome: Outcome, left: dict[tuple[int, int], float], now: float
) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            web.recv(2048)
            outcome.arrived += 1
    with contextlib.suppress(BlockingIOError):
        while True:
            data = phone.recv(2048)
            _, _, turn, _, ssrc = _HEADER.unpack_from(data)
            outcome.arrived += 1
            outcome.delays.append(now - left.pop((ssrc, turn), now))


async def setups(count: int) -> None:
    """ICE and DTLS between two anchors of this process: half of it is one's."""
    async with rigged() as rig:
        await BackToBack(rig).connect()
        times, used = [], time.process_time()
        before = resident_kib(os.getpid())
        kept = []
        for _ in range(count):
            begun = time.monotonic()
            pair = BackToBack(rig)
            await pair.connect()
            times.append(time.monotonic() - begun)
            kept.append(pair)
        each = (time.process_time() - used) / count / 2
        grown = (resident_kib(os.getpid()) - before) / count / 2
        print(
            f"ICE and DTLS: {each * 1000:.2f} ms CPU a set-up, {1 / each:.0f} a second and core, "
            f"median {statistics.median(times) * 1000:.0f} ms; {grown:.0f} KiB an open call",
            flush=True,
        )


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.media", description=__doc__)
    parser.add_argument("--calls", type=int, default=300, help="two-way calls at a time")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--loop", choices=("uvloop",), default="")
    parser.add_argument("--forward", help=argparse.SUPPRESS)
    parser.add_argument("--ends", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        import uvloop  # noqa: PLC0415 — an extra

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    if options.forward is not None:
        asyncio.run(forward(options.forward, options.calls, *options.ends))
        return
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {0})
    rows: tuple[tuple[str, str], ...] = (
        ("bare recv and sendto", "floor"),
        ("RTP to RTP", ""),
        ("SRTP AEAD_AES_128_GCM", "AEAD_AES_128_GCM"),
        ("SRTP AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"),
    )
    if shutil.which("rtpengine"):
        rows += tuple((f"rtpengine, {name}", f"rtpengine {kind}") for name, kind in rows[1:])
    for _ in range(options.rounds):
        for name, kind in rows:
            print(run(kind, options.calls, options.seconds, loop=options.loop).line(name, options.calls), flush=True)
    asyncio.run(setups(200))


if __name__ == "__main__":
    main()
