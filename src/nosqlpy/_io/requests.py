"""Requests to write: from a user's arguments, and pymongo's models, to what the engine plans."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from nosqlpy._core.engine.bulk import BulkRequest, Deletion, Insertion, Refused, Updating
from nosqlpy._core.engine.execution import Query
from nosqlpy._core.engine.flags import check_flag
from nosqlpy._core.engine.intake import Intake
from nosqlpy._core.index.catalogue import IndexDefinition
from nosqlpy._core.index.options import define_index
from nosqlpy._core.update.compile import (
    GivenUpdate,
    Updater,
    compile_replacement,
    compile_update,
    require_operators,
)
from nosqlpy._core.values.collation_spec import compile_collation
from nosqlpy._io.finding import FindOptions, match, require_filter
from nosqlpy.aliases import CollationSpec, Document, Filter, Update
from nosqlpy.errors import InvalidOperation, NosqlpyError, NotSupportedError, QueryError
from nosqlpy.results import DeleteMany, DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateMany, UpdateOne

T = TypeVar("T")

# requests that are prepared at once: some milliseconds of work
CHUNK = 500
MODELS = (InsertOne, UpdateOne, UpdateMany, ReplaceOne, DeleteOne, DeleteMany)
# what an update is called with, by its name in the command
_OPTIONS = {
    "upsert": "upsert",
    "collation": "collation",
    "arrayFilters": "array_filters",
    "hint": "hint",
    "sort": "sort",
}
# where pymongo's models keep what ours call so; the rest has an underscore before it
_PYMONGO_ATTRIBUTES = {"document": "_doc", "update": "_doc", "replacement": "_doc"}


def updater(
    update: Update,
    array_filters: Sequence[Filter] | None,
    variables: Mapping[str, Any],
    collation: CollationSpec | None = None,
) -> Updater | GivenUpdate:
    """Return the compiled update; `variables` are those of the call, and $currentDate sets its time.

    Without a `collation` it may get that of its collection.

    Raises:
        QueryError: The update, or an array filter, cannot be understood.
    """
    compiled = compile_update(
        update, variables=variables, array_filters=array_filters, collation=compile_collation(collation)
    )
    return compiled if collation is not None else GivenUpdate(update, variables, array_filters, compiled)


def bulk_requests(
    requests: Iterable[Any],
    intake: Intake[T],
    asked: Callable[..., FindOptions],
    variables: Mapping[str, Any],
    comment: Any = None,
) -> Generator[None, None, list[BulkRequest]]:
    """Return the requests of a bulk write, compiled and encoded; yield now and then, so that others get their turn.

    `asked` makes the options by which each finds what it changes.
    One whose filter or update only the engine can refuse is kept for its turn, as on a server.

    Raises:
        InvalidOperation: There are none.
        QueryError: One is no request, or has an update without operators; `details` has its ``index``.
        DocumentError: One has a document that cannot be stored; likewise.
        NotSupportedError: One uses what MongoDB has and nosqlpy lacks; likewise.
    """
    if not isinstance(requests, Iterable):
        message = f"a bulk write takes a list of requests, not {type(requests).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    prepared: list[BulkRequest] = []
    for index, request in enumerate(requests):
        if index % CHUNK == CHUNK - 1:
            yield
        try:
            prepared.append(_prepared(_model(request), intake, asked, variables, comment))
        except NosqlpyError as error:
            error.details = {**error.details, "index": index}
            raise
    if not prepared:
        raise InvalidOperation("a bulk write needs at least one request")
    return prepared


def _prepared(
    model: Any, intake: Intake[T], asked: Callable[..., FindOptions], variables: Mapping[str, Any], comment: Any
) -> BulkRequest:
    if isinstance(model, InsertOne):
        return Insertion(intake.one(model.document, comment))
    require_filter(model.filter)
    if getattr(model, "upsert", None) is not None:
        check_flag("upsert", model.upsert)
    command = _command(model, intake)
    try:
        sort = getattr(model, "sort", None)
        options = asked(model.filter, sort=sort, hint=model.hint, collation=model.collation, comment=comment)
        return _compiled(model, command, intake, match(options, variables), variables)
    except QueryError as error:
        return Refused(error, command)


def _command(model: Any, intake: Intake[T]) -> Document:
    """Return a request as pymongo sends it, and shows it in an error."""
    command: Document = {"q": model.filter}
    if isinstance(model, DeleteOne | DeleteMany):
        command["limit"] = 0 if isinstance(model, DeleteMany) else 1
    elif isinstance(model, ReplaceOne):
        command["u"] = intake.to_mapping(model.replacement)
    else:
        command |= {"u": require_operators(model.update), "multi": isinstance(model, UpdateMany)}
    given = {name: getattr(model, attribute, None) for name, attribute in _OPTIONS.items()}
    return {**command, **{name: value for name, value in given.items() if value is not None}}


def _compiled(
    model: Any, command: Document, intake: Intake[T], query: Query, variables: Mapping[str, Any]
) -> BulkRequest:
    if isinstance(model, DeleteOne | DeleteMany):
        return Deletion(query, isinstance(model, DeleteMany), command)
    change: Updater | GivenUpdate
    if isinstance(model, ReplaceOne):
        change = compile_replacement(command["u"])
    else:
        change = updater(model.update, model.array_filters, variables, model.collation)
    upsert = bool(model.upsert)
    return Updating(query, change, intake.spare_id(made=upsert), upsert, isinstance(model, UpdateMany), command)


def _model(request: Any) -> Any:
    """Return a request as one of our models; pymongo's are known by their names, for it may not be installed."""
    if isinstance(request, MODELS):
        return request
    names = {kind.__name__ for kind in type(request).__mro__ if kind.__module__ == "pymongo.operations"}
    for model in MODELS:
        if model.__name__ in names:
            return _from_pymongo(request, model)
    known = ", ".join(model.__name__ for model in MODELS)
    message = f"a request of a bulk write is one of {known}, not {type(request).__name__}"
    raise QueryError(message, code=14, code_name="TypeMismatch")


def _from_pymongo(request: Any, model: type[Any]) -> Any:
    if getattr(request, "_namespace", None) is not None:
        raise NotSupportedError(f"{model.__name__} does not support the option 'namespace' yet")
    names = [field.name for field in fields(model)]
    return model(**{name: getattr(request, _PYMONGO_ATTRIBUTES.get(name, f"_{name}"), None) for name in names})


def index_definitions(indexes: Iterable[Any]) -> list[IndexDefinition]:
    """Return the definitions of the indexes that `IndexModel` objects describe.

    Raises:
        QueryError: `indexes` are no list, one is no such object, or its keys are malformed.
        NotSupportedError: One is of a kind, or has an option, that only MongoDB supports.
    """
    if not isinstance(indexes, Iterable):
        message = f"indexes are a list of IndexModel objects, not {type(indexes).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    return [_index_definition(index) for index in indexes]


def _index_definition(index: Any) -> IndexDefinition:
    if isinstance(index, IndexModel):
        options = [field for field in fields(index) if field.name not in ("keys", "name")]
        given = {field.name: value for field in options if (value := getattr(index, field.name)) != field.default}
        return define_index(index.keys, index.name, given)
    document = getattr(index, "document", None)
    if not isinstance(document, Mapping) or not isinstance(document.get("key"), Mapping):
        message = f"create_indexes takes IndexModel objects, not {type(index).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    given = {option: value for option, value in document.items() if option not in ("key", "name")}
    return define_index(list(document["key"].items()), document.get("name"), given)
