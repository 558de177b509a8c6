"""Tests against real programs: a test may be a coroutine, and is bounded in time."""

import asyncio
import inspect
import shutil

import pytest

from tests.peers import gateway, warm
from tests.peers.program import Program

PROGRAMS = ("prosody", "baresip", "sipp", "stdbuf", "kamailio", "linphonec")
LONGEST_TEST_SECONDS = 180.0

gateway.begin, gateway.run = warm.begin, warm.run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the programs, and leave it out where they are not installed."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    for item in items:
        if "peers" not in item.path.parts:
            continue
        item.add_marker(pytest.mark.peers)
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(missing)}"))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def bounded() -> None:
        async with asyncio.timeout(LONGEST_TEST_SECONDS):
            await pyfuncitem.obj(**arguments)

    try:
        asyncio.run(bounded())
    finally:
        Program.kill_all()
    return True
