"""The tables about who may call as what `gateway.policy` works with."""

import re
from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from gateway import rules
from gateway.config import policy_tables as tables
from gateway.config.reading import refuse, row
from gateway.config.tables import File
from gateway.errors import PeerError
from gateway.policy.emergency import Emergency
from gateway.policy.numbering import Numbering
from gateway.policy.prefixes import WORDS, Prefixes, expanded
from gateway.policy.rules import Policy, PolicySettings
from gateway.policy.screening import Block, Callers, Screening

_PREFIX = re.compile(r"\+|\+?[0-9*#]{1,24}")
_ACCESS = re.compile(r"[0-9*#]{1,8}")


def policy_settings(file: File, ways: Sequence[str]) -> PolicySettings:
    """The operator's word; ConfigError when it contradicts itself.  ``ways``: the trunks and groups that there are."""
    people = {table.name: table.who for table in file.people}
    for index, group in enumerate(file.people):
        patterns(row("people", index, group.name), "who", group.who)
    _once("people", [table.name for table in file.people])
    _once("policy", [table.name for table in file.policy])
    numbers = numbering(file.calling)
    return PolicySettings(
        policies=tuple(_policy(index, table, people, numbers) for index, table in enumerate(file.policy)),
        numbering=numbers,
        emergency=_emergency(file.emergency, ways),
        screening=Screening(
            tuple(_block(index, table, people, numbers) for index, table in enumerate(file.block)),
            file.callers.anonymous,
        ),
        calls_per_second=file.calling.calls_per_second,
        calls_to_number=file.calling.calls_to_number,
        time_zone=_time_zone(file.calling.time_zone),
    )


def patterns(where: str, key: str, texts: Iterable[str]) -> rules.Patterns:
    """A set of JIDs; ConfigError where one is none."""
    for index, text in enumerate(texts):
        try:
            rules.Patterns([text])
        except PeerError:
            wanted = "user@domain, *@domain, domain, *.domain or *"
            refuse(where, f"{key}[{index}]", f"expected {wanted} — got {text!r}")
    return rules.Patterns(texts)


def _policy(index: int, table: tables.Policy, people: dict[str, tuple[str, ...]], numbers: Numbering) -> Policy:
    where = row("policy", index, table.name)
    who = [pattern for text in table.who for pattern in people.get(text, (text,))]
    allow, deny = (_prefixes(where, key, getattr(table, key), numbers) for key in ("allow", "deny"))
    if both := set(expanded(allow)) & set(expanded(deny)):
        refuse(where, "deny", f"stands in allow, too — got {min(both) or 'local'!r}")
    return Policy(
        name=table.name,
        who=patterns(where, "who", who),
        calls=table.calls,
        calls_to_number=table.calls_to_number,
        calls_per_second=table.calls_per_second,
        calls_per_minute=table.calls_per_minute,
        calls_per_day=table.calls_per_day,
        minutes_per_day=table.minutes_per_day,
        max_call_seconds=table.max_call_seconds,
        prefixes=Prefixes(allow, deny),
        own_accounts=table.own_accounts,
    )


def _block(index: int, table: tables.Block, people: dict[str, tuple[str, ...]], numbers: Numbering) -> Block:
    where = row("block", index)
    for place, text in enumerate(table.callers):
        try:
            Callers([text], numbers)
        except ValueError:
            wanted = "a number, first digits and *, user@host, *@host, *@*.host or anonymous"
            refuse(where, f"callers[{place}]", f"expected {wanted} — got {text!r}")
    who = patterns(where, "who", [pattern for text in table.who for pattern in people.get(text, (text,))])
    return Block(Callers(table.callers, numbers), who, table.response)


def _prefixes(where: str, key: str, texts: Iterable[str], numbers: Numbering) -> tuple[str, ...]:
    """Prefixes in the form in which numbers are compared with them: 0049 and +49 are the same."""
    found = []
    for index, text in enumerate(texts):
        plain = re.sub(r"[ ()/.-]", "", text)
        if text not in WORDS and not _PREFIX.fullmatch(plain):
            wanted = f"first digits such as +49, +, 7, or one of the words {', '.join(WORDS)}"
            refuse(where, f"{key}[{index}]", f"expected {wanted} — got {text!r}")
        abroad = next((code for code in numbers.international if plain.startswith(code)), None)
        found.append(text if text in WORDS else plain if abroad is None else f"+{plain.removeprefix(abroad)}")
    return tuple(found)


def numbering(table: tables.Calling) -> Numbering:
    """How numbers are dialled here; ConfigError when they cannot be."""
    international = Numbering().international if table.international is None else table.international
    national = (("1",) if table.country == "1" else ("0",)) if table.national is None else table.national
    for key, texts in (("international", international), ("national", national)):
        for index, text in enumerate(texts):
            if not _ACCESS.fullmatch(text) and (text or key == "international"):
                refuse("[calling]", f"{key}[{index}]", f"expected digits — got {text!r}")
    return Numbering(country=table.country or None, international=international, national=national)


def _emergency(table: tables.Emergency, ways: Sequence[str]) -> Emergency:
    if table.action == "refuse":
        if table.trunk is not None:
            refuse("[emergency]", "trunk", "stands beside action = 'refuse'")
        return Emergency(frozenset(table.numbers))
    if table.trunk not in ways:
        have = ", ".join(ways) or "none"
        refuse("[emergency]", "trunk", f"no trunk has this name — got {table.trunk!r}, there are: {have}")
    return Emergency(frozenset(table.numbers), table.trunk)


def _time_zone(text: str) -> str:
    try:
        if text != "UTC":  # which there is without a data base, too
            ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        refuse("[calling]", "time_zone", f"expected a time zone such as Europe/Berlin — got {text!r}")
    return text


def _once(table: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            refuse(f"[[{table}]]", "name", f"stands twice — got {name!r}")
