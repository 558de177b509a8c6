"""The tables of gateway.toml about who may call, and how much.  See `tables` for the rest."""

from typing import Annotated, Literal

import msgspec

from gateway.config.table import Count, Table, Word
from gateway.policy.emergency import NUMBERS
from gateway.policy.prefixes import DENIED

Rate = Annotated[float, msgspec.Meta(gt=0, le=100_000)]


class People(Table, frozen=True, kw_only=True):
    """[[people]]: users who are meant together; a policy may name them."""

    name: Word
    "What policies call them."

    who: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    "Who they are: patterns as in a trunk's allow."


class Calling(Table, frozen=True, kw_only=True):
    """[calling]: what numbers mean here, and what holds for everybody's calls out together."""

    country: Annotated[str, msgspec.Meta(pattern=r"\A(?:[1-9][0-9]{0,2})?\Z", description="a country code")] = ""
    """The country code of national numbers, which is put before them where they are typed into clients that ask the
    gateway (jabber:iq:gateway); other countries are then called only by who is allowed to."""

    international: tuple[str, ...] | None = None
    "What is dialled before a country code instead of +; unset: 011 in country 1, 00 in others, and judged as both."

    national: tuple[str, ...] | None = None
    "What is dialled before a national number, an empty text: nothing need be; unset: 1 in country 1, 0 elsewhere."

    calls_per_second: Rate = 50.0
    "Calls out that begin in a second."

    calls_to_number: Count = 100
    "Calls out at a time to one and the same number."

    time_zone: str = "UTC"
    "By whose midnight a day ends, such as Europe/Berlin."


class Policy(Table, frozen=True, kw_only=True):
    """[[policy]]: what holds for calls out of some users; the first that names a user, or else all these defaults."""

    name: Word
    "What it is called in complaints."

    who: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    "For whom: patterns as in a trunk's allow, and names of [[people]]."

    calls: Count = 10
    "Calls out at a time of one user."

    calls_to_number: Count = 3
    "Of them, to one and the same number."

    calls_per_second: Rate = 5.0
    "Calls that a user begins in a second."

    calls_per_minute: Rate = 30.0
    "Calls that a user begins in a minute; so many may come at once."

    calls_per_day: Count = 500
    "Calls that a user begins in a day."

    minutes_per_day: Count = 600
    "Minutes that a user talks in a day, in all calls out; then they end."

    max_call_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None
    "The longest call out; unset: [limits] max_call_seconds, which is the most."

    allow: tuple[str, ...] = ()
    "First digits that may be called: +49, + (abroad), 7, local; none: those of country, or else what dial rules take."

    deny: tuple[str, ...] = DENIED
    "First digits that may not, and premium, satellite; the longest match of both lists decides."

    own_accounts: bool = False
    "Whether allow, deny and minutes_per_day hold for calls by a user's own SIP account too."


class Callers(Table, frozen=True, kw_only=True):
    """[callers]: who calls from SIP, as far as users do not say it themselves."""

    anonymous: bool = True
    "Whether callers who do not say who they are get through; false: 433 (RFC 5079)."


class Block(Table, frozen=True, kw_only=True):
    """[[block]]: callers who do not get through; the first row that is for caller and user decides."""

    callers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    "Numbers, first digits and *, such as +1900*, user@host, *@host, *@*.host, anonymous."

    who: tuple[str, ...] = ("*",)
    "Whom they do not reach: patterns as in a trunk's allow, and names of [[people]]."

    response: Literal["decline", "busy", "unavailable"] = "decline"
    "What they are told: 603, 486 or 480; never why."


class Emergency(Table, frozen=True, kw_only=True):
    """[emergency]: calls for help."""

    numbers: tuple[Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{2,6}\Z", description="2 to 6 digits")], ...] = NUMBERS
    "The numbers, however they are spelled; take out those that are extensions of yours."

    action: Literal["refuse", "route"] = "refuse"
    "refuse: the user is told to take another phone; route: through trunk, past all limits, and never anonymous."

    trunk: str | None = None
    "The trunk or group for route; it should know where its callers are."
