"""The positional projection: ``{"items.$": 1}`` returns of an array the one element that the filter matched.

Manual: reference/operator/projection/positional. The rules and codes are those
of the server's projection_parser.cpp and projection_executor_utils.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from nosqlpy._core.query.filter import Predicate
from nosqlpy._core.query.projection import Projection, compile_projection
from nosqlpy._core.query.tree import NO_VARIABLES
from nosqlpy._core.values.order import number_content
from nosqlpy._core.values.types import BOOL, DECIMAL, DOUBLE, INT, LONG, OBJECT, TYPES
from nosqlpy.aliases import Projection as ProjectionSpec
from nosqlpy.errors import OperationFailure, QueryError


class PositionalProjection(Projection, frozen=True):
    """A projection that depends on what the filter matched; it fits documents as the filter found them."""


def compile_find_projection(
    specification: ProjectionSpec, predicate: Predicate, variables: Mapping[str, Any] = NO_VARIABLES
) -> Projection:
    """Return the projection of a find with the filter `predicate`; `variables` are what its expressions may use.

    Raises:
        QueryError: It is malformed.
        NotSupportedError: It has an expression or a literal that nosqlpy lacks.
    """
    if not isinstance(specification, Mapping):
        return compile_projection(specification)
    marked = [name for name in specification if "$" in str(name) and "$" in name.split(".")]
    if not marked:
        return compile_projection(specification, variables)
    _check(specification, marked)
    path = marked[0].removesuffix(".$")
    if path in specification:
        _refuse(f"the projection of {path!r} collides with that of {marked[0]!r}", 31250)
    names = {path if name == marked[0] else name: value for name, value in specification.items()}
    plain = compile_projection(names, variables)
    parts = path.split(".")

    def apply(document: dict[str, Any]) -> dict[str, Any]:
        result = plain.apply(document)
        _keep_matched(result, parts, document, predicate)
        return result

    return PositionalProjection(apply, plain.paths)


def _check(specification: Mapping[str, Any], marked: list[str]) -> None:
    """Refuse what the positional ``$`` cannot stand beside, or where it cannot stand."""
    name = marked[0]
    where = f"the positional $ in the projection of {name!r}"
    if name in ("$", ".$"):
        _refuse(f"{where} follows no field", 5392900)
    if len(marked) > 1:
        _refuse(f"{where} is one, and that of {marked[1]!r} another: a projection has one at most", 31276)
    if name.split(".").count("$") > 1:
        _refuse(f"{where} stands there more than once", 31287)
    if not name.endswith(".$"):
        _refuse(f"{where} is not its last part; leave out what follows it", 31394)
    for other, value in specification.items():
        if isinstance(value, Mapping) and "$elemMatch" in value:
            names = list(specification)
            _refuse(
                f"{where} and $elemMatch exclude each other", 31255 if names.index(name) < names.index(other) else 31256
            )
    _check_value(specification[name], where)


def _check_value(value: Any, where: str) -> None:
    bracket = TYPES[type(value)]
    if bracket == OBJECT:
        _refuse(f"{where} takes 1, not an expression", 31271)
    if bracket not in (BOOL, INT, LONG, DOUBLE, DECIMAL):
        _refuse(f"{where} takes 1, not a literal", 31308)
    if value is False or (value is not True and number_content(value) == 0):
        _refuse(f"{where} cannot exclude", 31395)


def _refuse(message: str, code: int) -> NoReturn:
    raise QueryError(message, code=code, code_name=f"Location{code}")


def _keep_matched(result: dict[str, Any], parts: list[str], document: dict[str, Any], predicate: Predicate) -> None:
    """Reduce the first array on the path to the element that the filter matched; `result` is the caller's."""
    container: Any = result
    for part in parts:
        value = container.get(part)
        if type(value) is list:
            container[part] = [_matched(value, parts, predicate.position(document))]
            return
        if type(value) is not dict:
            return
        container = value


def _matched(array: list[Any], parts: list[str], position: int | None) -> Any:
    if position is None:
        message = f"the positional $ in the projection of {'.'.join(parts)!r} found no matched element"
        raise OperationFailure(message, code=51246, code_name="Location51246")
    if position >= len(array):
        message = f"the positional $ in the projection of {'.'.join(parts)!r}: the filter matched in another array"
        raise OperationFailure(message, code=51247, code_name="Location51247")
    return array[position]
