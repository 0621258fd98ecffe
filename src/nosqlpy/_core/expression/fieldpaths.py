"""Field paths: ``"$a.b"``, ``"$$variable.a"``, and what they reach.

Manual: core/aggregation-pipeline#field-paths. A path maps over the documents of
an array, and knows no positions: ``"$a.0"`` is the field ``0`` of each document in ``a``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nosqlpy._core.expression.failures import malformed
from nosqlpy._core.expression.node import Evaluate, Expression, Variables, constant
from nosqlpy._core.expression.scope import Scope
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.metadata import without_score
from nosqlpy._core.values.paths import DBREF_FIELDS, PARTS_MAX, has_surrogate, plain
from nosqlpy._core.values.types import MISSING


def compile_field_path(text: str, scope: Scope) -> Expression:
    """Return the expression that ``$path`` or ``$$variable.path`` stands for.

    Raises:
        QueryError: The path is malformed, or the variable undefined.
        NotSupportedError: The variable is one that only a server has.
    """
    if "\0" in text:
        raise malformed("a field path must not contain embedded null characters", 16419)
    if text == "$":
        raise malformed("'$' by itself is not a valid field path", 16872)
    if not text.startswith("$$"):
        return _path_in("CURRENT", text[1:], scope)
    name, dot, rest = text[2:].partition(".")
    scope.check_defined(name)
    return _path_in(name, rest, scope) if dot else _variable(name, scope)


def _variable(name: str, scope: Scope) -> Expression:
    if name in scope.variables:
        return Expression(lambda _document, variables: variables.get(name, MISSING))
    if name == "REMOVE":
        return constant(MISSING)
    return Expression(lambda document, _variables: without_score(document), paths=None)  # ROOT, or CURRENT that is it


def _path_in(name: str, text: str, scope: Scope) -> Expression:
    parts = parse_field_path(text or ".")  # "$$x." has nothing after its dot
    if name in scope.variables:
        return Expression(_variable_path(name, parts))
    if name == "REMOVE":
        return constant(MISSING)
    return Expression(_document_path(parts, text, flat=scope.flat), frozenset((text,)), path=text)


@kept(1024)
def parse_field_path(text: str, what: str = "field path") -> tuple[str, ...]:
    """Return the parts of a path as expressions, projections and sorts have it (the server's field_path.cpp).

    Raises:
        QueryError: The path, which the message calls `what`, leads nowhere.
    """
    if not text:
        raise malformed(f"{what} {text!r} must not be empty", 40352)
    if text.endswith("."):
        raise malformed(f"{what} {text!r} must not end with a '.'", 40353)
    parts = tuple(text.split("."))
    if len(parts) > PARTS_MAX:
        raise malformed(f"a {what} has at most {PARTS_MAX} parts", 15)
    for part in parts:
        _check_part(part, f"{what} {text!r}")
    return parts


def check_field_name(name: Any) -> None:
    """Refuse a name that no path can lead to: an empty one, or one with ``$`` in front.

    Raises:
        QueryError: No field of an expression can be called so.
    """
    if not isinstance(name, str):
        raise malformed(f"a field name is a str, not {type(name).__name__}", 14)
    _check_part(name, "an expression")


def _check_part(name: str, where: str) -> None:
    if not name:
        raise malformed(f"field names in {where} may not be empty strings", 15998)
    if name.startswith("$") and name not in DBREF_FIELDS:
        raise malformed(f"field names in {where} may not start with '$': {name!r}; use $getField", 16410)
    if "\0" in name:
        raise malformed(f"field names in {where} may not contain null bytes", 16411)
    if has_surrogate(name):
        raise malformed(f"field names in {where} may not contain lone surrogates, which UTF-8 cannot hold", 2)


def _document_path(parts: tuple[str, ...], text: str, *, flat: bool) -> Evaluate:
    if flat or len(parts) == 1:
        return lambda document, _variables: document.get(text, MISSING)
    return lambda document, _variables: reach(document, parts, 0)


def _variable_path(name: str, parts: tuple[str, ...]) -> Evaluate:
    def evaluate(_document: Mapping[str, Any], variables: Variables) -> Any:
        value, kind = plain(variables.get(name, MISSING))
        if kind is dict:
            return reach(value, parts, 0)
        return gather(value, parts, 0) if kind is list else MISSING

    return evaluate


def reach(document: Mapping[str, Any], parts: tuple[str, ...], index: int) -> Any:
    """Return what `parts` from `index` on reach in `document`; MISSING if nothing."""
    value = document.get(parts[index], MISSING)
    last: Final = len(parts)
    index += 1
    while index < last:
        kind = type(value)
        if kind is not dict and kind is not list:
            value, kind = plain(value)
        if kind is dict:
            value = value.get(parts[index], MISSING)
            index += 1
        elif kind is list:
            return gather(value, parts, index)
        else:
            return MISSING
    return value


def gather(array: list[Any], parts: tuple[str, ...], index: int) -> list[Any]:
    """Return what `parts` from `index` on reach in each document of `array` that has it."""
    found: list[Any] = []
    for item in array:
        element, kind = plain(item)
        if kind is dict:
            value = reach(element, parts, index)
            if value is not MISSING:
                found.append(value)
    return found
