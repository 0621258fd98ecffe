"""The options of an index: what users write, in MongoDB's spelling or Python's, checked.

Manual: reference/method/db.collection.createIndex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from nosqlpy._core.index.catalogue import (
    ID_INDEX,
    OPTION_FIELDS,
    SIMPLE,
    IndexDefinition,
    Keys,
    cannot_create,
    default_name,
    index_keys,
    index_name,
)
from nosqlpy._core.index.expiry import SECONDS_MAX
from nosqlpy._core.index.kinds import check_expiring, check_kind
from nosqlpy._core.index.textkeys import TEXT_OPTIONS, refuse_text_options, text_definition
from nosqlpy._core.index.wildcard import check_projection
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.collation_spec import collation_document, compile_collation
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import NAN, number_content
from nosqlpy._core.values.types import OBJECT, REGEX, TYPES, as_mapping
from nosqlpy.aliases import IndexKeys
from nosqlpy.errors import NotSupportedError, OperationFailure, QueryError
from nosqlpy.naming import nearest
from nosqlpy.results import TEXT

_UNSUPPORTED: Final = (
    "background",
    "2dsphereIndexVersion",
    "sphereIndexVersion",
    "bits",
    "min",
    "max",
    "storageEngine",
    "clustered",
    "comment",
    "bucketSize",
    "commitQuorum",
    "prepareUnique",
)
_PARTIAL_OPERATORS: Final = frozenset(("$eq", "$gt", "$gte", "$lt", "$lte", "$in", "$type", "$exists"))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


_SUPPORTED: Final = tuple(name for name in OPTION_FIELDS if name not in _UNSUPPORTED)
_NAMES: Final = {spelling: name for name in (*_SUPPORTED, *_UNSUPPORTED) for spelling in (name, _snake(name))}
"""MongoDB's spelling of an option by each of its spellings."""
_PARAMETERS: Final = ("name", "durability", "progress")


def define_index(keys: IndexKeys, name: str | None, options: Mapping[str, Any]) -> IndexDefinition:
    """Return the definition of an index.

    Raises:
        QueryError: The keys are malformed, an option is unknown, or cannot have its value.
        NotSupportedError: The index is of a kind, or has an option, that only MongoDB supports.
    """
    pairs = index_keys(keys)
    if name is not None:
        _check_name(name)
    is_text = any(way == TEXT for _, way in pairs)
    given = {_option(option): value for option, value in options.items()}
    fields = {OPTION_FIELDS[option]: _checked(option, value) for option, value in given.items() if value is not None}
    definition = IndexDefinition(name or default_name(pairs), pairs, **fields)
    _check_together(pairs, definition)
    check_kind(definition)
    if is_text:
        return text_definition(definition)
    refuse_text_options(definition)
    return definition


def _check_name(name: Any) -> None:
    if type(name) is not str:
        raise _mismatch(f"an index name is a str, not {type(name).__name__}")
    if not name or "\0" in name:
        raise cannot_create("an index name has at least one character, and none that is NUL")
    if name == "*":
        raise QueryError("the index name '*' is not valid: it stands for all indexes")


def changed_index(change: Mapping[str, Any], held: Sequence[IndexDefinition]) -> IndexDefinition | None:
    """Return what ``collMod`` makes of an index: hidden or not, its documents expiring at an age; None if it is so.

    Manual: reference/command/collMod.

    Raises:
        QueryError: The change is malformed, or about the index of ``_id``.
        NotSupportedError: It is one that only MongoDB makes.
        OperationFailure: There is no such index (27).
    """
    if TYPES[type(change)] != OBJECT:
        raise _mismatch(f"the index that coll_mod changes is a document, not {type(change).__name__}")
    change = as_mapping(change)
    for name in change:
        if name in _UNSUPPORTED:
            raise NotSupportedError(f"coll_mod does not change the option {name!r} of an index")
        if name not in _CHANGE:
            raise QueryError(f"coll_mod has no {name!r} for an index{nearest(str(name), _CHANGE)}")
    if ("name" in change) is ("keyPattern" in change) or not change.keys() & {"hidden", "expireAfterSeconds"}:
        what = "whether it is 'hidden', and 'expireAfterSeconds'"
        raise QueryError(f"coll_mod changes an index by its 'name' or its 'keyPattern': {what}")
    name = index_name(change["name"] if "name" in change else change["keyPattern"], held)
    found = next((definition for definition in held if definition.name == name), None)
    if found is None:
        names = [definition.name for definition in held]
        raise OperationFailure(f"there is no index {name!r}{nearest(name, names)}", code=27, code_name="IndexNotFound")
    changed = _with_changes(change, found)
    return None if changed == found else changed


