"""`migrate` makes a database of a JSON file that TinyDB wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from nosqlpy import Client
from nosqlpy.compat.tinydb import writing
from nosqlpy.compat.tinydb.fields import NotStorable
from nosqlpy.compat.tinydb.storages import State, read_state
from nosqlpy.errors import DocumentError, StorageError
from nosqlpy.naming import check_collection_name


def migrate(source: str | os.PathLike[str], target: str | os.PathLike[str], /) -> dict[str, int]:
    """Write the tables of a TinyDB JSON file to a new directory and return how many documents each has.

    What was written is read back and compared with the file before the directory appears under its name. The file is
    not changed, unless both have the same name: then it is renamed to that with ``.json-before``.

    Raises:
        StorageError: The file is none that TinyDB wrote, or the directory, or the file's new name, exists.
        InvalidName: No collection can have the name of a table.
        DocumentError: A value cannot be stored, such as an int past 64 bits; the message has table, id and path.
        OSError: The file cannot be read.
    """
    file, directory = Path(source).absolute(), Path(target).absolute()
    state = _read(file)
    kept = file.with_name(f"{file.name}.json-before") if file == directory else None
    for place in (kept or directory,):
        if place.exists():
            raise StorageError(f"{str(place)!r} exists already")
    built = directory.with_name(f"{directory.name}.{uuid4().hex[:8]}.building")
    _build(built, state)
    if kept is not None:
        file.rename(kept)
    built.rename(directory)
    return {name: len(table) for name, table in state.items()}


def _read(file: Path) -> State:
    """Return the state in a file, checked."""
    try:
        state = json.loads(file.read_bytes() or b"{}")
    except ValueError as error:
        raise StorageError(f"{str(file)!r} is no JSON file: {error}") from None
    tables = state.values() if isinstance(state, dict) else [None]
    if not all(isinstance(table, dict) and all(isinstance(item, dict) for item in table.values()) for table in tables):
        raise StorageError(f"{str(file)!r} was not written by TinyDB: it holds no tables of documents")
    found: State = state
    for name in found:
        check_collection_name(name)
    return found


def _build(directory: Path, state: State) -> None:
    try:
        with Client(directory) as client:
            for name, table in state.items():
                _write(client, name, table)
            _check(client, state)
    except BaseException:
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        if directory.exists():
            directory.rmdir()
        raise


def _write(client: Client, name: str, table: dict[str, Any]) -> None:
    collection = client.create_collection(name)
    try:
        writing.insert(collection, list(table.items()))
    except DocumentError:
        _name_culprit(name, table)
        raise


def _name_culprit(name: str, table: dict[str, Any]) -> None:
    """Raise the error again with the table and the id of the document that cannot be stored."""
    scratch = Client(":memory:")["scratch"]
    for doc_id, document in table.items():
        try:
            writing.insert(scratch, [(doc_id, document)])
        except DocumentError as error:
            raise NotStorable(f"table {name!r}, document {doc_id}: {error}") from None


def _check(client: Client, state: State) -> None:
    """Refuse a database that does not hold `state`; as text, in which 1 and 1.0 differ and NaN is equal to itself."""
    written = read_state(client) or {}
    for name, table in state.items():
        if json.dumps(written.get(name)) != json.dumps(table):
            raise StorageError(f"table {name!r} cannot be kept as it is in the file; nothing was written")
