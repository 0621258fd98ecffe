"""Databases for the tests of other libraries' interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nosqlpy.compat.tinydb import JSONStorage, TinyDB
from nosqlpy.compat.tinydb.middlewares import CachingMiddleware
from nosqlpy.compat.tinydb.storages import MemoryStorage


@pytest.fixture(params=["directory", "memory", "json", "cached json"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TinyDB]:
    """A database on each kind of storage: tables behave alike in all."""
    arguments = {
        "directory": {"path": tmp_path / "db"},
        "memory": {"storage": MemoryStorage},
        "json": {"path": tmp_path / "db.json", "storage": JSONStorage},
        "cached json": {"path": tmp_path / "db.json", "storage": CachingMiddleware(JSONStorage)},
    }
    with TinyDB(**arguments[request.param]) as database:
        yield database
