"""One person, two addresses: JIDs and SIP URIs, in both directions (RFC 7247 §6, XEP-0106, XEP-0100 §6, RFC 3966).

Three texts are kept apart here.  A SIP user part as it stands in a URI is percent-encoded; a JID's localpart as it
stands in a JID is escaped by XEP-0106; between them lies the plain *name* that both mean, and that the operator's rules
match: ``alice``, ``+15551230000``, ``7042;phone-context=example.com``, ``alice@sip.example.org``.

An XMPP user is seen from SIP in one of two ways.  Users of a hosted domain have the same address in both worlds
(RFC 7247 §6), so their localpart is unescaped on the way.  All others are ``user%40domain@gateway``: there the user
part holds the bare JID exactly as it is written, so nothing is unescaped and every JID comes back as it was.

Corrections to RFC 7247, which was written with three characters in mind: whatever may not stand in a localpart is
escaped, and all ten escapes are read; percent-encoding is undone once; a name that cannot be a JID (NUL, other
controls, a blank at either end) belongs to nobody, and is refused with 404.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from ipaddress import ip_address

from gateway.errors import PeerError
from gateway.jid import bare, domain, local
from gateway.sip.address import Parameters, TelUri, Uri, escape_parameter, escape_user, hostport, unescape
from mappings.country_codes import LONGEST_NUMBER
from mappings.reasons import EndReason

ACCESS = "00"
"What is dialled before a country code (ITU-T E.164), but for North America; many switches there take it, too."

NORTH_AMERICAN_ACCESS = "011"
"What is dialled before it in the countries of code 1."

SHORTEST_NUMBER = 6
"Digits that a telephone number has at least, where what is shorter is an extension."

LONGEST = 1023
"Octets in each part of a JID (RFC 7622 §3)."

# fmt: off
_ESCAPES = {
    " ": "\\20", '"': "\\22", "&": "\\26", "'": "\\27", "/": "\\2f",
    ":": "\\3a", "<": "\\3c", ">": "\\3e", "@": "\\40", "\\": "\\5c",
}
# fmt: on
_UNESCAPES = {escaped: char for char, escaped in _ESCAPES.items()}
_PAIRS = "|".join(escaped[1:] for escaped in _UNESCAPES)
_NOT_IN_LOCALPART = re.compile(r"[ \"&'/:<>@]")
_TO_ESCAPE = re.compile(rf"[ \"&'/:<>@]|\\(?={_PAIRS})")
_ESCAPED = re.compile(rf"\\(?:{_PAIRS})")
_DOMAIN = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?|\[[0-9a-f:.]+\]")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")
_SPOKEN_NUMBER = re.compile(r"[+(]?[0-9 .()/-]+")
_NUMBER = re.compile(r"\+?[0-9*#]+")
_USER_IS_PHONE = Parameters({"user": "phone"})


def nobody(text: str) -> PeerError:
    """The address names nobody here."""
    return PeerError(text, status=404, condition="item-not-found", reason=EndReason.GONE)


# ------------------------------------------------------------------------------------------------ localparts (XEP-0106)


def escape(name: str) -> str:
    """A plain name as a localpart; a backslash only where it would be read as the start of an escape."""
    return _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], name)


def plain(localpart: str) -> str:
    """The plain name that a localpart means; only the ten sequences of XEP-0106 are read."""
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], localpart) if "\\" in localpart else localpart


def localpart(name: str) -> str:
    """A plain name as a localpart, prepared; PeerError 404 where there is no such localpart."""
    return _sized(escape(_prepared(name)))


def bare_jid(text: str) -> str:
    """A bare JID as somebody wrote it, prepared: lower case, and escaped where a character may not stand."""
    name, at, host = text.rpartition("@")
    if not at or not name:
        raise nobody(f"address: expected user@domain, got {text[:64]!r}")
    return f"{_sized(_NOT_IN_LOCALPART.sub(lambda match: _ESCAPES[match[0]], _prepared(name)))}@{domainpart(host)}"


def domainpart(text: str) -> str:
    """A domain, prepared; PeerError 404 where it is none."""
    host = unicodedata.normalize("NFC", text.lower()).removesuffix(".")
    if not _DOMAIN.fullmatch(host):
        raise nobody(f"address: expected a domain, got {text[:64]!r}")
    return _sized(host)


def host(text: str) -> str:
    """A host name or address in lower case, without the brackets of IPv6; ValueError when it is neither."""
    name = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if _ADDRESS.fullmatch(name):
        return str(ip_address(name))
    if not _HOST.fullmatch(name):
        raise ValueError(text)
    return name.lower()


def _prepared(name: str) -> str:
    """PRECIS UsernameCaseMapped in what matters here (RFC 8265 §3.3); the XMPP server does the rest."""
    if name.isascii():
        fit = name.isprintable()
        name = name.lower()
    else:
        name = unicodedata.normalize("NFC", "".join(map(_narrow, name)).lower())
        fit = not any(unicodedata.category(char)[0] in "CZ" for char in name if char != " ")
    if not fit or not name or name[0] == " " or name[-1] == " ":
        raise nobody(f"address: no JID can say {name[:64]!r}")
    return name


def _narrow(char: str) -> str:
    decomposition = unicodedata.decomposition(char)
    if decomposition.startswith(("<wide>", "<narrow>")):
        return chr(int(decomposition.rpartition(" ")[2], 16))
    return char


def _sized(part: str) -> str:
    if len(part.encode()) > LONGEST:
        raise nobody(f"address: longer than {LONGEST} octets")
    return part


# --------------------------------------------------------------------------------------------------- resources, numbers


def gr_parameter(resource: str) -> str:
    """A resource as the parameter of a Contact, with its semicolon (RFC 7247 §6.5 step 8, RFC 5627 §4.5)."""
    return f";gr={escape_parameter(resource)}" if resource else ""


def resource_of(uri: Uri) -> str:
    """The resource in a URI's gr, or an empty string; a gr without value is a temporary GRUU and says nothing."""
    value = unescape(uri.params.get("gr") or "")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise nobody("address: the gr parameter is no resource")
    return _sized(value)


