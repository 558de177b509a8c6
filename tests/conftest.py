"""What tests of several parts need."""

import asyncio
import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# A law is true or not; how long an example takes on a busy machine says nothing about it.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")

if os.environ.get("TESTS_LOOP") == "uvloop":
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


@pytest.fixture
def logging_undone() -> Iterator[None]:
    """Logging is afterwards as it was, whatever a command made of it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
