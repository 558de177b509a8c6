"""One request and its way: where it may go, where it is, and what is to be thought of what comes back."""

import asyncio
import re
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from gateway.net.sip_face import Owner
from gateway.sip.blacklist import Place
from gateway.sip.flow import Flow
from gateway.sip.matching import Key
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Outgoing

Cause = Literal["timeout", "transport"]

HURRIED = frozenset({"INVITE", "REGISTER", "OPTIONS"})
"What may go to another target before its time (timer B, F) is over, since it does no harm twice."

_VIA_OCTETS = 130
"About what our Via and Content-Length add."

_SECONDS = re.compile(r"\s*([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request may go."""

    flow: Flow
    unasked: bool = False
    "TCP only because of the size (RFC 3261 §18.1.1); the same by UDP is next."


@dataclass(slots=True, eq=False)
class Departure:
    """One request, from when it is handed over until its transaction is gone.

    Every target has a transaction of its own, with a branch of its own (RFC 3261 §8.1.2); the owner hears of the first
    branch only.
    """

    outgoing: Outgoing
    owner: Owner | None
    branch: str
    "Of the attempt that is made now."

    targets: list[Target] = field(default_factory=list)
    "Those that are left."

    target: Target | None = None
    "The one that is tried."

    cause: Cause = "transport"
    text: str = "no way there"
    "Why the last target failed."

    until: float = inf
    "After this no other target is tried."

    attempt: int = 0
    "Tells a late answer about an earlier target from one about this."

    patience: asyncio.TimerHandle | None = None
    sent: bool = False
    "Whether the attempt has a transaction."

    heard: bool = False
    "Whether anything came back of it."

    told: bool = False
    "Whether the owner has heard more than 100, and so no other target may take its place."

    trial: Place | None = None
    "It only finds out about this target."

    cancel: Outgoing | None = None
    "A CANCEL that waits for a provisional response (§9.1)."

    @property
    def method(self) -> str:
        """Of the request."""
        return self.outgoing.request.method

    @property
    def key(self) -> Key:
        """Of the transaction."""
        return self.branch, self.method

    @property
    def hurried(self) -> bool:
        """Whether silence is not waited out, now that there is another way."""
        own = 1 if self.target is not None and self.target.unasked else 0
        return is_hurried(self.outgoing) and (len(self.targets) > own or self.outgoing.spare)

    def may_move(self, now: float) -> bool:
        """Whether another target may take it."""
        return bool(self.targets) and not self.told and self.cancel is None and now < self.until

    def shun(self) -> None:
        """The server that is tried is of no use; by UDP it would be the same one."""
        if self.target is not None and self.target.unasked:
            del self.targets[:1]

    def at_rest(self) -> None:
        """Nothing is waited for."""
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None

    def forsake(self) -> None:
        """Its owner is gone: an INVITE need not leave any more; what ends a call must."""
        self.owner = None
        if self.method == "INVITE":
            self.targets.clear()

    def seen(self, response: SipResponse) -> SipResponse:
        """The response as its owner knows the request."""
        if self.branch == self.outgoing.branch:
            return response
        via = (response.first("Via") or "").replace(self.branch, self.outgoing.branch)
        return response.replace_header("Via", via)


def is_hurried(outgoing: Outgoing) -> bool:
    """Whether its time is short: it begins something, and does no harm twice."""
    return outgoing.request.method in HURRIED and outgoing.request.to.tag is None


def octets(request: SipRequest) -> int:
    """About how long the request will be."""
    head = sum([len(name) + len(value) + 4 for name, value in request.headers])
    return head + len(request.uri) + len(request.body) + _VIA_OCTETS


def retry_after(response: SipResponse) -> float | None:
    """For how many seconds a server wants to be left alone (RFC 3261 §20.33)."""
    match = _SECONDS.match(response.first("Retry-After") or "")
    return float(match[1]) if match else None
