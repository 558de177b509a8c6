"""Who we are: digest authentication as a client (RFC 3261 §22, RFC 7616, RFC 8760).

A trunk asks with 401, a proxy with 407, and a forking proxy may hand on the questions of several in one response.  Two
things are kept apart.  `Nonces` remembers what a peer has asked, by header and realm, and how often each nonce has been
answered; it is shared by all requests to that peer, so that the next call answers before it is asked, and no count of a
nonce is ever used twice.  `DigestSession` is one call's, or one registration's, patience with that peer.

A question that comes again says that the password is wrong, with two exceptions: it is stale, or the nonce that was
refused had been accepted before (some servers let nonces grow old without saying so).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.sip.digest import Challenge, schemes
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

_MAX_ASKERS: Final = 16
"Realms that a peer's questions are kept of: whoever is called through it can ask too, in any name."

_MAX_NONCES: Final = 128
"Nonces whose counts are kept; servers make a new one every few minutes or calls, and some take an old one up again."

Key = tuple[str, str]
"The header of an answer, and the realm."


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


@dataclass(slots=True)
class _Asked:
    """A nonce, and what has been done with it."""

    challenge: Challenge
    uses: int = 0
    "How often it has been answered (nc)."

    cnonce: str = ""
    "Ours for this nonce; the same each time, since a -sess algorithm's sum is made of the first (RFC 7616 §3.4.2)."

    proven: bool = False
    "An answer of this nonce, or of the one before it that named it as the next, was accepted."


class Nonces:
    """What one peer has asked of one user, and how often each of its nonces has been answered."""

    __slots__ = ("_current", "_known")

    def __init__(self) -> None:
        self._current: dict[Key, _Asked] = {}
        self._known: dict[tuple[Key, str], _Asked] = {}
        "All of which the count is remembered, those of late last."

    def __len__(self) -> int:
        """Realms that have asked."""
        return len(self._current)

    def take(self, key: Key, challenge: Challenge, *, proven: bool = False) -> None:
        """A question: what is answered from now on.  A nonce that is known already goes on counting."""
        asked = self._known.pop((key, challenge.nonce), None) or _Asked(challenge)
        asked.challenge = challenge
        asked.proven = asked.proven or proven
        self._known[key, challenge.nonce] = asked
        self._current.pop(key, None)
        self._current[key] = asked
        if len(self._current) > _MAX_ASKERS:
            del self._current[next(iter(self._current))]
        if len(self._known) > _MAX_NONCES:
            oldest = next(iter(self._known))
            self.forget(*oldest)  # whose count is lost must not be used again
            del self._known[oldest]

    def current(self, key: Key) -> Challenge | None:
        """What is answered there now."""
        asked = self._current.get(key)
        return None if asked is None else asked.challenge

    def proven(self, key: Key, nonce: str) -> bool:
        """Whether an answer of that nonce was accepted once."""
        asked = self._known.get((key, nonce))
        return asked is not None and asked.proven

    def prove(self, key: Key, nonce: str) -> None:
        """An answer of that nonce was accepted."""
        if (asked := self._known.get((key, nonce))) is not None:
            asked.proven = True

    def forget(self, key: Key, nonce: str) -> None:
        """That nonce was refused for good: nobody answers it unasked."""
        if (asked := self._known.get((key, nonce))) is not None:
            asked.proven = False
        if key in self._current and self._current[key] is asked:
            del self._current[key]

    def use(self, own: frozenset[Key], cnonce: str) -> list[tuple[Key, Challenge, str, int]]:
        """Count a use of each nonce that is proven, or that ``own`` was asked: challenge, cnonce and nc of each."""
        found = []
        for key, asked in self._current.items():
            if asked.proven or key in own:
                asked.uses += 1
                asked.cnonce = asked.cnonce or cnonce
                found.append((key, asked.challenge, asked.cnonce, asked.uses))
        return found


class DigestSession:
    """What one user answers on the way to one peer; it lasts as long as the call or registration.

    Send requests through `authorize`.  Call `challenged` with each 401 and 407 and, while it says so, send the request
    again; call `accepted` with other final responses, or the patience with the peer is used up.
    """

    __slots__ = ("_nonces", "_own", "_password", "_realm", "_rounds", "_sent", "_stale", "_user")

    def __init__(self, user: str, password: str, realm: str | None = None, nonces: Nonces | None = None) -> None:
        """`realm`: answer questions of this realm only; None: of any.  `nonces`: shared with others of this user."""
        self._user = user
        self._password = password
        self._realm = realm
        self._nonces = Nonces() if nonces is None else nonces
        self._own: frozenset[Key] = frozenset()
        "Who has asked in this session."
        self._sent: dict[Key, str] = {}
        "The nonces that the last request answered."
        self._stale: dict[Key, int] = {}
        "How many nonces in a row were called stale."
        self._rounds = 0

    def __repr__(self) -> str:
        return f"<DigestSession of {len(self._nonces)} realms>"

    @property
    def answers(self) -> bool:
        """Whether the last request had an answer in it."""
        return bool(self._sent)

    def challenged(self, response: SipResponse) -> bool:
        """Take the questions of a 401 or 407; whether the request is to be sent again, with `authorize`.

        False: nothing that we can answer, or the answer was refused.
        """
        self._rounds += 1
        news: dict[Key, Challenge] = {}
        refused: list[Key] = []
        for question, answer_header in _HEADERS.items():
            for challenge in _read(response.all(question)):
                key = (answer_header, challenge.realm)
                if key in news or key in refused or not challenge.usable or self._realm not in (None, challenge.realm):
                    continue
                if self._may_answer(key, challenge):
                    news[key] = challenge
                else:
                    refused.append(key)
        for key, nonce in self._sent.items():
            if key in refused:
                self._nonces.forget(key, nonce)  # a later request begins anew
            elif key not in news:
                # Who asks behind another shows that the other let the request through.
                self._nonces.prove(key, nonce)
        if refused or self._rounds > _MAX_ROUNDS:
            self._rounds = 0
            self._sent.clear()
            return False
        for key, challenge in news.items():
            self._nonces.take(key, challenge)
        self._own |= news.keys()
        return bool(news)

    def _may_answer(self, key: Key, challenge: Challenge) -> bool:
        sent = self._sent.get(key)
        if sent is None or key not in self._own:  # the first question, whatever was answered unasked
            return True
        stale = self._stale.get(key, 0)
        if challenge.stale and stale < _MAX_STALE:
            self._stale[key] = stale + 1
            return True
        return challenge.nonce != sent and self._nonces.proven(key, sent)

    def authorize(self, request: SipRequest, cnonce: str) -> SipRequest:
        """The request with an answer to each question asked so far, in place of those it may have from before.

        ``cnonce`` is a fresh unguessable token, used where a nonce is answered for the first time.
        """
        for header in _HEADERS.values():
            if request.first(header) is not None:
                request = request.without(header)
        self._sent.clear()
        for key, challenge, own, count in self._nonces.use(self._own, cnonce):
            self._sent[key] = challenge.nonce
            value = challenge.answer(
                method=request.method,
                uri=request.uri,
                user=self._user,
                password=self._password,
                body=request.body,
                cnonce=own,
                nc=count,
            )
            request = request.with_header(key[0], value)
        return request

    def accepted(self, response: SipResponse) -> None:
        """A response other than 401 and 407 came: the answers were right, and it may name the next nonce."""
        self._rounds = 0
        self._stale.clear()
        for key, nonce in self._sent.items():
            self._nonces.prove(key, nonce)
        for info, header in _INFO.items():
            value = response.first(info)
            # The header has no scheme in front (RFC 7616 §3.5); one is put there so that it reads like the others.
            given = schemes(f"Digest {value}") if value else []
            following = given[0][1].get("nextnonce") if given else None
            if not following:
                continue
            for key in self._sent:
                challenge = self._nonces.current(key)
                if key[0] == header and challenge is not None:
                    self._nonces.take(key, replace(challenge, nonce=following, stale=False), proven=True)
