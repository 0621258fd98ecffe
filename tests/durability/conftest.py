"""What several of the tests of durability need."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def quiet() -> Iterator[None]:
    """Keep the storage's warnings out of the output: refused operations are what is wanted here."""
    log = logging.getLogger("nosqlpy.storage")
    level = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(level)
