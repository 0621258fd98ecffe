"""The document that a write returns, decoded without the lock that writes hold.

Decoding an object of a user's type may run code of his, which may use the
database. It comes before the write, so that a write whose document does not
fit the type is refused and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from nosqlpy._core.engine.execution import Query, Request
from nosqlpy._core.engine.intake import CallNeeded
from nosqlpy._core.engine.reads import collated
from nosqlpy._core.engine.state import Change, Engine
from nosqlpy._core.engine.tail import Tail
from nosqlpy._core.values.collation import Collation

T = TypeVar("T")

# plans of one write, each of which would return another document, before it is done and decoded afterwards
TRIES = 5


class Returned(Generic[T]):
    """A query of a write, and what becomes of the document that the write returns.

    What runs no code of a user's is decoded `at_once`.
    """

    __slots__ = ("_at_once", "_change", "_data", "_decode", "_document", "_request", "_tail", "_tries", "query")

    query: Query

    def __init__(self, request: Request[T], *, at_once: bool) -> None:
        self._request = request
        self.query = request.query
        self._decode = request.decode
        self._at_once = at_once
        self._tries = TRIES
        self._tail: Tail | None = None
        self._change: Change[Any] | None = None
        self._data: bytes | None = None
        self._document: T

    def under(self, collation: Collation | None) -> Query:
        """Return the query as it is in a collection with this collation, whose documents are decoded so from now on."""
        if collation is not None:
            self._request = collated(self._request, collation)
            self.query, self._decode = self._request.query, self._request.decode
        return self.query

    def planned(self, engine: Engine) -> Change[Callable[[], T]] | None:
        """Return the change that was planned before its document was decoded, if nothing was written since."""
        change = self._change
        if change is None or engine.tail is not self._tail or engine.tail.end != change.start:
            return None
        return change

    def by(self, engine: Engine, change: Change[Any], data: bytes) -> Change[Callable[[], T]]:
        """Return the planned `change` with what gives the document `data`, once it is made.

        Raises:
            CallNeeded: The document must be decoded first.
        """
        if self._at_once:
            self._decode_now(data)
        elif data != self._data:
            if not self._tries:  # others change the document all the time
                return msgspec.structs.replace(change, result=partial(self._decode, data))
            self._tries -= 1
            self._tail, self._change = engine.tail, msgspec.structs.replace(change, result=self._take)
            raise CallNeeded(partial(self._decode_now, data))
        return msgspec.structs.replace(change, result=self._take)

    def _decode_now(self, data: bytes) -> None:
        self._document = self._decode(data)
        self._data = data

    def _take(self) -> T:
        return self._document


def no_document() -> None:
    """Return None: the write found no document."""
