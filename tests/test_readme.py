"""The README says what is so: its configuration is loaded, its addresses are routed, its names are looked up."""

import ast
import io
import json
import re
import shlex
import tomllib
from contextlib import redirect_stdout
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from gateway import log
from gateway.__main__ import _parser
from gateway.config import Settings, load
from gateway.config.tables import File
from gateway.errors import PeerError
from gateway.metrics import Metrics
from gateway.routing import Routing
from gateway.sip.address import NameAddr, Uri
from mappings.__main__ import main as print_mappings

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
CALLER = "juliet@example.org/phone"
EXAMPLES = tuple(
    ip_network(net) for net in ("127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "0.0.0.0/32")
)


def blocks(language: str) -> list[str]:
    """What stands between fences of that language."""
    return [text for _, found, text in FENCE.findall(TEXT) if found == language]


def section(heading: str) -> str:
    """What stands under a heading of the second level."""
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every line of the tables in it, without the lines of dashes."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    table = [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines]
    return [row for row in table if not row[0].startswith("---")]


def code(cell: str) -> str:
    """The code in a cell, or an empty text."""
    return cell[1:-1] if cell.startswith("`") and cell.endswith("`") else ""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The README's configuration, loaded as the gateway loads it."""
    whole = [text for text in blocks("toml") if "[xmpp]" in text]
    assert len(whole) == 1
    (tmp_path / "gateway.toml").write_text(whole[0])
    for secret in ("xmpp-secret", "pbx-password"):
        (tmp_path / secret).write_text("hush\n")
    return load(tmp_path / "gateway.toml", {})


# -------------------------------------------------------------------------------------------------------- configuration


def test_the_configuration_can_be_loaded(settings: Settings) -> None:
    assert settings.xmpp.domain == "gw.example.org"
    assert [trunk.name for trunk in settings.routing.trunks] == ["pbx"]
    assert CALLER in settings.routing.trunks[0].allow
    assert "mallory@example.net" not in settings.routing.trunks[0].allow


def test_every_piece_of_configuration_has_only_keys_that_there_are() -> None:
    for text in blocks("toml"):
        for name, found in tomllib.loads(text).items():
            hint = get_type_hints(File)[name]
            kind = get_args(hint)[0] if get_origin(hint) is tuple else hint
            known = {field.encode_name for field in msgspec.structs.fields(kind)}
            for row in found if isinstance(found, list) else [found]:
                assert set(row) <= known, name


def test_the_first_line_of_check_counts_what_the_configuration_has(settings: Settings) -> None:
    routing = settings.routing
    assert (
        f"[ok]   configuration: trunks {len(routing.trunks)}, dial rules {len(routing.dial)}, "
        f"numbers {len(routing.numbers)}\n" in TEXT
    )


def test_the_servers_configurations_are_those_of_the_files() -> None:
    for language, file, comment in (("lua", "prosody.cfg.lua", "--"), ("yaml", "ejabberd.yml", "#")):
        lines = (ROOT / "deploy" / file).read_text(encoding="utf-8").splitlines()
        said = "\n".join(line for line in lines if not line.startswith(comment))
        assert said.strip() in [text.strip() for text in blocks(language)]


def test_asterisk_and_the_gateway_are_told_the_same(settings: Settings) -> None:
    pjsip, extensions = blocks("ini")
    (trunk,) = settings.routing.trunks
    us = settings.listeners[0].host
    assert {listener.host for listener in settings.listeners} == {us}
    assert re.findall(r"^bind=(.*)$", pjsip, re.M) == [trunk.host] * 2
    assert re.findall(r"^protocol=(.*)$", pjsip, re.M) == ["udp", "tcp"]
    assert re.findall(r"^(?:match=|contact=sip:)(.*)$", pjsip, re.M) == [us] * 2
    assert trunk.account is not None
    assert re.findall(r"^username=(.*)$", pjsip, re.M) == [trunk.account.user]
    (context,) = re.findall(r"^context=(.*)$", pjsip, re.M)
    assert f"[{context}]" in extensions
    assert set(re.findall(r"@(\w+)", extensions)) - {"provider"} == set(re.findall(r"^endpoint=(.*)$", pjsip, re.M))


def test_the_unit_has_a_line_for_each_secret_of_the_configuration() -> None:
    unit = (ROOT / "deploy" / "gateway.service").read_text(encoding="utf-8")
    (whole,) = [text for text in blocks("toml") if "[xmpp]" in text]
    for secret in re.findall(r"_file = \"(.*)\"", whole):
        assert re.search(rf"^#?LoadCredential={secret}:/etc/jingle-sip/secrets/{secret}$", unit, re.M), secret


# ------------------------------------------------------------------------------------------------------------ addresses


def address_rows(columns: int) -> list[list[str]]:
    """The rows of one of the two tables of addresses, without its heading."""
    return [row for row in rows(section("Addresses")) if len(row) == columns and code(row[0])]


def test_what_xmpp_users_call_is_routed_as_the_table_says(settings: Settings) -> None:
    routing = Routing(settings.routing)
    table = address_rows(3)
    assert len(table) >= 5
    for dialled, to, sender in table:
        if to.startswith("refused: "):
            with pytest.raises(PeerError) as refused:
                routing.outbound(CALLER, code(dialled))
            assert refused.value.condition == to.removeprefix("refused: ")
        else:
            found = routing.outbound(CALLER, code(dialled))
            assert (found.request_uri, str(found.from_.uri)) == (code(to), code(sender))


def test_what_sip_users_call_is_routed_as_the_table_says(settings: Settings) -> None:
    routing = Routing(settings.routing)
    table = address_rows(4)
    assert len(table) >= 6
    for called, sender, rings, appears in table:
        uri, caller = Uri.parse(code(called)), NameAddr.parse(f"<{code(sender)}>")
        if rings.startswith("refused: "):
            with pytest.raises(PeerError) as refused:
                routing.inbound(request_uri=uri, from_=caller, asserted=None, privacy=frozenset(), trunk="pbx")
            assert str(refused.value.status) == rings.removeprefix("refused: ")
        else:
            found = routing.inbound(request_uri=uri, from_=caller, asserted=None, privacy=frozenset(), trunk="pbx")
            assert (found.callee, f"{found.caller}@{routing.domain}") == (code(rings), code(appears))


def test_what_a_user_types_is_translated_as_it_says(settings: Settings) -> None:
    typed, jid = re.findall(r"`([^`]+)` becomes `([^`]+)`", section("What a user does"))[0]
    assert Routing(settings.routing).translate(typed) == jid


# ------------------------------------------------------------------------------------------------------------ the code


def test_the_commands_have_these_subcommands_and_options() -> None:
    parser = _parser()
    (commands,) = [action for action in parser._actions if isinstance(action.choices, dict)]
    assert isinstance(commands.choices, dict)
    found = set()
    for text in blocks("sh"):
        for line in text.splitlines():
            words = shlex.split(line.partition(" < ")[0])
            if (at := next((i for i, word in enumerate(words) if word.endswith("jingle-sip")), None)) is None:
                continue
            if words[at + 1 :] and words[at + 1] in commands.choices:
                parser.parse_args(words[at + 1 :])
                found.add(words[at + 1])
    assert found == {"accounts", "calls", "check", "translate"}
    for named in re.findall(r"`jingle-sip (\w+)", TEXT + CHANGES):
        assert named in commands.choices, named


def test_every_module_that_is_run_is_there() -> None:
    for name in re.findall(r"python -m ((?:tests|mappings|gateway)[\w.]*)", TEXT):
        place = ROOT / name.replace(".", "/")
        assert (place / "__main__.py").is_file() or place.with_suffix(".py").is_file(), name


def test_every_file_that_is_named_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT + CHANGES)
    named = re.findall(r"`((?:deploy|tests|gateway|mappings)/[\w./]+)`", TEXT + CHANGES)
    commands = re.findall(r"(?<![\w/])((?:deploy|tests)/[\w./]+)", "".join(blocks("sh")))
    assert len(links) > 10
    for path in {*links, *named, *commands} - {"tests/descriptions/example/", "gateway/pstn"}:
        assert (ROOT / path).exists(), path


