"""The one form that compares: what both spellings leave open is settled here, for both readers alike.

The functions complete the fields that a reader found, before the record is made of them (`mappings.description`).
"""

import re
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from mappings.codecs import (
    ALWAYS,
    BARE_ALIASES,
    BARE_PARAMETER,
    CRYPTO_SUITES,
    DEFAULT_EVENTS,
    DEFAULT_RATE,
    HASHES,
    RATES,
    STATIC,
    Static,
)
from mappings.description import (
    Candidate,
    Codec,
    Crypto,
    Encryption,
    Feedback,
    Fingerprint,
    HeaderExtension,
    Ice,
    Parameter,
    RawUdp,
    Rtp,
    Source,
)
from mappings.terms import CandidateType, Setup

_RANK = {name: rank for rank, name in enumerate(HASHES)}


def codec(values: dict[str, Any], media: str) -> bool:
    """Settle a payload type's name, rate and channels; False where nobody can know what it is (RFC 3551 §6).

    A rate that contradicts a fixed payload type is not believed (XEP-0167 itself shows PCMU at 16000).
    """
    fixed: Static | None = STATIC.get(values["id"])
    name = values.get("name")
    if fixed is not None and (name is None or name.lower() == fixed.name.lower()):
        values["name"] = name or fixed.name
        values["clockrate"], values["channels"] = fixed.clockrate, fixed.channels
        return True
    if name is None:
        return False
    known = RATES.get(name.lower())
    if values.get("clockrate") is None:
        values["clockrate"] = known.clockrate if known else DEFAULT_RATE.get(media, 90000)
    if values.get("channels") == 1:
        values["channels"] = None
    if values.get("channels") is None and known is not None and name.lower() in ALWAYS:
        values["channels"] = known.channels
    return True


