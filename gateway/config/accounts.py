"""The tables [[account]] and [accounts]: users' own SIP accounts."""

from collections.abc import Sequence

from gateway import rules
from gateway.accounts.account import SipAccount, Written
from gateway.accounts.reading import AccountRules, Unfit
from gateway.accounts.reading import read as read_account
from gateway.addressing import localpart, prompted
from gateway.config.account_tables import Account
from gateway.config.networks import reach
from gateway.config.policy import patterns
from gateway.config.reading import refuse, row
from gateway.config.secrets import Secrets
from gateway.config.tables import File
from gateway.errors import PeerError

_KEYS = {"password": "password_file", "expires_seconds": "register_expires_seconds"}
"What a field of an account is called in the file, where it has another name."


def account_rules(file: File, component: str) -> AccountRules:
    """Who may have accounts by themselves; ConfigError when that cannot be understood."""
    table = file.accounts
    return AccountRules(
        component=component,
        servers=reach("[accounts]", "servers", table.servers),
        users=patterns("[accounts]", "users", table.users),
        most=table.most,
    )


def echo_number(file: File) -> str:
    """Whom test calls go to, empty: nobody; ConfigError when nobody could call that."""
    number = file.accounts.echo_number
    try:
        if number:
            localpart(prompted(number))
    except PeerError:
        refuse("[accounts]", "echo_number", f"expected a number or a SIP address — got {number!r}")
    return number


def accounts(
    file: File, trunks: Sequence[rules.Trunk], terms: AccountRules, secrets: Secrets
) -> tuple[SipAccount, ...]:
    """The accounts of the file; ConfigError when one is not possible, or a user has two of one name."""
    found = tuple(_account(index, table, trunks, terms, secrets) for index, table in enumerate(file.account))
    names: set[tuple[str, str]] = set()
    for index, account in enumerate(found):
        if (account.jid, account.name) in names:
            where = row("account", index, account.jid)
            refuse(where, "name", f"stands twice — got {account.name!r}; several accounts of a user have names")
        names.add((account.jid, account.name))
    return found


def _account(
    index: int, table: Account, trunks: Sequence[rules.Trunk], terms: AccountRules, secrets: Secrets
) -> SipAccount:
    where = row("account", index, table.jid)
    written = Written(
        name=table.name,
        address=table.address,
        user=table.user or "",
        password=secrets.fetch(where, "password", table.password_file, table.password_env),
        realm=table.realm or "",
        proxy=table.proxy or "",
        transport=table.transport,
        caller_id=table.caller_id or "",
        numbers=table.numbers,
        registrar=table.registrar or "",
        register=table.register,
        expires_seconds=table.register_expires_seconds,
    )
    try:
        return read_account(written, jid=table.jid, rules=terms, via=_via(where, table, trunks))
    except Unfit as error:
        refuse(where, _KEYS.get(error.field, error.field), error.problem)


def _via(where: str, table: Account, trunks: Sequence[rules.Trunk]) -> rules.Trunk | None:
    """The trunk whose way the account's requests go."""
    if table.trunk is None:
        return None
    if table.proxy is not None or table.transport != "auto":
        refuse(where, "proxy" if table.proxy is not None else "transport", "stands beside trunk, which has its own")
    for trunk in trunks:
        if trunk.name == table.trunk:
            return trunk
    have = ", ".join(trunk.name for trunk in trunks) or "none"
    refuse(where, "trunk", f"no trunk has this name — got {table.trunk!r}, there are: {have}")