def test_the_demo_ends_with_the_line_that_is_shown() -> None:
    demo = (ROOT / "tests" / "peers" / "demo.py").read_text(encoding="utf-8")
    (line,) = [text.strip() for text in blocks("") if text.startswith("both calls")]
    assert line in demo
    assert "FAILED" in demo


def test_the_mapping_tables_are_those_that_are_printed() -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        print_mappings()
    shown = TEXT.partition("<!-- mappings: begin -->")[2].partition("<!-- mappings: end -->")[0]
    assert shown.strip() == printed.getvalue().strip(), "put the output of `python -m mappings` between the markers"


def test_the_table_of_metrics_has_every_metric_with_its_type_and_no_other() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    there = {
        (family.name + ("_total" if family.type == "counter" else ""), family.type) for family in registry.collect()
    }
    table = [row for row in rows(section("Metrics and alerts")) if row[0].startswith("`jinglesip_")]
    assert {(code(row[0]), row[1]) for row in table} == there


def test_the_table_of_metrics_has_their_labels() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "gateway" / "metrics").glob("*.py"))
    for name, _, labels, _ in (row for row in rows(section("Metrics and alerts")) if len(row) == 4):
        stem = code(name).removeprefix("jinglesip_").removesuffix("_total")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and stem in {
                str(a.value).removeprefix("jinglesip_") for a in node.args if isinstance(a, ast.Constant)
            }:
                listed = [
                    e.value for a in node.args if isinstance(a, ast.List) for e in a.elts if isinstance(e, ast.Constant)
                ]
                given = [k.arg for k in node.keywords if k.arg not in ("registry", "buckets")]
                assert [*listed, *given] == ([part.strip() for part in labels.split(",")] if labels else []), name


