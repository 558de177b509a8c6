"""All live transactions: which one a message belongs to, and what begins a new one (RFC 3261 §17, §18.2; RFC 3581).

Pure: what comes in is a message and the time, what comes out is a list of effects, to be carried out in order.  After
every call `deadline` says when `expire` is wanted.

A server transaction also does what no user of it should have to think of: it answers an INVITE with 100 at once, a
CANCEL with 200 or 481, a merged request with 482 (§8.2.2.2), and too many requests with 503.  Answers that need no
memory (481, 482, 503) are given without a transaction; their To tag is made from the request (§8.2.7), so that the ACK
is recognised and goes no further.

Memory: a transaction lives up to 64*T1 = 32 s after its last message, so a gateway holds more than a hundred for every
call a second.  While one waits it keeps its request, afterwards only what it may have to send again.
"""

from collections.abc import Callable
from contextlib import suppress

from gateway.errors import PeerError
from gateway.sip.effects import Deliver, Effect, Terminated, Transmit
from gateway.sip.flow import SECURE, WEB, Flow
from gateway.sip.ledger import Transaction
from gateway.sip.locating import default_port
from gateway.sip.matching import Key, companion, reply_flow, server_key, stamped, stateless_tag
from gateway.sip.message import METHODS, Header, SipRequest, SipResponse, respond
from gateway.sip.running import UNDECIDED, Runner
from gateway.sip.transaction import CLIENT_INVITE, CLIENT_OTHER, SERVER_INVITE, SERVER_OTHER, Input, State

RETRY_AFTER_SECONDS = 10
"What a client refused for want of room is told."


