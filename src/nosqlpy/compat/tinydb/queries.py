"""Queries: ``where("age") > 30``, ``Query().address.city == "Paris"``.

A query is a Python function of a document, and that function alone decides. Beside it goes its shape, from which
`nosqlpy.compat.tinydb.narrowing` makes a filter that leaves out documents for which it need not be asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self, TypeAlias

from nosqlpy.compat.tinydb.mql import exact_filter
from nosqlpy.compat.tinydb.shapes import OPAQUE, Always, Both, Not, OneOf, Opaque, Shape, Test
from nosqlpy.compat.tinydb.utils import freeze

Asked: TypeAlias = Callable[[Any], Any]


class QueryLike(Protocol):
    """What a table takes for a query: a function of a document, with a hash.

    If it has a method ``is_cacheable`` that returns False, its answers are not kept.
    """

    def __call__(self, value: Any, /) -> Any:
        """Return whether the document matches."""
        ...

    def __hash__(self) -> int: ...


def is_sequence(obj: Any) -> bool:
    """Whether `obj` can be iterated over."""
    return hasattr(obj, "__iter__")


class QueryInstance:
    """A query that can be asked; `hashval` is what makes it equal to others, None if its answers must not be kept.

    What makes its shape is kept in `_known`, a function and its arguments: not every query is ever looked into.
    """

    _known: tuple[Any, ...] = ()

    def __init__(self, test: Asked, hashval: tuple[Any, ...] | None) -> None:
        self._test = test
        try:
            hash(hashval)
        except TypeError:
            hashval = None
        self._hash = hashval

    def is_cacheable(self) -> bool:
        """Whether the answers may be kept until the next write."""
        return self._hash is not None

    def to_mql(self) -> dict[str, Any] | None:
        """Return the filter that matches the same documents, or None where no filter does.

        None where Python functions take part, and where the two languages differ: in what equals a list or a
        document, and in regular expressions that must match from the start. Of documents that make the query raise
        an error, as ``where("a") < 1`` does where ``a`` is a string, the filter may match some.
        """
        return exact_filter(shape_of(self))

    def __call__(self, value: Mapping[str, Any]) -> Any:
        """Return whether the document matches."""
        return self._test(value)

    def __hash__(self) -> int:
        return hash(self._hash)

    def __eq__(self, other: object) -> Any:
        return isinstance(other, QueryInstance) and self._hash == other._hash

    def __repr__(self) -> str:
        return f"QueryImpl{self._hash}"

    def __and__(self, other: QueryInstance) -> QueryInstance:
        left, right = asked(self), asked(other)
        made = QueryInstance(lambda value: left(value) and right(value), _joined("and", self, other))
        made._known = (*(self._known if self._known[:1] == _BOTH else (_both, self)), other)
        return made

    def __or__(self, other: QueryInstance) -> QueryInstance:
        left, right = asked(self), asked(other)
        made = QueryInstance(lambda value: left(value) or right(value), _joined("or", self, other))
        made._known = (*(self._known if self._known[:1] == _EITHER else (_either, self)), other)
        return made

    def __invert__(self) -> QueryInstance:
        part = asked(self)
        made = QueryInstance(lambda value: not part(value), ("not", self._hash) if self.is_cacheable() else None)
        made._known = (_negated, self)
        return made


def asked(query: Any) -> Asked:
    """Return the function that a query is: its test, without the call between, unless its class has another one."""
    if isinstance(query, QueryInstance) and type(query).__call__ is QueryInstance.__call__:
        return query._test
    found: Asked = query
    return found


def shape_of(query: Any) -> Shape:
    """Return what is known of a query: nothing of a function, nor of a class with a ``__call__`` of its own."""
    if isinstance(query, QueryInstance) and type(query).__call__ is QueryInstance.__call__:
        make, *parts = query._known or (Opaque,)
        found: Shape = make(*parts)
        return found
    return OPAQUE


def _both(*parts: Any) -> Shape:
    return Both(tuple(map(shape_of, parts)))


def _either(*parts: Any) -> Shape:
    return OneOf(tuple(map(shape_of, parts)))


def _negated(part: Any) -> Shape:
    return Not(shape_of(part))


_BOTH = (_both,)
_EITHER = (_either,)


def _joined(name: str, left: QueryInstance, right: QueryInstance) -> tuple[Any, ...] | None:
    """Return what makes a & b equal to b & a."""
    if left.is_cacheable() and right.is_cacheable():
        return name, frozenset((left._hash, right._hash))
    return None


class Query(QueryInstance):
    """The path to a value, which its operators and methods make a query of.

    An attribute or an item is the next key of the path: ``Query().address["zip code"] == "75001"``. Where the path
    leads nowhere in a document, the query is false, `!=` too.
    """

    def __init__(self) -> None:
        self._path: tuple[Any, ...] = ()
        self._test = _refuse_empty
        self._hash = (None,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __hash__(self) -> int:
        return super().__hash__()

    def __getattr__(self, item: str) -> Self:
        query = type(self)()
        query._path = path = (*self._path, item)
        query._hash = ("path", path) if self.is_cacheable() else None
        return query

    def __getitem__(self, item: str) -> Self:
        return self.__getattr__(item)

    def _generate_test(
        self, test: Asked, hashval: tuple[Any, ...] | None, allow_empty_path: bool = False
    ) -> QueryInstance:
        """Return the query that `test` holds for the value at the path; for the extensions of users as well."""
        if not self._path and not allow_empty_path:
            raise ValueError("Query has no path")
        return QueryInstance(_at(self._path, test), hashval if self.is_cacheable() else None)

    def _ask(self, operator: str, test: Asked, operand: Any = None, hashed: tuple[Any, ...] = ()) -> QueryInstance:
        """Return the query of one of the operators here."""
        made = self._generate_test(test, (operator, self._path, *hashed))
        if type(self)._generate_test is Query._generate_test:  # a subclass may mean something else by a path
            made._known = (Test, operator, self._path, operand)
        return made

    def __eq__(self, rhs: object) -> QueryInstance:  # type: ignore[override]
        return self._ask("==", lambda value: value == rhs, rhs, (freeze(rhs),))

    def __ne__(self, rhs: object) -> QueryInstance:  # type: ignore[override]
        return self._ask("!=", lambda value: value != rhs, rhs, (freeze(rhs),))

    def __lt__(self, rhs: Any) -> QueryInstance:
        return self._ask("<", lambda value: value < rhs, rhs, (rhs,))

    def __le__(self, rhs: Any) -> QueryInstance:
        return self._ask("<=", lambda value: value <= rhs, rhs, (rhs,))

    def __gt__(self, rhs: Any) -> QueryInstance:
        return self._ask(">", lambda value: value > rhs, rhs, (rhs,))

    def __ge__(self, rhs: Any) -> QueryInstance:
        return self._ask(">=", lambda value: value >= rhs, rhs, (rhs,))

    def exists(self) -> QueryInstance:
        """Return the query that there is such a value, None or another."""
        return self._ask("exists", lambda _: True)

    def matches(self, regex: str, flags: int = 0) -> QueryInstance:
        """Return the query that the value is a string which matches `regex` from its start, as `re.match`."""
        return self._ask("matches", _textual(re.match, regex, flags), (regex, flags), _pattern(regex, flags))

    def search(self, regex: str, flags: int = 0) -> QueryInstance:
        """Return the query that the value is a string in which `regex` is found, as by `re.search`."""
        return self._ask("search", _textual(re.search, regex, flags), (regex, flags), _pattern(regex, flags))

    def test(self, func: Callable[..., Any], *args: Any) -> QueryInstance:
        """Return the query that ``func(value, *args)`` is true; its answer must depend on nothing else."""
        frozen = tuple(freeze(argument) for argument in args)
        return self._ask("test", lambda value: func(value, *args), None, (func, frozen))

    def any(self, cond: Callable[[Any], Any] | Iterable[Any]) -> QueryInstance:
        """Return the query that an element of the value matches the query `cond`, or is in the list `cond`."""
        if callable(cond):
            return self._every_element(
                "any", lambda value: is_sequence(value) and any(cond(item) for item in value), cond
            )
        return self._every_element(
            "any", lambda value: is_sequence(value) and any(item in cond for item in value), cond
        )

    def all(self, cond: Callable[[Any], Any] | Iterable[Any]) -> QueryInstance:
        """Return the query that all elements of the value match the query `cond`, or it has all in the list `cond`."""
        if callable(cond):
            return self._every_element(
                "all", lambda value: is_sequence(value) and all(cond(item) for item in value), cond
            )
        return self._every_element(
            "all", lambda value: is_sequence(value) and all(item in value for item in cond), cond
        )

    def _every_element(self, operator: str, test: Asked, cond: Any) -> QueryInstance:
        made = self._ask(operator, test, cond, (freeze(cond),))
        if isinstance(cond, QueryInstance) and not cond.is_cacheable():
            made._hash = None
        return made

    def one_of(self, items: Any) -> QueryInstance:
        """Return the query that the value is one of `items`."""
        return self._ask("one_of", lambda value: value in items, items, (freeze(items),))

    def fragment(self, document: Mapping[str, Any]) -> QueryInstance:
        """Return the query that the value, or without a path the document, has the fields of `document`."""

        def test(value: Any) -> bool:
            for key, expected in document.items():  # noqa: SIM110 - a generator takes twice the time
                if key not in value or value[key] != expected:
                    return False
            return True

        hashval = ("fragment", *((self._path,) if self._path else ()), freeze(document))
        made = self._generate_test(test, hashval, allow_empty_path=True)
        if type(self)._generate_test is Query._generate_test:
            made._known = (Test, "fragment", self._path, document)
        return made

    def noop(self) -> QueryInstance:
        """Return the query that every document matches, to begin a chain with."""
        made = QueryInstance(lambda _: True, ())
        made._known = (Always,)
        return made

    def map(self, fn: Callable[[Any], Any]) -> Self:
        """Return the path that goes on from what `fn` makes of the value; answers of its queries are not kept."""
        query = type(self)()
        query._path = (*self._path, fn)
        query._hash = None
        return query


def where(key: str) -> Query:
    """Return the path of one key: ``where("a")`` is ``Query()["a"]``."""
    return Query()[key]


def _refuse_empty(_: Any) -> Any:
    raise RuntimeError("Empty query was evaluated")


def _at(path: tuple[Any, ...], test: Asked) -> Asked:
    """Return the function that follows `path` in a document and tests what is there."""
    if len(path) == 1 and isinstance(path[0], str):
        return _at_key(path[0], test)

    def follow(value: Any) -> Any:
        try:
            for part in path:
                value = value[part] if isinstance(part, str) else part(value)
        except (KeyError, TypeError):
            return False
        return test(value)

    return follow


def _at_key(key: str, test: Asked) -> Asked:
    def look(value: Any) -> Any:
        try:
            value = value[key]
        except (KeyError, TypeError):
            return False
        return test(value)

    return look


def _textual(found: Callable[[str, str, int], re.Match[str] | None], regex: str, flags: int) -> Asked:
    return lambda value: isinstance(value, str) and found(regex, value, flags) is not None


def _pattern(regex: str, flags: int) -> tuple[Any, ...]:
    return (regex, flags) if flags else (regex,)
