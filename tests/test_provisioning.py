"""`jingle-sip accounts`: what it does, what it shows, and what it says when it cannot."""

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main
from gateway.accounts.standings import write
from gateway.registration.report import Report
from gateway.registration.terms import Standing
from gateway.store.database import Database
from tests.configured import DIAL, written

FIXED = '[[account]]\njid = "romeo@example.org"\naddress = "7@pbx.example.com"\n'
JULIET = "juliet@example.org"


@dataclass
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it said to programs."""
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """A configuration with one account of its own."""
    return written(tmp_path, store="store.sqlite", store_keys='key_env = "SECRET"', dial=DIAL + FIXED)


@pytest.fixture
def accounts(
    configuration: Path, logging_undone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run it, with something on standard input."""
    monkeypatch.setenv("SECRET", "the key")

    def run(*words: str, typed: str = "", config: Path = configuration) -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status = main(["accounts", *words, "--config", str(config)])
        out, err = capsys.readouterr()
        assert err.count("\n") == (status != 0)
        assert "hush" not in out + err
        return Said(status, out, err)

    return run


def test_an_account_is_added_listed_shown_changed_chosen_and_removed(accounts: Run, tmp_path: Path) -> None:
    assert accounts("list").out.splitlines()[0].split() == ["USER", "NAME", "ADDRESS", "SHOWN", "MADE", "BY", "DIALS"]
    added = accounts("add", "Juliet@Example.org", "home", "201@sip.example.com", typed="hush hush\n")
    assert (added.status, added.out) == (0, "added: 'home' of juliet@example.org\n")
    accounts("add", JULIET, "work", "j@10.0.0.1", "--no-password", "--no-register", "--caller-id", "+15550101")
    lines = accounts("list").out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        [JULIET, "home", "201@sip.example.com", "-", "operator", "yes"],
        [JULIET, "work", "j@10.0.0.1", "+15550101", "operator", "no"],
        ["romeo@example.org", "sip", "7@pbx.example.com", "-", "file", "yes"],
        ["3", "accounts"],
    ]
    assert len(accounts("list", JULIET).out.splitlines()) == 4

    changed = accounts(
        "change", JULIET, "home", "--user", "jc", "--proxy", "edge.example.com:5070", "--transport", "tcp",
        "--number", "+15550101", "--number", "+15550102", "--caller-id", "+15550102", "--expires", "600", "--json",
    )  # fmt: skip
    assert changed.json == {"changed": {"jid": JULIET, "name": "home"}}
    assert accounts("show", JULIET, "home", "--json").json == {
        "jid": JULIET,
        "name": "home",
        "address": "201@sip.example.com",
        "user": "jc",
        "password": True,
        "realm": "",
        "proxy": "edge.example.com:5070",
        "transport": "tcp",
        "caller_id": "+15550102",
        "numbers": ["+15550101", "+15550102"],
        "registrar": "",
        "register": True,
        "expires_seconds": 600,
        "made_by": "operator",
        "dials": True,
    }
    shown = dict(line.split(None, 1) for line in accounts("show", JULIET, "home").out.splitlines())
    assert shown["numbers"] == "+15550101, +15550102"
    assert (shown["password"], shown["dials"]) == ("yes", "yes")
    assert "realm" not in shown

    assert accounts("choose", JULIET, "work").out == "chosen: 'work' of juliet@example.org\n"
    assert [row["name"] for row in accounts("list", JULIET, "--json").json if row["dials"]] == ["work"]
    assert accounts("change", JULIET, "home", "--proxy", "").status == 0
    assert accounts("show", JULIET, "home", "--json").json["proxy"] == ""
    assert accounts("remove", JULIET, "work").out == "removed: 'work' of juliet@example.org\n"
    assert [row["name"] for row in accounts("list", JULIET, "--json").json if row["dials"]] == ["home"]
    assert (tmp_path / "store.sqlite").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("typed", ["pässwörd 🔑", "a:b\"c'd\\", "e\u0301", "é"])
