"""What the repository says twice is the same both times, and the house is in order."""

import ast
import inspect
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from gateway import log
from gateway.config import load
from gateway.config.table import Table
from gateway.config.tables import File
from gateway.metrics import Metrics
from mappings import namespaces

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
CODE = sorted(path for folder in ("gateway", "mappings") for path in (ROOT / folder).rglob("*.py"))
SAMPLE = DEPLOY / "gateway.toml"
LONGEST_MODULE = 400
_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_EVENT = re.compile(r"[a-z]+(_[a-z]+)+")


def name(path: Path) -> str:
    """A file's name for people."""
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    """A module, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


# -------------------------------------------------------------------------------------------------- deploy/gateway.toml


def tables() -> Iterator[tuple[str, type[Table]]]:
    """Every table of the file and its class."""
    for table, hint in get_type_hints(File).items():
        yield table, get_args(hint)[0] if get_origin(hint) is tuple else hint


def fields(table: type[Table]) -> Iterator[msgspec.structs.FieldInfo]:
    """The keys of a table."""
    return iter(msgspec.structs.fields(table))


def sample_with_everything() -> dict[str, Any]:
    """The sample with the keys that stand behind a '#' put in."""
    return tomllib.loads(re.sub(r"(?m)^# (?=\w+ = )", "", SAMPLE.read_text(encoding="utf-8")))


def first_row(found: dict[str, Any], table: str) -> dict[str, Any]:
    """A table, or the first of an array of them."""
    row: dict[str, Any] = found[table][0] if isinstance(found[table], list) else found[table]
    return row


def test_the_sample_configuration_shows_every_key_and_no_other() -> None:
    found = sample_with_everything()
    assert set(found) == {table for table, _ in tables()}
    for table, kind in tables():
        assert set(first_row(found, table)) == {field.encode_name for field in fields(kind)}, table


def test_the_sample_configuration_shows_every_default() -> None:
    found = tomllib.loads(SAMPLE.read_text(encoding="utf-8"))
    for table, kind in tables():
        row = first_row(found, table)
        for field in fields(kind):
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            if default in (msgspec.NODEFAULT, None):
                continue  # must be set, or has no default
            shown = row.get(field.encode_name)
            shown = tuple(shown) if isinstance(shown, list) else shown
            assert (type(shown), shown) == (type(default), default), f"[{table}] {field.encode_name}"


def test_every_key_of_the_sample_has_one_comment() -> None:
    for line in SAMPLE.read_text(encoding="utf-8").splitlines():
        if re.match(r"(?:# )?\w+ = |\[", line):
            assert re.search(r"\s# \S.*\S$", line), line
            assert len(line) <= 120, line


def test_the_sample_configuration_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(SAMPLE.read_text(encoding="utf-8"))
    (tmp_path / "xmpp-secret").write_text("hush\n")
    settings = load(tmp_path / "gateway.toml", {})
    assert [trunk.name for trunk in settings.routing.trunks] == ["pbx"]
    assert "anybody@anywhere.example" not in settings.routing.trunks[0].allow


def test_every_table_and_key_has_a_docstring() -> None:
    source = ast.parse(inspect.getsource(inspect.getmodule(Table)))  # type: ignore[arg-type]
    for node in source.body:
        if isinstance(node, ast.ClassDef) and node.name != "File":
            assert ast.get_docstring(node), node.name
            for field, after in zip(node.body, [*node.body[1:], None], strict=True):
                if isinstance(field, ast.AnnAssign):
                    assert isinstance(after, ast.Expr), f"{node.name}: {ast.unparse(field)}"


def test_the_unit_hands_over_the_secret_that_the_sample_names() -> None:
    unit = (DEPLOY / "gateway.service").read_text()
    secret = tomllib.loads(SAMPLE.read_text(encoding="utf-8"))["xmpp"]["secret_file"]
    assert f"\nLoadCredential={secret}:" in unit
    for hardening in ("DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=\n"):
        assert f"\n{hardening}" in unit


@pytest.mark.parametrize("file", ["prosody.cfg.lua", "ejabberd.yml"])
def test_the_servers_snippets_name_the_samples_component_and_port(file: str) -> None:
    xmpp = tomllib.loads(SAMPLE.read_text(encoding="utf-8"))["xmpp"]
    text = (DEPLOY / file).read_text()
    assert f'"{xmpp["domain"]}"' in text
    assert str(xmpp["port"]) in text


# -------------------------------------------------------------------------------------------------------------- metrics


def metric_names() -> frozenset[str]:
    """Every metric there is, as it is asked for."""
    registry = CollectorRegistry()
    Metrics(registry)
    suffix = {"counter": "_total"}
    return frozenset(family.name + suffix.get(family.type, "") for family in registry.collect())


def metrics_in(text: str) -> frozenset[str]:
    """The metrics that a text asks for."""
    names = re.findall(r"\bjinglesip_\w+", text)
    return frozenset(
        re.sub(r"(?:(?<=_seconds)|(?<=_ratio)|(?<=_mos))_(?:bucket|count|sum)$", "", found) for found in names
    )


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", []))
    assert metrics_in(asked) == metric_names()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_the_alerts_name_metrics_that_there_are() -> None:
    text = (DEPLOY / "alerts.yml").read_text()
    assert metrics_in(text)
    assert metrics_in(text) <= metric_names()


def test_prometheus_asks_where_the_gateway_serves() -> None:
    http = tomllib.loads(SAMPLE.read_text(encoding="utf-8"))["http"]
    assert f'"{http["host"]}:{http["port"]}"' in (DEPLOY / "prometheus.yml").read_text()


# ------------------------------------------------------------------------------------------------------------------ log


def said(path: Path) -> Iterator[ast.Call]:
    """The calls that write a line of the log."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LEVELS:
            whose = ast.unparse(node.func.value)
            if whose.endswith("log") or "get_logger" in whose:
                yield node


@pytest.mark.parametrize("path", [path for path in CODE if any(said(path))], ids=name)
def test_every_line_of_the_log_has_a_constant_event_and_known_fields(path: Path) -> None:
    for call in said(path):
        where = f"{name(path)}:{call.lineno}"
        (event,) = call.args
        assert isinstance(event, ast.Constant), where
        assert _EVENT.fullmatch(str(event.value)), f"{where}: {event.value!r}"
        unknown = {word.arg for word in call.keywords if word.arg} - log.FIELDS.keys() - {"exc_info"}
        assert not unknown, f"{where}: {unknown}"


def test_what_is_bound_to_a_logger_is_a_known_field() -> None:
    for path in CODE:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("get_logger().bind"):
                assert {word.arg for word in node.keywords} <= log.FIELDS.keys(), f"{name(path)}:{node.lineno}"


# ---------------------------------------------------------------------------------------------------------------- house


@pytest.mark.parametrize("path", CODE, ids=name)
def test_no_module_is_longer_than_a_reader_can_hold(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", CODE, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree(path))


def test_every_xml_namespace_is_written_once() -> None:
    known = {value for key, value in vars(namespaces).items() if key.isupper()}
    shapes = re.compile(
        r"\{?(?:urn:xmpp:|urn:ietf:params:xml:|http://jabber\.org/|http://etherx\.jabber\.org/|http://www\.w3\.org/|jabber:)"
    )
    for path in CODE:
        if path == ROOT / "mappings" / "namespaces.py":
            continue
        module = tree(path)
        prose = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                found = node.value in known or shapes.match(node.value)
                assert not found, f"{name(path)}:{node.lineno}: {node.value}"


def test_the_licence_is_there() -> None:
    assert "MIT License" in (ROOT / "LICENSE").read_text()
