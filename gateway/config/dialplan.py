"""The tables [routing], [[trunk]], [[dial]] and [[number]] as what `gateway.routing` works with."""

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import TypeVar

from gateway import rules
from gateway.addressing import ACCESS, NORTH_AMERICAN_ACCESS, Country, bare_jid, domainpart, host, telephone
from gateway.config.media import trunk_media
from gateway.config.policy import numbering, patterns, policy_settings
from gateway.config.policy_tables import Calling
from gateway.config.reading import refuse, row
from gateway.config.registering import registering
from gateway.config.secrets import Secrets
from gateway.config.tables import Dial, File, Number, Sip
from gateway.config.trunk_tables import Group, Trunk
from gateway.errors import PeerError
from gateway.secret import Secret
from gateway.sip.manners import Manners

T = TypeVar("T")

_CALLER_NUMBER = re.compile(r"[^\s\"<>@:?,]{1,64}")


def routing_settings(file: File, component: str, secrets: Secrets) -> rules.RoutingSettings:
    """The rules of the file; ConfigError when they contradict themselves or each other."""
    trunks = tuple(_trunk(index, trunk, component, secrets, file) for index, trunk in enumerate(file.trunk))
    _once("trunk", "name", [trunk.name for trunk in trunks])
    _once("trunk", "inbound_user", [trunk.inbound.user for trunk in trunks if trunk.inbound])
    names = [trunk.name for trunk in trunks]
    groups = tuple(_group(index, table, names) for index, table in enumerate(file.group))
    _once("group", "name", [group.name for group in groups])
    ways = [*names, *(group.name for group in groups)]
    numbers = tuple(_number(index, rule, names, component) for index, rule in enumerate(file.number))
    _have_mailboxes(numbers, trunks)
    default, hosted = file.routing.default_domain, file.routing.hosted_domains
    return rules.RoutingSettings(
        domain=component,
        default_domain=None if default is None else domain("[routing]", "default_domain", default),
        hosted_domains=frozenset(domain("[routing]", f"hosted_domains[{i}]", text) for i, text in enumerate(hosted)),
        country=_country(file.calling),
        trunks=trunks,
        groups=groups,
        dial=tuple(_dial(index, rule, ways) for index, rule in enumerate(file.dial)),
        numbers=numbers,
        policy=policy_settings(file, ways),
    )


def _country(table: Calling) -> Country | None:
    numbers = numbering(table)
    if numbers.country is None:
        return None
    # Here nothing is judged, so that each country has its own way only: 011 is the area of Turin elsewhere.
    usual = (NORTH_AMERICAN_ACCESS if numbers.country == "1" else ACCESS,)
    return Country(
        f"+{numbers.country}", numbers.national, usual if table.international is None else table.international
    )


def domain(where: str, key: str, text: str) -> str:
    """A domain, prepared."""
    return prepared(domainpart, text, where, key, "a domain")


def prepared(prepare: Callable[[str], T], text: str, where: str, key: str, wanted: str) -> T:
    """What the text is made into, or the complaint that it is not what is wanted."""
    try:
        return prepare(text)
    except (PeerError, ValueError):
        refuse(where, key, f"expected {wanted} — got {text!r}")


def _trunk(index: int, table: Trunk, component: str, secrets: Secrets, file: File) -> rules.Trunk:
    where = row("trunk", index, table.name)
    place = prepared(host, table.host, where, "host", "a name or an address")
    number = table.caller_id_number
    if table.caller_id == "fixed" and number is None:
        refuse(where, "caller_id_number", "missing — caller_id is fixed")
    served = prepared(host, table.domain or place, where, "domain", "a domain")
    # A registrar knows its users by its own domain, and believes no caller of another.
    origin = table.from_domain or (served if table.register else component)
    trunk = rules.Trunk(
        name=table.name,
        host=place,
        port=table.port,
        transport=None if table.transport == "auto" else table.transport.upper(),
        domain=served,
        compact_headers=table.compact_headers,
        tls_domain=prepared(host, table.tls_domain or served, where, "tls_domain", "a domain"),
        from_domain=prepared(host, origin, where, "from_domain", "a domain"),
        account=login(where, "", table.user, secrets.fetch(where, "password", table.password_file, table.password_env)),
        realm=table.realm,
        trickle=table.trickle,
        manners=_manners(where, table, file.sip),
        media=trunk_media(where, table, file.media.anchor),
        caller_id=table.caller_id,
        caller_id_number=None if number is None else caller_number(where, "caller_id_number", number),
        caller_id_numbers={
            prepared(bare_jid, jid, where, "caller_id_numbers", "a bare JID"): caller_number(
                where, f'caller_id_numbers."{jid}"', own
            )
            for jid, own in table.caller_id_numbers.items()
        },
        trusted=table.trusted,
        identity=table.identity,
        allow=patterns(where, "allow", table.allow),
        networks=tuple(
            prepared(ip_network, text, where, f"addresses[{i}]", "host, an address or a network such as 192.0.2.0/24")
            for i, text in enumerate(table.addresses)
            if text != "host"
        ),
        from_host="host" in table.addresses,
        inbound=login(
            where,
            "inbound_",
            table.inbound_user,
            secrets.fetch(where, "inbound_password", table.inbound_password_file, table.inbound_password_env),
        ),
        calls=table.calls,
        calls_per_second=table.calls_per_second,
        calls_in_per_second=table.calls_in_per_second,
        probe_seconds=table.probe_seconds,
        messages=table.messages,
        anonymous_messages=table.anonymous_messages,
        message_waiting=table.message_waiting,
    )
    registrar = prepared(host, table.registrar or served, where, "registrar", "a domain")
    return registering(where, table, trunk, component=component, registrar=registrar)