def test_a_password_is_taken_as_it_is_from_wherever_it_comes(
    typed: str, accounts: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "typed"
    file.write_text(f"{typed}\r\n", encoding="utf-8", newline="")
    accounts("add", JULIET, "a", "1@sip.example.com", typed=typed)
    accounts("add", JULIET, "b", "1@sip.example.com", "--password-file", str(file))
    accounts("add", JULIET, "c", "1@sip.example.com", "--password-file", "-", typed=f"{typed}\nmore\n")
    accounts("add", JULIET, "d", "1@sip.example.com", "--no-password")
    accounts("change", JULIET, "d", "--password", typed=f"{typed}\n")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("getpass.getpass", lambda prompt: typed)
    monkeypatch.setattr("sys.stdin", Terminal())
    assert main(["accounts", "add", JULIET, "e", "1@sip.example.com", "-c", str(tmp_path / "gateway.toml")]) == 0
    assert kept(tmp_path) == dict.fromkeys("abcde", typed)


def kept(folder: Path) -> dict[str, str]:
    """The passwords that are kept, opened with the key."""
    from gateway.accounts import rows  # noqa: PLC0415 - beside their only use
    from gateway.secret import Secret  # noqa: PLC0415
    from gateway.store.vault import unlock  # noqa: PLC0415

    with closing(sqlite3.connect(folder / "store.sqlite", isolation_level=None)) as connection:
        vault = unlock(connection, Secret("the key"))
        found = [row for row in rows.everyone(connection) if row.sealed is not None]
        return {row.written.name: vault.open(row.sealed or b"", row.whose).reveal() for row in found}


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["add", JULIET, "home", "201"], 2, "address: expected user@domain — got '201'"),
        (["add", "juliet", "home", "201@sip.example.com"], 2, "jid: expected a bare JID — got 'juliet'"),
        (["add", "a@gw.example", "home", "201@sip.example.com"], 2, "jid: gw.example is the component itself"),
        (["add", JULIET, "x" * 33, "201@sip.example.com"], 2, "name: expected a name of 32 characters at most"),
        (["add", JULIET, "home", "201@sip.example.com", "--proxy", "a b"], 2, "proxy: expected HOST or HOST:PORT"),
        (["add", JULIET, "home", "201@sip.example.com", "--number", "a b"], 2, "numbers: expected a number or a user"),
        (["add", JULIET, "home", "201@sip.example.com", "--expires", "1"], 2, "expires_seconds: expected 60 to"),
        (["add", JULIET, "home", "201@sip.example.com", "--user", "u", "--no-password"], 2, "password: missing beside"),
        (["add", JULIET, "home", "201@sip.example.com", "--password-file", "/none"], 2, "/none: No such file"),
        (
            ["add", JULIET, "home", "201@sip.example.com", "--password-file", "-"],
            2,
            "standard input: expected one line",
        ),
        (["add", "romeo@example.org", "sip", "201@sip.example.com", "--no-password"], 1, "one called 'sip' already"),
        (["change", "romeo@example.org", "sip"], 1, "name: 'sip' is the operator's, in the configuration"),
        (["remove", "romeo@example.org", "sip"], 1, "name: 'sip' is the operator's, in the configuration"),
        (["show", "romeo@example.org", "home"], 1, "romeo@example.org has none called 'home'; there are: sip"),
        (["remove", JULIET, "home"], 1, "account: there is none called 'home'"),
        (["show", JULIET, "home"], 1, "juliet@example.org has none called 'home'; there are: none"),
        (["choose", JULIET, "home"], 1, "there are: none"),
        (["change", JULIET, "home"], 1, "there are: none"),
        (["states"], 1, "no gateway runs on "),
        (["rekey", "--new-key-file", "/none"], 2, "/none: No such file"),
    ],
)
def test_what_cannot_be_done_is_a_line_and_a_status(
    words: list[str], status: int, complaint: str, accounts: Run
) -> None:
    said = accounts(*words, typed="" if "-" in words else "hush\n")
    assert (said.status, said.out) == (status, "")
    assert said.err.startswith("jingle-sip: ")
    assert complaint in said.err


@pytest.mark.parametrize(
    "words", [[], ["list", "--transport", "udp"], ["add", JULIET, "home"], ["add", "--password", "x"]]
)
def test_a_command_line_that_is_not_understood_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["accounts", *words])
    assert left.value.code == 2
    assert "usage: jingle-sip " in capsys.readouterr().err


def test_a_sixth_account_is_one_too_many(accounts: Run) -> None:
    for number in range(5):
        assert accounts("add", JULIET, str(number), "201@sip.example.com", "--no-password").status == 0
    said = accounts("add", JULIET, "5", "201@sip.example.com", "--no-password")
    assert (said.status, said.err) == (1, "jingle-sip: name: there are 5 accounts, and no more may be\n")


