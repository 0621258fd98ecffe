"""Directories that mongodump writes and mongorestore reads: every collection with its indexes and options.

    from nosqlpy.compat.mongodump import export_dump, import_dump

A directory has for each collection ``NAME.bson``, its documents, and ``NAME.metadata.json``, its definition; both may
be compressed, as ``….gz``. Manual: database-tools/mongodump.
"""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload
from urllib.parse import quote, unquote

import msgspec

from nosqlpy import Client, CollectionNotFound, Document, Durability, NosqlpyError, NotSupportedError, QueryError
from nosqlpy.extended_json import decode_json, encode_json
from nosqlpy.naming import nearest

if TYPE_CHECKING:  # the command line has no use for the async face, which takes a fifth of its start
    from nosqlpy import AsyncClient

Mode: TypeAlias = Literal["insert", "upsert", "replace"]
Call: TypeAlias = Callable[[Any], Any]
_Steps: TypeAlias = "Generator[Call, Any, Document]"

SUFFIXES = (".bson.gz", ".bson")
METADATA = (".metadata.json.gz", ".metadata.json")
METADATA_SIZE_MAX = 64 << 20
_OPTIONS = frozenset({"validator", "validationLevel", "validationAction", "collation"})
_INDEX_NOTES = frozenset({"v", "key", "name", "ns", "background"})


class _Dumped(msgspec.Struct):
    """A collection in a dump: its documents' file, and what is to be created before they go in."""

    name: str
    file: Path
    options: dict[str, Any] = {}
    indexes: list[dict[str, Any]] = []


@overload
def import_dump(
    client: Client,
    directory: str | os.PathLike[str],
    /,
    *,
    mode: Mode = "insert",
    metadata: bool = True,
    on_reject: Callable[[Document], object] | None = None,
    durability: Durability | None = None,
) -> Document: ...
@overload
def import_dump(
    client: AsyncClient,
    directory: str | os.PathLike[str],
    /,
    *,
    mode: Mode = "insert",
    metadata: bool = True,
    on_reject: Callable[[Document], object] | None = None,
    durability: Durability | None = None,
) -> Coroutine[Any, Any, Document]: ...
def import_dump(
    client: Client | AsyncClient,
    directory: str | os.PathLike[str],
    /,
    *,
    mode: Mode = "insert",
    metadata: bool = True,
    on_reject: Callable[[Document], object] | None = None,
    durability: Durability | None = None,
) -> Document | Coroutine[Any, Any, Document]:
    """Import the collections of a dump; return how many documents of each went in.

    `directory` is that of one database, or the one above it if there is only one. With an async client it is awaited.
    Collections get their validators and indexes first, from the metadata, unless `metadata` is false; an index that is
    there with the same definition stays. `mode` and `on_reject` are those of `Collection.import_file`; what `on_reject`
    gets has the ``collection`` too.

    Raises:
        NotSupportedError: The metadata has an option, or a kind of collection or index, that nosqlpy has not; nothing
            was imported. Or it is the dump of an oplog, or of several databases.
        QueryError: A file is damaged; the message has the file and the byte, and how many documents went in before.
        OSError: There is no such directory, or a file cannot be read.
    """
    steps = _importing(Path(directory), mode, on_reject, durability, metadata=metadata)
    return _run(steps, client) if isinstance(client, Client) else _run_async(steps, client)


@overload
def export_dump(
    client: Client,
    directory: str | os.PathLike[str],
    /,
    *,
    collections: Iterable[str] | None = None,
    compressed: bool = False,
) -> Document: ...
@overload
def export_dump(
    client: AsyncClient,
    directory: str | os.PathLike[str],
    /,
    *,
    collections: Iterable[str] | None = None,
    compressed: bool = False,
) -> Coroutine[Any, Any, Document]: ...
def export_dump(
    client: Client | AsyncClient,
    directory: str | os.PathLike[str],
    /,
    *,
    collections: Iterable[str] | None = None,
    compressed: bool = False,
) -> Document | Coroutine[Any, Any, Document]:
    """Export all collections, or those named, as mongodump would; return how many documents of each were written.

    `directory`, new or empty, becomes that of a database: ``mongorestore --db NAME DIRECTORY`` reads it. With an async
    client it is awaited. Each collection is of one moment; `Client.dump` writes all of the same one.

    Raises:
        CollectionNotFound: There is no such collection.
        FileExistsError: There is something in `directory`.
        OSError: A file cannot be written.
    """
    wanted = None if collections is None else list(collections)
    steps = _exporting(Path(directory), wanted, compressed=compressed)
    return _run(steps, client) if isinstance(client, Client) else _run_async(steps, client)


def _run(steps: _Steps, client: Client) -> Document:
    answer = None
    while True:
        try:
            call = steps.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answer = call(client)


