"""A household behind a NAT: a network of its own, a router in another one, and the world, which is where we are.

The world's side is 203.0.113.0/24, the household's 10.9.0.0/24.  The router hides the household behind its own address,
and lets in from outside what answers, and TCP, by which tests tell a program there what to do.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.peers.program import Program

WORLD = "203.0.113.1"
"Ours, for whoever is to be reached from the household."

ROUTER = "203.0.113.2"
"What the household looks like."

INSIDE = "10.9.0.2"
"Of who lives there."

_GATE = "10.9.0.1"


@dataclass(frozen=True, slots=True)
class Household:
    """What is needed to run a program there."""

    network: str
    "The file that stands for its network."

    router: str
    "The same of its router's."

    def lets_out(self, port: int) -> None:
        """From now on datagrams to that port alone leave the household."""
        rule = f"--in-interface inner --protocol udp ! --dport {port} --jump DROP"
        _run(f"iptables --insert FORWARD {rule}", ["nsenter", f"--net={self.router}", "--"])

    def enter(self) -> list[str]:
        """What stands in front of a command that is to run there."""
        return ["nsenter", f"--net={self.network}", "--"]


@contextlib.contextmanager
def behind_nat(folder: Path) -> Iterator[Household]:
    """A household, while this lasts; inside of `tests.peers.alone.on_loopback` only, as root."""
    holders = [Program(name, ["unshare", "--net", "sleep", "infinity"], folder=folder) for name in ("router", "home")]
    try:
        outside = Path("/proc/thread-self/ns/net").readlink()
        networks = []
        for holder in holders:
            holder.start()
            network = f"/proc/{holder.pid}/ns/net"
            while Path(network).readlink() == outside:  # until unshare has done its work, which is at once
                pass
            networks.append(network)
        router, home = (["nsenter", f"--net={network}", "--"] for network in networks)
        _run("ip link add world type veth peer name outer")
        _run(f"ip link set outer netns {holders[0].pid}")
        _run(f"ip address add {WORLD}/24 dev world")
        _run("ip link set world up")
        _run(f"ip route add {INSIDE}/32 via {ROUTER}")
        _run("sysctl --quiet --write net.ipv4.ip_nonlocal_bind=1")  # so that a port can be chosen for who lives there
        _run("ip link add inner type veth peer name home", router)
        _run(f"ip link set home netns {holders[1].pid}", router)
        for name, address in (("outer", ROUTER), ("inner", _GATE)):
            _run(f"ip address add {address}/24 dev {name}", router)
            _run(f"ip link set {name} up", router)
        _run("sysctl --quiet --write net.ipv4.ip_forward=1", router)
        _run("iptables --table nat --append POSTROUTING --out-interface outer --jump MASQUERADE", router)
        new = "--match conntrack --ctstate NEW --jump DROP"
        _run(f"iptables --append FORWARD --in-interface outer --protocol udp {new}", router)
        _run("ip link set lo up", home)
        _run(f"ip address add {INSIDE}/24 dev home", home)
        _run("ip link set home up", home)
        _run(f"ip route add default via {_GATE}", home)
        yield Household(networks[1], networks[0])
    finally:
        for holder in holders:
            holder.kill()


def _run(command: str, where: list[str] | None = None) -> None:
    subprocess.run([*(where or []), *command.split()], check=True, capture_output=True)
