"""Who may come in: digest authentication as a server (RFC 7616, RFC 8760, RFC 3261 §22).

Nonces carry their time and a keyed hash, so nothing is kept until somebody proves to know a password.  Whether a proof
has been used before is `Replays`' to know.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.sip.digest import SESS, Digest, schemes, supported
from gateway.sip.grammar import quote

_COUNT: Final = re.compile(r"[0-9A-Fa-f]{1,8}")

OFFERED: Final = tuple([name for name in ("SHA-512-256", "SHA-256", "MD5") if supported(name)])
"What our own challenges may offer, the better first (RFC 8760 §2.4)."


def make_nonce(secret: bytes, now: float, context: str = "") -> str:
    """A nonce that `verify` knows again: when it was made, and a keyed hash of that and of `context`.

    ``context`` binds it to something of the request that asks, say the peer's address, so that others cannot use it.
    """
    made = f"{max(int(now * 1000), 0):x}"
    return f"{made}.{_seal(secret, made, context)}"


def _seal(secret: bytes, made: str, context: str) -> str:
    return hmac.new(secret, f"{made}\0{context}".encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:32]


def _is_fresh(nonce: str, secret: bytes, now: float, lifetime: float, context: str) -> bool:
    made, _, seal = nonce.partition(".")
    if not _equal(seal, _seal(secret, made, context)):
        return False
    return int(made, 16) / 1000 <= now <= int(made, 16) / 1000 + lifetime


def _equal(one: str, other: str) -> bool:
    """Compared without telling by the time taken how much was equal."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))


def challenge(realm: str, nonce: str, *, stale: bool = False, algorithms: Sequence[str] = OFFERED) -> list[str]:
    """The values of WWW-Authenticate or Proxy-Authenticate, one a line, in the order of the algorithms."""
    ending = ", stale=true" if stale else ""
    return [
        f'Digest realm={quote(realm)}, nonce={quote(nonce)}, algorithm={algorithm}, qop="auth"{ending}'
        for algorithm in algorithms
    ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an Authorization header proves."""

    ok: bool
    stale: bool = False
    "The password is right, the nonce is not: to be asked again, with stale=true."

    user: str | None = None
    "Who it claims to be; only with `ok` or `stale` is it so."

    nonce: str = field(default="", repr=False)
    nc: int = 0
    "Which use of the nonce this is; 0 for an answer without qop, which does not count."


REFUSED: Final = Verdict(False)
"No digest credentials, or none for this realm or of an algorithm that was offered."


def verify(
    authorization: str,
    *,
    method: str,
    realm: str,
    password: Callable[[str], str | None],
    secret: bytes,
    now: float,
    lifetime: float,
    uri: str | None = None,
    body: bytes = b"",
    context: str = "",
    algorithms: Sequence[str] = OFFERED,
) -> Verdict:
    """Whether the header proves that its sender knows the password.

    ``password`` finds a user's, or None.  ``lifetime`` is how long a nonce may be used, in seconds.  ``uri`` is the
    Request-URI if the header's must equal it: not behind proxies that rewrite it.  ``algorithms`` are those that were
    offered: an answer by another one, weaker perhaps, is none (RFC 8760 §3).  Nothing is raised.
    """
    given = _credentials(authorization, realm, algorithms)
    if given is None:
        return REFUSED
    user, qop = given["username"], given.get("qop")
    word = password(user)
    claimed = given.get("uri", "")
    expected = Digest(
        algorithm=given.get("algorithm", "MD5"),
        user=user,
        realm=realm,
        password=word or "",  # unknown users take as long as known ones
        nonce=given.get("nonce", ""),
        method=method,
        uri=claimed,
        body=body,
        qop=qop,
        nc=given.get("nc", ""),
        cnonce=given.get("cnonce", ""),
    ).response()
    right = _equal(given.get("response", "").lower(), expected)
    if not right or word is None or uri not in (None, claimed):
        return Verdict(False, user=user)
    nonce = given.get("nonce", "")
    if not _is_fresh(nonce, secret, now, lifetime, context):
        return Verdict(False, stale=True, user=user)
    return Verdict(True, user=user, nonce=nonce, nc=int(given["nc"], 16) if qop else 0)


def _credentials(authorization: str, realm: str, algorithms: Sequence[str]) -> dict[str, str] | None:
    """The parameters of digest credentials that answer a challenge of ours, or None."""
    found = schemes(authorization)
    if not found or found[0][0] != "digest":
        return None
    given = found[0][1]
    if "qop" in given:
        given["qop"] = given["qop"].lower()
    counted = _COUNT.fullmatch(given.get("nc", "")) is not None and int(given["nc"], 16) > 0
    right = (
        "username" in given
        and given.get("realm") == realm
        and given.get("algorithm", "MD5").upper().removesuffix(SESS) in algorithms
        and given.get("qop") in (None, "auth", "auth-int")
        and (counted or "qop" not in given)
    )
    return given if right else None


class Replays:
    """Which proofs have been used: the highest count of each nonce, for as long as nonces live (RFC 7616 §5.12)."""

    __slots__ = ("_counts", "_lifetime", "_limit")

    def __init__(self, *, lifetime: float, limit: int = 10000) -> None:
        self._counts: dict[str, tuple[int, float]] = {}
        self._lifetime = lifetime
        self._limit = limit

    def __len__(self) -> int:
        return len(self._counts)

    def is_new(self, verdict: Verdict, now: float) -> bool:
        """Whether this use of the nonce is the first; if not, its sender is to be asked again, as if it were stale.

        A retransmission is to be recognised before it comes here.
        """
        count, seen = self._counts.get(verdict.nonce, (-1, now))
        self._counts[verdict.nonce] = (max(count, verdict.nc), seen)
        while len(self._counts) > 1:
            oldest, (_, since) = next(iter(self._counts.items()))
            if len(self._counts) <= self._limit and now - since <= self._lifetime:
                break
            del self._counts[oldest]
        return verdict.nc > count
