"""From an account as somebody wrote it to one that can be worked with, or what is wrong with it and where.

The same for the configuration, forms, the command line and the database: who writes an account is told the same things.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Final, get_args

from gateway.accounts.account import MadeBy, SipAccount, Transport, Written
from gateway.addressing import bare_jid, host
from gateway.errors import PeerError
from gateway.jid import domain as domain_of
from gateway.reach import Reach
from gateway.rules import Account, Patterns, Trunk
from gateway.sip.locating import is_numeric
from gateway.sip.manners import USUAL

LONGEST_NAME: Final = 32
"Characters of an account's name."

LONGEST_USER: Final = 256
LONGEST_PASSWORD: Final = 1024
MOST_NUMBERS: Final = 20
EXPIRES_SECONDS: Final = range(60, 604_801)

_PLACE = re.compile(r"(?P<host>\[[^\]]*\]|[^:]+)(?::(?P<port>[0-9]{1,5}))?")
_SHOWN = re.compile(r"[^\s\"<>@:?,]{1,64}")


class Unfit(PeerError):
    """An account is not possible; ``field`` names the text that is wrong, as `Written` calls it."""

    def __init__(self, field: str, problem: str, *, condition: str = "not-acceptable") -> None:
        super().__init__(f"{field}: {problem}", status=406, condition=condition)
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """Who may have accounts by themselves, how many, and where."""

    component: str
    users: Patterns
    most: int
    "Accounts of one user that are not the configuration's."

    servers: Reach


def read(
    written: Written, *, jid: str, rules: AccountRules, made_by: MadeBy = "file", via: Trunk | None = None
) -> SipAccount:
    """The account; `Unfit` with the field that is wrong.  ``via``: the way there, where it is a trunk's."""
    user = user_jid(jid, rules)
    name = account_name(written.name)
    sip_user, domain = _address(written.address)
    login = _login(written, sip_user)
    if len(written.realm) > LONGEST_USER or not written.realm.isprintable():
        raise Unfit("realm", "expected a realm, as the server calls itself")
    if written.expires_seconds not in EXPIRES_SECONDS:
        raise Unfit("expires_seconds", f"expected {EXPIRES_SECONDS[0]} to {EXPIRES_SECONDS[-1]}")
    own = written.numbers
    if len(own) > MOST_NUMBERS:
        raise Unfit("numbers", f"expected {MOST_NUMBERS} at most")
    for number in own:
        _shown("numbers", number)
    if written.caller_id and written.caller_id not in own:
        _shown("caller_id", written.caller_id)
        own = (written.caller_id, *own)
    return SipAccount(
        jid=user,
        name=name,
        made_by=made_by,
        written=replace(written, name=name, numbers=own),
        user=sip_user,
        domain=domain,
        login=login,
        realm=written.realm or None,
        via=via or _way(written, domain, rules, fenced=made_by == "user"),
        registrar=_host("registrar", written.registrar or domain, "a domain"),
        register=written.register,
        expires_seconds=written.expires_seconds,
        caller_id=written.caller_id or None,
    )


def user_jid(jid: str, rules: AccountRules) -> str:
    """A user's bare JID, prepared; `Unfit` for what is none, or is no user's."""
    try:
        found = bare_jid(jid)
    except PeerError:
        raise Unfit("jid", f"expected a bare JID — got {jid[:64]!r}") from None
    if domain_of(found) == rules.component:
        raise Unfit("jid", f"{rules.component} is the component itself, where no user is")
    return found


def account_name(text: str) -> str:
    """The name of an account, with its blanks made one and in one normal form; `Unfit` when it is none."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Unfit("name", f"expected a name of {LONGEST_NAME} characters at most — got {text[:64]!r}")
    return name


def _address(text: str) -> tuple[str, str]:
    problem = f"expected user@domain — got {text[:128]!r}"
    user, _, home = text.strip().removeprefix("sip:").rpartition("@")
    if not user or len(user) > LONGEST_USER or not user.isprintable() or '"' in user:
        raise Unfit("address", problem)
    try:
        return user, host(home)
    except ValueError:
        raise Unfit("address", problem) from None


def _login(written: Written, sip_user: str) -> Account | None:
    password = written.password
    user = written.user or (sip_user if password else "")
    if not user:
        return None
    if password is None:
        raise Unfit("password", "missing beside user")
    if len(user) > LONGEST_USER or not user.isprintable() or '"' in user:
        raise Unfit("user", f"expected a user name — got {user[:64]!r}")
    # A digest is made of the password's octets, so it is taken as it was typed, in whatever normal form (RFC 7616 §4).
    text = password.reveal()
    if not text or len(text) > LONGEST_PASSWORD or (not text.isascii() and _is_broken(text)) or _BREAKS.search(text):
        raise Unfit("password", f"expected one line of {LONGEST_PASSWORD} characters at most")
    return Account(user, password)


_BREAKS = re.compile(r"[\r\n\0]")


def _is_broken(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _way(written: Written, domain: str, rules: AccountRules, *, fenced: bool) -> Trunk:
    """The way to the account's server that is its own."""
    place, port, field = domain, None, "address"
    if written.proxy:
        field = "proxy"
        match = _PLACE.fullmatch(written.proxy)
        if match is None or int(match["port"] or 5060) not in range(1, 65536):
            raise Unfit("proxy", f"expected HOST or HOST:PORT, IPv6 in brackets — got {written.proxy[:128]!r}")
        place = _host("proxy", match["host"], "HOST or HOST:PORT")
        port = int(match["port"]) if match["port"] else None
    if written.transport not in get_args(Transport):
        raise Unfit("transport", f"expected {', '.join(get_args(Transport))} — got {written.transport[:16]!r}")
    if fenced and is_numeric(place) and not rules.servers.admits(place):
        raise Unfit(field, f"no account may be at {place}")
    return Trunk(
        name="",
        host=place,
        port=port,
        transport=None if written.transport == "auto" else written.transport.upper(),
        domain=domain,
        from_domain=domain,
        caller_id_numbers={},
        allow=Patterns([]),
        manners=replace(USUAL, fenced=fenced),
    )


def _host(field: str, text: str, wanted: str) -> str:
    try:
        return host(text)
    except ValueError:
        raise Unfit(field, f"expected {wanted} — got {text[:128]!r}") from None


def _shown(field: str, text: str) -> None:
    if not _SHOWN.fullmatch(text):
        raise Unfit(field, f"expected a number or a user — got {text[:64]!r}")
