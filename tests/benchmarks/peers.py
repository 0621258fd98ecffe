"""Who is measured beside nosqlpy, and what of that is installed."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from tests.benchmarks.operations import BYTES, DICTS, JSONB, TEXT
from tests.benchmarks.others import Mongomock, Montydb, TinyDB
from tests.benchmarks.sqlite import Sqlite, SqliteJsonb
from tests.benchmarks.stores import Bytes, LiveDicts, Nosqlpy

import nosqlpy

OURS = "nosqlpy"
PACKAGES = ("apsw", "aiosqlite", "tinydb", "mongomock", "montydb")


class Peer(msgspec.Struct, frozen=True):
    """A store, the package that it needs, and how many documents can be asked of it before minutes pass."""

    make: Any
    package: str | None = None
    size_max: int = 1_000_000


PEERS = {
    OURS: Peer(Nosqlpy),
    BYTES: Peer(Bytes),
    DICTS: Peer(LiveDicts, size_max=100_000),
    TEXT: Peer(Sqlite),
    JSONB: Peer(SqliteJsonb, "apsw"),
    "TinyDB": Peer(TinyDB, "tinydb", 10_000),
    "mongomock": Peer(Mongomock, "mongomock", 10_000),
    "montydb": Peer(Montydb, "montydb", 10_000),
}
QUICK = (OURS, BYTES, DICTS, TEXT)  # those that need no package


def missing() -> list[str]:
    """Return the packages that are not installed."""
    return [package for package in PACKAGES if find_spec(package) is None]


def chosen(size: int, *, quick: bool) -> dict[str, Any]:
    """Return the classes of the stores to measure with so many documents, by name."""
    absent = missing()
    return {
        name: peer.make
        for name, peer in PEERS.items()
        if size <= peer.size_max and peer.package not in absent and (name in QUICK or not quick)
    }


def versions() -> dict[str, str]:
    """Return the versions of everything that is measured."""
    found = {"CPython": platform.python_version(), OURS: nosqlpy.__version__, "msgspec": msgspec.__version__}
    found["SQLite of sqlite3"] = sqlite3.sqlite_version
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def machine() -> str:
    """Return what is told of the machine: its processors and its system."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = f"{len(models)} x {models[0]}" if models else platform.machine()
    return f"{model}, {platform.system()} {platform.release()}"
