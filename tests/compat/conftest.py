"""Databases for the tests of other libraries' interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nosqlpy.compat.tinydb import JSONStorage, TinyDB
from nosqlpy.compat.tinydb.middlewares import CachingMiddleware
from nosqlpy.compat.tinydb.storages import MemoryStorage


def database_in_memory() -> MemoryStorage:
    """Return a storage whose tables are collections of a database in memory."""
    storage = MemoryStorage()
    storage.client.open()
    return storage


@pytest.fixture(params=["directory", "memory", "database in memory", "json", "cached json"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TinyDB]:
    """A database on each kind of storage: tables behave alike in all."""
    arguments = {
        "directory": {"path": tmp_path / "db"},
        "memory": {"storage": MemoryStorage},
        "database in memory": {"storage": database_in_memory},
        "json": {"path": tmp_path / "db.json", "storage": JSONStorage},
        "cached json": {"path": tmp_path / "db.json", "storage": CachingMiddleware(JSONStorage)},
    }
    with TinyDB(**arguments[request.param]) as database:
        yield database


@pytest.fixture(params=[MemoryStorage, database_in_memory], ids=["dicts", "collections"])
def memory(request: pytest.FixtureRequest) -> TinyDB:
    """A database in memory: live dicts, which ask every document, and collections, where filters choose whom to ask."""
    return TinyDB(storage=request.param)


@pytest.fixture
def collections() -> TinyDB:
    """A database whose tables are collections in memory."""
    return TinyDB(storage=database_in_memory)
