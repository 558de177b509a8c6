"""One generation of ICE: its sockets, its candidates, its checks; by aioice, with sockets of our own.

What aioice would do otherwise, and why it is done here: it binds any port of every address (we have a range, and
addresses to choose); it takes what looks like STUN by its length for STUN, one RTP packet in 65,536 (here the first
octet decides, RFC 7983); it gives up at once when all candidates are known to be useless (a check of the peer's may
still come: it is never told that there are no more); it looks for a way for ever (`ice_seconds`); its consent check
cannot be set; a check that was sent before the peer could hear it is sent again only when its timer says so, which
doubles up to half a minute, and one that was given up because another way was chosen never again; and who is told that
it is not its part to decide is not told again what was decided, so that it waits for ever; of several ways the last one
that is found is used, mostly a relay, and no other one when that is lost.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from ipaddress import ip_address
from time import monotonic
from typing import Any, Protocol, cast

import aioice
from aioice import stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import (
    CandidatePair,
    StunProtocol,
    candidate_pair_priority,
    relayed_candidate,
    server_reflexive_candidate,
)

from gateway.media.embedded.link import Surroundings
from gateway.media.embedded.path import Address, Send
from gateway.media.embedded.settings import IceServer
from gateway.media.embedded.socket import DatagramSocket

GATHER_SECONDS = 5.0
"How long STUN and TURN servers are waited for."

MOST_CANDIDATES = 64
"""Of a peer that are taken from its descriptions, and as many more from its checks: each is sent some checks, so that a
peer could aim a flood of them at somebody else (RFC 8445 §19.5.1)."""

AGAIN_SECONDS = 0.05
"A check that a peer's own check has called for again is sent no sooner (RFC 8445 §14.2: the usual Ta)."

_COOKIE = b"\x21\x12\xa4\x42"
"Of every STUN message (RFC 8489 §5)."

_INDICATION = b"\x00\x11"
"How a Binding indication begins: it keeps a NAT's way open and wants nothing (RFC 8445 §11)."

_ROLE_CONFLICT = 487


class User(Protocol):
    """What a generation tells its link."""

    def found(self, generation: "Generation") -> None:
        """It has a way, or a better one."""
        ...

    def lost(self, generation: "Generation", text: str) -> None:
        """It has none, or not any more."""
        ...

    def receive(self, data: bytes, address: Any) -> None:
        """A packet of the first component that is no STUN."""
        ...

    def receive_control(self, data: bytes, address: Any) -> None:
        """A packet of the second component that is no STUN."""
        ...

    def dropped(self) -> None:
        """A packet that begins like STUN and is none, or not for us."""
        ...


class _Stun(StunProtocol):
    """What gets a socket's packets: STUN goes on to aioice, all else to the link."""

    def __init__(self, receiver: "Generation", user: "User", component: int) -> None:
        super().__init__(receiver)
        self._media = user.receive if component == 1 else user.receive_control
        self._dropped = user.dropped
        self._name = f"{receiver.local_username}:".encode()
        self._asked: dict[bytes, tuple[stun.Message, Address, float]] = {}
        "By transaction: what waits for an answer, from where, and when it was sent first, or again for the peer."

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        data = cast(bytes, data)
        if not data:
            return
        if data[0] > 3:
            self._media(data, addr)
        elif len(data) >= 20 and data[4:8] == _COOKIE and self._ours(data):
            # aioice reads attributes without their bounds.
            with contextlib.suppress(Exception):
                super().datagram_received(data, addr)
        elif data[:2] != _INDICATION:
            self._dropped()

    async def request(
        self,
        request: stun.Message,
        addr: Address,
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, Address]:
        self._asked[request.transaction_id] = request, addr, monotonic()
        try:
            return await super().request(request, addr, integrity_key, retransmissions)
        finally:
            del self._asked[request.transaction_id]

    def ask_again(self, addr: Address) -> None:
        """Send what waits for an answer from there once more: now it may be heard."""
        now = monotonic()
        for name, (request, asked, last) in self._asked.items():
            if asked == addr and now - last >= AGAIN_SECONDS:
                self._asked[name] = request, asked, now
                self.send_stun(request, addr)

    def _ours(self, data: bytes) -> bool:
        """Whether a message can be meant for us: an answer to what we asked, or a check that knows our name.

        Anything else aioice would read, and answer with an error, at ten times the price.
        """
        return data[8:20] in self.transactions if data[0] & 1 else self._name in data


