"""Records from files into collections."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

from nosqlpy import Client, Collection, ConfigurationError, CorruptionError, ReplaceOne
from nosqlpy.compat.fluxdb.records import Damage, read_records

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
    The file is gone through twice, the first time without storing anything; in memory are a
    thousand records at a time, and all ids.

    Raises:
        CorruptionError: There is damage, and `damaged` is not ``"skip"``; nothing is imported.
        ConfigurationError: An option cannot have this value.
    """
    _check(damaged, duplicates)
    ids: set[str] = set()
    repeated: list[int] = []
    damage: list[dict[str, int]] = []
    for each in read_records(path):  # all of them before one is stored: there may be damage, or a function may raise
        if isinstance(each, Damage):
            damage.append({"offset": each.offset, "bytes": each.size})
            continue
        typed(each.fields)
        if each.fields["_id"] in ids:
            repeated.append(each.offset)
        ids.add(each.fields["_id"])
    if damage and damaged == "refuse":
        where = f"{damage[0]['bytes']} bytes at offset {damage[0]['offset']} of {os.fspath(path)!r}"
        more = f", and {len(damage) - 1} more such places" if len(damage) > 1 else ""
        raise CorruptionError(
            f'{where} are no record{more}; migrate(…, damaged="skip") takes the others',
            details={"file": os.fspath(path), **damage[0], "damage": damage},
        )
    put(map(typed, _kept(path, frozenset(repeated), duplicates)), collection)
    records = len(ids) + (len(repeated) if duplicates == "rename" else 0)
    return {"records": records, "duplicates": repeated, "damage": damage}


def _check(damaged: object, duplicates: object) -> None:
    if damaged not in ("refuse", "skip"):
        raise ConfigurationError("damaged is 'refuse' or 'skip'")
    if duplicates not in DUPLICATES:
        raise ConfigurationError(f"duplicates is one of {', '.join(map(repr, DUPLICATES))}")


def _kept(path: str | os.PathLike[str], repeated: frozenset[int], duplicates: Duplicates) -> Iterator[dict[str, str]]:
    """Yield the fields of the records that are kept; of those with one id, each in the place of the one before it."""
    for each in read_records(path):
        if isinstance(each, Damage) or (each.offset in repeated and duplicates == "first"):
            continue
        is_renamed = each.offset in repeated and duplicates == "rename"
        yield {**each.fields, "_id": str(uuid.uuid4())} if is_renamed else each.fields


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
