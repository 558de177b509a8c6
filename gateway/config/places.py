"""Where the daemon's control socket is: what the daemon binds, and where a command looks for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

RUN: Final = Path("/run/jingle-sip")
"What systemd makes for the unit in deploy/."


def control_socket(name: str, folder: Path, environ: Mapping[str, str]) -> Path | None:
    """What the daemon binds: in its runtime directory, or beside the configuration; None: there is none."""
    # systemd names all runtime directories of a unit, the first one first.
    home = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(home or folder) / name if name else None


def control_sockets(name: str, folder: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where a command looks for it, who is not started by systemd and so is told no directory."""
    bound = control_socket(name, folder, environ)
    return () if bound is None else tuple(dict.fromkeys((bound, RUN / name, folder / name)))
