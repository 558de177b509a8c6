"""Where secrets come from: files and the environment, never the configuration itself."""

from collections.abc import Mapping
from pathlib import Path

from gateway.config.reading import refuse
from gateway.secret import Secret

LONGEST = 4096


class Secrets:
    """Fetches secrets by the names that the file gives."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def fetch(self, where: str, key: str, file: str | None, variable: str | None) -> Secret | None:
        """The secret of ``key``_file or ``key``_env, or None when neither is set; ConfigError when it cannot be had."""
        if file is not None and variable is not None:
            refuse(where, f"{key}_env", f"stands beside {key}_file")
        if file is not None:
            return Secret(self._from_file(where, f"{key}_file", file))
        if variable is None:
            return None
        value = self._environ.get(variable, "")
        if not value:
            refuse(where, f"{key}_env", f"the environment has no {variable}")
        return Secret(value)

    def _from_file(self, where: str, key: str, name: str) -> str:
        path = self.path(name)
        try:
            value = path.read_text(encoding="utf-8")[: LONGEST + 1]
        except OSError as error:
            refuse(where, key, f"cannot read {path}: {error.strerror}")
        except UnicodeDecodeError:
            refuse(where, key, f"{path} is not UTF-8")
        value = value.rstrip("\r\n")
        if not value or len(value) > LONGEST or "\n" in value or "\x00" in value:
            refuse(where, key, f"expected one line in {path}")
        return value

    def path(self, name: str) -> Path:
        """Where a file is: systemd's credentials (LoadCredential=) come first, then the folder of the configuration."""
        if credentials := self._environ.get("CREDENTIALS_DIRECTORY"):
            path = Path(credentials) / name
            if path.exists():
                return path
        return self._folder / name
