"""Digest access authentication's sums, and the headers that carry them (RFC 7616; RFC 8760 and RFC 3261 §22 for SIP).

The older RFC 2617 is the same with MD5; RFC 2069 the same without qop.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.sip.grammar import BLANKS, TOKEN_CHARS, quote, unquote

SESS: Final = "-SESS"
"The ending of algorithms that make the password's sum anew for each nonce (RFC 7616 §3.4.2)."

_MAX_ITEMS: Final = 128
"Parameters of one header value that are looked at; nobody sends more than a dozen."

_ITEM: Final = re.compile(
    rf"[ \t,]*+(?:([{TOKEN_CHARS}]++)[ \t]++(?![ \t=]))?+"  # the scheme, where a challenge begins
    rf'([{TOKEN_CHARS}/]++)(?:[ \t]*+=[ \t]*+("(?:[^"\\]++|\\.)*+"|[^\s",]++)|=*+)[ \t]*+(?=,|\Z)',
    re.S,
)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


HASHES: Final[dict[str, Callable[[bytes], str]]] = {
    "SHA-256": _sha256,
    "MD5": _md5,
    **({"SHA-512-256": _sha512_256} if "sha512_256" in hashlib.algorithms_available else {}),
}
"Algorithms by their name in upper case; each is known with -SESS too."


def supported(algorithm: str) -> bool:
    """Whether we can reckon with it; the name's case does not matter."""
    return algorithm.upper().removesuffix(SESS) in HASHES


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What one response sum is made of (RFC 7616 §3.4.1); the values stand for themselves, without quotes."""

    algorithm: str
    user: str
    realm: str
    password: str = field(repr=False)
    nonce: str
    method: str
    uri: str
    body: bytes = field(default=b"", repr=False)
    qop: str | None = None
    "auth, auth-int, or None for RFC 2069."

    nc: str = ""
    "Eight hexadecimal digits."

    cnonce: str = ""

    def response(self) -> str:
        """The sum in lower-case hexadecimal digits; `KeyError` for an algorithm that is not supported."""
        name = self.algorithm.upper()
        hashed = HASHES[name.removesuffix(SESS)]

        def summed(*parts: str) -> str:
            return hashed(":".join(parts).encode("utf-8", "surrogateescape"))

        secret = summed(self.user, self.realm, self.password)
        if name.endswith(SESS):
            secret = summed(secret, self.nonce, self.cnonce)
        if self.qop == "auth-int":
            what = summed(self.method, self.uri, hashed(self.body))
        else:
            what = summed(self.method, self.uri)
        if self.qop is None:
            return summed(secret, self.nonce, what)
        return summed(secret, self.nonce, self.nc, self.cnonce, self.qop, what)


def user_hash(algorithm: str, user: str, realm: str) -> str:
    """The name of a user as others may see it (RFC 7616 §3.4.4); `KeyError` for an algorithm that is not supported."""
    hashed = HASHES[algorithm.upper().removesuffix(SESS)]
    return hashed(f"{user}:{realm}".encode("utf-8", "surrogateescape"))


def schemes(value: str) -> list[tuple[str, dict[str, str]]]:
    """The challenges or credentials in a header value: lower-case scheme, and unquoted parameters by lower-case name.

    Several may stand in one value, each a scheme and a list of parameters (RFC 9110 §11.6.1), although RFC 3261 §20.44
    has them on lines of their own.  What cannot be read ends the reading; what came before it counts.
    """
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    for _ in range(_MAX_ITEMS):
        match = _ITEM.match(value, position)
        if match is None:
            break
        scheme, name, raw = match.groups()
        if scheme is not None:
            found.append((scheme.lower(), {}))
        elif raw is None:  # a scheme alone
            found.append((name.lower(), {}))
            name = ""
        if raw is not None and found:
            found[-1][1].setdefault(name.lower(), unquote(raw))
        position = match.end()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A server's question for a password (RFC 7616 §3.3)."""

    realm: str
    nonce: str
    algorithm: str | None = None
    "As written; None means MD5."

    qop: tuple[str, ...] = ()
    "Lower case; none means RFC 2069."

    opaque: str | None = None
    stale: bool = False
    "The password was right, only the nonce too old."

    userhash: bool = False
    "The server knows users by the hash of their name too, which keeps the name from who listens (RFC 7616 §3.4.4)."

    @classmethod
    def read(cls, value: str) -> "list[Challenge]":
        """The digest challenges in a header value, in their order; other schemes, and halves of one, are left out."""
        found: list[Challenge] = []
        for scheme, given in schemes(value):
            if scheme != "digest" or "realm" not in given or "nonce" not in given:
                continue
            offered = tuple([word for raw in given.get("qop", "").split(",") if (word := raw.strip(BLANKS).lower())])
            found.append(
                cls(
                    realm=given["realm"],
                    nonce=given["nonce"],
                    algorithm=given.get("algorithm"),
                    qop=offered,
                    opaque=given.get("opaque"),
                    stale=given.get("stale", "").lower() == "true",
                    userhash=given.get("userhash", "").lower() == "true",
                )
            )
        return found

    @property
    def usable(self) -> bool:
        """Whether we know its algorithm and one of its qualities of protection."""
        return supported(self.algorithm or "MD5") and (not self.qop or "auth" in self.qop or "auth-int" in self.qop)

    def answer(self, *, method: str, uri: str, user: str, password: str, body: bytes, cnonce: str, nc: int) -> str:
        """The value of the Authorization header; the challenge is `usable`."""
        algorithm = self.algorithm or "MD5"
        qop = "auth" if "auth" in self.qop else "auth-int" if self.qop else None
        count = f"{nc:08x}"
        response = Digest(
            algorithm=algorithm,
            user=user,
            realm=self.realm,
            password=password,
            nonce=self.nonce,
            method=method,
            uri=uri,
            body=body,
            qop=qop,
            nc=count,
            cnonce=cnonce,
        ).response()
        shown = user_hash(algorithm, user, self.realm) if self.userhash else user
        parts = [f"username={quote(shown)}", f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        parts += [f"uri={quote(uri)}", f'response="{response}"']
        if self.algorithm is not None:
            parts.append(f"algorithm={self.algorithm}")
        if qop is not None:
            parts += [f"cnonce={quote(cnonce)}", f"qop={qop}", f"nc={count}"]
        elif algorithm.upper().endswith(SESS):
            parts.append(f"cnonce={quote(cnonce)}")
        if self.userhash:
            parts.append("userhash=true")
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        return "Digest " + ", ".join(parts)
