"""The intake: from a caller's objects to encoded documents, before any lock is taken.

What a caller hands in may run code of his own (an id factory, a generator, a
typed object), which may take long or use the database itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Any, Generic, TypeVar

import msgspec

from nosqlpy._core.values.codec import check_id, encode_document, encode_documents, with_id, with_ids
from nosqlpy._core.values.keys import equality_key, equality_keys
from nosqlpy.errors import DocumentError

T = TypeVar("T")

# documents of one frame of insert_many: about two milliseconds of work
CHUNK = 1000
# and bytes: far less than a frame may have
CHUNK_SIZE = 32 << 20


class NewDocument(msgspec.Struct, frozen=True, gc=False):
    """A document to be stored: its ``_id``, that id's key, and its bytes; `comment` is what a log calls the write.

    With `bypass`, which is not checked yet, no validator is asked.
    """

    id: Any
    key: Hashable
    data: bytes
    comment: Any = None
    bypass: bool | None = None


class NewDocuments(msgspec.Struct, gc=False):
    """Documents to be stored, in columns; `comment` is what a log calls the write."""

    ids: list[Any]
    keys: list[Hashable]
    blobs: list[bytes]
    comment: Any = None


class CallNeeded(Exception):
    """A write needs what code of a user's makes, such as an id: `make` it without the lock, and plan it again."""

    def __init__(self, make: Callable[[], None]) -> None:
        super().__init__()
        self.make = make


class SpareId:
    """An id for what an upsert may insert."""

    __slots__ = ("_ids", "_make_id")

    def __init__(self, make_id: Callable[[], Any]) -> None:
        self._make_id = make_id
        self._ids: list[Any] = []

    def make(self) -> None:
        """Make the id."""
        self._ids.append(self._make_id())

    def take(self) -> Any:
        """Return the id.

        Raises:
            CallNeeded: It is not made yet.
        """
        if not self._ids:
            raise CallNeeded(self.make)
        return self._ids[-1]


class Intake(Generic[T]):
    """Encodes the documents of one collection: `to_mapping` makes a mapping of one, `make_id` new ids."""

    __slots__ = ("make_id", "size_max", "to_mapping")

    def __init__(self, to_mapping: Callable[[T], Mapping[str, Any]], make_id: Callable[[], Any], size_max: int) -> None:
        self.to_mapping = to_mapping
        self.make_id = make_id
        self.size_max = size_max

    def one(self, document: T, comment: Any = None, bypass: bool | None = None) -> NewDocument:
        """Return one document, encoded; `comment` is what a log calls its write, with `bypass` no validator is asked.

        Raises:
            DocumentError: It holds a value that cannot be stored; the message has its path.
        """
        return encode_new(with_id(self.to_mapping(document), self.make_id), self.size_max, comment, bypass)

    def many(self, documents: Iterable[T], comment: Any = None) -> Generator[None, None, NewDocuments]:
        """Return all documents, encoded; yield now and then, so that others get their turn.

        Raises:
            DocumentError: One cannot be stored; `details` has its position as ``index``. Or `documents` are none.
        """
        _check_several(documents)
        new = NewDocuments([], [], [], comment)
        remaining = map(self.to_mapping, documents)
        while chunk := list(islice(remaining, CHUNK)):
            try:
                complete, ids = with_ids(chunk, self.make_id)
                blobs = encode_documents(complete, size_max=self.size_max)
            except DocumentError as error:
                error.details = {**error.details, "index": len(new.ids) + error.details.get("index", 0)}
                raise
            new.ids += ids
            new.blobs += blobs
            yield
        new.keys = equality_keys(new.ids)
        return new

    def spare_id(self, *, made: bool = False) -> SpareId:
        """Return an id for what an upsert may insert, made only when it turns out to be needed, or now."""
        spare = SpareId(self.make_id)
        if made:
            spare.make()
        return spare


def _check_several(documents: Any) -> None:
    if isinstance(documents, Mapping):
        message = "insert_many takes documents, this is one: use insert"
    elif not isinstance(documents, Iterable):
        message = f"insert_many takes documents, such as a list of them, not {type(documents).__name__}"
    else:
        return
    raise DocumentError(message, code=14, code_name="TypeMismatch")


def portions(blobs: Sequence[bytes]) -> Iterator[range]:
    """Yield the places of what goes into one frame: a thousand of `blobs`, or 32 MiB of them if that is less."""
    start = 0
    if sum(map(len, blobs)) <= CHUNK_SIZE:
        yield from (range(begin, min(begin + CHUNK, len(blobs))) for begin in range(0, len(blobs), CHUNK))
        start = len(blobs)
    while start < len(blobs):
        ends = list(accumulate(map(len, blobs[start : start + CHUNK])))
        places = range(start, start + max(1, bisect_right(ends, CHUNK_SIZE)))
        yield places
        start = places.stop


def encode_new(
    document: Mapping[str, Any], size_max: int, comment: Any = None, bypass: bool | None = None
) -> NewDocument:
    """Return a document that begins with its ``_id``, encoded."""
    id = document["_id"]
    if type(id) is str:  # any of those may be one, and is its own key
        return NewDocument(id, id, encode_document(document, size_max=size_max), comment, bypass)
    check_id(id)
    return NewDocument(id, equality_key(id), encode_document(document, size_max=size_max), comment, bypass)
