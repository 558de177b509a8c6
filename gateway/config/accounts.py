"""The tables [[account]]: users' own SIP accounts."""

import re
from collections.abc import Sequence

from gateway import rules
from gateway.accounts import SipAccount
from gateway.addressing import bare_jid
from gateway.config.account_tables import Account
from gateway.config.dialplan import caller_number, host, login, prepared
from gateway.config.reading import refuse, row
from gateway.config.secrets import Secrets
from gateway.config.tables import File
from gateway.jid import domain as domain_of

_PLACE = re.compile(r"(?P<host>\[[^\]]*\]|[^:]+)(?::(?P<port>[0-9]{1,5}))?")


def accounts(file: File, trunks: Sequence[rules.Trunk], component: str, secrets: Secrets) -> tuple[SipAccount, ...]:
    """The accounts of the file; ConfigError when one is not possible, or a user has two."""
    found = tuple(_account(index, table, trunks, component, secrets) for index, table in enumerate(file.account))
    jids = [account.jid for account in found]
    for index, jid in enumerate(jids):
        if jid in jids[:index]:
            refuse(row("account", index, jid), "jid", "stands twice")
    return found


def _account(index: int, table: Account, trunks: Sequence[rules.Trunk], component: str, secrets: Secrets) -> SipAccount:
    where = row("account", index, table.jid)
    jid = prepared(bare_jid, table.jid, where, "jid", "a bare JID")
    if domain_of(jid) == component:
        refuse(where, "jid", f"{component} is the component itself, where no user is")
    user, _, home = table.address.removeprefix("sip:").rpartition("@")
    if not user or not user.isprintable() or '"' in user:
        refuse(where, "address", f"expected user@domain — got {table.address!r}")
    domain = prepared(host, home, where, "address", "user@domain")
    password = secrets.fetch(where, "password", table.password_file, table.password_env)
    return SipAccount(
        jid=jid,
        user=user,
        domain=domain,
        login=login(where, "", table.user or (user if password else None), password),
        realm=table.realm,
        via=_via(where, table, trunks, domain),
        registrar=prepared(host, table.registrar or domain, where, "registrar", "a domain"),
        register=table.register,
        expires_seconds=table.register_expires_seconds,
        caller_id=None if table.caller_id is None else caller_number(where, "caller_id", table.caller_id),
    )


def _via(where: str, table: Account, trunks: Sequence[rules.Trunk], domain: str) -> rules.Trunk:
    """The way to the account's server: a trunk's, or one of its own."""
    if table.trunk is not None:
        if table.proxy is not None or table.transport != "auto":
            refuse(where, "proxy" if table.proxy is not None else "transport", "stands beside trunk, which has its own")
        for trunk in trunks:
            if trunk.name == table.trunk:
                return trunk
        have = ", ".join(trunk.name for trunk in trunks) or "none"
        refuse(where, "trunk", f"no trunk has this name — got {table.trunk!r}, there are: {have}")
    place, port = domain, None
    if table.proxy is not None:
        match = _PLACE.fullmatch(table.proxy)
        if match is None or int(match["port"] or 5060) not in range(1, 65536):
            refuse(where, "proxy", f"expected HOST or HOST:PORT, IPv6 in brackets — got {table.proxy!r}")
        place = prepared(host, match["host"], where, "proxy", "HOST or HOST:PORT")
        port = int(match["port"]) if match["port"] else None
    return rules.Trunk(
        name="",
        host=place,
        port=port,
        transport=None if table.transport == "auto" else table.transport.upper(),
        domain=domain,
        from_domain=domain,
        caller_id_numbers={},
        allow=rules.Patterns([]),
    )
