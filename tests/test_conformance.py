"""What we say holds is tested, and what is tested is said: `conformance.json` against the marks of all tests.

A statement is ``tested``; or ``partly``, when ``why`` says what is missing; or ``later``, when no test can be yet and
``why`` says what it waits for; or ``disputed``, when we do otherwise and ``why`` says for what reason.  The marks are
read from the tests' source, so that a missing program or a skipped test hides nothing.
"""

import ast
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
STATUSES = ("tested", "partly", "later", "disputed")
SHARED = TESTS.parents[1] / "shared" / "spec" / "conformance.json"

COMPLETE = frozenset(
    {
        "Addresses",
        "Component",
        "Jingle core",
        "Message initiation",
        "XMPP to SIP",
        "SIP to XMPP",
        "Termination and reasons",
        "SIP transactions",
        "SIP extensions",
        "SDP to Jingle",
        "Jingle to SDP",
        "ICE and trickle",
        "Media security",
        "Media anchor",
        "Changes of a session",
        "Hold, ringing, early media, digits",
    }
)
"Areas that are built: what is not tested in them has its part named."


@cache
def statements() -> dict[str, dict[str, str]]:
    """The statements by their id."""
    rows: list[dict[str, str]] = json.loads((TESTS / "conformance.json").read_text(encoding="utf-8"))
    assert len(rows) == len({row["id"] for row in rows}), "an id stands twice"
    return {row["id"]: row for row in rows}


def said(call: ast.Call) -> Iterator[str]:
    """The ids of one mark; a generator of ranges counts as what it makes."""
    for argument in call.args:
        found: Any = eval(ast.unparse(ast.Tuple([argument], ast.Load())), {"__builtins__": {"range": range}})
        yield from found


@cache
def marked() -> dict[str, list[str]]:
    """Where each id is marked."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.conformance" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.conformance":
                for id in said(node):
                    places[id].append(f"{path.relative_to(TESTS)}:{node.lineno}")
    return places


def test_what_is_said_to_be_tested_is() -> None:
    assert not [id for id, row in statements().items() if row["status"] in ("tested", "partly") and id not in marked()]


def test_what_is_tested_is_said_to_be() -> None:
    assert not {id: marked()[id] for id, row in statements().items() if row["status"] == "later" and id in marked()}


def test_every_mark_is_of_a_statement() -> None:
    assert not {id: places for id, places in marked().items() if id not in statements()}


@pytest.mark.parametrize("status", STATUSES)
def test_whatever_is_not_tested_has_its_reason(status: str) -> None:
    rows = [row for row in statements().values() if row["status"] == status]
    assert not [row["id"] for row in rows if ("why" in row) is (status == "tested")]


def test_every_statement_is_whole() -> None:
    for id, row in statements().items():
        assert set(row) - {"why"} == {"id", "area", "holds", "ref", "status"}, id
        assert row["status"] in STATUSES, id
        assert row["holds"].endswith("."), id
        assert row["holds"][0].isupper() or row["holds"][0].isdigit(), id
        assert row["ref"], id


def test_the_areas_that_are_built_are_tested_but_for_a_few() -> None:
    counts = Counter((row["area"], row["status"] == "later") for row in statements().values())
    assert {area for area, _ in counts} >= COMPLETE
    for area in COMPLETE:
        assert counts[area, True] <= 4, area


@pytest.mark.skipif(not SHARED.is_file(), reason="the reference is not here")
def test_no_statement_of_the_reference_is_forgotten_or_copied() -> None:
    reference = {row["id"]: row for row in json.loads(SHARED.read_text(encoding="utf-8"))}
    assert set(reference) == set(statements())
    for id, row in statements().items():
        assert row["holds"].rstrip(".") not in (reference[id]["expected"], reference[id]["input"]), id
