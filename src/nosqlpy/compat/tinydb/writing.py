"""How documents of tables are written to collections: each write is one atomic operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from nosqlpy import Client, Collection
from nosqlpy.aliases import Document
from nosqlpy.compat.tinydb.fields import NotStorable, stored_id, to_stored, with_text_keys
from nosqlpy.errors import DocumentError

R = TypeVar("R")


def storing(write: Callable[[Any], R], documents: Any) -> R:
    """Return what `write` makes of `documents`, whose keys become text if they are not, as in JSON.

    Raises:
        NotStorable: A value cannot be stored.
    """
    try:
        return write(documents)
    except DocumentError:
        pass
    try:
        return write(with_text_keys(documents))
    except DocumentError as error:
        raise NotStorable(str(error), code=error.code, code_name=error.code_name) from None


def insert(collection: Collection[Document], rows: Sequence[tuple[Any, Mapping[str, Any]]]) -> None:
    """Insert documents under ids that are free.

    Raises:
        NotStorable: A value cannot be stored; nothing was inserted.
        DuplicateKeyError: The one id is taken.
        BulkWriteError: One of several ids is taken.
    """
    if len(rows) == 1:
        storing(collection.insert, to_stored(*rows[0]))
    elif rows:
        storing(collection.insert_many, [to_stored(*row) for row in rows])


def replace(collection: Collection[Document], documents: Mapping[Any, Mapping[str, Any]]) -> None:
    """Put documents in the place of those with their ids, all of which are there.

    Raises:
        NotStorable: A value cannot be stored; nothing was changed.
    """
    stored = [to_stored(doc_id, document) for doc_id, document in documents.items()]
    if len(stored) == 1:
        storing(lambda document: collection.replace_one({"_id": document["_id"]}, document), stored[0])
    elif stored:
        storing(collection._save_many, stored)  # noqa: SLF001 - no method for users, since an import has the name for it


def update(collection: Collection[Document], doc_ids: Sequence[Any], change: Any) -> None:
    """Make one update of MongoDB's language of all documents with these ids."""
    ids = [stored_id(doc_id) for doc_id in doc_ids]
    if len(ids) == 1:
        collection.update_one({"_id": ids[0]}, change)
    else:
        collection.update_many({"_id": {"$in": ids}}, change)


def delete(collection: Collection[Document], doc_ids: Sequence[Any]) -> None:
    """Delete the documents with these ids."""
    if len(doc_ids) == 1:
        collection.delete(stored_id(doc_ids[0]))
    elif doc_ids:
        collection.delete_many({"_id": {"$in": [stored_id(doc_id) for doc_id in doc_ids]}})


def write_state(client: Client, state: Mapping[str, Mapping[Any, Mapping[str, Any]]]) -> None:
    """Make the collections of a database the tables of `state`; documents that are the same are not written.

    Raises:
        NotStorable: A value cannot be stored.
    """
    for name in client.list_collection_names():
        if name not in state:
            client.drop_collection(name)
    for name, table in state.items():
        _write_table(client.create_collection(name, exist_ok=True), table)


def _write_table(collection: Collection[Document], table: Mapping[Any, Mapping[str, Any]]) -> None:
    held = {document["_id"]: document for document in collection.find()}
    wanted = {stored_id(doc_id): document for doc_id, document in table.items()}
    delete(collection, [doc_id for doc_id in held if doc_id not in wanted])
    replace(
        collection,
        {key: document for key, document in wanted.items() if key in held and to_stored(key, document) != held[key]},
    )
    insert(collection, [(key, document) for key, document in wanted.items() if key not in held])