def test_without_a_key_or_a_file_it_says_so(accounts: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    said = accounts("list", config=written(tmp_path / "other", store=""))
    assert (said.status, said.err.partition(" — ")[0]) == (2, "jingle-sip: [store] file: empty")
    keyless = written(tmp_path / "other", store="store.sqlite")
    said = accounts("add", JULIET, "home", "201@sip.example.com", typed="hush", config=keyless)
    assert said.status == 1
    assert "password: none can be kept here, for the operator has set no key ([store] key_file)" in said.err


def test_what_is_not_allowed_any_more_is_listed_and_can_be_removed(accounts: Run, tmp_path: Path) -> None:
    accounts("add", JULIET, "home", "201@10.0.0.1", "--no-password")
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE accounts SET made_by = 'user'")
    *_, line = accounts("list", JULIET).out.splitlines()
    assert line == "not usable: 'home' of juliet@example.org: address: no account may be at 10.0.0.1"
    assert accounts("remove", JULIET, "home").status == 0
    assert accounts("list", JULIET).out.splitlines()[1:] == ["0 accounts"]


def test_a_wrong_key_is_said(accounts: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts("add", JULIET, "home", "201@sip.example.com", typed="hush")
    monkeypatch.setenv("SECRET", "another key")
    said = accounts("list")
    assert said.status == 2
    assert "its passwords are encrypted with another key than that of [store] key_file" in said.err


def test_the_key_may_be_another_one(accounts: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts("add", JULIET, "home", "201@sip.example.com", typed="hush hush")
    accounts("add", JULIET, "work", "202@sip.example.com", "--no-password")
    (tmp_path / "new").write_text("the new key\n")
    said = accounts("rekey", "--new-key-file", str(tmp_path / "new"))
    assert (said.status, said.out.partition(" with")[0]) == (0, "1 passwords are encrypted")
    assert accounts("list").status == 2
    monkeypatch.setenv("SECRET", "the new key")
    assert accounts("list", JULIET, "--json").json[0]["password"]
    (tmp_path / "new").write_text("the key\n")
    assert accounts("rekey", "--new-key-file", str(tmp_path / "new"), "--json").json == {"passwords": 1}
    monkeypatch.setenv("SECRET", "the key")
    assert kept(tmp_path) == {"home": "hush hush"}


async def running(folder: Path) -> Database:
    """A daemon's database, with how some accounts stand."""
    database = Database(folder / "store.sqlite")
    await database.open()
    states = {
        ("romeo@example.org", "sip"): Report(
            standing=Standing.REFUSED,
            since=1e9,
            failure="401: the user or the password is wrong",
            failed_at=1e9,
        ),
        (JULIET, "home"): Report(standing=Standing.REGISTERED, since=1e9, until=4e9),
    }
    await database.run(lambda connection: write(connection, states))
    return database


def test_how_they_stand_is_shown_while_a_gateway_runs(accounts: Run, tmp_path: Path) -> None:
    import asyncio  # noqa: PLC0415 - beside its only use

    for name in ("home", "new"):
        accounts("add", JULIET, name, "201@sip.example.com", "--no-password")
    accounts("add", JULIET, "quiet", "201@sip.example.com", "--no-password", "--no-register")
    database = asyncio.run(running(tmp_path))
    rows = [line.split(None, 3) for line in accounts("states").out.splitlines()[1:]]
    assert [(name, state.partition(" for ")[0]) for _, name, _, state in rows] == [
        ("home", "registered"),
        ("new", "not taken up yet"),
        ("quiet", "does not register"),
        ("sip", "refused: 401: the user or the password is wrong; being tried again"),
    ]
    (found,) = accounts("states", "romeo@example.org", "--json").json
    assert (found["registration"], found["failed_at"]) == ("refused", 1e9)
    shown = accounts("show", "romeo@example.org", "sip").out
    assert "last_failure     401: the user or the password is wrong" in shown
    (tmp_path / "new").write_text("the new key\n")
    said = accounts("rekey", "--new-key-file", str(tmp_path / "new"))
    assert (said.status, said.err) == (2, f"jingle-sip: {tmp_path / 'store.sqlite'}: another jingle-sip runs on it\n")
    asyncio.run(database.close())
