"""An XMPP server, a gateway and whoever calls through them, put up for one test and taken down whatever happens."""

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.certificates import Certificate
from tests.peers import jingle, loopback
from tests.peers.baresip import Baresip
from tests.peers.gateway import Gateway, Table
from tests.peers.jingle_client import JingleClient
from tests.peers.program import PeerFailure, until
from tests.peers.prosody import Prosody
from tests.peers.raw_sip import RawSip
from tests.peers.relay import Fault, Relay
from tests.peers.rtp import RtpEndpoint
from tests.peers.sipp import Sipp
from tests.peers.xmpp_server import ACCOUNTS, HOST, XmppServer

_BOUND = re.compile(r"\[\d+ bindings?\]")

PATIENT = ("-default_behaviors", "all,-abortunexp")
"What SIPp is told where messages come twice, or one before another."


class Rig:
    """The house for one test.  Use as an async context manager; what is made through it ends with it.

    Leaving it without an error checks what must hold after every test: no call is open, the gateway ends on SIGTERM
    with status 0, and it printed neither an error nor a traceback.  Entering it waits until the gateway is ready, or,
    without `ready`, until it lives.
    """

    def __init__(
        self,
        folder: Path,
        *,
        trunk: Table | None = None,
        changes: Mapping[str, Table | Sequence[Table]] | None = None,
        ready: bool = True,
        server: Callable[[Path], XmppServer] = Prosody,
        at: tuple[str, int] | None = None,
        controls: int = 0,
    ) -> None:
        """``at`` is where the gateway has SIP, for a peer that must know it before.

        ``controls``: how many sockets it may have to control others by, which carry no media.
        """
        self._controls = controls
        self._ready = ready
        self.folder = folder
        host = loopback.address()
        self.trunk = (host, loopback.port(host))
        self.server = server(folder)
        self.gateway = Gateway(folder, self.server, self.trunk, trunk_keys=trunk, changes=changes, at=at)
        self.complains = False
        "Set when the test makes the gateway log an error on purpose."
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            self._stack.callback(self.server.kill)
            await self.server.start()
            self._stack.callback(self.gateway.kill)
            await self.gateway.start(ready=self._ready)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.at_rest()
            else:
                error.add_note(f"the gateway's log ended:\n{self.gateway.story()}")
        finally:
            await self._stack.aclose()

    async def at_rest(self) -> None:
        """Check that nothing is left of any call, and that the gateway ends well."""
        if self.gateway.program.running:
            await self.gateway.active(0)
            await self.check_sockets()
            status = await self.gateway.stop()
            if status != 0:
                raise PeerFailure(f"the gateway ended with {status}\n{self.gateway.story()}")
        complaints = self.gateway.complaints()
        if complaints and not self.complains:
            raise PeerFailure("the gateway complained:\n" + "\n".join(complaints))

    def leaves(self, leave: Callable[[], object]) -> None:
        """What is to be done at the end, for what the test has put up beside."""
        self._stack.callback(leave)

    async def check_sockets(self) -> None:
        """Check that the gateway holds no UDP socket but the one that it listens on: nothing for media.

        One by which it asks a name server lasts for a moment, and may be there.
        """
        seen: set[tuple[str, int]] = set()

        def alone() -> bool:
            nonlocal seen
            seen = self.gateway.program.datagram_sockets()
            return self.gateway.sip in seen and len(seen) <= 1 + self._controls

        try:
            await until(alone, f"the gateway has no UDP socket but {self.gateway.sip}")
        except PeerFailure as failure:
            raise PeerFailure(f"{failure}: {seen}") from None

    def closes(self, close: Callable[[], Awaitable[object]]) -> None:
        """The same for what is closed by a coroutine."""
        self._stack.push_async_callback(close)

    async def client(
        self,
        user: str = "romeo",
        resource: str = "phone",
        *,
        features: Sequence[str] = jingle.FEATURES,
        available: bool = True,
        carbons: bool = False,
    ) -> JingleClient:
        """A device of an account, signed in."""
        client = JingleClient(
            f"{user}@{HOST}/{resource}",
            ACCOUNTS[user],
            (self.server.address, self.server.client_port),
            features=features,
            available=available,
            carbons=carbons,
        )
        await client.connect()
        self._stack.push_async_callback(client.close)
        return client

    async def voice(self, hertz: float = 440, payload_type: int = 0) -> RtpEndpoint:
        """A voice on an address of its own."""
        endpoint = await RtpEndpoint.open(loopback.address(), hertz=hertz, payload_type=payload_type)
        self._stack.callback(endpoint.close)
        return endpoint

    async def phone(self, *, auto_answer: bool = False, hertz: int = 1000) -> Baresip:
        """A SIP phone at the trunk's address."""
        return await self._started(Baresip(self.folder, auto_answer=auto_answer, hertz=hertz, at=self.trunk))

    async def roaming_phone(self, user: str, password: str, name: str = "roaming") -> Baresip:
        """A SIP phone at an address that no trunk has, which gives a password when it is asked."""
        return await self._started(Baresip(self.folder, credentials=(user, password), name=name))

    async def registered_phone(
        self,
        account: str,
        password: str,
        *,
        auto_answer: bool = False,
        certificate: Certificate | None = None,
        authority: Path | None = None,
        encryption: str = "",
        name: str = "",
    ) -> Baresip:
        """A SIP phone that has registered that address with the server that it names, maybe beside others."""
        user = account.partition("@")[0]
        phone = Baresip(
            self.folder, user=user, auto_answer=auto_answer, account=account, credentials=(user, password),
            name=name or user, certificate=certificate, authority=authority, encryption=encryption,
        )  # fmt: skip
        await self._started(phone)
        # It is told of before anybody can listen; only its output still says so.
        await phone.program.ready(lambda: _BOUND.search(phone.program.text()), "is registered")
        return phone

    async def _started(self, phone: Baresip) -> Baresip:
        self._stack.push_async_callback(phone.stop)
        await phone.start()
        return phone

    async def answers(
        self,
        scenario: str,
        *,
        keys: Mapping[str, str] | None = None,
        parameters: Mapping[str, str | int] | None = None,
        transport: str = "udp",
        calls: int = 1,
        fault: Fault | None = None,
    ) -> Sipp:
        """A SIPp at the trunk's address, or behind a bad wire that ends there, that plays a server's scenario."""
        host, port = self.trunk if fault is None else await self._behind(fault)
        server = Sipp(
            self.folder,
            scenario,
            host=host,
            port=port,
            keys=keys,
            parameters=parameters,
            transport=transport,
            calls=calls,
            options=PATIENT if fault is not None else (),
        )
        self._stack.callback(server.kill)
        return await server.start()

    async def calls(
        self,
        scenario: str,
        user: str = "juliet",
        *,
        keys: Mapping[str, str] | None = None,
        parameters: Mapping[str, str | int] | None = None,
        transport: str = "udp",
        host: str = "",
        credentials: tuple[str, str] | None = None,
        echo: bool = True,
        fault: Fault | None = None,
    ) -> Sipp:
        """A SIPp at the trunk's address, another, or behind a bad wire, that plays a client's scenario."""
        at = (host, 0) if host else self.trunk if fault is None else await self._behind(fault)
        client = Sipp(
            self.folder,
            scenario,
            host=at[0],
            port=at[1],
            target=self.gateway.sip if fault is None else self.trunk,
            user=user,
            keys=keys,
            parameters=parameters,
            transport=transport,
            credentials=credentials,
            echo=echo,
            options=PATIENT if fault is not None else (),
        )
        self._stack.callback(client.kill)
        return await client.start()

    async def _behind(self, fault: Fault) -> tuple[str, int]:
        """An address whose datagrams pass the trunk's, on a bad wire."""
        host = loopback.address()
        inner = (host, loopback.port(host))
        relay = await Relay(fault, self.trunk, self.gateway.sip, inner).open()
        self._stack.callback(relay.close)
        return inner

    async def raw_trunk(self) -> RawSip:
        """A socket at the trunk's address that says nothing by itself."""
        raw = await RawSip.open(*self.trunk)
        self._stack.callback(raw.close)
        return raw

    async def raw(self, host: str = "") -> RawSip:
        """A socket at an address that no trunk has, or at any port of that address."""
        raw = await RawSip.open(host or loopback.address())
        self._stack.callback(raw.close)
        return raw


async def finished(program: Sipp) -> None:
    """Wait for a SIPp run to end well."""
    await until(lambda: program.finished, f"{program.scenario} ends\n{program.ladder()}")
    await program.done()


@contextlib.asynccontextmanager
async def xmpp_server(server: XmppServer) -> AsyncIterator[XmppServer]:
    """A server alone."""
    try:
        await server.start()
        yield server
    finally:
        server.kill()
