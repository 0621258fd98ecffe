"""What a call for one document asks for: a point, where its arguments say no more than that, else a compiled query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from nosqlpy._core.engine.execution import Query, Request
from nosqlpy._core.engine.intake import Intake
from nosqlpy._core.engine.matching import Point
from nosqlpy._core.engine.points import GeneralUpdate, PointFind, PointUpdate
from nosqlpy._core.update.operators import bind_untimed
from nosqlpy._core.values.typed import TypeCodec
from nosqlpy._io.finding import FindOptions, bind, by_id, match
from nosqlpy._io.requests import updater
from nosqlpy.aliases import CollationSpec, Filter, IndexKeys, Projection, SortSpec, Update

# of these an index leads to what is equal to them, and to nothing else
_EXACT = (str, int)


UpdateOptions: TypeAlias = tuple[
    Sequence[Filter] | None,
    SortSpec | None,
    str | IndexKeys | None,
    Mapping[str, Any] | None,
    CollationSpec | None,
    bool | None,
    Any,
]
"""The options of an update_one: array_filters, sort, hint, let, collation, bypass_document_validation, comment."""

_USUAL = (None,) * 7


def one_update(
    asked: Callable[..., FindOptions],
    intake: Intake[Any],
    filter: Filter,
    update: Update,
    upsert: bool,
    options: UpdateOptions,
) -> PointUpdate | GeneralUpdate:
    """Return what an update_one asks for, given all its arguments.

    Raises:
        QueryError: One cannot be understood.
    """
    if upsert is False and options == _USUAL and type(filter) is dict and len(filter) == 1:
        id = filter.get("_id")
        if (type(id) is str or type(id) is int) and (known := bind_untimed(update)) is not None:
            return PointUpdate("_id", id, known, update)
    array_filters, sort, hint, let, collation, bypass, comment = options
    variables = bind(let, collation)
    query = match(asked(filter, sort=sort, hint=hint, collation=collation, comment=comment), variables)
    change = updater(update, array_filters, variables, collation)
    return GeneralUpdate(query, change, intake.spare_id(), upsert, bypass)


def one_deletion(
    asked: Callable[..., FindOptions],
    filter: Filter,
    hint: str | IndexKeys | None,
    let: Mapping[str, Any] | None,
    collation: CollationSpec | None,
    comment: Any,
) -> Point | Query:
    """Return what a delete_one asks for, given all its arguments.

    Raises:
        QueryError: One cannot be understood.
    """
    usual = hint is None and let is None and collation is None and comment is None
    if usual and type(filter) is dict and len(filter) == 1 and type(id := filter.get("_id")) in _EXACT:
        return Point("_id", id)  # type: ignore[arg-type]  # str or int
    return match(asked(filter, hint=hint, collation=collation, comment=comment), bind(let, collation))


def one_find(
    asked: Callable[..., FindOptions],
    codec: TypeCodec[Any],
    filter: Any,
    projection: Projection | None,
    sort: SortSpec | None,
    skip: int,
    hint: str | IndexKeys | None,
    let: Mapping[str, Any] | None,
    collation: CollationSpec | None,
    max_time_ms: int | None,
    comment: Any,
) -> PointFind[Any] | Request[Any]:
    """Return what a find_one asks for, given all its arguments.

    Raises:
        QueryError: One cannot be understood.
    """
    usual = projection is None and sort is None and hint is None and let is None and collation is None
    if usual and max_time_ms is None and comment is None and type(skip) is int and skip == 0:
        if type(filter) is dict and len(filter) == 1:
            for path, value in filter.items():
                if type(value) in _EXACT and type(path) is str:
                    return PointFind(path, value, codec.decode)
        elif type(filter) in _EXACT:
            return PointFind("_id", filter, codec.decode)
    options = asked(by_id(filter), projection, sort, skip, 1, hint, let, collation, 0, max_time_ms, comment)
    return options.request(codec, None)
