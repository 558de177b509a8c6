"""Where the daemon has its control socket, and where a command looks for it."""

from pathlib import Path

from gateway.config.places import control_socket, control_sockets

FOLDER = Path("/etc/jingle-sip")


def test_it_is_in_the_runtime_directory_or_beside_the_configuration() -> None:
    assert control_socket("control.sock", FOLDER, {}) == FOLDER / "control.sock"
    assert control_socket("control.sock", FOLDER, {"RUNTIME_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a/control.sock")
    assert control_socket("/srv/x.sock", FOLDER, {"RUNTIME_DIRECTORY": "/run/a"}) == Path("/srv/x.sock")
    assert control_socket("", FOLDER, {}) is None


def test_a_command_that_systemd_did_not_start_finds_the_units_too() -> None:
    run = Path("/run/jingle-sip/control.sock")
    assert control_sockets("control.sock", FOLDER, {}) == (FOLDER / "control.sock", run)
    assert control_sockets("/srv/x.sock", FOLDER, {}) == (Path("/srv/x.sock"),)
    assert control_sockets("", FOLDER, {}) == ()
