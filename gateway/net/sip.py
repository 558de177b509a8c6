"""SIP's sockets around the pure transactions: messages to whom they belong, and effects carried out.

Theory of operation.  Every message that arrives is read and given to `Transactions` (`gateway.net.arrivals`), and what
that returns is carried out: bytes to sockets, messages to owners.  An owner is whoever sent a request (it gets the
responses, or one `Failed`) or adopted a received one (it gets the CANCEL).  Requests that nobody owns go to
`on_request`.  One timer serves all transactions.

What is left behind is cleaned up here: a request whose owner went away unanswered is answered 500, an INVITE of such an
owner is cancelled, and a 2xx that comes for it all the same gets its ACK and a BYE.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from gateway.errors import PeerError
from gateway.net.alarm import Alarm
from gateway.net.arrivals import Arrivals
from gateway.net.departures import Departures
from gateway.net.forks import Forks
from gateway.net.holding import Holding
from gateway.net.options import options
from gateway.net.owners import Owners
from gateway.net.resolve import Resolver
from gateway.net.sent_by import Listener, SentBy
from gateway.net.sip_face import NoObserver, Owner, SipObserver, SipPortSettings
from gateway.net.sockets import Sockets
from gateway.net.telling import Teller, known
from gateway.net.tls import Tls
from gateway.sip.address import Uri
from gateway.sip.effects import Deliver, Effect, Terminated, Transmit
from gateway.sip.flow import WEB, Flow, Hop
from gateway.sip.matching import Key, server_key
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.strangers import Strangers
from gateway.sip.transactions import Transactions
from gateway.sip.wire import Failed, Outgoing

__all__ = ["Listener", "NoObserver", "Owner", "SipObserver", "SipPort", "SipPortSettings"]

_COPIED = frozenset({"Via", "From", "To", "Call-ID", "CSeq"})
"What every response has from its request."


class SipPort:
    """The SIP side of the gateway."""

    def __init__(
        self,
        settings: SipPortSettings,
        *,
        on_request: Callable[[SipRequest], None],
        is_trunk: Callable[[str, int], bool] = lambda host, port: False,
        is_call: Callable[[str], bool] = lambda tag: False,
        is_compact: Callable[[Flow], bool] = lambda flow: False,
        observer: SipObserver | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """To be made inside the event loop, whose clock is the default one.  ConfigError for unusable certificates.

        ``is_trunk`` and ``is_call`` tell whom no flood of strangers is to shut out: the addresses of trunks, and the
        calls that have a tag of ours.  ``is_compact`` tells who is written to with one-letter header names.
        """
        self._settings = settings
        self._on_request = on_request
        self._observer: SipObserver = observer or NoObserver()
        self._clock = clock or asyncio.get_running_loop().time
        self._log = structlog.get_logger().bind(protocol="sip")
        self._tell = Teller(self._observer, self._clock)
        self._transactions = Transactions(
            t1=settings.t1, t2=settings.t2, t4=settings.t4, limit=settings.max_transactions, compact=is_compact
        )
        self.arrivals = Arrivals(
            self._transactions,
            settings,
            strangers=Strangers(
                rate=settings.stranger_rate,
                burst=settings.stranger_burst,
                is_trunk=is_trunk,
                is_call=is_call,
                is_ours=self._transactions.asked,
            ),
            tell=self._tell,
            observer=self._observer,
            clock=self._clock,
            carry_out=self._run,
            alias=lambda flow, port: self._sockets.alias(flow, port),  # noqa: PLW0108 - they come next
            gone=lambda flow: self.holding.lost(flow),  # noqa: PLW0108 - it does, too
        )
        self.tls = Tls(settings.tls, self._observer.certificate)
        self._sockets = Sockets(
            self.arrivals,
            tls=self.tls,
            max_datagram=settings.max_datagram,
            max_message=settings.max_message,
            max_connections=settings.max_connections,
            idle_seconds=settings.idle_seconds,
            partial_seconds=64 * settings.t1,
            connect_seconds=settings.connect_seconds,
            ping_seconds=settings.keepalive_seconds or None,
            origins=settings.origins,
            clock=self._clock,
        )
        self.resolver = Resolver(self._clock, settings=settings.resolver, observer=self._observer)
        "Of the names of next hops; whoever else wants to know one asks here too."
        self.holding = Holding(self._sockets.is_open)
        self._departures = Departures(
            self, self._sockets, self.resolver, settings, observer=self._observer, clock=self._clock
        )
        self._sent_by = SentBy(())
        self._running = False
        self._owners = Owners()
        self._forks = Forks()
        self._alarm = Alarm(self._expire, self._clock)

    async def start(self) -> None:
        """Listen.  ConfigError or TransportError when that is not possible; then nothing is left open."""
        settings = self._settings
        try:
            await self._sockets.listen(settings.listeners)
        except BaseException:
            await self._sockets.close()
            raise
        self._sent_by = SentBy(self.listening, settings.advertised_host, settings.advertised_port)
        self.resolver.prefer(self.listening)
        self._running = True
        for listener in self.listening:
            self._log.info("sip_listening", transport=listener.transport, address=f"{listener.host}:{listener.port}")

    async def stop(self) -> None:
        """Close all, and forget all; what still waits to be sent has failed."""
        self._running = False
        self.holding.close()
        await self._departures.close()
        await self.resolver.close()
        await self._sockets.close()
        self._alarm.stop()
        self._transactions.clear()
        self._owners.clear()
        self._forks.clear()

    @property
    def listening(self) -> tuple[Listener, ...]:
        """The listeners with their real ports."""
        return self._sockets.listening

    @property
    def transactions(self) -> int:
        """Live transactions, and requests that wait for one."""
        return len(self._transactions) + len(self._departures)

    @property
    def connections(self) -> int:
        """Connections that stand, or are being made."""
        return self._sockets.connections

    def sent_by(self, transport: str | None = None, towards: str | None = None) -> str:
        """``host:port`` under which peers reach us; ``towards`` is the address of one, where we have several."""
        return self._sent_by.text(transport or self.listening[0].transport, towards)

    def contact(self, transport: str | None = None, towards: str | None = None) -> str:
        """The same for a Contact: with the transport as parameter where it is not UDP."""
        transport = transport or self.listening[0].transport
        text = self._sent_by.text(transport, towards)
        if transport in WEB:  # one name for both (RFC 7118 §5.2)
            transport = "WS"
        return text if transport == "UDP" else f"{text};transport={transport.lower()}"

    # Owners.

    def send(self, message: Outgoing | SipResponse, owner: Owner | None = None) -> None:
        """Send a request or answer one.  Never raises: a request that fails comes back as `Failed`."""
        if isinstance(message, SipResponse):
            self._respond(message, lambda response: self._transactions.respond(response, self._clock()))
        elif message.request.method == "CANCEL":
            self.cancel(message, owner)
        elif self._running:
            self._departures.send(message, owner)
        else:
            self._failed(message, owner, "not listening")

    def dismiss(self, response: SipResponse) -> None:
        """Answer a request of somebody unknown, or about nothing: once, and without keeping anything of it."""
        self._respond(response, self._transactions.dismiss)

    def adopt(self, request: SipRequest, owner: Owner, tag: str | None = None) -> None:
        """Let a received request's CANCEL reach this owner; ``tag`` is the To tag that its responses will have."""
        key = self._transactions.adopt(request, tag)
        if key is not None:
            self._owners.own(key, owner)

    def release(self, owner: Owner) -> None:
        """Forget an owner, and clean up what it left undone."""
        self._departures.forget(owner)
        for key in self._owners.release(owner):
            self._departures.forsake(key)
            self._run(self._transactions.abandon(key, self._clock()))

    def disown(self, key: Key) -> None:
        """Part a transaction from its owner; what still comes of it is cleaned up."""
        self._owners.disown(key)

    # Out.

    def _respond(self, response: SipResponse, respond: Callable[[SipResponse], list[Effect]]) -> None:
        try:
            effects = respond(response)
        except (ValueError, PeerError) as error:
            self._log.error("sip_unwritable", status=response.status, text=str(error))
            # What was copied from the request is sound, and the peer is owed a final response.
            headers = tuple(header for header in response.headers if header[0] in _COPIED)
            effects = respond(SipResponse(500, "Server Internal Error", headers))
        self._run(effects)

    def cancel(self, outgoing: Outgoing, owner: Owner | None = None) -> None:
        """It goes where its INVITE went, under the same Via (§9.1)."""
        if (branch := self._departures.cancelled(outgoing)) is None:
            return
        if (found := self._transactions.invite(branch)) is None:
            self._failed(outgoing, owner, "nothing to cancel")
            return
        invite, flow = found
        self.begin(replace(outgoing, branch=branch), owner, flow, invite.first("Via") or "")

    def begin(self, outgoing: Outgoing, owner: Owner | None, flow: Flow, via: str | None = None) -> str | None:
        """Add the Via and start the transaction; or the reason why that is not possible."""
        request, branch = outgoing.request, outgoing.branch
        if via is None:
            sent_by = self._sent_by.text(flow.transport, flow.host)
            via = f"SIP/2.0/{flow.transport} {sent_by};branch={branch};rport"
        complete = SipRequest(request.method, request.uri, (("Via", via), *request.headers), request.body)
        try:
            effects = self._transactions.request(complete, branch, flow, self._clock())
        except ValueError as error:
            self._log.error("sip_unwritable", method=request.method, text=str(error))
            return "cannot be written"
        if owner is not None and request.method != "ACK":
            self._owners.own((branch, request.method), owner)
        self._run(effects)
        return None

    def question(self, flow: Flow) -> Outgoing:
        """An OPTIONS for a target of which nobody knows whether it is well."""
        us = Uri.parse(f"sip:{self.sent_by(flow.transport, flow.host)}")
        to = Uri(scheme="sip", host=flow.host, port=flow.port)
        hop = Hop(flow.host, flow.port, flow.transport, domain=flow.domain or None)
        return options(to, us, hop, contact=self.contact(flow.transport, flow.host), agent=self._settings.user_agent)

    def _failed(self, outgoing: Outgoing, owner: Owner | None, text: str) -> None:
        if owner is not None and outgoing.request.method != "ACK":
            owner.put(Failed(outgoing.branch, outgoing.request.method, "transport", text))

    # Effects.

    def _run(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit):
                self._tell.sent(effect)
                self._sockets.send(effect.data, effect.flow)
            elif isinstance(effect, Deliver):
                self._deliver(effect.message, effect.branch)
            elif isinstance(effect, Terminated):
                self._owners.disown(effect.key)
                self._departures.over(effect.key)
                if effect.method == "INVITE":
                    self._forks.forget(effect.key[0])
                if effect.timed_out:
                    self._observer.transaction_timed_out(known(effect.method))
            else:
                owner = self._owners.of((effect.branch, effect.method))
                failed = self._departures.failed(effect)
                if owner is not None and failed is not None:
                    owner.put(failed)
        self._alarm.set(self._transactions.deadline)

    def _deliver(self, message: SipRequest | SipResponse, branch: str) -> None:
        if isinstance(message, SipResponse):
            method = message.cseq.method
            owner = self._owners.of((branch, method))
            heard = self._departures.answered(branch, message)
            if heard is None:
                return
            if owner is not None:
                owner.put(heard)
            elif method == "INVITE":
                self._clean_up(message, branch)
        elif message.method in ("CANCEL", "ACK"):
            key = server_key(message)
            key = (key[0], key[1], "INVITE")
            owner = self._owners.of(key)
            if owner is not None:
                owner.put(message)
            elif message.method == "CANCEL":
                self._run(self._transactions.abandon(key, self._clock(), 487))
            else:
                self._ask(message)
        else:
            self._ask(message)

    def _ask(self, request: SipRequest) -> None:
        """A request for nobody yet.  Whatever goes wrong there, it gets its final response."""
        status = 500
        try:
            self._on_request(request)
            return
        except PeerError as error:
            status = error.status
        except Exception:
            self._tell.request_failed(request)
        self._run(self._transactions.abandon(server_key(request), self._clock(), status))

    def _clean_up(self, response: SipResponse, branch: str) -> None:
        """A response to an INVITE that nobody waits for: cancel it, or take leave of who answered (§13.2.2.4)."""
        if response.status < 200:
            self._run(self._transactions.abandon((branch, "INVITE"), self._clock()))
            return
        found = self._transactions.invite(branch)
        if found is not None and response.status < 300:
            for outgoing in self._forks.leave(found[0], branch, response, fenced=branch in self._departures.fenced):
                self.send(outgoing)

    def _expire(self, now: float) -> None:
        self._run(self._transactions.expire(now))
