"""Operations: what one committed write did, as the log says it and as the engine applies it.

Documents are full post-images, never update operators, so that applying an
operation twice gives the same state as applying it once.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Hashable, Iterator, Sequence
from itertools import accumulate, chain, pairwise
from sys import byteorder
from typing import Any, TypeAlias

import msgspec

from nosqlpy._core.values.codec import decode_id, encode_plain, encode_value, inspect_value
from nosqlpy._core.values.keys import equality_key, equality_keys

PUT, DELETE, DEFINE = 1, 2, 3
KIND_OP, KIND_BULK, KIND_PART, KIND_COMMIT = 1, 2, 3, 4
KINDS = (KIND_OP, KIND_BULK, KIND_PART, KIND_COMMIT)
# their bodies are columns, and documents behind them
COLUMNS = (KIND_BULK, KIND_PART)
_SIMPLE = frozenset((str, int))
# ids in a part of a delete
PART_IDS = 50_000

OP = struct.Struct("<BI")
_META = struct.Struct("<I")
# as `pack_numbers` where a machine's numbers are little-endian, in half of the time
_PACK_FEW = {count: struct.Struct(f"={count}I").pack for count in range(1, 17)}

# what comes of decoding, and applying, a body that no encoder has made
MALFORMED = (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError, struct.error)


class Put(msgspec.Struct, gc=False):
    """Documents stored under their ids, each replacing the one that was there.

    `fresh` says that whoever planned it has seen that none was there; it holds for the first time that it is applied.
    Where it is not `indexed`, each stands in all indexes where the one that it replaces stood.
    """

    collection: int
    keys: Sequence[Hashable]
    ids: Sequence[Any]
    documents: Sequence[bytes]
    fresh: bool = False
    indexed: bool = True


class Delete(msgspec.Struct, gc=False):
    """Ids whose documents are gone."""

    collection: int
    keys: Sequence[Hashable]
    ids: Sequence[Any]


class Define(msgspec.Struct, gc=False):
    """A change of the catalogue: `verb` is one of ``create drop clear rename options index unindex``."""

    collection: int
    verb: str
    payload: dict[str, Any]


Operation: TypeAlias = Put | Delete | Define


def encode_body(operations: Sequence[Operation]) -> tuple[int, bytes, bytes]:
    """Return a frame's kind, the part of its body that the frame's checksum covers, and the rest.

    One operation on one document is an ``OP`` body, all covered; anything else is a
    ``BULK`` body: columns that hold a checksum for each document, then the documents.
    """
    single = encode_single(operations[0]) if len(operations) == 1 else None
    return encode_bulk(operations) if single is None else (KIND_OP, single, b"")


def encode_single(operation: Operation) -> bytes | None:
    """Return the ``OP`` body of one operation, or None if it is on several documents."""
    if type(operation) is Put:
        documents = operation.documents
        return OP.pack(PUT, operation.collection) + documents[0] if len(documents) == 1 else None
    if type(operation) is Delete:
        return (
            OP.pack(DELETE, operation.collection) + encode_value(operation.ids[0]) if len(operation.ids) == 1 else None
        )
    assert type(operation) is Define, "there is no other operation"
    return OP.pack(DEFINE, operation.collection) + encode_value(_definition(operation))


def _definition(operation: Define) -> list[Any]:
    return [operation.verb, operation.payload]


def encode_part(operations: Sequence[Operation]) -> tuple[bytes, bytes]:
    """Return the covered part, and the rest, of a body that holds a part of a large commit."""
    return encode_bulk(operations)[1:]


def split_operations(operations: Sequence[Operation], size: int) -> Iterator[list[Operation]]:
    """Yield `operations` in parts whose documents have about `size` bytes; one document is never cut."""
    part: list[Operation] = []
    filled = 0
    for piece in chain.from_iterable(_pieces(operation, size) for operation in operations):
        length = sum(map(len, piece.documents)) if type(piece) is Put else 0
        if part and (filled + length > size or type(piece) is Delete):
            yield part
            part, filled = [], 0
        part.append(piece)
        filled += length
    if part:
        yield part


def _pieces(operation: Operation, size: int) -> Iterator[Operation]:
    """Yield an operation in pieces: puts of about `size` bytes each, deletes of so many ids."""
    if type(operation) is Delete:
        for i in range(0, len(operation.ids), PART_IDS):
            yield Delete(operation.collection, operation.keys[i : i + PART_IDS], operation.ids[i : i + PART_IDS])
    elif type(operation) is Put:
        start = filled = 0
        for stop, document in enumerate(operation.documents):
            if stop > start and filled + len(document) > size:
                yield _put(operation, slice(start, stop))
                start, filled = stop, 0
            filled += len(document)
        yield _put(operation, slice(start, None))
    else:
        yield operation


def _put(operation: Put, part: slice) -> Put:
    return Put(operation.collection, operation.keys[part], operation.ids[part], operation.documents[part])


def encode_bulk(operations: Sequence[Operation]) -> tuple[int, bytes, bytes]:
    """Return as `encode_body`, for any operations."""
    if len(operations) == 1 and type(put := operations[0]) is Put and (few := _encode_few(put)) is not None:
        return few
    columns: list[list[Any]] = []
    blobs: list[bytes] = []
    usual = True  # of ids of other types it takes a look whether they are as they seem; nothing else here needs one
    for operation in operations:
        if type(operation) is Put:
            documents, ids = operation.documents, operation.ids
            usual = usual and (ids is operation.keys or _SIMPLE.issuperset(map(type, ids)))  # only such are their keys
            pack = _PACK_FEW.get(len(documents))
            if pack is None or byteorder == "big":
                lengths, crcs = pack_numbers(map(len, documents)), pack_numbers(map(zlib.crc32, documents))
            else:
                lengths, crcs = pack(*map(len, documents)), pack(*map(zlib.crc32, documents))
            columns.append([PUT, operation.collection, ids, lengths, crcs])
            blobs += documents
        elif type(operation) is Delete:
            usual = usual and _SIMPLE.issuperset(map(type, operation.ids))
            columns.append([DELETE, operation.collection, operation.ids, b"", b""])
        elif type(operation) is Define:
            usual = False
            columns.append([DEFINE, operation.collection, _definition(operation), b"", b""])
    meta = (encode_plain(columns) if usual else None) or encode_value(columns)
    return KIND_BULK, _META.pack(len(meta)) + meta, b"".join(blobs)


def _encode_few(put: Put) -> tuple[int, bytes, bytes] | None:
    """Return as `encode_bulk` for few documents with usual ids, as of a small transaction, in fewer steps; or None."""
    documents, ids = put.documents, put.ids
    pack = _PACK_FEW.get(len(documents))
    if pack is None or byteorder == "big" or not _SIMPLE.issuperset(map(type, ids)):
        return None
    meta = encode_plain([[PUT, put.collection, ids, pack(*map(len, documents)), pack(*map(zlib.crc32, documents))]])
    return None if meta is None else (KIND_BULK, _META.pack(len(meta)) + meta, b"".join(documents))


def covered_size(kind: int, body: bytes) -> int:
    """Return how many bytes of `body` the frame's own checksum covers."""
    if kind in COLUMNS and len(body) >= _META.size:
        return min(_META.size + int(_META.unpack_from(body)[0]), len(body))
    return len(body)