def test_the_alerts_are_those_of_the_rules() -> None:
    rules = re.findall(r"- alert: (\w+)", (ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8"))
    assert [code(row[0]) for row in rows(section("Metrics and alerts")) if row[0].startswith("`JingleSip")] == rules


def test_the_line_of_a_call_has_the_fields_that_there_are() -> None:
    (text,) = blocks("json")
    line = json.loads(text)
    assert line["event"] == "call_ended"
    assert set(line) <= set(log.FIELDS)
    facts = {"duration_seconds", "setup_seconds", "ended_by", "reason", "status", "text", "codec", "anchor", "answered"}
    assert facts <= set(line)


def test_every_text_that_explains_a_failure_is_one_that_the_gateway_says() -> None:
    said = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "gateway").rglob("*.py"))
    said += "\n".join((ROOT / "mappings" / "reasons.py").read_text(encoding="utf-8").splitlines())
    heading = "Is everything in place: `jingle-sip check`"
    found = 0
    for row in rows(section(heading)) + rows(section("Why did a call fail")):
        for text in re.findall(r"`([^`]+)`", row[0]):
            if not text.startswith('"text"'):
                found += 1
                assert re.sub(r" ?(?:\d?…)$", "", text) in said, text
    assert found > 20


def test_the_import_contracts_are_those_of_the_project() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    flat = " ".join(TEXT.split())
    for contract in contracts:
        assert f"*{contract['name']}*" in flat, contract["name"]


# ------------------------------------------------------------------------------------------------------------ the text


def test_both_arrows_of_a_ladder_line_start_and_end_at_its_bars() -> None:
    ladders = [text for text in blocks("") if re.search("^│", text, re.M)]
    assert len(ladders) == 2
    for text in ladders:
        first, *lines = [line for line in text.splitlines() if line[0] in "│╞"]
        bars = [at for at, char in enumerate(first) if char == "│"]
        for line in lines:
            assert len(line) == len(first), line
            assert line[0] == "╞" or all(line[at] == "│" for at in bars), line


def test_only_addresses_and_numbers_for_examples_are_used() -> None:
    for text in re.findall(r"(?<!§)\b\d{1,3}(?:\.\d{1,3}){3}\b", TEXT):
        assert any(ip_address(text) in network for network in EXAMPLES), text
    for text in re.findall(r"\+[0-9]{4,}", TEXT):
        assert text.startswith("+1555"), text


def test_lines_of_prose_are_not_too_long() -> None:
    for text in (TEXT, CHANGES):
        for line in text.splitlines():
            assert len(line) <= 120 or line.lstrip().startswith("|"), line


def test_the_changes_begin_with_this_version() -> None:
    version = _parser().prog and re.search(r"^## (\S+), ", CHANGES, re.M)
    assert version
    from gateway import __version__  # noqa: PLC0415 - beside its only use

    assert version[1] == __version__
