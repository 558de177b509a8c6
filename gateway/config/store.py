"""What the table [store] means: where the database is, and the key to the passwords in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.house import Store
from gateway.config.secrets import Secrets
from gateway.secret import Secret


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where things are kept, and how."""

    path: Path | None
    "The file; None: in memory alone."

    key: Secret | None
    "The key that passwords are encrypted with; None: none can be kept."


def store_settings(table: Store, folder: Path, secrets: Secrets, environ: Mapping[str, str]) -> StoreSettings:
    """What the table says; ConfigError when the key cannot be had.  ``folder`` is the configuration's."""
    # systemd names all state directories of a unit, the first one first.
    home = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    key = secrets.fetch("[store]", "key", table.key_file, table.key_env)
    return StoreSettings(Path(home or folder) / table.file if table.file else None, key)
