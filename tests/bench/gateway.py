"""The gateway as the bench runs it: a process of its own, on a core of its own, read from /proc."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path
from urllib.request import urlopen

_TICKS = os.sysconf("SC_CLK_TCK")
DOMAIN = "gw.example"
SECRET = "bench"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


class Gateway:
    """`jingle-sip run` with a configuration for the bench."""

    def __init__(
        self,
        folder: Path,
        *,
        xmpp_port: int,
        sip_port: int,
        pbx_port: int,
        http_port: int,
        jid: str,
        xmpp_host: str = "127.0.0.1",
        secret: str = SECRET,
        more: str = "",
    ) -> None:
        """``more``: further tables."""
        self.sip = ("127.0.0.1", sip_port)
        self.http_port = http_port
        self._folder = folder
        (folder / "secret").write_text(secret)
        self._config = folder / "gateway.toml"
        self._config.write_text(
            f"""
[xmpp]
domain = "{DOMAIN}"
host = "{xmpp_host}"
port = {xmpp_port}
secret_file = "secret"
reconnect_first_seconds = 0.1

[sip]
listen = ["udp:127.0.0.1:{sip_port}"]

[[trunk]]
name = "pbx"
host = "127.0.0.1"
port = {pbx_port}
transport = "udp"
allow = ["*"]

[[dial]]
match = '\\+?\\d+'
trunk = "pbx"

[[number]]
match = '\\+1555.*'
jid = "{jid}"

[media]
anchor = "none"

[limits]
calls = 10000
calls_per_caller = 10000

[calling]
calls_per_second = 10000
calls_to_number = 10000

[[policy]]
name = "bench"
who = ["*"]
calls = 10000
calls_to_number = 10000
calls_per_second = 10000
calls_per_minute = 100000
calls_per_day = 1000000
minutes_per_day = 1000000

[log]
level = "info"
format = "json"

[http]
port = {http_port}
{more}
"""
        )

    async def __aenter__(self) -> "Gateway":
        self._log = (self._folder / "gateway.log").open("wb")
        pin = ["taskset", "-c", "0"] if (os.cpu_count() or 1) > 1 else []
        self._process = await asyncio.create_subprocess_exec(
            *pin,
            sys.executable,
            "-m",
            "gateway",
            "run",
            "--config",
            str(self._config),
            stdout=self._log,
            stderr=self._log,
        )
        self.pid = self._process.pid
        for _ in range(1200):
            if await asyncio.to_thread(self._ready):
                return self
            await asyncio.sleep(0.05)
        raise RuntimeError((self._folder / "gateway.log").read_text())

    def _ready(self) -> bool:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{self.http_port}/readyz") as reply:
            return bool(reply.status == 200)
        return False

    def metric(self, name: str) -> float:
        """One sample of /metrics, its labels included in the name."""
        with urlopen(f"http://127.0.0.1:{self.http_port}/metrics") as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rpartition(" ")[2])
        return 0.0

    async def __aexit__(self, *exception: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        await self._process.wait()
        self._log.close()
