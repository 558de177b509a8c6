"""The tables [presence] and [incoming]: how users see us, and which of their devices ring."""

from typing import Annotated, Literal

import msgspec

from gateway.config.table import Table, Word

Title = Annotated[
    str, msgspec.Meta(pattern=r"\A\S[^\x00-\x1f\x7f]{0,63}\Z", description="a line of at most 64 characters")
]


class Presence(Table, frozen=True, kw_only=True):
    """[presence]: how users see us in their contact lists."""

    name: Title = "Telephone"
    "What users' clients call the gateway."

    subscribe: Literal["domain", "number", "never"] = "domain"
    """Which of us asks a user for a subscription before the first call, since some clients ring for contacts alone: the
    gateway's domain, each number that calls, or nobody."""

    rate_per_second: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 200.0
    "Presences that are sent in a second, of those that many wait for: after a start, and when a server asks for all."

    leave_timeout_seconds: Annotated[float, msgspec.Meta(ge=0)] = 5.0
    "How long a stop may take to tell contacts that we go; 0: they are not told."


class Incoming(Table, frozen=True, kw_only=True):
    """[incoming]: which devices of XMPP users ring."""

    classes: tuple[Word, ...] = ()
    "Only these kinds of clients, as they say of themselves: phone, pc, web, tablet, handheld, bot; none named: all."

    dnd: Literal["ring", "refuse"] = "ring"
    "Devices whose user is not to be disturbed: ring too, or do not; where there is no other, the caller gets 480."
