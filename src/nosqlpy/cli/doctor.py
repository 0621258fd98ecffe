"""The command ``doctor``: whether nosqlpy can work here, and a database is sound."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nosqlpy
from nosqlpy import Client, Document, LockedError, NosqlpyError
from nosqlpy.cli.advice import in_words
from nosqlpy.cli.output import Output

FAILED = 1
PYTHON_MIN = (3, 11)
SPACE_MIN = 64 << 20  # one full segment of the log

_NEEDED = ("msgspec", "anyio")
_EXTRAS = {"rich": "cli", "pymongo": "mongodb", "backports.zstd": "zstd", "snowballstemmer": "text"}


def doctor(arguments: argparse.Namespace) -> int:
    """Check the environment, and a database if one is named; 1 if something is wrong."""
    checks = [*_environment(), *_trial()]
    if arguments.path is not None:
        checks += _database(arguments.path)
    output = Output(arguments.form)
    if output.for_reading:
        output.table(("check", "state", "finding"), [list(check.values()) for check in checks])
    else:
        output.documents(checks)
    return FAILED if any(check["state"] == "wrong" for check in checks) else 0


def _check(name: str, ok: bool, finding: str) -> Document:
    return {"check": name, "state": "ok" if ok else "wrong", "finding": finding}


def _note(name: str, finding: str) -> Document:
    return {"check": name, "state": "note", "finding": finding}


def _environment() -> Iterator[Document]:
    yield _check("nosqlpy", ok=True, finding=nosqlpy.__version__)
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    yield _check("python", ok=sys.version_info >= PYTHON_MIN, finding=implementation)
    yield _check("system", ok=True, finding=f"{platform.system()} {platform.release()} {platform.machine()}")
    for name in _NEEDED:
        found = _version(name)
        yield _check(name, found is not None, found or "not installed, and needed")
    for name, extra in _EXTRAS.items():
        found = _version(name)
        missing = f'not installed; pip install "nosqlpy[{extra}]"'
        yield _check(name, ok=True, finding=found) if found else _note(name, missing)


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - no other command waits for it

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _trial() -> Iterator[Document]:
    """Write, lock, reopen and verify a small database where temporary files go."""

    def work() -> str:
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory, "trial")
            with Client(place, durability="durable", exclusive=True) as db:
                db["trial"].insert({"_id": 1})
            with Client(place, read_only=True) as db:
                db.verify()
        return f"written, locked, reopened and verified in {tempfile.gettempdir()}"

    yield _tried("a new database", work)


def _database(path: str) -> list[Document]:
    """Look at a database, and change nothing."""
    try:
        with Client(path, create=False, read_only=True, lock_timeout=1, slow_ms=None) as db:
            opened = _check("opened", ok=True, finding=f"{db.stats()['documents']:,} documents in {db.url}")
            verified = _tried("verified", lambda: f"{db.verify()['documents']:,} documents, every byte")
            closing, directory = _closing(db), list(_directory(Path(db.url)))
    except NosqlpyError as error:
        return [_check("opened", ok=False, finding=in_words(str(error)))]
    return [opened, verified, closing, _users(path, closing), *directory]  # `_users` wants it alone: closed here


def _closing(db: Client) -> Document:
    recovery = db.recovery or {}
    if recovery.get("clean", True):
        return _check("closed cleanly", ok=True, finding="yes")
    return _note("closed cleanly", f"no: in use, or left by a crash; {recovery.get('torn_bytes', 0)} bytes are torn")


def _directory(directory: Path) -> Iterator[Document]:
    writable = os.access(directory, os.W_OK) and all(os.access(file, os.W_OK) for file in directory.glob("seg-*"))
    yield _check("writable", ok=True, finding="yes") if writable else _note("writable", "no: it can only be read")
    free = shutil.disk_usage(directory).free
    yield _check("free space", free >= SPACE_MIN, f"{free >> 20:,} MiB")


def _users(path: str, closing: Document) -> Document:
    """Ask for the database alone, which shows whether others write; who is silent shows by not having closed it."""
    try:
        Client(path, create=False, read_only=True, exclusive=True, lock_timeout=0, slow_ms=None).open().close()
    except LockedError as error:
        return _note("in use", f"yes, by process {error.details['pid']}" if error.details.get("pid") else "yes")
    except NosqlpyError as error:
        return _note("in use", f"unknown: {in_words(str(error))}")
    if closing["state"] != "ok":
        return _note("in use", "perhaps: nobody writes at this moment, but who wrote last has not closed it")
    return _check("in use", ok=True, finding="no: nobody writes, and who wrote last has closed it")


def _tried(name: str, work: Callable[[], str]) -> Document:
    try:
        return _check(name, ok=True, finding=work())
    except (NosqlpyError, OSError) as error:
        return _check(name, ok=False, finding=in_words(str(error)))
