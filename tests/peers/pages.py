"""The pages that a browser is given: a client of the npm package stanza, and a SIP phone's media.

They stand in `web`, and are bundled once into a cache folder (`python -m tests.peers.pages` does it, and so does
tests/run), with the exact packages of `web/package-lock.json`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).parent / "web"
PAGES = ("client", "phone")


def missing() -> str:
    """What keeps the pages from being shown; empty: nothing."""
    return (
        ""
        if _pages().exists()
        else "the pages are not bundled (python -m tests.peers.pages; needs npm and its registry)"
    )


def url(page: str) -> str:
    """Where a browser finds that page."""
    return (_pages() / f"{page}.html").as_uri()


def bundle() -> Path:
    """The folder of the pages, made anew when these or their packages have changed; CalledProcessError if npm fails."""
    pages = _pages()
    if pages.exists():
        return pages
    packages = pages.with_name(f"packages-{_digest('package-lock.json')}")
    packages.mkdir(parents=True, exist_ok=True)
    with (packages / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (packages / "node_modules" / ".package-lock.json").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(WEB / name, packages)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=packages, check=True, stdin=subprocess.DEVNULL)
        made = packages / f"made-{os.getpid()}"
        command = [
            *("node", str(packages / "node_modules" / "esbuild" / "bin" / "esbuild"), "--bundle"),
            *("--define:global=globalThis", "--log-level=warning", f"--outdir={made}"),
            *(str(WEB / f"{page}.js") for page in PAGES),
        ]
        environment = {**os.environ, "NODE_PATH": str(packages / "node_modules")}
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL)
        for page in PAGES:
            (made / f"{page}.html").write_text(
                f'<!doctype html><meta charset="utf-8"><script defer src="{page}.js"></script>'
            )
        if pages.exists():
            shutil.rmtree(made)
        else:
            made.rename(pages)
    return pages


def _pages() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    sources = sorted(path.name for path in WEB.iterdir() if path.suffix in (".js", ".json"))
    return cache / "jingle-sip-tests" / f"pages-{_digest(*sources)}"


def _digest(*names: str) -> str:
    return hashlib.sha256(b"\0".join((WEB / name).read_bytes() for name in names)).hexdigest()[:16]


if __name__ == "__main__":
    try:
        bundle()
    except (OSError, subprocess.CalledProcessError) as failure:
        sys.exit(f"cannot bundle the pages: {failure}")