async def _run_async(steps: _Steps, client: AsyncClient) -> Document:
    answer = None
    while True:
        try:
            call = steps.send(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answer = await call(client)


# ── importing ────────────────────────────────────────────────────────────────────


def _importing(
    directory: Path,
    mode: Mode,
    on_reject: Callable[[Document], object] | None,
    durability: Durability | None,
    *,
    metadata: bool,
) -> _Steps:
    dumped = [_read(path, metadata=metadata) for path in _files(_database(directory))]
    with Client(":memory:") as trial:  # so that what is refused is refused before anything is imported
        for one in dumped:
            for define in _definitions(one, None):
                define(trial)
    imported: Document = {}
    for one in dumped:
        yield from _definitions(one, durability)
        imported[one.name] = yield _filling(one, mode, on_reject, durability)
    return imported


def _definitions(one: _Dumped, durability: Durability | None) -> Iterator[Call]:
    """Yield the calls that create a collection and its indexes."""
    yield lambda client: client.create_collection(one.name, exist_ok=True, durability=durability, **one.options)
    for index in one.indexes:
        yield partial(_create_index, one.name, index, durability)


def _create_index(collection: str, index: Mapping[str, Any], durability: Durability | None, client: Any) -> Any:
    options = {name: value for name, value in index.items() if name not in _INDEX_NOTES}
    # where none is said there is none, whatever the collection has
    options["collation"] = _collation(options.get("collation", {"locale": "simple"}))
    # shells wrote the directions as doubles
    keys = [(path, int(way) if isinstance(way, float) else way) for path, way in index["key"].items()]
    return client[collection].create_index(keys, name=index["name"], durability=durability, **options)


def _collation(described: Any) -> Any:
    """Return a collation without the version of a server's ICU, by which nothing is ordered here."""
    return {name: value for name, value in described.items() if name != "version"}


def _filling(
    one: _Dumped, mode: Mode, on_reject: Callable[[Document], object] | None, durability: Durability | None
) -> Call:
    reject = None if on_reject is None else lambda found: on_reject({"collection": one.name, **found})
    return lambda client: client[one.name].import_file(one.file, mode=mode, on_reject=reject, durability=durability)


def _database(directory: Path) -> Path:
    """Return the directory that has the files of the database."""
    if _files(directory):
        return directory
    below = sorted(path for path in directory.iterdir() if path.is_dir() and _files(path))
    if len(below) == 1 and not any((directory / name).exists() for name in ("oplog.bson", "oplog.bson.gz")):
        return below[0]
    if not below:
        raise QueryError(f"{directory} is no dump: no file ends in .bson or .bson.gz")
    names = ", ".join(path.name for path in below)
    raise NotSupportedError(f"{directory} has an oplog or several databases: give the directory of one, of {names}")


def _files(directory: Path) -> list[Path]:
    found = (path for path in directory.iterdir() if path.name.endswith(SUFFIXES))
    return sorted(path for path in found if not path.name.startswith("oplog.bson"))


def _read(file: Path, *, metadata: bool) -> _Dumped:
    stem = file.name.removesuffix(".gz").removesuffix(".bson")
    found = next((path for path in (file.with_name(stem + suffix) for suffix in METADATA) if path.exists()), None)
    if found is None or not metadata:
        return _Dumped(unquote(stem), file)
    described = _json(found)
    name = described.get("collectionName", unquote(stem))
    if described.get("type", "collection") != "collection":
        raise NotSupportedError(f"{found}: a {described['type']} is no collection of documents; take its files away")
    options = described.get("options", {})
    for option in options:
        if option not in _OPTIONS:
            raise NotSupportedError(f"{found}: collections have no option {option!r}; metadata=False leaves it out")
    if "collation" in options:
        options = options | {"collation": _collation(options["collation"])}
    indexes = [index for index in described.get("indexes", []) if index["name"] != "_id_"]
    return _Dumped(name, file, options, indexes)


def _json(file: Path) -> Document:
    """Return the content of a file of metadata."""
    with (gzip.open if file.name.endswith(".gz") else open)(file, "rb") as stream:
        try:
            return decode_json(stream.read(METADATA_SIZE_MAX))
        except NosqlpyError as error:
            raise QueryError(f"{file}: {error}", details=error.details) from None


# ── exporting ────────────────────────────────────────────────────────────────────


def _exporting(directory: Path, wanted: list[str] | None, *, compressed: bool) -> _Steps:
    if directory.exists() and any(directory.iterdir()):
        raise FileExistsError(errno.EEXIST, "the directory of a dump is new or empty", str(directory))
    described = {one["name"]: one for one in (yield lambda client: client.list_collections().to_list())}
    for name in wanted or ():
        if name not in described:
            raise CollectionNotFound(f"there is no collection {name!r}{nearest(name, described)}")
    directory.mkdir(parents=True, exist_ok=True)
    exported: Document = {}
    for name in described if wanted is None else wanted:
        indexes = yield _listing(name)
        path = directory / quote(name, safe=" !#$&'()+,-.;=@[]^_`{}~")
        exported[name] = yield _writing(name, f"{path}.bson{'.gz' if compressed else ''}")
        metadata = {"indexes": indexes, "collectionName": name, "type": "collection"}
        text = encode_json({**metadata, "options": described[name]["options"]}, canonical=True)
        Path(f"{path}.metadata.json{'.gz' if compressed else ''}").write_bytes(
            gzip.compress(text, mtime=0) if compressed else text
        )
    return exported


def _listing(name: str) -> Call:
    return lambda client: client[name].list_indexes().to_list()


def _writing(name: str, file: str) -> Call:
    return lambda client: client[name].export_file(file)


__all__ = ["export_dump", "import_dump"]
