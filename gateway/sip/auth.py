"""Who may call: digest authentication as client and as server (RFC 3261 §22, RFC 7616, RFC 8760).

**Client.**  A trunk asks with 401, a proxy with 407, and a forking proxy may hand on the questions of several in one
response.  `DigestSession` keeps what was asked, by header and realm, and answers it on this and later requests,
counting the uses of each nonce.  A question that comes again says that the password is wrong, with two exceptions: it
is stale, or the nonce that was refused had been accepted before (some servers let nonces grow old without saying so).

**Server.**  Nonces carry their time and a keyed hash, so nothing is kept until somebody proves to know a password.
Whether a proof has been used before is `Replays`' to know.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.sip.digest import SESS, Challenge, Digest, schemes
from gateway.sip.grammar import quote
from gateway.sip.message import SipRequest, SipResponse

_HEADERS: Final = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}
"The header of a question, to the header of its answer."

_INFO: Final = {"Authentication-Info": "Authorization", "Proxy-Authentication-Info": "Proxy-Authorization"}
"The header of news about the next nonce, to the header of the answer that it concerns (RFC 7616 §3.5)."

_MAX_CHALLENGES: Final = 16
_MAX_STALE: Final = 2
"How often in a row a nonce may be called stale: a server that finds each new one stale never ends."

_MAX_ROUNDS: Final = 8
"How often in a row one may be asked at all: several proxies on the way ask one after the other, but not for ever."

_COUNT: Final = re.compile(r"[0-9A-Fa-f]{1,8}")

OFFERED: Final = ("SHA-256", "MD5")
"What our own challenges offer, the better first (RFC 8760 §2.4)."


def answer(
    challenges: Sequence[str],
    *,
    method: str,
    uri: str,
    user: str,
    password: str,
    body: bytes = b"",
    cnonce: str,
    nc: int = 1,
) -> str | None:
    """The answer to the first challenge that we can answer (RFC 8760 §2.4), or None.

    ``challenges`` are the values of WWW-Authenticate or Proxy-Authenticate, topmost first; the answer is the value of
    Authorization or Proxy-Authorization.
    """
    for challenge in _read(challenges):
        if challenge.usable:
            return challenge.answer(
                method=method, uri=uri, user=user, password=password, body=body, cnonce=cnonce, nc=nc
            )
    return None


def _read(values: Sequence[str]) -> list[Challenge]:
    return [challenge for value in values[:_MAX_CHALLENGES] for challenge in Challenge.read(value)][:_MAX_CHALLENGES]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A challenge that is being answered."""

    challenge: Challenge
    uses: int = 0
    "How often this nonce has been answered (nc)."

    cnonce: str = ""
    "Ours for this nonce; the same each time, since a -sess algorithm's sum is made of the first (RFC 7616 §3.4.2)."

    stale: int = 0
    "How many nonces in a row were called stale."

    proven: bool = False
    "An answer of this nonce, or of the one before it that named it as the next, was accepted."


class DigestSession:
    """What one user has been asked on the way to one peer, and answers; it lasts as long as the call or registration.

    Call `challenged` with each 401 and 407 and, while it says so, send the request again through `authorize`; call
    `accepted` with other final responses, or the patience with the peer is used up.
    """

    __slots__ = ("_asked", "_password", "_realm", "_rounds", "_user")

    def __init__(self, user: str, password: str, realm: str | None = None) -> None:
        """`realm`: answer questions of this realm only; None: of any."""
        self._user = user
        self._password = password
        self._realm = realm
        self._asked: dict[tuple[str, str], _Asked] = {}
        self._rounds = 0

    def __repr__(self) -> str:
        return f"<DigestSession of {len(self._asked)} realms>"

    def challenged(self, response: SipResponse) -> bool:
        """Take the questions of a 401 or 407; whether the request is to be sent again, with `authorize`.

        False: nothing that we can answer, or the answer was refused.
        """
        self._rounds += 1
        news: dict[tuple[str, str], _Asked] = {}
        refused: list[tuple[str, str]] = []
        for question, answer_header in _HEADERS.items():
            for challenge in _read(response.all(question)):
                key = (answer_header, challenge.realm)
                if key in news or key in refused or not challenge.usable or self._realm not in (None, challenge.realm):
                    continue
                before = self._asked.get(key)
                if before is None or before.uses == 0:
                    news[key] = _Asked(challenge)
                elif challenge.stale and before.stale < _MAX_STALE:
                    news[key] = _Asked(challenge, stale=before.stale + 1)
                elif before.proven and challenge.nonce != before.challenge.nonce:
                    news[key] = _Asked(challenge)
                else:
                    refused.append(key)
        if refused or self._rounds > _MAX_ROUNDS:
            for key in refused:
                del self._asked[key]  # a later request begins anew
            self._rounds = 0
            return False
        # Who asks behind another shows that the other let the request through.
        proven = {key: replace(asked, proven=True) for key, asked in self._asked.items() if asked.uses}
        self._asked |= proven | news
        return bool(news)

    def authorize(self, request: SipRequest, cnonce: str) -> SipRequest:
        """The request with an answer to each question asked so far, in place of those it may have from before.

        ``cnonce`` is a fresh unguessable token, used where a nonce is answered for the first time.
        """
        for header in _HEADERS.values():
            if request.first(header) is not None:
                request = request.without(header)
        for (header, realm), asked in self._asked.items():
            used = replace(asked, uses=asked.uses + 1, cnonce=asked.cnonce or cnonce)
            self._asked[header, realm] = used
            value = used.challenge.answer(
                method=request.method,
                uri=request.uri,
                user=self._user,
                password=self._password,
                body=request.body,
                cnonce=used.cnonce,
                nc=used.uses,
            )
            request = request.with_header(header, value)
        return request

    def accepted(self, response: SipResponse) -> None:
        """A response other than 401 and 407 came: the answers were right, and it may name the next nonce."""
        self._rounds = 0
        for key, asked in self._asked.items():
            if asked.stale or not asked.proven:
                self._asked[key] = replace(asked, stale=0, proven=True)
        for info, header in _INFO.items():
            value = response.first(info)
            # The header has no scheme in front (RFC 7616 §3.5); one is put there so that it reads like the others.
            given = schemes(f"Digest {value}") if value else []
            nonce = given[0][1].get("nextnonce") if given else None
            if not nonce:
                continue
            for key, asked in self._asked.items():
                if key[0] == header and asked.challenge.nonce != nonce:
                    self._asked[key] = _Asked(replace(asked.challenge, nonce=nonce), proven=True)


# Server -------------------------------------------------------------------------------------------------------------


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
) -> Verdict:
    """Whether the header proves that its sender knows the password.

    ``password`` finds a user's, or None.  ``lifetime`` is how long a nonce may be used, in seconds.  ``uri`` is the
    Request-URI if the header's must equal it: not behind proxies that rewrite it.  Nothing is raised.
    """
    given = _credentials(authorization, realm)
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


def _credentials(authorization: str, realm: str) -> dict[str, str] | None:
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
        and given.get("algorithm", "MD5").upper().removesuffix(SESS) in OFFERED
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
