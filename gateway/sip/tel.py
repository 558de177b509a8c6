"""Telephone numbers as URIs (RFC 3966)."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.errors import PeerError
from gateway.sip.grammar import NO_PARAMETERS, Parameters, shown, unescape

_GLOBAL: Final = re.compile(r"\+[\-.()]*+[0-9][0-9\-.()]*+")
_LOCAL: Final = re.compile(r"[\-.()]*+[0-9A-Fa-f*#][0-9A-Fa-f*#\-.()]*+")
_DIGITS: Final = re.compile(r"[\-.()]*+[0-9][0-9\-.()]*+")
_DOMAIN: Final = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9\-]*+\.)*+(?:[A-Za-z][A-Za-z0-9\-]*+\.?)?")
_NAME: Final = re.compile(r"[A-Za-z0-9\-]++")
_VALUE: Final = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$%,;?@=#]++")
_SEPARATORS: Final = str.maketrans("", "", "-.()")


@dataclass(frozen=True, slots=True)
class TelUri:
    """A telephone number: global, or local together with the context in which it may be dialled (RFC 3966 §5.1)."""

    number: str
    "As written, with its visual separators."

    params: Parameters = NO_PARAMETERS

    @classmethod
    def parse(cls, text: str, *, context: str | None = None) -> "TelUri":
        """Read a tel: URI.

        ``context`` is the phone-context to assume for a local number that a peer sends without one, although it must
        have one.  Raises `PeerError`: 400 for what is no tel: URI, 404 for one that RFC 3966 §5.4 forbids to use.
        """
        scheme, colon, rest = text.partition(":")
        if not colon or scheme.lower() != "tel":
            raise PeerError(f"tel: no tel URI {shown(text)}")
        number, semicolon, tail = rest.partition(";")
        params = Parameters.parse_uri(";" + tail) if semicolon else NO_PARAMETERS
        plain = unescape(number)
        if not _GLOBAL.fullmatch(plain):
            if not _LOCAL.fullmatch(plain):
                raise PeerError(f"tel: no number {shown(number)}")
            if "phone-context" not in params:
                if context is None:
                    raise PeerError(f"tel: local number without phone-context {shown(text)}")
                params = params.adding("phone-context", context)
        _check(params)
        return cls(number, params)

    @property
    def digits(self) -> str:
        """The number without visual separators; letters (hex digits) in upper case, the plus sign kept."""
        return _bare(self.number)

    @property
    def is_global(self) -> bool:
        """Whether it means the same everywhere."""
        return self.number.startswith("+")

    @property
    def context(self) -> str | None:
        """The phone-context in lower case, without visual separators where it is a number."""
        value = self.params.get("phone-context")
        if value is None:
            return None
        return _bare(value) if value.startswith("+") else value.lower().rstrip(".")

    def __str__(self) -> str:
        return f"tel:{self.number}" + "".join(
            f";{name}" if self.params[name] is None else f";{name}={self.params[name]}"
            for name in sorted(self.params, key=_rank)
        )


def same_number(one: TelUri, other: TelUri) -> bool:
    """Whether both mean the same line (RFC 3966 §4)."""
    return one.digits == other.digits and _comparable(one) == _comparable(other)


def _bare(text: str) -> str:
    return unescape(text).translate(_SEPARATORS).upper()


def _comparable(tel: TelUri) -> dict[str, str | None]:
    found = {name: None if value is None else unescape(value).lower() for name, value in tel.params.items()}
    if "phone-context" in found:
        found["phone-context"] = tel.context
    if ext := found.get("ext"):
        found["ext"] = _bare(ext)
    return found


def _rank(name: str) -> tuple[int, str]:
    """isub or ext first, then phone-context, then the others by name (RFC 3966 §3)."""
    return (0 if name in ("ext", "isub") else 1 if name == "phone-context" else 2, name)


def _check(params: Parameters) -> None:
    for name, value in params.items():
        if name.startswith("m-"):
            raise PeerError(f"tel: cannot be used without understanding {shown(name)}", status=404)
        if not _NAME.fullmatch(name) or (value is not None and not _VALUE.fullmatch(value)):
            raise PeerError(f"tel: cannot read parameter {shown(name)}")
    if "ext" in params and "isub" in params:
        raise PeerError("tel: both ext and isub")
    if "ext" in params and not _DIGITS.fullmatch(params["ext"] or ""):
        raise PeerError(f"tel: no extension {shown(params['ext'] or '')}")
    if "phone-context" in params:
        context = params["phone-context"] or ""
        if not context or not (_GLOBAL.fullmatch(context) or _DOMAIN.fullmatch(context)):
            raise PeerError(f"tel: no phone-context {shown(context)}")
