"""From a directory of the original to a database of nosqlpy's."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from nosqlpy import Client, StorageError
from nosqlpy.compat.fluxdb.recovery import Types, recoverer
from nosqlpy.compat.fluxdb.transfer import Duplicates, import_records

SUFFIX = ".fdb"


def migrate(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    /,
    *,
    types: Types = False,
    indexed_fields: Mapping[str, Collection[str]] | None = None,
    damaged: Literal["refuse", "skip"] = "refuse",
    duplicates: Duplicates = "first",
) -> dict[str, dict[str, Any]]:
    """Take over every collection of FluxDB's directory `source` into the database `target`; return a report of each.

    FluxDB stored every value as text. `types` gives values their types again: True where a
    text looks like one, or for the fields that are listed, or by a function for each field.
    `indexed_fields` names, by collection, the fields to index: FluxDB's own index files are
    pickles, and never opened. What its processes still held in their buffers is in no file.

    A report has ``records``, ``duplicates`` (offsets of records whose id came before) and
    ``damage`` (offset and size of what is no record).

    Raises:
        StorageError: `source` holds no data file.
        CorruptionError: A file is damaged, and `damaged` is not ``"skip"``; collections before it are taken over.
        ConfigurationError: An option cannot have this value.
    """
    typed = recoverer(types)
    files = sorted(Path(source).glob(f"*{SUFFIX}"))
    if not files:
        raise StorageError(f"{os.fspath(source)!r} holds no {SUFFIX} file; name the directory that FluxDB was given")
    with Client(target) as client:
        reports = {}
        for file in files:
            collection = client.create_collection(file.stem, exist_ok=True)
            for field in (indexed_fields or {}).get(file.stem, ()):
                collection.create_index(field)
            reports[file.stem] = import_records(file, collection, typed, damaged=damaged, duplicates=duplicates)
        return reports
