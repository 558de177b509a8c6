"""What tests of several parts need."""

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def logging_undone() -> Iterator[None]:
    """Logging is afterwards as it was, whatever a command made of it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
