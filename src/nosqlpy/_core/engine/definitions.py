"""Writes to the catalogue: collections and indexes. Each function plans one atomic change and alters nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nosqlpy._core.engine.collection import CollectionState
from nosqlpy._core.engine.flags import Progress, check_flag
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.index.catalogue import (
    ID_DEFINITION,
    ID_INDEX,
    SIMPLE,
    IndexDefinition,
    cannot_create,
    index_name,
)
from nosqlpy._core.index.likeness import is_alike, is_same
from nosqlpy._core.index.options import changed_index
from nosqlpy._core.index.textkeys import spec_of
from nosqlpy._core.log.operation import Define, Operation
from nosqlpy._core.text.analysis import analyzer_of
from nosqlpy._core.values.order import equal
from nosqlpy.aliases import Document, IndexKeys
from nosqlpy.errors import CollectionExists, CollectionNotFound, OperationFailure, QueryError
from nosqlpy.naming import check_collection_name, nearest
from nosqlpy.results import TEXT


def ensure_collection(engine: Engine, name: str) -> tuple[list[Operation], int]:
    """Return the operations that make sure that the collection is there (none if it is), and its number."""
    collection = engine.collections.get(name)
    if collection is not None:
        return [], collection.number
    check_collection_name(name)
    number = engine.next_number
    return [Define(number, "create", {"name": name})], number


def create_collection(
    engine: Engine,
    name: str,
    definitions: Sequence[IndexDefinition] = (),
    options: Document | None = None,
    *,
    exist_ok: bool,
) -> Change[None]:
    """Plan a new, empty collection with options and indexes; with `exist_ok` the indexes that one of this name lacks.

    Raises:
        InvalidName: No collection can have this name.
        CollectionExists: There is one of this name, and not `exist_ok`; or it has other `options`.
        OperationFailure: An index of it has the name or the keys of one of `definitions`, and not both.
    """
    check_flag("exist_ok", exist_ok)
    if name in engine.collections and not exist_ok:
        raise CollectionExists(f"collection {name!r} exists already; pass exist_ok=True to accept that")
    held, wanted = engine.collections.get(name), _without_empty(options or {})
    if held is not None and wanted and not equal(wanted, held.options):
        raise CollectionExists(f"collection {name!r} exists already, with other options; coll_mod changes them")
    operations = _new_indexes(engine, name, definitions, wanted.get("collation"))[0]
    if held is None and wanted:
        operations[1:1] = _with_options(engine.next_number, wanted)
    return engine.change(operations, None)


def _with_options(number: int, options: Document) -> list[Operation]:
    """Return the operations that give a new collection its options; under a collation ids have an index of their own.

    The documents themselves stand under their ids as these are.
    """
    operations: list[Operation] = [Define(number, "options", options)]
    if "collation" in options:
        ids = msgspec.structs.replace(ID_DEFINITION, unique=True, collation=options["collation"])
        operations.append(Define(number, "index", ids.to_payload()))
    return operations


def _without_empty(options: Document) -> Document:
    """Return options without an empty validator, which is none."""
    return {option: value for option, value in options.items() if value != {}}


def change_options(engine: Engine, name: str, given: Document, index: Mapping[str, Any] | None = None) -> Change[None]:
    """Plan other options of a collection: those that are given; an empty validator is none. Or of an `index` of it.

    Raises:
        InvalidName: No collection can have this name.
        CollectionNotFound: There is no such collection.
        QueryError: The change of the index cannot be understood.
        OperationFailure: There is no such index (27).
    """
    collection = _existing(engine, check_collection_name(name))
    operations: list[Operation] = []
    if given:
        operations.append(Define(collection.number, "options", _without_empty(collection.options | given)))
    if index is not None:
        changed = changed_index(index, collection.definitions())
        if changed is not None:
            operations.append(Define(collection.number, "index", changed.to_payload()))
    return engine.change(operations, None)


def drop_collection(engine: Engine, name: str) -> Change[bool]:
    """Plan the end of a collection with its documents and indexes; the result says whether there was one.

    Raises:
        InvalidName: No collection can have this name.
    """
    check_collection_name(name)
    collection = engine.collections.get(name)
    if collection is None:
        return engine.change([], False)
    return engine.change([Define(collection.number, "drop", {})], True)


def clear_collection(engine: Engine, name: str) -> Change[int]:
    """Plan the removal of all documents; indexes stay. The result is how many there were."""
    collection = engine.collections.get(name)
    if collection is None or not collection.slots.count():
        return engine.change([], 0)
    return engine.change([Define(collection.number, "clear", {})], collection.slots.count())


def rename_collection(engine: Engine, name: str, new_name: str, *, drop_target: bool) -> Change[None]:
    """Plan another name for a collection.

    Raises:
        CollectionNotFound: There is none of the old name.
        CollectionExists: There is one of the new name, and not `drop_target`.
    """
    check_flag("drop_target", drop_target)
    collection = _existing(engine, name)
    check_collection_name(new_name)
    operations: list[Operation] = []
    target = engine.collections.get(new_name)
    if target is collection:
        raise OperationFailure("a collection cannot be renamed to itself", code=20, code_name="IllegalOperation")
    if target is not None:
        if not drop_target:
            raise CollectionExists(f"collection {new_name!r} exists already; pass drop_target=True to replace it")
        operations.append(Define(target.number, "drop", {}))
    operations.append(Define(collection.number, "rename", {"name": new_name}))
    return engine.change(operations, None)


def _existing(engine: Engine, name: str) -> CollectionState:
    collection = engine.collections.get(name)
    if collection is None:
        raise CollectionNotFound(f"there is no collection {name!r}{nearest(name, engine.collections)}")
    return collection


def create_index(
    engine: Engine, name: str, definition: IndexDefinition, progress: Progress | None = None
) -> Change[str]:
    """Plan an index; one that is there already, just so, is left as it is. The result is its name.

    `progress` is told how many documents are in it, and of how many.

    Raises:
        OperationFailure: An index of the same name has other keys (86), or one with the same keys another name (85).
        DuplicateKeyError: The index is unique, and two documents have the same key.
        WriteError: Two fields of the index come through different arrays of a document (171).
    """
    operations, names = _new_indexes(engine, name, [definition])
    if operations:
        engine.prepare(operations, progress)
    return engine.change(operations, names[0])


def create_indexes(engine: Engine, name: str, definitions: Sequence[IndexDefinition]) -> Change[list[str]]:
    """Plan several indexes as `create_index` does one, all or none of them; the result is their names."""
    operations, names = _new_indexes(engine, name, definitions)
    return engine.change(operations, names)


def _new_indexes(
    engine: Engine,
    name: str,
    definitions: Sequence[IndexDefinition],
    collation: Mapping[str, Any] | None = None,
) -> tuple[list[Operation], list[str]]:
    """Return the operations that make sure that the indexes are there, and their names.

    A collection that is to be made has a `collation`.
    """
    operations, number = ensure_collection(engine, name)
    held: list[IndexDefinition] = []
    if not operations:
        held, collation = engine.collections[name].definitions(), engine.collections[name].options.get("collation")
    names: list[str] = []
    for given in definitions:
        definition = _collated(given, collation)
        if definition.keys == ID_DEFINITION.keys:
            names.append(ID_INDEX)
            continue
        found = _held(held, definition)
        if found is None:
            if definition.kind == TEXT:
                analyzer_of(spec_of(definition).language)  # else no document could be written afterwards
            operations.append(Define(number, "index", definition.to_payload()))
            held = [*held, definition]
        names.append((found or definition).name)
    return operations, names


def _collated(definition: IndexDefinition, collation: Mapping[str, Any] | None) -> IndexDefinition:
    """Return the definition of an index in a collection with this collation, which it has too if it names none.

    Raises:
        QueryError: It is the index of ``_id``, and names another; or a text index, which has none, and names none.
    """
    wanted = definition.collation
    if definition.kind == TEXT:
        if wanted is None and collation is not None:
            raise cannot_create("a text index in a collection with a collation needs collation={'locale': 'simple'}")
        return msgspec.structs.replace(definition, collation=None)
    own = collation if wanted is None else None if wanted == SIMPLE else wanted
    if definition.keys == ID_DEFINITION.keys and own != collation:
        raise QueryError("the index of _id has the collation of the collection, and no other")
    return msgspec.structs.replace(definition, collation=own)


def _held(held: Sequence[IndexDefinition], wanted: IndexDefinition) -> IndexDefinition | None:
    """Return the index that is there already; refuse one that stands in the way of `wanted`."""
    for index in held:
        if is_same(index, wanted) and index.name in (wanted.name, ID_INDEX):
            return index
        _check_conflict(index, wanted)
    return None


def _check_conflict(held: IndexDefinition, wanted: IndexDefinition) -> None:
    """Refuse an index that another one stands in the way of (IndexCatalogImpl::_doesSpecConflictWithExisting)."""
    same_name = held.name == wanted.name
    if is_alike(held, wanted):
        other = "has other options" if same_name else f"is named {held.name!r}"
        raise OperationFailure(
            f"an index on the same keys exists already, which {other}; drop it first",
            code=85,
            code_name="IndexOptionsConflict",
        )
    if held.kind == wanted.kind == TEXT:
        message = f"a collection has only one text index, and this one has {held.name!r}; drop it first"
        raise OperationFailure(message, code=67, code_name="CannotCreateIndex")
    if same_name:
        other = "keys" if held.keys != wanted.keys else "options"
        raise OperationFailure(
            f"index {held.name!r} exists already with other {other}; drop it first, or give the new one a name",
            code=86,
            code_name="IndexKeySpecsConflict",
        )


def drop_index(engine: Engine, name: str, index: str | IndexKeys) -> Change[None]:
    """Plan the end of an index, given its name, its field or its keys.

    Raises:
        CollectionNotFound: There is no such collection.
        OperationFailure: There is no such index (27), or it is that of ``_id`` (72).
    """
    collection = _existing(engine, name)
    index = index_name(index, collection.definitions())
    if index == ID_INDEX:
        raise OperationFailure("the index of _id cannot be dropped", code=72, code_name="InvalidOptions")
    if index not in collection.indexes.by_name:
        raise OperationFailure(
            f"there is no index {index!r}{nearest(index, collection.indexes.by_name)}",
            code=27,
            code_name="IndexNotFound",
        )
    return engine.change([Define(collection.number, "unindex", {"name": index})], None)


def drop_indexes(engine: Engine, name: str) -> Change[None]:
    """Plan the end of all indexes but that of ``_id``; of a collection that does not exist there are none."""
    collection = engine.collections.get(name)
    if collection is None:
        return engine.change([], None)
    return engine.change(
        [
            Define(collection.number, "unindex", {"name": index})
            for index in collection.indexes.by_name
            if index != ID_INDEX
        ],
        None,
    )
