"""The command line: `jingle-sip run`, `check`, `calls`, `accounts` and `translate`.

Exit status: 0 well, 1 it did not work, 2 the configuration or the command line cannot be used (one line says why).
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway import __version__, controlling, log, translating
from gateway.config import Settings, load
from gateway.errors import ConfigError, StoreError, TransportError
from gateway.provisioning import arguments as accounts_arguments
from gateway.provisioning.work import provision

DEFAULT_CONFIG = Path("/etc/jingle-sip/gateway.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "run":
                return _run(load(options.config))
            case "check":
                from gateway import check  # noqa: PLC0415 - the daemon's parts take half a second to load

                settings = load(options.config)
                log.configure(level="error", format="console")  # what goes wrong is in the report
                return check.check(settings)
            case "accounts":
                log.configure(level="error", format="console")  # what changes is told by the command itself
                return provision(options, sys.stdin, sys.stdout, sys.stderr)
            case "calls":
                return controlling.control(options, sys.stdout, sys.stderr)
            case _:
                return translating.translate(options, sys.stdin.buffer, sys.stdout, sys.stderr)
    except (ConfigError, StoreError) as error:
        print(f"jingle-sip: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(settings: Settings) -> int:
    log.configure(**msgspec.structs.asdict(settings.log))
    runner = asyncio.run
    try:
        import uvloop  # noqa: PLC0415 - the extra "fast"
    except ImportError:
        pass
    else:
        runner = uvloop.run
    try:
        runner(_serve(settings))
    except (TransportError, OSError) as error:
        print(f"jingle-sip: cannot start: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: Settings) -> None:
    from gateway.app import App  # noqa: PLC0415 - likewise: commands beside a daemon need none of it

    app = App(settings)
    # What is there at the start stays: the collector need not walk it again.  A call leaves a cycle or two among a few
    # thousand objects, and most of its objects stay until its end: passes over few of them at a time cost no more in
    # all, and keep no call's sound waiting for 160 ms, which one pass over what two thousand open calls hold does.
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 5, 1_000)
    await app.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jingle-sip", description="XMPP users call phones, and phones call XMPP users: Jingle ⇄ SIP."
    )
    parser.add_argument("--version", action="version", version=f"jingle-sip {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("run", "serve until told to stop: SIGTERM lets calls end first, SIGINT ends them"),
        ("check", "read the configuration and try everything around the gateway, a line each"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "-c", "--config", type=Path, default=DEFAULT_CONFIG, help=f"the configuration (default: {DEFAULT_CONFIG})"
        )
    controlling.add_arguments(commands, DEFAULT_CONFIG)
    accounts_arguments.add_arguments(commands, DEFAULT_CONFIG)
    translating.add_arguments(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
