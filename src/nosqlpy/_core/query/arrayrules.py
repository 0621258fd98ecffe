"""What a projection leaves of an array: some elements by $slice, one by $elemMatch.

Manual: reference/operator/projection/slice, reference/operator/projection/elemMatch.
"""

from __future__ import annotations

from typing import Any

from nosqlpy._core.query.features import refuse_features
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.projected import Rule
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.numbers import INTS, NUMERIC
from nosqlpy._core.values.order import NAN, number_content
from nosqlpy._core.values.types import MISSING, OBJECT, TYPES
from nosqlpy.errors import QueryError


def slice_rule(operand: Any, path: str) -> Rule:
    """Return what $slice leaves of an array: a number from the start or end, or [skip, limit].

    Raises:
        QueryError: The operand is neither. It may still be that of the expression $slice.
    """
    where = f"$slice in the projection of {path!r}"
    if isinstance(operand, list | tuple):
        if len(operand) != 2:
            raise QueryError(f"{where} takes a number or [skip, limit]", code=31272, code_name="Location31272")
        skip = _whole(operand[0], where, 31257)
        limit = _whole(operand[1], where, 31258)
        if limit <= 0:
            raise QueryError(f"{where} needs a limit above 0", code=31259, code_name="Location31259")
    else:
        count = _whole(operand, where, 31273)
        skip, limit = min(count, 0), abs(count)

    def cut(value: Any) -> Any:
        if type(value) is not list:
            return value
        start = skip if skip >= 0 else max(len(value) + skip, 0)
        return value[start : start + limit]

    return cut


def _whole(value: Any, where: str, code: int) -> int:
    """Return a number as the server's ``safeNumberInt`` does: of NaN 0, and nothing that needs more than 32 bits."""
    if TYPES[type(value)] not in NUMERIC:
        raise QueryError(f"{where} takes a number or [skip, limit]", code=code, code_name=f"Location{code}")
    content = number_content(value)
    return 0 if content is NAN else int(max(INTS.start, min(content, INTS.stop - 1)))


def first_match_rule(operand: Any, path: str, collation: Collation | None = None) -> Rule:
    """Return what $elemMatch leaves of the array at `path`: its first matching element; of all else nothing.

    Raises:
        QueryError: The operand is no filter.
        NotSupportedError: It has an operator that nosqlpy lacks.
    """
    if TYPES[type(operand)] != OBJECT:
        message = f"$elemMatch in the projection of {path!r} takes a document"
        raise QueryError(message, code=31274, code_name="Location31274")
    predicate = compile_filter({path: {"$elemMatch": operand}}, collation=collation)
    refuse_features({path: {"$elemMatch": operand}}, "a projection")

    def first(value: Any) -> Any:
        if type(value) is list:
            for element in value:
                if predicate.matches({path: [element]}):
                    return [element]
        return MISSING

    return first
