"""SRTP by libsrtp: suites, sessions made of keys, and keys that stand in a description (RFC 3711, 4568, 7714)."""

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import NamedTuple

from pylibsrtp import Policy, Session

from mappings.description import Crypto

REPLAY_WINDOW = 1024
"Packets; what arrives later than that is dropped (RFC 3711 §3.3.2)."

LONGEST = 1500 - 16 - 128
"Octets of a packet that can still be protected: libsrtp wants room for the largest tag."


class Suite(NamedTuple):
    """One way to protect packets."""

    sdes: str
    "Its name in a description (RFC 4568 §6.2, RFC 7714 §14.2)."

    dtls: bytes | None
    "Its name for OpenSSL; None where DTLS has none that we offer."

    profile: int
    key: int
    "Octets."

    salt: int


# fmt: off
SUITES = (  # what costs least first
    Suite("AEAD_AES_128_GCM",        b"SRTP_AEAD_AES_128_GCM",  Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    Suite("AEAD_AES_256_GCM",        b"SRTP_AEAD_AES_256_GCM",  Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
    Suite("AES_CM_128_HMAC_SHA1_80", b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
    Suite("AES_CM_128_HMAC_SHA1_32", None,                      Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 16, 14),
)
# fmt: on
BY_DTLS = {suite.dtls: suite for suite in SUITES if suite.dtls is not None}
BY_SDES = {suite.sdes: suite for suite in SUITES}

OFFERED = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_32")
"The order in which keys are offered: phones that read one line only know the first."

_HARMLESS = ("WSH",)
"Session parameters that change nothing for who receives (RFC 4568 §6.3)."


@dataclass(frozen=True, slots=True)
class Keys:
    """Both directions' keys with their salts, as a suite has them.  Secret."""

    suite: Suite
    ours: bytes
    "What we protect with."

    theirs: bytes
    "What the peer protects with."

    def __repr__(self) -> str:
        return f"Keys({self.suite.sdes})"


def sessions(keys: Keys) -> tuple[Session, Session]:
    """The sessions that protect what goes out and unprotect what comes in."""
    out = Policy(key=keys.ours, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=keys.suite.profile)
    out.window_size = REPLAY_WINDOW
    into = Policy(key=keys.theirs, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=keys.suite.profile)
    into.window_size = REPLAY_WINDOW
    return Session(out), Session(into)


def derived(suite: Suite, material: bytes, *, client: bool) -> Keys:
    """The keys that a DTLS handshake exported (RFC 5764 §4.2)."""
    key, salt = suite.key, suite.salt
    from_client = material[:key] + material[2 * key : 2 * key + salt]
    from_server = material[key : 2 * key] + material[2 * key + salt : 2 * (key + salt)]
    return Keys(suite, *((from_client, from_server) if client else (from_server, from_client)))


def offer() -> tuple[Crypto, ...]:
    """Fresh keys for an offer (RFC 4568 §7.1.1)."""
    return tuple(_crypto(tag, BY_SDES[name]) for tag, name in enumerate(OFFERED, 1))


def answer(offered: tuple[Crypto, ...]) -> Crypto | None:
    """A fresh key for the first offered line that can be used, under its tag; None: there is none (RFC 4568 §5.1.2)."""
    for line in offered:
        if read(line) is not None:
            return _crypto(line.tag, BY_SDES[line.crypto_suite])
    return None


def agreed(ours: tuple[Crypto, ...], theirs: tuple[Crypto, ...]) -> Keys | None:
    """The keys of an offer and its answer, whoever made which; None where they have no line in common."""
    for line in theirs:
        key = read(line)
        for own in ours:
            if key is not None and own.tag == line.tag and own.crypto_suite == line.crypto_suite:
                mine = read(own)
                assert mine is not None
                return Keys(BY_SDES[line.crypto_suite], mine, key)
    return None


def read(line: Crypto) -> bytes | None:
    """The key of a line, or None where it cannot be used: another suite, an MKI, a session unlike ours (§6.1, §6.3)."""
    suite = BY_SDES.get(line.crypto_suite)
    method, _, said = line.key_params.partition(":")
    if suite is None or method.lower() != "inline" or ";" in said:
        return None
    if any(not word.startswith(_HARMLESS) for word in (line.session_params or "").split()):
        return None
    text, *extras = said.split("|")
    if any(":" in extra for extra in extras):
        return None
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None
    return key if len(key) == suite.key + suite.salt else None


def _crypto(tag: int, suite: Suite) -> Crypto:
    key = base64.b64encode(secrets.token_bytes(suite.key + suite.salt)).decode()
    return Crypto(tag=tag, crypto_suite=suite.sdes, key_params=f"inline:{key}")