def decode_body(kind: int, body: bytes) -> list[Operation] | None:
    """Return the operations of a frame whose checksum held, or None where a document's own checksum does not hold.

    Raises:
        ValueError: They make no sense: nobody wrote them who keeps to the format.
    """
    try:
        return _decode_body(kind, body)
    except MALFORMED as error:
        raise ValueError("no operations of a log") from error


def _decode_body(kind: int, body: bytes) -> list[Operation] | None:
    if kind == KIND_OP:
        return [_decode_single(body)]
    if kind == KIND_COMMIT:
        return []
    operations: list[Operation] = []
    for operation, crcs in decode_bulk(body):
        if type(operation) is Put and list(map(zlib.crc32, operation.documents)) != crcs:
            return None
        operations.append(operation)
    return operations


def decode_bulk(body: bytes) -> Iterator[tuple[Operation, list[int]]]:
    """Yield the operations of a ``BULK`` body whose columns are intact, with the checksums that documents must have.

    Where they make no sense, one of `MALFORMED` is raised.
    """
    offset = covered_size(KIND_BULK, body)
    for code, collection, ids, lengths, crcs in inspect_value(body[_META.size : offset]):
        if code == PUT:
            documents, offset = slice_documents(body, offset, unpack_numbers(lengths))
            yield Put(collection, equality_keys(ids), ids, documents), unpack_numbers(crcs)
        elif code == DELETE:
            yield Delete(collection, equality_keys(ids), ids), []
        else:
            yield Define(collection, *ids), []


