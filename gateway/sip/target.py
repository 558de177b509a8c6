"""Whom a leg calls, by which way, and as whom; and by which other ways."""

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.sip.address import NameAddr, Uri
from gateway.sip.auth import DigestSession, Nonces
from gateway.sip.flow import Hop
from gateway.sip.manners import USUAL, Manners
from gateway.sip.message import Header
from gateway.sip.trickling import Mode


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a peer that asks (RFC 7616)."""

    user: str
    password: str = field(repr=False)
    realm: str | None = None
    "The only realm that is answered; None: any."

    nonces: Nonces | None = field(default=None, repr=False, compare=False)
    "What the peer has asked before, where that is shared; each call's request then answers it unasked."


@dataclass(frozen=True, slots=True, kw_only=True)
class SipTarget:
    """Whom to call, as whom, and by which way."""

    uri: str
    "The Request-URI."

    hop: Hop
    from_: NameAddr
    "Without tag."

    to: NameAddr
    headers: tuple[Header, ...] = ()
    "Further headers of the INVITE: an asserted identity, privacy, a preloaded Route."

    credentials: Credentials | None = None

    trunk: str = ""
    "By which name the way there is known."

    contact: str = ""
    "Our Contact, with its brackets, where it is not the one that the leg was given."

    trickle: Mode = "auto"
    manners: Manners = USUAL

    others: "tuple[SipTarget, ...]" = ()
    "Other ways to the same, which are tried when this one fails before anybody's phone has rung."

    statuses: frozenset[int] = frozenset()
    "Refusals that are a failure in this sense."

    may_follow: Callable[[Uri], bool] = field(default=lambda uri: True, repr=False, compare=False)
    "Whether the call may go where a 3xx sends it."

    takes: Callable[[], bool] = field(default=lambda: True, repr=False, compare=False)
    "Whether this way has room for the call now, which then is taken; asked when it is another one than the first."


def digest_session(credentials: Credentials | None) -> DigestSession | None:
    """What answers the peer's questions with these, or None where there is nothing to answer with."""
    if credentials is None:
        return None
    return DigestSession(credentials.user, credentials.password, credentials.realm, credentials.nonces)
