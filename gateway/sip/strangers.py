"""How much each source of strangers may ask: what is beyond is dropped before anybody looks at it.

A scanner sends thousands of requests a second.  Each source has a bucket of tokens that fills at a steady rate
(`rate` a second, `burst` at most), and each message takes one.  A source without tokens is looked at more closely, and
what has its place here all the same is let in: anything from a trunk, what belongs to a call that there is, and the
response to a request of ours.  So looking closely costs something only where it matters.

Sources are addresses, of IPv6 networks: whoever has an address there has them all.
"""

import re
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final

from gateway.sip.flow import Flow

MAX_SOURCES: Final = 10_000
"Sources remembered; the one that was met first is forgotten for a new one."

EXEMPT_SECONDS: Final = 1.0
"How long a trunk is believed to be one without looking again."

LONGEST_HEAD: Final = 4_096
"Octets in which a To tag or branch is looked for."

_TO_TAG: Final = re.compile(rb"\n(?:to|t)[ \t]*+:[^\r\n]*?;[ \t]*+tag[ \t]*+=[ \t]*+([^\s;,]++)", re.I)
_BRANCH: Final = re.compile(rb"\n(?:via|v)[ \t]*+:[^\r\n,]*?;[ \t]*+branch[ \t]*+=[ \t]*+([^\s;,]++)", re.I)


class Strangers:
    """The buckets of all sources."""

    def __init__(
        self,
        *,
        rate: float,
        burst: float,
        is_trunk: Callable[[str, int], bool],
        is_call: Callable[[str], bool],
        is_ours: Callable[[str], bool],
    ) -> None:
        """Whether an address is a trunk's, a To tag that of a call, and a branch that of a request of ours."""
        self._rate = rate
        self._burst = burst
        self._is_trunk = is_trunk
        self._is_call = is_call
        self._is_ours = is_ours
        self._sources: dict[str, list[float]] = {}
        "The tokens, when they were counted, and until when the source is exempt."

    def __len__(self) -> int:
        """How many sources are remembered."""
        return len(self._sources)

    def admit(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether this message is to be read at all."""
        place = source(flow.host)
        bucket = self._sources.get(place)
        if bucket is None:
            if len(self._sources) >= MAX_SOURCES:
                del self._sources[next(iter(self._sources))]
            bucket = self._sources[place] = [self._burst, now, 0.0]
        if bucket[2] > now:
            return True
        tokens = min(self._burst, bucket[0] + (now - bucket[1]) * self._rate)
        bucket[1] = now
        if tokens >= 1:
            bucket[0] = tokens - 1
            return True
        bucket[0] = tokens
        if self._is_trunk(flow.host, flow.port):
            bucket[2] = now + EXEMPT_SECONDS
            return True
        return self._belongs(data[:LONGEST_HEAD])

    def _belongs(self, head: bytes) -> bool:
        response = head[:4].upper() == b"SIP/"
        match = (_BRANCH if response else _TO_TAG).search(head)
        if match is None:
            return False
        name = match[1].decode("ascii", "replace")
        return self._is_ours(name) if response else self._is_call(name)


def source(host: str) -> str:
    """Who has an address: of IPv6, whoever has one has the whole network."""
    return host if ":" not in host else IPv6Address(host.partition("%")[0]).packed[:8].hex()