def _manners(where: str, table: Trunk, sip: Sip) -> Manners:
    interval = sip.session_expires_seconds if table.session_expires_seconds is None else table.session_expires_seconds
    least = sip.min_se_seconds if table.min_se_seconds is None else table.min_se_seconds
    if 0 < interval < least:
        where = "[sip]" if table.session_expires_seconds is table.min_se_seconds is None else where
        refuse(where, "session_expires_seconds", f"shorter than min_se_seconds — got {interval}, and {least}")
    return Manners(
        prack=table.prack,
        session_expires_seconds=interval,
        min_se_seconds=least,
        follow_redirects=table.follow_redirects,
        hears=table.early_media == "hear",
    )


def login(where: str, prefix: str, user: str | None, password: Secret | None) -> rules.Account | None:
    """User and password, when either is there; ConfigError when only one is."""
    if user is None and password is None:
        return None
    if password is None:
        refuse(where, f"{prefix}password_file", f"missing beside {prefix}user")
    if user is None:
        refuse(where, f"{prefix}user", "missing beside the password for it")
    if not user or not user.isprintable() or '"' in user:
        refuse(where, f"{prefix}user", f"expected a user name — got {user!r}")
    return rules.Account(user, password)


def _group(index: int, table: Group, trunks: Sequence[str]) -> rules.Group:
    where = row("group", index, table.name)
    if table.name in trunks:
        refuse(where, "name", "a trunk has this name")
    for i, member in enumerate(table.trunks):
        _known(where, f"trunks[{i}].trunk", member.trunk, trunks)
    _once("group", "trunks", [member.trunk for member in table.trunks])
    members = tuple(rules.Member(member.trunk, member.priority, member.weight) for member in table.trunks)
    return rules.Group(name=table.name, members=members, statuses=frozenset(table.statuses))


def _dial(index: int, table: Dial, trunks: Sequence[str]) -> rules.DialRule:
    where = row("dial", index)
    expression = _expression(where, table.match)
    if table.refuse:
        if table.trunk is not None or table.rewrite is not None:
            refuse(where, "refuse", "stands beside trunk or rewrite")
    elif table.trunk is None:
        refuse(where, "trunk", "missing — or refuse = true, when nobody may call it")
    else:
        _known(where, "trunk", table.trunk, trunks)
    return rules.DialRule(
        expression=expression,
        trunk=table.trunk,
        rewrite=None if table.rewrite is None else _template(where, "rewrite", table.rewrite, expression),
        callers=patterns(where, "callers", table.callers),
    )


def _number(index: int, table: Number, trunks: Sequence[str], component: str) -> rules.NumberRule:
    where = row("number", index, table.number)
    for i, name in enumerate(table.trunks):
        _known(where, f"trunks[{i}]", name, trunks)
    if (table.number is None) == (table.match is None):
        refuse(where, "number", "expected either number or match")
    user, _, home = table.jid.rpartition("@")
    if domain(where, "jid", home) == component:
        refuse(where, "jid", f"{home} is the component itself, so the call would come back")
    if table.match is not None:
        if table.message_waiting:
            refuse(where, "message_waiting", "needs number — an expression has no mailbox")
        expression = _expression(where, table.match)
        _template(where, "jid", table.jid, expression)
        if not user:
            refuse(where, "jid", f"expected user@domain — got {table.jid!r}")
        return rules.NumberRule(name=expression, jid=f"{user}@{domainpart(home)}", trunks=frozenset(table.trunks))
    return rules.NumberRule(
        name=telephone(table.number or "") or table.number or "",
        jid=prepared(bare_jid, table.jid, where, "jid", "a bare JID"),
        trunks=frozenset(table.trunks),
        message_waiting=table.message_waiting,
    )


def _have_mailboxes(numbers: Sequence[rules.NumberRule], trunks: Sequence[rules.Trunk]) -> None:
    for index, rule in enumerate(numbers):
        if rule.message_waiting and not any(trunk.message_waiting and rule.serves(trunk.name) for trunk in trunks):
            where = row("number", index, str(rule.name))
            refuse(where, "message_waiting", "none of its trunks has message_waiting")


def _expression(where: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        refuse(where, "match", f"no regular expression: {error} — got {text!r}")


def _template(where: str, key: str, text: str, expression: re.Pattern[str]) -> rules.Template:
    template = rules.Template(text)
    if template.references > expression.groups:
        refuse(where, key, f"names bracket \\{template.references} of {expression.groups} — got {text!r}")
    return template


def caller_number(where: str, key: str, text: str) -> str:
    """What stands as the user of a caller's address."""
    if not _CALLER_NUMBER.fullmatch(text):
        refuse(where, key, f"expected a number or a user — got {text!r}")
    return text


def _known(where: str, key: str, name: str, trunks: Sequence[str]) -> None:
    if name not in trunks:
        have = ", ".join(trunks) or "none"
        refuse(where, key, f"no trunk has this name — got {name!r}, there are: {have}")


def _once(table: str, key: str, values: Sequence[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            refuse(f"[[{table}]]", key, f"stands twice — got {value!r}")
