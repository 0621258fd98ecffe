"""A text index: the documents that have a term, each with the score of the term.

An entry is a term, or the values of the fields before the texts and a term. It leads to the key of the document and
its score where only one document has it, which is so for half of all words, and to a dict of several.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from sys import getsizeof
from typing import Any, Final

from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.hashed import HashIndex
from nosqlpy._core.index.memory import estimate, key_size
from nosqlpy._core.index.textkeys import after_of, before_of, spec_of
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.partial import Layout, Row, matched_values
from nosqlpy._core.query.several import Several
from nosqlpy._core.text.analysis import analyzer_of
from nosqlpy._core.text.scoring import scores_of
from nosqlpy._core.text.search import Terms
from nosqlpy._core.text.spec import Text, TextSpec
from nosqlpy._core.values.codec import fields_decoder, inspect_document
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.types import MISSING
from nosqlpy.errors import NotSupportedError, WriteError

Decode = Callable[[bytes], Mapping[str, Any]]
Found = dict[Hashable, float]
"""Scores by the keys of documents."""
Content = tuple[tuple[Hashable, ...], list[Text]]
"""What of a document an index depends on: what stands before its texts, and these."""
Entries = list[tuple[Hashable, float]]

NO_FIELD: Final = "\0text"
"""Stands for the field of a text index where that of another one is compared with paths: none is equal to it."""


class TextIndex(HashIndex):
    """Which documents have a term, and with which score.

    `languages` are those that its texts have had; `failure` is why it cannot be read: a stemmer that another process
    has is not installed here.
    """

    __slots__ = ("_pairs", "after", "before", "failure", "languages", "spec")

    def __init__(self, definition: IndexDefinition) -> None:
        super().__init__(definition)
        # a planner for conditions and orders of fields finds nothing here
        self.field, self.plain, self.keys = NO_FIELD, None, ()
        self.spec: TextSpec = spec_of(definition)
        self.before: tuple[str, ...] = before_of(definition)
        self.after: tuple[str, ...] = after_of(definition)
        self.languages: set[str] = {self.spec.language}
        self.failure: NotSupportedError | None = None
        self._pairs = 0

    # ── changing ─────────────────────────────────────────────────────────────────

    def add(self, values: Iterable[Any], key: Hashable, *, moved: bool = False) -> None:  # noqa: ARG002 - scores order
        """Enter the document `key` under each of some entries with its score."""
        entries, pairs = self._entries, self._pairs
        for entry, score in values:
            held = entries.get(entry)
            if type(held) is dict:
                before = len(held)
                held[key] = score
                pairs += len(held) - before
            elif held is None:
                entries[entry] = (key, score)
                pairs += 1
            elif held[0] == key:
                entries[entry] = (key, score)
            else:
                entries[entry] = {held[0]: held[1], key: score}
                pairs += 1
        self._pairs = pairs

    def discard(self, values: Iterable[Any], key: Hashable) -> None:
        """Remove the document `key` from under each of some entries, where it stands there."""
        entries = self._entries
        for entry, _ in values:
            held = entries.get(entry)
            if type(held) is dict:
                self._pairs -= held.pop(key, None) is not None
                if not held:
                    del entries[entry]
            elif held is not None and held[0] == key:
                del entries[entry]
                self._pairs -= 1

    def clear(self) -> None:
        """Remove every entry."""
        super().clear()
        self._pairs = 0

    # ── reading ──────────────────────────────────────────────────────────────────

    def ready(self) -> None:
        """Make sure that the index can be read.

        Raises:
            NotSupportedError: A document is in a language whose stemmer is not installed here.
        """
        if self.failure is not None:
            raise self.failure

    def holders(self, value: Hashable) -> Collection[Hashable]:
        """Return the keys of the documents under exactly the entry `value`, as a sized collection."""
        held = self._entries.get(value)
        return () if held is None else held.keys() if type(held) is dict else (held[0],)

    def leads_to(self, prefix: tuple[Hashable, ...], terms: Iterable[str]) -> int:
        """Return how many documents the terms have, those with several of them counted for each."""
        found = (self._entries.get(self._entry(prefix, term), ()) for term in terms)
        return sum(len(held) if type(held) is dict else bool(held) for held in found)

    def search(self, prefix: tuple[Hashable, ...], terms: Terms) -> Found:
        """Return the documents that have an indexed term, with the sum of their scores.

        Those that have a negated one are left out, if the search is not sensitive to more than an index has.
        """
        scores: Found = {}
        for term in terms.indexed:
            held = self._held(prefix, term)
            if not scores:
                scores = held
            else:
                for key, score in held.items():
                    scores[key] = scores.get(key, 0.0) + score
        for term in () if terms.sensitive else terms.negated:
            for key in self._held(prefix, term):
                scores.pop(key, None)
        return scores

    def _held(self, prefix: tuple[Hashable, ...], term: str) -> Found:
        """Return a copy of what stands under a term, made at once: others may be writing."""
        held = self._entries.get(self._entry(prefix, term))
        if held is None:
            return {}
        return held.copy() if type(held) is dict else {held[0]: held[1]}

    @staticmethod
    def _entry(prefix: tuple[Hashable, ...], term: str) -> Hashable:
        return (prefix, term) if prefix else term

    def stats(self) -> dict[str, Any]:
        """Return whether the index is built, how many terms and entries it has, and about how many bytes."""
        keys, held = list(self._entries), list(self._entries.values())
        size = getsizeof(self._entries) + estimate(keys, key_size) + estimate(held, _held_size)
        return {"built": True, "keys": len(keys), "entries": self._pairs, "bytes": size}


def _held_size(held: Any, seen: set[int]) -> int:
    """Return how many bytes a dict of scores, or one key and its score, take."""
    scores = list(held.values()) if type(held) is dict else held[1:]
    return getsizeof(held) + sum(key_size(score, seen) for score in scores)


class TextExtraction:
    """From encoded documents to their entries in a text index, each an entry and its score."""

    __slots__ = ("_columns", "_decode", "_index", "_partial")

    def __init__(self, index: TextIndex, layout: Layout) -> None:
        names, partial = index.spec.names, index.definition.partial
        self._index = index
        self._partial = None if partial is None else compile_filter(partial)
        self._decode: Decode = inspect_document if names is None else fields_decoder(names)
        self._columns = [layout.column(path, matched_values) for path in (*index.before, *index.after)]

    def __call__(self, rows: Sequence[Row], blobs: Sequence[bytes]) -> list[Entries]:
        """Return the entries of each document; one that cannot be had here makes the index unreadable, and no error."""
        try:
            return self.strict(rows, blobs)
        except (NotSupportedError, WriteError) as error:
            self._index.failure = NotSupportedError(f"text index {self._index.name!r} cannot be used: {error}")
            return [[] for _ in blobs]

    def strict(self, rows: Sequence[Row], blobs: Sequence[bytes]) -> list[Entries]:
        """Return the entries of each document; those of one that has the texts of the one before are the same list.

        Raises:
            WriteError: A document does not fit the index.
            NotSupportedError: The stemmer of a language is not installed.
        """
        found: list[Entries] = []
        last: Content | None = None
        for content in self._contents(rows, blobs):
            if not found or content != last:
                found.append([] if content is None else self._entries(content))
            else:
                found.append(found[-1])
            last = content
        return found

    def check(self, rows: Sequence[Row], blobs: Sequence[bytes]) -> list[Entries]:
        """Refuse documents that do not fit the index; return no entries, which takes long.

        Raises:
            WriteError: A document does not fit the index.
            NotSupportedError: The stemmer of a language is not installed.
        """
        for content in self._contents(rows, blobs):
            for language in () if content is None else {text.language for text in content[1]}:
                analyzer_of(language)
        return [[] for _ in blobs]

    def _contents(self, rows: Sequence[Row], blobs: Sequence[bytes]) -> Iterator[Content | None]:
        """Yield what stands before the texts of each document, and the texts; None for one that is not in the index."""
        inside = None if self._partial is None else set(map(id, self._partial.select(blobs)))
        decode, texts_of = self._decode, self._index.spec.texts
        for row, blob in zip(rows, blobs, strict=True):
            if inside is not None and id(blob) not in inside:
                yield None
            else:
                yield self._prefix(row) if self._columns else (), texts_of(decode(blob))

    def _entries(self, content: Content) -> Entries:
        prefix, texts = content
        scores = scores_of(texts).items()
        self._index.languages.update([text.language for text in texts])
        return [((prefix, term), score) for term, score in scores] if prefix else list(scores)

    def _prefix(self, row: Row) -> tuple[Hashable, ...]:
        """Return the values of a document before its texts; none that it has beside them may be an array."""
        index = self._index
        values: list[Any] = [next(iter(column((row,)))) for column in self._columns]
        for path, value in zip((*index.before, *index.after), values, strict=True):
            if type(value) is list or type(value) is Several:
                message = f"text index {index.name!r} cannot hold a document with an array at {path!r}"
                raise WriteError(message, code=201, code_name="CannotBuildIndexKeys")
        return tuple(equality_key(None if value is MISSING else value) for value in values[: len(index.before)])