def parameters(name: str, given: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """Format parameters as this codec has them: one bare value, or pairs and nameless values."""
    bare = BARE_PARAMETER.get(name.lower())
    if bare is None:
        if all(parameter.value is not None for parameter in given):
            return given
        return tuple(
            parameter if parameter.value is not None else Parameter(value=parameter.name) for parameter in given
        )
    for parameter in given:
        if parameter.name in (bare, "", *BARE_ALIASES[name.lower()]) or parameter.value is None:
            value = parameter.name if parameter.value is None else parameter.value
            value = value.replace(" ", "")
            # The draft's example of RED has a comma where RFC 2198 §5 has a slash.
            return (Parameter(name=bare, value=value.replace(",", "/") if bare == "pt" else value),)
    return (Parameter(name=bare, value=DEFAULT_EVENTS),) if bare == "events" else ()


def candidate(values: dict[str, Any]) -> bool:
    """Settle a candidate: related address for all but host (RFC 8839 §5.1; hidden: 0.0.0.0 or :: and 9), no zeros.

    False where it cannot be used: TCP without its type, which RFC 6544 §4.5 wants and XEP-0176 has no word for.
    """
    if values["protocol"] != "udp" and values.get("tcptype") is None:
        return False
    if values["type"] is CandidateType.HOST:
        values.pop("rel_addr", None)
        values.pop("rel_port", None)
    elif values.get("rel_addr") is None or values.get("rel_port") is None:
        values["rel_addr"] = "::" if ":" in values["ip"] else "0.0.0.0"  # noqa: S104 — hidden, RFC 8839 §5.1
        values["rel_port"] = 9
    if not values.get("generation"):
        values["generation"] = None
    if not values.get("network"):
        values["network"] = None
    return True


def distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each candidate once: an address that comes again for the same component is redundant (RFC 8838 §10)."""
    found: dict[tuple[str | int, ...], Candidate] = {}
    for one in candidates:
        found.setdefault((one.component, one.protocol, one.ip, one.port, one.priority, one.foundation), one)
    return tuple(found.values())


_ICE_CHARS = re.compile(r"[A-Za-z0-9+/]{1,32}").fullmatch


def foundation(said: str, *, decimal: bool = False) -> str:
    """A foundation that may be written: ice-chars (RFC 8839 §5.1), or a number; equal ones stay equal."""
    if said.isdecimal() and len(said) <= 10 if decimal else _ICE_CHARS(said):
        return said
    return str(zlib.crc32(said.encode()))


def fingerprints(given: tuple[Fingerprint, ...]) -> tuple[Fingerprint, ...]:
    """The fingerprint that every peer understands first: many read no further."""
    if len(given) < 2:
        return given
    return tuple(sorted(given, key=lambda fingerprint: _RANK.get(fingerprint.hash, len(_RANK))))


def setup(said: Setup | None, *, answer: bool) -> Setup:
    """The DTLS role: never actpass in an answer, and what a peer that leaves it out must mean (RFC 8842 §5)."""
    if answer:
        return said if said is not None and said is not Setup.ACTPASS else Setup.ACTIVE
    return said or Setup.ACTPASS


# What a Jingle element's fields become, before the record is made of them; `parent` has the attributes of the element
# around it. False: the element says nothing that could be kept.


def _jingle_codec(values: dict[str, Any], parent: dict[str, Any]) -> bool:
    if not codec(values, parent.get("media", "audio")):
        return False
    values["parameters"] = parameters(values["name"], values.get("parameters", ()))
    return True


def _jingle_crypto(values: dict[str, Any], parent: dict[str, Any]) -> bool:
    return values["crypto_suite"] in CRYPTO_SUITES


def _jingle_tokens(values: dict[str, Any], parent: dict[str, Any]) -> bool:
    """Parameters that SDP separates by blanks: none may stand inside them."""
    if "parameters" in values:
        values["parameters"] = tuple(
            one for one in values["parameters"] if _NO_EQUALS(one.name) and (not one.value or _NO_BLANK(one.value))
        )
    return True


def _jingle_source(values: dict[str, Any], parent: dict[str, Any]) -> bool:
    values["parameters"] = tuple(one for one in values.get("parameters", ()) if _NO_COLON(one.name))
    return True


def _jingle_rtp(values: dict[str, Any], parent: dict[str, Any]) -> bool:
    sources = values.get("sources", ())
    if len({source.ssrc for source in sources}) < len(sources):
        # COMPAT(xows): one element for each attribute of a source.
        merged: dict[int, tuple[Parameter, ...]] = {}
        for source in sources:
            merged[source.ssrc] = (*merged.get(source.ssrc, ()), *source.parameters)
        sources = values["sources"] = tuple(Source(ssrc=ssrc, parameters=said) for ssrc, said in merged.items())
    if any(source.ssrc == values.get("ssrc") for source in sources):
        values["ssrc"] = None
    if values.get("encryption") == Encryption():
        values["encryption"] = None
    return True


def _jingle_raw_udp(values: dict[str, Any], parent: dict[str, Any]) -> bool:
    if "fingerprints" in values:
        values["fingerprints"] = fingerprints(values["fingerprints"])
    return True


def _jingle_ice(values: dict[str, Any], parent: dict[str, Any]) -> bool:
    if "candidates" in values:
        values["candidates"] = distinct(values["candidates"])
    return _jingle_raw_udp(values, parent)


_NO_EQUALS = re.compile(r"[^\s=]+").fullmatch
_NO_COLON = re.compile(r"[^\s:]+").fullmatch
_NO_BLANK = re.compile(r"\S*").fullmatch

SETTLE: dict[type, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    Candidate: lambda values, parent: candidate(values),
    Codec: _jingle_codec,
    Crypto: _jingle_crypto,
    Feedback: _jingle_tokens,
    HeaderExtension: _jingle_tokens,
    Ice: _jingle_ice,
    RawUdp: _jingle_raw_udp,
    Rtp: _jingle_rtp,
    Source: _jingle_source,
}
"By the record that an element is read as."
