"""What tests of several parts need."""

import asyncio
import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

# A law is true or not; how long an example takes on a busy machine says nothing about it.  The examples are the same in
# every run, so that a run says something of what was changed; LAWS=search looks for others, and for more of them.
settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("search", settings.get_profile("laws"), derandomize=False, max_examples=300)
settings.load_profile(os.environ.get("LAWS", "laws"))

if os.environ.get("TESTS_LOOP") == "uvloop":
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the tests with real programs, which mostly wait, evenly among those that only compute."""
    real = [item for item in items if "peers" in item.path.parts]
    others = [item for item in items if "peers" not in item.path.parts]
    placed = [(place / len(group), item) for group in (real, others) for place, item in enumerate(group)]
    items[:] = [item for _, item in sorted(placed, key=lambda found: found[0])]


@pytest.fixture
def logging_undone() -> Iterator[None]:
    """Logging is afterwards as it was, whatever a command made of it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