class Located(msgspec.Struct, gc=False):
    """Where the documents of a put lie: offsets in the body of its frame, one more than there are documents."""

    collection: int
    keys: Sequence[Hashable]
    ids: Sequence[Any]
    offsets: list[int]
    crcs: list[int]


def locate(kind: int, body: bytes) -> list[Located | Delete | Define]:
    """Return the operations of a body with the places of documents instead of these.

    The documents' checksums are as the body says.

    Raises:
        ValueError: They make no sense.
    """
    try:
        return _locate(kind, body)
    except MALFORMED as error:
        raise ValueError("no operations of a log") from error


def _locate(kind: int, body: bytes) -> list[Located | Delete | Define]:
    if kind == KIND_OP:
        operation = _decode_single(body)
        if not isinstance(operation, Put):
            return [operation]
        crc = zlib.crc32(operation.documents[0])
        return [Located(operation.collection, operation.keys, operation.ids, [OP.size, len(body)], [crc])]
    if kind == KIND_COMMIT:
        return []
    offset = size = covered_size(kind, body)
    located: list[Located | Delete | Define] = []
    for code, collection, ids, lengths, crcs in inspect_value(body[_META.size : size]):
        if type(collection) is not int:
            raise ValueError("no number of a collection")
        if code == PUT:
            sizes, sums = unpack_numbers(lengths), unpack_numbers(crcs)
            if not len(ids) == len(sizes) == len(sums):  # who reads here has not looked at the frame's own checksum
                raise ValueError("columns of different lengths")
            offsets = list(accumulate(sizes, initial=offset))
            located.append(Located(collection, equality_keys(ids), ids, offsets, sums))
            offset = offsets[-1]
        elif code == DELETE:
            located.append(Delete(collection, equality_keys(ids), ids))
        else:
            located.append(Define(collection, *ids))
    return located


def decode_put(collection: int, document: bytes) -> Put | None:
    """Return the put of an encoded document, or None where it is none."""
    try:
        id = decode_id(document)
        ids = [id]
        return Put(collection, ids if type(id) is str else equality_keys(ids), ids, [document])
    except MALFORMED:
        return None


def _decode_single(body: bytes) -> Operation:
    code, collection = OP.unpack_from(body)
    rest = body[OP.size :]
    if code == PUT:
        id = decode_id(rest)
        return Put(collection, [equality_key(id)], [id], [rest])
    value = inspect_value(rest)
    return Delete(collection, [equality_key(value)], [value]) if code == DELETE else Define(collection, *value)


def slice_documents(body: bytes, start: int, lengths: list[int]) -> tuple[list[bytes], int]:
    """Return the documents that lie back to back in `body` from `start` on, and where the last one ends."""
    ends = list(accumulate(lengths, initial=start))
    return [body[i:j] for i, j in pairwise(ends)], ends[-1]


def pack_numbers(numbers: Any) -> bytes:
    """Return `numbers` as little-endian unsigned 32-bit integers."""
    packed = array("I", list(numbers))  # of a list, whose length it knows
    if byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_numbers(data: bytes) -> list[int]:
    """Return the integers that `pack_numbers` packed."""
    packed = array("I", data)
    if byteorder == "big":
        packed.byteswap()
    return packed.tolist()
