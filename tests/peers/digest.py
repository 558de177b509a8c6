"""Digest answers checked by hand (RFC 7616 §3.4), so that client and judge share no code."""

import hashlib
import re

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def parameters(header: str) -> dict[str, str]:
    """The parameters of a challenge or of credentials."""
    return {name: quoted or plain for name, quoted, plain in _PARAMETER.findall(header)}


def answer(challenge: str, *, method: str, uri: str, user: str, password: str) -> str:
    """The credentials that answer a challenge with qop=auth."""
    asked = parameters(challenge)
    given = {
        "username": user,
        "realm": asked["realm"],
        "nonce": asked["nonce"],
        "uri": uri,
        "algorithm": asked.get("algorithm", "MD5"),
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "0a4f113b",
    }
    given["response"] = _response(given, method, password)
    bare = ("algorithm", "qop", "nc")
    return "Digest " + ", ".join(f"{key}={text}" if key in bare else f'{key}="{text}"' for key, text in given.items())


def good(credentials: str, *, method: str, uri: str, password: str) -> bool:
    """Whether an Authorization or Proxy-Authorization header proves the password for a request."""
    given = parameters(credentials)
    return given["uri"] == uri and given["response"] == _response(given, method, password)


def _response(given: dict[str, str], method: str, password: str) -> str:
    digest = _HASHES[given.get("algorithm", "MD5")]

    def of(*parts: str) -> str:
        return digest(":".join(parts).encode()).hexdigest()

    secret = of(given["username"], given["realm"], password)
    request = of(method, given["uri"])
    if "qop" in given:
        return of(secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], request)
    return of(secret, given["nonce"], request)