class Transactions:
    """The transactions of one gateway, client and server, over all its sockets."""

    def __init__(
        self, *, t1: float = 0.5, t2: float = 4.0, t4: float = 5.0, limit: int = 50_000,
        compact: Callable[[Flow], bool] = lambda flow: False,
    ) -> None:  # fmt: skip
        """``limit`` is of server transactions; a quarter more have room for what comes inside dialogs.

        ``compact``: who is written to with one-letter header names.
        """
        self._limit = limit
        self._runner = Runner(t1=t1, t2=t2, t4=t4, compact=compact)
        self._ledger = self._runner.ledger

    def __len__(self) -> int:
        return len(self._ledger.live)

    @property
    def deadline(self) -> float | None:
        """When `expire` is wanted next, or None."""
        return self._ledger.deadline

    def clear(self) -> None:
        """Forget them all: whatever still comes belongs to none."""
        self._ledger.clear()

    # What comes in.

    def receive(self, message: SipRequest | SipResponse, now: float) -> list[Effect]:
        """A message came over the flow that it names.  PeerError when what is needed of it cannot be read."""
        effects: list[Effect] = []
        if isinstance(message, SipRequest):
            self._receive_request(message, now, effects)
            return effects
        transaction = self._ledger.live.get((message.branch or "", message.cseq.method))
        # A second Via means that it was meant for somebody else (§8.1.3.3).
        if transaction is not None and len(message.values("Via")) == 1:
            self._runner.feed(transaction, _class(message.status), now, effects, message)
        return effects

    def _receive_request(self, request: SipRequest, now: float, effects: list[Effect]) -> None:
        key = server_key(request)
        method = request.method
        transaction = self._ledger.live.get(key)
        if transaction is not None:
            self._runner.feed(transaction, Input.ACK if method == "ACK" else Input.AGAIN, now, effects, request)
        elif method == "ACK":
            if request.to.tag != stateless_tag(request):
                effects.append(Deliver(request, request.branch or ""))
        elif method == "CANCEL":
            self._receive_cancel(request, key, now, effects)
        else:
            self._receive_new(request, key, now, effects)

    def _receive_cancel(self, request: SipRequest, key: Key, now: float, effects: list[Effect]) -> None:
        """§9.2: the 200 says only that the CANCEL came; the INVITE's user answers the INVITE."""
        invite = self._ledger.live.get((key[0], key[1], "INVITE"))
        if invite is None:
            effects += self.refuse(request, 481)
            return
        request = stamped(request)
        cancel = Transaction(key, SERVER_OTHER, "CANCEL", reply_flow(request))
        self._runner.open(cancel, now)
        ok = respond(request, 200, tag=invite.tag or stateless_tag(request))
        self._runner.feed(cancel, Input.SUCCESS, now, effects, ok)
        self._runner.feed(invite, Input.CANCEL, now, effects, request)

    def _receive_new(self, request: SipRequest, key: Key, now: float, effects: list[Effect]) -> None:
        method = request.method
        merge = None
        room = self._limit + self._limit // 4
        if request.to.tag is None:
            merge = (request.call_id, request.from_.tag or "", str(request.cseq.number), method)
            if merge in self._ledger.merges:
                effects += self.refuse(request, 482)
                return
            room = self._limit
        if self._ledger.servers >= room:
            effects += self.refuse(request, 503, headers=(("Retry-After", str(RETRY_AFTER_SECONDS)),))
            return
        request = stamped(request)
        machine = SERVER_INVITE if method == "INVITE" else SERVER_OTHER
        transaction = Transaction(key, machine, method, reply_flow(request))
        transaction.merge = merge
        transaction.request = request
        self._runner.open(transaction, now)
        if method == "INVITE":
            self._runner.feed(transaction, Input.PROVISIONAL, now, effects, respond(request, 100))
        effects.append(Deliver(request, key[0]))

    def fail(self, flow: Flow, now: float, text: str) -> list[Effect]:
        """A connection broke, or an ICMP message said that nobody is there (§18.4)."""
        effects: list[Effect] = []
        for transaction in self._ledger.over(flow):
            if transaction.machine.client:
                self._runner.feed(transaction, Input.BROKEN, now, effects, text=text)
            elif flow.local and flow.transport not in WEB:
                # Responses still to come go over a new connection, to where the client listens (§18.2.2); but a
                # WebSocket client listens nowhere (RFC 7118 §5).
                name, _, number = transaction.key[1].rpartition(":")
                port = int(number or default_port(flow.transport))
                domain = name if flow.transport in SECURE else ""
                self._ledger.move(transaction, Flow(flow.transport, flow.host, port, domain=domain))
        return effects

    def expire(self, now: float) -> list[Effect]:
        """Do what is due."""
        return self._runner.expire(now)

    # What goes out.

    def request(self, request: SipRequest, branch: str, flow: Flow, now: float) -> list[Effect]:
        """Send a request that has its Via already.  An ACK has no transaction; a CANCEL limits its INVITE's waiting."""
        method = request.method
        key = (branch, method)
        if key in self._ledger.live:
            return []
        data = self._runner.write(request, flow)
        effects: list[Effect] = [Transmit(data, flow, method)]
        if method == "ACK":
            return effects
        transaction = Transaction(key, CLIENT_INVITE if method == "INVITE" else CLIENT_OTHER, method, flow)
        if method == "INVITE":
            transaction.request = request
        transaction.data = data
        self._runner.open(transaction, now)
        if method == "CANCEL" and (invite := self._ledger.live.get((branch, "INVITE"))) is not None:
            self._runner.feed(invite, Input.CANCEL, now, effects)
        return effects

    def respond(self, response: SipResponse, now: float) -> list[Effect]:
        """Answer a request; what nobody waits for any more is dropped.

        Only an INVITE is answered provisionally, or with 408: other clients have given up by then (RFC 4320 §4).
        """
        effects: list[Effect] = []
        transaction = self._ledger.live.get(server_key(response))
        status = response.status
        if transaction is not None and (transaction.method == "INVITE" or (status >= 200 and status != 408)):
            self._runner.feed(transaction, _class(status), now, effects, response)
        return effects

    def dismiss(self, response: SipResponse) -> list[Effect]:
        """Answer a request once and forget it, as the RFC wants for those that may be nobody's (§8.2.7, §26.3.2.4).

        Whoever repeats the request is answered anew; what nobody asked for twice is not sent twice, wherever it goes.
        """
        transaction = self._ledger.live.get(server_key(response))
        if transaction is None or transaction.machine.client or transaction.state not in UNDECIDED:
            return []
        sent = self._runner.answer(transaction, response)
        transaction.state = State.TERMINATED
        self._ledger.remove(transaction)
        return [sent, Terminated(transaction.key, transaction.method)]

    def refuse(
        self, request: SipRequest, status: int, phrase: str | None = None, *, headers: tuple[Header, ...] = ()
    ) -> list[Effect]:
        """Answer a request without a transaction, if it can be answered at all.

        Where the Via cannot be read, that is back to where the request came from; without one, nobody could tell what
        the answer is to.
        """
        if request.method == "ACK" or request.first("Via") is None or request.flow is None:
            return []
        flow, tag = request.flow, None
        with suppress(PeerError):
            tag = stateless_tag(request)
        with suppress(PeerError):
            request, flow = stamped(request), reply_flow(request)
        try:
            data = self._runner.write(respond(request, status, phrase, tag=tag, headers=headers), flow)
        except ValueError:
            return []
        return [Transmit(data, flow, request.method, status)]

    def adopt(self, request: SipRequest, tag: str | None) -> Key | None:
        """The key of a received request, while it lives; ``tag`` is its responses', for a CANCEL that comes before."""
        key = server_key(request)
        transaction = self._ledger.live.get(key)
        if transaction is None:
            return None
        transaction.tag = transaction.tag or tag
        return key

    def abandon(self, key: Key, now: float, status: int = 500) -> list[Effect]:
        """The user of a transaction is gone: answer what it has not answered, cancel what it has not cancelled.

        An INVITE without a provisional response cannot be cancelled (§9.1): nothing happens, to be tried again later.
        """
        effects: list[Effect] = []
        transaction = self._ledger.live.get(key)
        if transaction is None or transaction.request is None or transaction.state not in UNDECIDED:
            return effects
        request = transaction.request
        if not transaction.machine.client:
            response = respond(request, status, tag=transaction.tag or stateless_tag(request))
            self._runner.feed(transaction, Input.FAILURE, now, effects, response)
        else:  # only a client INVITE keeps its request, and it is in Proceeding
            cancel = companion(request, "CANCEL", request.first("To") or "")
            effects += self.request(cancel, key[0], transaction.flow, now)
        return effects

    def invite(self, branch: str) -> tuple[SipRequest, Flow] | None:
        """The INVITE of a live client transaction, and where it went: what its CANCEL copies (§9.1)."""
        transaction = self._ledger.live.get((branch, "INVITE"))
        return None if transaction is None or transaction.request is None else (transaction.request, transaction.flow)

    def asked(self, branch: str) -> bool:
        """Whether a live request of ours has that branch."""
        return any((branch, method) in self._ledger.live for method in METHODS)

    def uses(self, flow: Flow) -> bool:
        """Whether a live transaction depends on this flow."""
        return bool(self._ledger.over(flow))


def _class(status: int) -> Input:
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE
