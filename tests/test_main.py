"""The command line: 0 it is well, 1 it did not work, 2 and one line when it cannot be understood."""

import asyncio
import io
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway import __version__
from gateway.__main__ import main
from gateway.secret import Secret
from gateway.store.database import Database
from gateway.store.migrations import migrate
from gateway.store.vault import unlock
from tests.configured import written

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch, logging_undone: None) -> None:
    monkeypatch.setenv("SECRET", "hush")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"jingle-sip {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run", "--loudly"]])
def test_a_command_line_that_is_not_understood_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: jingle-sip" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_configuration_that_is_not_there_is_2_and_a_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--config", str(tmp_path / "none.toml")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jingle-sip: ")
    assert "none.toml" in line


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"sip_port": 99999}, "listen"),
        ({"xmpp_port": '"many"'}, "port"),
        ({"dial": "[oops]"}, "oops"),
        ({"dial": "[[dial]]\nmatch = '('\ntrunk = 'pbx'"}, "match"),
        ({"dial": "not toml"}, "gateway.toml"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_2_and_a_line_that_names_the_key(
    command: str, values: dict[str, object], key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--config", str(written(tmp_path, **values))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jingle-sip: ")
    assert key in line
    assert "hush" not in line


@pytest.mark.parametrize(
    ("content", "keys", "complaint"),
    [
        ("PRAGMA user_version = 999", "", "jingle-sip.sqlite: written by a newer version"),
        ("CREATE TABLE theirs (a)", "", "jingle-sip.sqlite: a database of another program"),
        (b"no database" * 100, "", "jingle-sip.sqlite: it is no SQLite database"),
        ("locked", 'key_env = "SECRET"', "jingle-sip.sqlite: its passwords are encrypted with another key"),
        ("locked", "", "jingle-sip.sqlite: its passwords are encrypted, and [store] names no key: key_file"),
        ("", 'key_file = "none"', "[store] key_file: cannot read"),
        ("", 'key_env = "NOBODY"', "[store] key_env: the environment has no NOBODY"),
        ("", 'key_file = "none"\nkey_env = "SECRET"', "[store] key_env: stands beside key_file"),
    ],
)
def test_a_store_that_cannot_be_used_is_2_and_a_line(
    content: str | bytes, keys: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "jingle-sip.sqlite"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if content == "locked":
                migrate(connection)
                unlock(connection, Secret("another"))
            else:
                connection.execute(content)
    assert main(["run", "--config", str(written(tmp_path, store=path.name, store_keys=keys))]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("jingle-sip: ")
    assert complaint in line
    assert "hush" not in line


def test_a_second_gateway_on_one_store_is_2_and_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Database(tmp_path / "store.sqlite")
    asyncio.run(first.open())
    assert main(["run", "--config", str(written(tmp_path, store="store.sqlite"))]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line == f"jingle-sip: {tmp_path / 'store.sqlite'}: another jingle-sip runs on it"
    asyncio.run(first.close())


def test_a_port_that_is_taken_is_1_and_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert main(["run", "--config", str(written(tmp_path, sip_port=port))]) == 1
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("jingle-sip: cannot start: ")
    assert str(port) in line


def test_an_http_port_that_is_taken_is_1_and_nothing_stays_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["run", "--config", str(written(tmp_path, http_port=port))]) == 1
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("jingle-sip: cannot start: ")


def test_what_is_found_wanting_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(written(tmp_path))]) == 1
    assert "[FAIL] component" in capsys.readouterr().out


@pytest.mark.parametrize(("given", "status"), [(SDP, 0), (b"<nothing/>", 1), (b"\xff\xfe", 1)])
def test_a_translation_is_0_and_what_cannot_be_translated_is_1(
    given: bytes, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert main(["translate"]) == status
    told = capsys.readouterr()
    assert bool(told.out) is (status == 0)
    assert told.err.startswith("jingle-sip: ") is (status == 1)


@pytest.mark.parametrize("words", [[], ["list"], ["list", "--recent"], ["show", "a"], ["hangup", "a"]])
def test_no_gateway_to_ask_is_1_and_a_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calls", *words, "--config", str(written(tmp_path))]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"jingle-sip: no daemon listens at {tmp_path}/control.sock or /run/jingle-sip/control.sock\n"


def test_no_control_socket_is_1_and_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text() + '[control]\nsocket = ""\n')
    assert main(["calls", "-c", str(path)]) == 1
    assert "[control] socket is empty" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["list", "--recent", "0"], ["hangup", "a", "--reason", "because"], ["show"]])
def test_nonsense_about_calls_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["calls", *words])
    assert stopped.value.code == 2
    assert capsys.readouterr().err