def telephone(name: str) -> str | None:
    """A telephone number in the form that the rules match, or None when the name is none (RFC 3966 §3, §5.1).

    That form has no visual separators; of the parameters it keeps ext, isub and phone-context.
    """
    if (name[:1] != "+" and ";phone-context=" not in name.lower()) or "%" in name:
        return None
    try:
        return _number_name(TelUri.parse(f"tel:{name}"))
    except PeerError as error:
        if error.status == 404:
            raise nobody(error.text) from None
        return None


def spelled_numbers(name: str) -> tuple[str, ...]:
    """Telephone numbers that a switch could read in a name that is none as it stands, or is more than one.

    What is between the digits or behind them, percent-escapes, digits of other scripts, a domain that is the switch's
    own: whoever forbids a number means all of these.
    """
    user, _, home = name.rpartition("@")
    found = []
    for text in {name, user if home else name}:
        plain = unicodedata.normalize("NFKC", unescape(text)).partition(";")[0]
        digits = "".join(str(unicodedata.decimal(char, char)) for char in plain if char.isalnum() or char in "+*#@")
        if _NUMBER.fullmatch(digits) and digits != name:
            found.append(digits)
    return tuple(found)


def _number_name(tel: TelUri) -> str:
    context = f";phone-context={tel.context}" if tel.context else ""
    others = "".join(f";{key}={value}" for key in ("ext", "isub") if (value := tel.params.get(key)))
    return (tel.digits + others).lower() + context


# ---------------------------------------------------------------------------------------------------------- from and to


def sip_uri(name: str, home: str) -> Uri:
    """The address of a SIP user by plain name (forms A to D and F of conformance reference 1.2.5).

    ``home`` is the host of a name that has none of its own, IPv6 without brackets.  PeerError 404 where the name has
    one that is no host.
    """
    user, at, where = name.rpartition("@")
    number = telephone(name)
    if number or not at:
        user, where = number or name, hostport(home)
    try:
        place = Uri.parse(f"sip:{where}")
    except PeerError:
        place = None
    if not user or place is None or place.params or place.headers is not None:
        raise nobody(f"address: expected user@host, got {name[:64]!r}")
    return replace(place, user=escape_user(user), params=_USER_IS_PHONE if number else place.params)


def sip_name(uri: Uri) -> str:
    """The plain name in a SIP or tel URI, a number in its usual form; whose domain it is, is for others to say."""
    if uri.scheme == "tel":
        try:
            return _number_name(TelUri.parse(str(uri)))
        except PeerError as error:
            raise nobody(error.text) from None
    name = unescape(uri.user or "")
    return telephone(name) or name


def xmpp_user(jid: str, *, hosted: frozenset[str], gateway: str) -> str:
    """How an XMPP user is written in SIP, without the scheme: user@domain. Its resource is for `gr_parameter`."""
    home = domain(jid)
    if home in hosted:
        return f"{escape_user(plain(local(jid)))}@{home}"
    return f"{escape_user(bare(jid))}@{hostport(gateway)}"


def written_jid(uri: Uri, *, hosted: frozenset[str]) -> str | None:
    """The JID that a SIP URI spells out, full when it has a gr, or None: `xmpp_user` read."""
    name = unescape(uri.user or "")
    if uri.host in hosted:
        jid = f"{localpart(name)}@{uri.host}"
    elif "@" in name:
        jid = bare_jid(name)
    else:
        return None
    resource = resource_of(uri)
    return f"{jid}/{resource}" if resource else jid


@dataclass(frozen=True, slots=True)
class Country:
    """How numbers are dialled in a country."""

    code: str
    "With its plus: +49."

    national: tuple[str, ...] = ("0",)
    "What stands before the numbers of the country itself; an empty text: nothing need."

    international: tuple[str, ...] = (ACCESS,)
    "Before those of others."

    def completed(self, number: str) -> str:
        """Digits as they are dialled there, as an international number; an extension, which is too short, stays."""
        ways = [*((prefix, "+") for prefix in self.international), *((prefix, self.code) for prefix in self.national)]
        for prefix, code in ways:
            rest = number.removeprefix(prefix)
            if number.startswith(prefix) and SHORTEST_NUMBER <= len(rest) <= LONGEST_NUMBER and rest[0] != "0":
                return code + rest
        return number


def prompted(text: str, country: Country | None = None) -> str:
    """The plain name of what somebody typed into a client's address field (XEP-0100 §6.3); PeerError when it is none.

    Here, unlike on the wire, a number may have blanks in it, and be as people of the operator's country dial it.
    """
    text = text.strip()
    scheme = text.partition(":")[0].lower()
    if scheme in ("sip", "sips", "tel"):
        uri = Uri.parse(text)
        if scheme == "tel":
            return sip_name(uri)
        if scheme == "sips" or not uri.user:
            raise nobody(f"address: expected sip:user@host, got {text[:64]!r}")
        return f"{unescape(uri.user)}@{uri.hostport}"
    if _SPOKEN_NUMBER.fullmatch(text):
        digits = re.sub("[^+0-9]", "", text)
        return country.completed(digits) if country is not None and digits.isdecimal() else digits
    return telephone(text) or text
