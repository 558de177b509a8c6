"""The tables of gateway.toml for users' own SIP accounts, and for how these and trunks register."""

from typing import Annotated

import msgspec

from gateway.config.table import Count, Login, Seconds, Table, Transport


class Account(Login, frozen=True, kw_only=True):
    """[[account]]: a user's own account with a SIP server: they call as that, and are called by it."""

    jid: str
    "The user, a bare JID."

    name: str = "sip"
    "What tells it from the user's other accounts; the first in the file dials, unless the user chooses another."

    address: str
    "The account's SIP address, user@domain."

    user: str | None = None
    "The user name for digest authentication; unset: the user of address."

    trunk: str | None = None
    "The trunk whose way its requests go, with all that the trunk says of transport and manners."

    proxy: str | None = None
    "Where its requests go instead, HOST or HOST:PORT; unset, as trunk: to the domain of address."

    transport: Transport = "auto"
    "As a trunk's, where it goes no trunk's way."

    caller_id: str | None = None
    "The number or user that others see; unset: the address."

    numbers: tuple[str, ...] = ()
    "The numbers that it may show, of which caller_id is one."

    register: bool = True
    "Whether to register, so that calls to the address come here."

    registrar: str | None = None
    "The domain that is registered with; unset: the domain of address."


class Accounts(Table, frozen=True, kw_only=True):
    """[accounts]: accounts that are not in the file: who may have them by themselves, and where."""

    users: tuple[str, ...] = ()
    "Who may add accounts and change them, from their clients; patterns as in a trunk's allow.  None named: nobody."

    most: Count = 5
    "How many a user may have."

    echo_number: str = ""
    "The number that users' test calls go to, unless they name another: one that echoes what it hears."

    servers: tuple[str, ...] = ("public",)
    "Where the servers of users' own making may be: public (any but a trunk's), private, addresses, networks."


class Registration(Table, frozen=True, kw_only=True):
    """[registration]: how trunks and accounts register."""

    rate_per_second: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 20.0
    "Registrations that begin in a second, of all together, so that a start with thousands is no burst."

    retry_first_seconds: Annotated[float, msgspec.Meta(ge=1)] = 30.0
    "After a first failure, up to twice this; doubled with each further one, with jitter (RFC 5626 §4.5)."

    retry_most_seconds: Annotated[float, msgspec.Meta(ge=1)] = 1800.0
    "The longest wait after a failure; a refusal that comes twice is tried again once an hour."

    leave_timeout_seconds: Seconds = 5.0
    "How long a stop waits for registrars to take note of it."
