"""Array filters: which elements of an array ``$[id]`` stands for.

Manual: reference/operator/update/positional-filtered. The rules and codes are
those of the server's expression_with_placeholder.cpp and update_driver.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from nosqlpy._core.query.features import refuse_features
from nosqlpy._core.query.filter import Predicate, compile_filter
from nosqlpy._core.update.paths import UpdatePath
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.types import ARRAY, OBJECT, TYPES, as_mapping
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

ArrayFilters: TypeAlias = Mapping[str, Callable[[Any], bool]]
"""By identifier, whether an element is one that it stands for; "" is the identifier of ``$[]``."""


def _everything(_: Any) -> bool:
    return True


NO_FILTERS: Final[ArrayFilters] = {"": _everything}


def compile_array_filters(
    specification: Sequence[Mapping[str, Any]], collation: Collation | None = None
) -> ArrayFilters:
    """Return the array filters by identifier.

    Raises:
        QueryError: They are no list of filters, or one has no identifier, two, a bad one, or that of another.
    """
    if TYPES[type(specification)] != ARRAY:
        message = f"array_filters is a list of filters, not {type(specification).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    filters = dict(NO_FILTERS)
    for filter in specification:
        if TYPES[type(filter)] != OBJECT:
            message = f"an array filter is a document, not {type(filter).__name__}"
            raise QueryError(message, code=14, code_name="TypeMismatch")
        predicate = compile_filter(filter, collation=collation)
        refuse_features(filter, "an array filter")
        identifier = _identifier(filter)
        if identifier in filters:
            message = f"two array filters have the identifier {identifier!r}"
            raise QueryError(message, code=9, code_name="FailedToParse")
        filters[identifier] = _element_test(predicate, identifier)
    return filters


def _element_test(predicate: Predicate, identifier: str) -> Callable[[Any], bool]:
    # the filter reads an element as the value of a field that has the identifier for its name
    return lambda element: predicate.matches({identifier: element})


def _identifier(filter: Mapping[str, Any]) -> str:
    """Return the name that every path of `filter` begins with."""
    names = list(dict.fromkeys(_names(filter)))
    if not names:
        message = "an array filter needs conditions on an identifier, such as {'item.price': {'$gt': 10}}"
        raise QueryError(message, code=9, code_name="FailedToParse")
    if len(names) > 1:
        message = f"an array filter has one identifier, not {names[0]!r} and {names[1]!r}"
        raise QueryError(message, code=9, code_name="FailedToParse")
    name = names[0]
    if not ("a" <= name[:1] <= "z" and name.isascii() and name.isalnum()):
        raise QueryError(f"the identifier {name!r} of an array filter must be letters and digits, the first a-z")
    return name


def _names(filter: Mapping[str, Any]) -> Iterator[str]:
    for name, value in filter.items():
        if name in ("$and", "$or", "$nor"):
            for part in value:
                yield from _names(as_mapping(part))
        elif not name.startswith("$"):
            yield name.partition(".")[0]


def check_identifiers(paths: Iterable[UpdatePath], filters: ArrayFilters) -> None:
    """Refuse an identifier that has no filter, and a filter whose identifier no path has.

    Raises:
        QueryError: With MongoDB's code 2 (BadValue) or 9 (FailedToParse).
    """
    unused = filters.keys() - {""}
    for path in paths:
        for identifier in path.identifiers.values():
            if identifier not in filters:
                hint = nearest(identifier, filters.keys() - {""})
                raise QueryError(f"there is no array filter for the identifier {identifier!r} in {path.text!r}{hint}")
            unused = unused - {identifier}
    if unused:
        message = f"the array filter {min(unused)!r} is not used: no path of the update has $[{min(unused)}]"
        raise QueryError(message, code=9, code_name="FailedToParse")
