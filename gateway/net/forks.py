"""Answers to an INVITE that nobody waits for: a second phone, or one that came too late (RFC 3261 §13.2.2.4)."""

import secrets

from gateway.sip.dialog import refuse_fork
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Outgoing

MAX_FORKS = 16
"Answers to one INVITE of which leave is taken."


class Forks:
    """Takes leave of each once, and repeats the ACK to whoever repeats its answer."""

    def __init__(self) -> None:
        self._acks: dict[str, dict[str, Outgoing]] = {}
        "By branch and To tag."

    def __len__(self) -> int:
        return len(self._acks)

    def leave(self, invite: SipRequest, branch: str, response: SipResponse, *, fenced: bool) -> list[Outgoing]:
        """What to send to whoever answered with this 2xx: ACK and BYE, the ACK again, or nothing to too many.

        ``fenced``: whether the INVITE's hop was.
        """
        acks = self._acks.setdefault(branch, {})
        tag = response.to.tag or ""
        if tag in acks:
            return [acks[tag]]
        if len(acks) >= MAX_FORKS:
            return []
        leave = refuse_fork(invite, response, lambda: secrets.token_hex(16), fenced=fenced)
        acks[tag] = leave[0]
        return leave

    def forget(self, branch: str) -> None:
        """The INVITE's transaction is over."""
        self._acks.pop(branch, None)

    def clear(self) -> None:
        """All are."""
        self._acks.clear()
