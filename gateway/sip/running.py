"""Transactions at work: what the tables say is done, and what repeats or ends is on time (RFC 3261 §17, RFC 6026).

The tables are in `gateway.sip.transaction`, the books in `gateway.sip.ledger`; which transaction a message belongs to,
and when there is to be a new one, is for `gateway.sip.transactions`.
"""

from collections.abc import Callable
from math import inf
from typing import Literal

from gateway.sip.effects import Deliver, Effect, Terminated, Transmit
from gateway.sip.flow import Flow
from gateway.sip.ledger import Ledger, Transaction
from gateway.sip.matching import companion
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.transaction import Action, Input, State
from gateway.sip.wire import Failed

UNDECIDED = frozenset({State.TRYING, State.PROCEEDING})
"Where a server transaction still owes its final response."


class Runner:
    """Runs the machines of all transactions that its ledger has."""

    def __init__(self, *, t1: float, t2: float, t4: float, compact: Callable[[Flow], bool]) -> None:
        """``compact``: who is written to with one-letter header names."""
        self.ledger = Ledger()
        self._t1 = t1
        self._t2 = t2
        self._spans = {"64*T1": 64 * t1, "T4": t4}
        self._compact = compact

    def feed(
        self,
        transaction: Transaction,
        event: Input,
        now: float,
        effects: list[Effect],
        message: SipRequest | SipResponse | None = None,
        *,
        text: str = "",
    ) -> None:
        """Do what the tables say of this input, and add what others must do to the effects."""
        row = transaction.machine.rows.get((transaction.state, event))
        if row is None:
            return
        state, actions = row
        for action in actions:
            if action is Action.DELIVER:
                assert message is not None
                effects.append(Deliver(message, transaction.key[0]))
            elif action is Action.SEND:
                assert isinstance(message, SipResponse)
                effects.append(self.answer(transaction, message))
            elif action is Action.REPEAT:
                effects.append(
                    Transmit(transaction.data, transaction.flow, transaction.method, transaction.status, True)
                )
            elif action is Action.ACK:
                assert message is not None
                assert transaction.request is not None
                ack = companion(transaction.request, "ACK", message.first("To") or "")
                data = self.write(ack, transaction.flow)
                effects.append(Transmit(data, transaction.flow, "ACK", None, state is transaction.state))
            elif transaction.machine.client:
                late = action is Action.TIMED_OUT
                text = f"{transaction.flow.host}: no response in {self._spans['64*T1']:g} s" if late else text
                cause: Literal["timeout", "transport"] = "timeout" if late else "transport"
                effects.append(Failed(transaction.key[0], transaction.method, cause, text))
        if state is transaction.state:
            return
        transaction.state = state
        if state is State.TERMINATED or self._enter(transaction, now):
            transaction.state = State.TERMINATED
            self.ledger.remove(transaction)
            effects.append(Terminated(transaction.key, transaction.method, Action.TIMED_OUT in actions))

    def expire(self, now: float) -> list[Effect]:
        """Do what is due."""
        effects: list[Effect] = []
        while (transaction := self.ledger.due(now)) is not None:
            if transaction.end_at <= now:
                self.feed(transaction, Input.END, now, effects)
            elif transaction.repeat_at <= now:
                self.feed(transaction, Input.REPEAT, now, effects)
                self._repeat_later(transaction, now)
            if transaction.state is not State.TERMINATED:
                self.ledger.arm(transaction)
        return effects

    def open(self, transaction: Transaction, now: float) -> None:
        """A new transaction begins."""
        self.ledger.add(transaction)
        self._enter(transaction, now)

    def _enter(self, transaction: Transaction, now: float) -> bool:
        """Enter the state: set its times, keep only what it needs; whether it lasts no time at all."""
        state, rows = transaction.state, transaction.machine.rows
        wait = transaction.machine.waits[state]
        reliable = transaction.flow.reliable
        if wait.end is None:
            transaction.end_at = inf
        elif reliable and not wait.reliable:
            return True
        elif wait.end != "keep":
            transaction.end_at = now + self._spans[wait.end]
        if wait.repeats is None or reliable:
            transaction.repeat_at = inf
        elif wait.repeats != "T2":  # which only changes the pace of what repeats already
            transaction.interval = self._t1
            transaction.repeat_at = now + self._t1
        if (state, Input.AGAIN) not in rows and (state, Input.REPEAT) not in rows:
            transaction.data = b""
        if not transaction.machine.client and state not in UNDECIDED:
            transaction.request = None
        self.ledger.arm(transaction)
        return False

    def _repeat_later(self, transaction: Transaction, now: float) -> None:
        """The next of a growing series; after a stall of ours it goes on from now, without making up for it."""
        repeats = transaction.machine.waits[transaction.state].repeats
        if repeats == "double":
            transaction.interval *= 2
        else:
            transaction.interval = self._t2 if repeats == "T2" else min(2 * transaction.interval, self._t2)
        transaction.repeat_at += transaction.interval
        if transaction.repeat_at <= now:
            transaction.repeat_at = now + transaction.interval

    def write(self, message: SipRequest | SipResponse, flow: Flow) -> bytes:
        """The message as who is there wants it written; ValueError where it cannot be."""
        return message.encode(compact=self._compact(flow))

    def answer(self, transaction: Transaction, response: SipResponse) -> Transmit:
        """Our response, kept for those who did not hear it."""
        status = response.status
        again = transaction.status is not None and transaction.status >= 200
        transaction.data = self.write(response, transaction.flow)
        transaction.status = status
        if transaction.tag is None and status > 100 and transaction.method == "INVITE":
            transaction.tag = response.to.tag
        return Transmit(transaction.data, transaction.flow, transaction.method, status, again)
