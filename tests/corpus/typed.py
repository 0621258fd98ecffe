"""Cases on typed collections: a type declared from the documents of a case, and a collection that hides it.

A type has a field for every name that the documents have before and after, each of any value and perhaps
missing. A case has one if these names are identifiers, and in the same order in all its documents.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from keyword import iskeyword
from typing import Any, TypedDict

import msgspec
from msgspec import UNSET

from corpus.cases import Case, with_ids

ID = "identity"


@dataclasses.dataclass
class Kind:
    """A type of documents, and how a document becomes an object of it and a document again."""

    type: Any
    to_object: Callable[[dict[str, Any]], Any]
    to_document: Callable[[Any], dict[str, Any]]


@cache
def _struct(names: tuple[str, ...]) -> Kind:
    fields = [(ID if name == "_id" else name, Any, UNSET) for name in names]
    kind = msgspec.defstruct("Document", fields, rename={ID: "_id"})
    return Kind(kind, lambda document: kind(**_renamed(document, "_id", ID)), _fields(names, ID))


@cache
def _dataclass(names: tuple[str, ...]) -> Kind:
    kind = dataclasses.make_dataclass("Document", [(name, Any, dataclasses.field(default=UNSET)) for name in names])
    return Kind(kind, lambda document: kind(**document), _fields(names, "_id"))


@cache
def _typed_dict(names: tuple[str, ...]) -> Kind:
    return Kind(TypedDict("Document", dict.fromkeys(names, Any), total=False), _itself, _itself)


KINDS: dict[str, Callable[[tuple[str, ...]], Kind]] = {
    "Struct": _struct,
    "dataclass": _dataclass,
    "TypedDict": _typed_dict,
}


def _itself(document: Any) -> Any:
    return document


def _renamed(document: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in document.items()}


def _fields(names: tuple[str, ...], id_attribute: str) -> Callable[[Any], dict[str, Any]]:
    def document(value: Any) -> dict[str, Any]:
        found = {name: getattr(value, id_attribute if name == "_id" else name) for name in names}
        return {name: item for name, item in found.items() if item is not UNSET}

    return document


def _documents(case: Case) -> Iterator[dict[str, Any]]:
    body = case.body
    yield from case.documents
    yield from with_ids(body.get("after", []))
    for name in ("inserted", "result", "replacement"):
        if isinstance(body.get(name), dict):
            yield body[name]


def names_of(case: Case) -> tuple[str, ...] | None:
    """Return the fields of a case's documents, None if no one type could have them all."""
    names: list[str] = ["_id"]
    for document in _documents(case):
        names += [name for name in document if name not in names]
    if not all(name.isidentifier() and not iskeyword(name) and name != ID for name in names):
        return None
    ordered = all([name for name in names if name in each] == list(each) for each in _documents(case))
    return tuple(names) if ordered else None


class Hidden:
    """A typed collection with the manners of a plain one: documents go in and come out."""

    def __init__(self, collection: Any, kind: Kind) -> None:
        self._collection = collection
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)
        if not callable(method):
            return method
        if name.startswith("find_one_and"):
            return lambda *arguments, **options: self._shown(method(*self._given(name, arguments), **options), options)
        return lambda *arguments, **options: method(*self._given(name, arguments), **options)

    def _given(self, name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments of a method, a replacement among them as an object."""
        if "replace" in name:
            return (arguments[0], self._kind.to_object(arguments[1]), *arguments[2:])
        return arguments

    def _shown(self, found: Any, options: dict[str, Any]) -> Any:
        return found if found is None or options.get("projection") is not None else self._kind.to_document(found)

    def find(self, *arguments: Any, **options: Any) -> Any:
        """Return the cursor of a find, whose list is one of documents."""
        cursor = self._collection.find(*arguments, **options)
        return _Listed([self._shown(found, options) for found in cursor.to_list()])


class _Listed:
    def __init__(self, documents: list[Any]) -> None:
        self._documents = documents

    def to_list(self) -> list[Any]:
        """Return the documents."""
        return self._documents