class _Transport:
    """What aioice takes for an asyncio transport: one of our sockets."""

    def __init__(self, opened: DatagramSocket, protocol: _Stun) -> None:
        self._socket = opened
        self._protocol = protocol
        self.send = opened.send
        protocol.connection_made(cast(asyncio.DatagramTransport, self))

    def sendto(self, data: bytes, addr: Address) -> None:
        with contextlib.suppress(OSError):
            self.send(data, addr)

    def close(self) -> None:
        self._socket.close()
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self._socket.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket.name if name == "sockname" else default


class Generation(aioice.Connection):
    """One set of credentials, and what is found with it."""

    def __init__(self, user: User, around: Surroundings, *, controlling: bool, components: int) -> None:
        super().__init__(controlling, components=components)
        self.ways: dict[int, tuple[Send, Address]] = {}
        "By component: 1 is RTP, 2 is RTCP where that has a port of its own."

        self.complete = not around.settings.servers
        "Whether all local candidates are known."

        self._user = user
        self._around = around
        around.credentials.add((self.local_username, self.local_password))
        self._task: asyncio.Task[None] | None = None
        self._gathering: asyncio.Task[None] | None = None
        self._doubting: asyncio.Task[bool] | None = None
        "Asks whether the way in use is still there."

    # ---------------------------------------------------------------------------------------------------- candidates

    def open(self) -> None:
        """Open sockets on each of our addresses.  AnchorError when there is no port for one."""
        self._local_candidates_start = True
        for index, host in enumerate(self._around.settings.addresses):
            ports = self._around.ports
            opened = (ports.single(host),) if len(self._components) == 1 else ports.pair(host)
            for component, one in enumerate(opened, 1):
                self._listen(DatagramSocket(ports, self._around.arrivals, one), component, 65535 - index)
        # So that `connect` may begin; what servers add later is paired when it comes.
        self._local_candidates_end = True

    def _listen(self, opened: DatagramSocket, component: int, preference: int) -> None:
        protocol = _Stun(self, self._user, component)
        _Transport(opened, protocol)
        opened.listen(protocol.datagram_received)
        host, port = opened.name
        protocol.local_candidate = aioice.Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host", preference),
            host=host,
            port=port,
            type="host",
        )
        self._protocols.append(protocol)
        self._local_candidates.append(protocol.local_candidate)

    def gather(self, told: Callable[[], None]) -> None:
        """Ask the servers; ``told`` is called when that is over."""
        if not self.complete and self._gathering is None:
            self._gathering = asyncio.create_task(self._gather(told))

    async def _gather(self, told: Callable[[], None]) -> None:
        asked = [self._ask(server) for server in self._around.settings.servers]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                await asyncio.gather(*asked, return_exceptions=True)
        self.complete = True
        if not self._closing:
            told()

    async def _ask(self, server: IceServer) -> None:
        if server.kind == "stun":
            for protocol in list(self._protocols):
                if ip_address(protocol.local_candidate.host).version == 4 and protocol.local_candidate.type == "host":
                    candidate, _ = await server_reflexive_candidate(protocol, (server.host, server.port))
                    self._local_candidates.append(candidate)
            return
        for component in self._components:
            await self._relay(server, component)

    async def _relay(self, server: IceServer, component: int) -> None:
        candidate, relay = await relayed_candidate(
            component=component,
            hide_related_address=False,
            protocol_factory=lambda: _Stun(self, self._user, component),
            turn_server=(server.host, server.port),
            turn_username=server.username,
            turn_password=server.password.reveal() if server.password is not None else None,
            turn_ssl=server.transport == "tls",
            turn_transport="udp" if server.transport == "udp" else "tcp",
        )
        self._protocols.append(relay)
        self._local_candidates.append(candidate)
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()

    # ------------------------------------------------------------------------------------------------------- checks

    def begin(self) -> None:
        """Look for a way, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._find())

    async def _find(self) -> None:
        seconds = self._around.settings.ice_seconds
        try:
            async with asyncio.timeout(seconds):
                await self.connect()
        except (TimeoutError, ConnectionError):
            if self._closing:
                return
            if 1 in self.ways:  # RTCP has none, and is missed less
                self._query_consent_task = asyncio.create_task(self.query_consent())
            else:
                self._user.lost(self, f"ICE: no way to the peer within {seconds:g} seconds")

    def check_incoming(self, message: stun.Message, addr: Address, protocol: StunProtocol) -> None:
        """Take a check that the peer signed, and check the same way (RFC 8445 §7.3.1.4)."""
        known = next((one for one in self._remote_candidates if (one._network_host, one.port) == addr), None)
        strange = known is not None and known.component != protocol.local_candidate.component
        if strange or "PRIORITY" not in message.attributes:
            return  # aioice would fall over it, and the search for a way with it
        if known is None and len(self._remote_candidates) >= 2 * MOST_CANDIDATES:
            return
        pair = self._find_pair(protocol, known) if known is not None else None
        if pair is not None and pair.state is CandidatePair.State.IN_PROGRESS:
            if pair.task is None or pair.task.done():  # given up when another way was chosen
                pair.task = None
                self.check_state(pair, CandidatePair.State.WAITING)
            elif isinstance(protocol, _Stun):
                protocol.ask_again(addr)
        super().check_incoming(message, addr, protocol)

    def respond_error(
        self, request: stun.Message, addr: Address, protocol: StunProtocol, error_code: tuple[int, str]
    ) -> None:
        super().respond_error(request, addr, protocol, error_code)
        if error_code[0] != _ROLE_CONFLICT:
            return
        # Until it hears this, the peer has believed to decide itself, and taken no notice of what we decided.
        for pair in self._nominated.values():
            if pair.protocol is protocol and pair.remote_addr == addr:
                self.check_start_task(pair)

    def check_complete(self, pair: CandidatePair) -> None:
        before = dict(self._nominated)
        super().check_complete(pair)
        for component, found in tuple(self._nominated.items()):
            chosen = before.get(component, found)
            if self.ice_controlling and self._outranks(chosen, found):
                # Of those that we nominate the best one is used (RFC 5245 §8.1.1.2), while it is there.
                self._nominated[component] = chosen
                if self._doubting is None or self._doubting.done():
                    self._doubting = asyncio.create_task(self._ask_after(component))
        self._tell_ways()

    def _outranks(self, one: CandidatePair, other: CandidatePair) -> bool:
        first, second = (
            candidate_pair_priority(pair.local_candidate, pair.remote_candidate, self.ice_controlling)
            for pair in (one, other)
        )
        return first > second and one.state is not CandidatePair.State.FAILED

    async def _ask_after(self, component: int) -> bool:
        """Whether there is a way that is answered on; where the one in use is not, the best of the others is taken."""
        chosen = self._nominated.get(component)
        others = [one for one in self._check_list if one.component == component and one.nominated and one is not chosen]
        if chosen is None or not others:
            return False
        if await self._is_answered(chosen):
            return True
        for other in others:
            if await self._is_answered(other):
                if self._nominated.get(component) is chosen:  # neither closed nor changed meanwhile
                    self._nominated[component] = other
                    self._tell_ways()
                return True
        return False

    async def _is_answered(self, pair: CandidatePair) -> bool:
        assert self.remote_password is not None
        request, key = self.build_request(pair, nominate=True), self.remote_password.encode()
        with contextlib.suppress(stun.TransactionError):
            await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=2)
            return True
        return False

    def _tell_ways(self) -> None:
        changed = False
        for component, chosen in self._nominated.items():
            transport = chosen.protocol.transport
            # Packets go to the socket itself, with nothing between; only relayed ones need the TURN client.
            way = (transport.send if isinstance(transport, _Transport) else transport.sendto, chosen.remote_addr)
            changed = changed or way != self.ways.get(component)
            self.ways[component] = way
        if changed and 1 in self.ways:
            self._user.found(self)

    def knows(self, address: Address) -> bool:
        """Whether an address is one of the peer's, told or learned by a check that it signed."""
        return any(one.port == address[1] and one._network_host == address[0] for one in self._remote_candidates)

    async def query_consent(self) -> None:
        """Ask whether the peer still wants packets (RFC 7675 §5.1), and tell when it does not."""
        settings, loop = self._around.settings, asyncio.get_running_loop()
        assert self.remote_password is not None
        key = self.remote_password.encode()
        consented = loop.time()
        while loop.time() - consented < settings.consent_seconds:
            await asyncio.sleep(settings.consent_interval * random.uniform(0.8, 1.2))  # noqa: S311
            for pair in tuple(self._nominated.values()):
                request = self.build_request(pair, nominate=False)
                try:
                    await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=0)
                except stun.TransactionError:
                    if not self.ice_controlling or not await self._ask_after(pair.component):
                        continue
                consented = loop.time()
        self._user.lost(self, "ICE: the peer has not consented to packets any more")

    async def shut(self) -> None:
        """Stop all of it."""
        self._around.credentials.discard((self.local_username, self.local_password))
        tasks = [task for task in (self._task, self._gathering, self._doubting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.close()
