"""Records from files into collections."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

from nosqlpy import Client, Collection, ConfigurationError, CorruptionError, ReplaceOne
from nosqlpy.compat.fluxdb.records import Damage, Found, read_records

Record: TypeAlias = dict[str, Any]
Duplicates: TypeAlias = Literal["first", "last", "rename"]
"""Which of the records that have one id is kept; with ``"rename"`` all, the later ones under new ids."""

DUPLICATES: tuple[Duplicates, ...] = ("first", "last", "rename")
_AT_ONCE = 1000


def copy_collection(source: Client, target: Client, name: str) -> None:
    """Copy the one collection of `source`, and its indexes, into the collection `name` of `target`."""
    (only,) = source.list_collection_names()
    indexes = [index for index in source[only].list_indexes() if index["name"] != "_id_"]
    target.create_collection(name, exist_ok=True)
    for index in indexes:
        target[name].create_index(list(index["key"].items()), name=index["name"])
    put(source[only].find(), target[name])


def import_records(
    path: str | os.PathLike[str],
    collection: Collection[Record],
    typed: Callable[[dict[str, str]], Record] = dict,
    *,
    damaged: Literal["refuse", "skip"] = "refuse",
    duplicates: Duplicates = "first",
) -> dict[str, Any]:
    """Take over the records of one of the original's data files; return what there was.

    The report has ``records``, how many are in now; ``duplicates``, the offsets of records
    whose id was there before in the file; ``damage``, offset and size in bytes of what is no record.

    Raises:
        CorruptionError: There is damage, and `damaged` is not ``"skip"``; nothing is imported.
        ConfigurationError: An option cannot have this value.
    """
    _check(damaged, duplicates)
    found = list(read_records(path))
    damage = [{"offset": each.offset, "bytes": each.size} for each in found if isinstance(each, Damage)]
    if damage and damaged == "refuse":
        where = f"{damage[0]['bytes']} bytes at offset {damage[0]['offset']} of {os.fspath(path)!r}"
        more = f", and {len(damage) - 1} more such places" if len(damage) > 1 else ""
        raise CorruptionError(
            f'{where} are no record{more}; migrate(…, damaged="skip") takes the others',
            details={"file": os.fspath(path), **damage[0], "damage": damage},
        )
    kept, repeated = _kept([each for each in found if isinstance(each, Found)], duplicates)
    put(list(map(typed, kept)), collection)  # all of them first: a function of the user's may raise
    return {"records": len(kept), "duplicates": repeated, "damage": damage}


def _check(damaged: object, duplicates: object) -> None:
    if damaged not in ("refuse", "skip"):
        raise ConfigurationError("damaged is 'refuse' or 'skip'")
    if duplicates not in DUPLICATES:
        raise ConfigurationError(f"duplicates is one of {', '.join(map(repr, DUPLICATES))}")


def _kept(found: list[Found], duplicates: Duplicates) -> tuple[list[dict[str, str]], list[int]]:
    """Return the fields of the records that are kept, and the offsets of those whose id came before."""
    kept: dict[str, dict[str, str]] = {}
    repeated: list[int] = []
    for offset, fields in found:
        identity = fields["_id"]
        if identity in kept:
            repeated.append(offset)
            if duplicates == "first":
                continue
            if duplicates == "rename":
                identity = str(uuid.uuid4())
                fields = {**fields, "_id": identity}  # noqa: PLW2901 - what the file has is not kept
        kept[identity] = fields
    return list(kept.values()), repeated


def put(records: Any, collection: Collection[Record]) -> None:
    """Store records, each in the place of the one with its id."""
    for part in _parts(iter(records)):
        collection.bulk_write([ReplaceOne({"_id": {"$eq": each["_id"]}}, each, upsert=True) for each in part])


def _parts(records: Iterator[Record]) -> Iterator[list[Record]]:
    part: list[Record] = []
    for record in records:
        part.append(record)
        if len(part) == _AT_ONCE:
            yield part
            part = []
    if part:
        yield part