def _with_changes(change: Mapping[str, Any], found: IndexDefinition) -> IndexDefinition:
    changes: dict[str, Any] = {}
    if "hidden" in change:
        changes["hidden"] = _checked("hidden", change["hidden"])
    if "expireAfterSeconds" in change:
        changes["expire_after"] = _new_age(change["expireAfterSeconds"], found)
    if found.name == ID_INDEX:
        raise QueryError("the index of _id cannot be hidden, and no document expires by it")
    changed = msgspec.structs.replace(found, **changes)
    check_kind(changed)
    return changed


def _new_age(value: Any, found: IndexDefinition) -> int | float:
    """Return the age that an index gets, with the codes of ``collMod``: they are not those of an index that is made."""
    if TYPES[type(value)] not in NUMERIC and value is not None:
        raise _mismatch(f"expireAfterSeconds is a number, not {type(value).__name__}")
    if found.name == ID_INDEX or len(found.keys) > 1:
        message = "documents expire by an index on a single field, which is not _id"
        raise QueryError(message, code=72, code_name="InvalidOptions")
    return _seconds(value, 72, "InvalidOptions")


_CHANGE: Final = ("name", "keyPattern", "hidden", "expireAfterSeconds")


def _option(spelling: str) -> str:
    """Return MongoDB's spelling of an option that is supported."""
    name = _NAMES.get(spelling)
    if name is None:
        message = f"create_index has no option {spelling!r}{nearest(spelling, (*_NAMES, *_PARAMETERS))}"
        raise QueryError(message, code=197, code_name="InvalidIndexSpecificationOption")
    if name in _UNSUPPORTED:
        raise NotSupportedError(f"create_index does not support the option {spelling!r} yet")
    return name


def _checked(option: str, value: Any) -> Any:
    if option == "expireAfterSeconds":
        return _seconds(value, 67, "CannotCreateIndex")
    if option in ("unique", "sparse", "hidden"):
        if type(value) is not bool:
            raise _mismatch(f"the index option {option!r} is True or False, not {type(value).__name__}")
        return value
    if option in TEXT_OPTIONS:
        return value
    if option == "collation":
        if value == {}:
            raise QueryError("the 'collation' of an index cannot be an empty document")
        collation = compile_collation(value)
        return SIMPLE if collation is None else collation_document(collation)
    if option == "wildcardProjection":
        return check_projection(value)
    if TYPES[type(value)] != OBJECT:
        raise _mismatch(f"the index option {option!r} is a filter, hence a mapping, not {type(value).__name__}")
    filter = dict(as_mapping(value))
    compile_filter(filter)
    _check_partial(filter)
    return filter


def _seconds(value: Any, code: int, code_name: str) -> int | float:
    """Return the age at which documents expire, in seconds, as it was given."""
    if TYPES[type(value)] not in NUMERIC:
        message = f"expireAfterSeconds is a number, not {type(value).__name__}"
    else:
        seconds = number_content(value)
        if seconds is not NAN and 0 <= seconds <= SECONDS_MAX:
            return value if type(value) is float else int(seconds)
        message = f"expireAfterSeconds is a number of seconds from 0 to {SECONDS_MAX}"
    raise QueryError(message, code=code, code_name=code_name)


def _mismatch(message: str) -> QueryError:
    return QueryError(message, code=14, code_name="TypeMismatch")


def _check_partial(filter: Mapping[str, Any]) -> None:
    """Refuse a filter that MongoDB does not take for a partial index."""
    for name, condition in filter.items():
        if name in ("$and", "$or"):
            for part in condition:
                _check_partial(as_mapping(part))
        elif name.startswith("$"):
            raise cannot_create(f"the filter of a partial index cannot have {name}")
        elif TYPES[type(condition)] == REGEX:
            raise cannot_create(f"the filter of a partial index cannot have a regular expression (under {name!r})")
        elif TYPES[type(condition)] == OBJECT:
            for operator, operand in as_mapping(condition).items():
                if not operator.startswith("$"):
                    break
                if operator not in _PARTIAL_OPERATORS or (operator == "$exists" and not operand):
                    shown = "$exists: false" if operator == "$exists" else operator
                    raise cannot_create(f"the filter of a partial index cannot have {shown} (under {name!r})")


def _check_together(keys: Keys, definition: IndexDefinition) -> None:
    if definition.sparse and definition.partial is not None:
        message = "an index cannot be both sparse and partial; the partial filter {field: {'$exists': True}} does"
        raise cannot_create(message)
    if keys == (("_id", -1),):
        raise QueryError("the index of _id ascends (and serves descending sorts, too); no other has this key alone")
    if keys == (("_id", 1),) and (others := definition.options.keys() - {"collation"}):
        option = next(iter(others))
        message = f"the index of _id takes no option {option!r}"
        raise QueryError(message, code=197, code_name="InvalidIndexSpecificationOption")
    if definition.expire_after is not None:
        check_expiring(definition)
