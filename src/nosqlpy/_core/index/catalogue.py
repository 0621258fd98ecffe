"""Index definitions: from what users write to names and keys, and back to what ``list_indexes`` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nosqlpy._core.values.paths import parse_path
from nosqlpy.aliases import IndexKeys
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest

ID_INDEX = "_id_"
# MongoDB's options of createIndexes, in the spelling of Python; none of them is supported yet.
MONGODB_OPTIONS = frozenset(
    (
        "unique",
        "sparse",
        "partial_filter_expression",
        "expire_after_seconds",
        "hidden",
        "collation",
        "background",
        "weights",
        "default_language",
        "language_override",
        "text_index_version",
        "sphere_index_version",
        "bits",
        "min",
        "max",
        "wildcard_projection",
        "storage_engine",
        "clustered",
        "comment",
    )
)
# … and in MongoDB's own
_MONGODB_SPELLINGS = frozenset(
    (
        "2dsphereIndexVersion",
        *(option[0] + option.title().replace("_", "")[1:] for option in MONGODB_OPTIONS),
    )
)
MONGODB_KINDS = frozenset({"text", "2d", "2dsphere", "hashed", "geoHaystack"})


class IndexDefinition(msgspec.Struct, frozen=True):
    """An index as the catalogue holds it: its name, and its (path, direction) pairs."""

    name: str
    keys: tuple[tuple[str, int], ...]

    def to_document(self) -> dict[str, Any]:
        """Return the index as MongoDB's ``listIndexes`` describes it."""
        return {"v": 2, "key": dict(self.keys), "name": self.name}


ID_DEFINITION = IndexDefinition(ID_INDEX, (("_id", 1),))


def define_index(keys: IndexKeys, name: str | None, options: Mapping[str, Any]) -> IndexDefinition:
    """Return the definition of an equality index on one field.

    Raises:
        QueryError: The keys are malformed, or an option is unknown.
        NotSupportedError: The index is of a kind, or has an option, that only MongoDB supports.
    """
    for option in options:
        if option in MONGODB_OPTIONS or option in _MONGODB_SPELLINGS:
            raise NotSupportedError(f"create_index does not support the option {option!r} yet")
        raise QueryError(f"create_index has no option {option!r}{nearest(option, MONGODB_OPTIONS | {'name'})}")
    pairs = index_keys(keys)
    if len(pairs) > 1:
        raise NotSupportedError("compound indexes are not supported yet; create an index on one field")
    if name is not None and (type(name) is not str or not name):
        raise QueryError("an index name is a non-empty str")
    return IndexDefinition(name or default_name(pairs), pairs)


def index_keys(keys: IndexKeys) -> tuple[tuple[str, int], ...]:
    """Return the (path, direction) pairs that `keys` means: ``"a"``, ``[("a", 1)]``, ``["a"]`` or ``{"a": 1}``."""
    if isinstance(keys, str):
        return ((_checked_path(keys), 1),)
    if not isinstance(keys, (Mapping, Sequence)):
        raise QueryError(f"index keys are a name, a list or a mapping, not {type(keys).__name__}")
    entries: Sequence[Any] = list(keys.items()) if isinstance(keys, Mapping) else list(keys)
    if not entries:
        raise QueryError("an index needs at least one field")
    return tuple(_pair(entry) for entry in entries)


def default_name(keys: tuple[tuple[str, int], ...]) -> str:
    """Return MongoDB's default name of an index: ``age_1``."""
    return "_".join(f"{path}_{direction}" for path, direction in keys)


def index_name(index: str | IndexKeys, definitions: Sequence[IndexDefinition]) -> str:
    """Return the name of the index that `index` means: by its name, its field or its keys; else `index` as a name."""
    if isinstance(index, str) and index in [definition.name for definition in definitions]:
        return index
    keys = index_keys(index)
    names = {definition.keys: definition.name for definition in definitions}
    return names.get(keys) or (index if isinstance(index, str) else default_name(keys))


def _pair(entry: Any) -> tuple[str, int]:
    path, direction = (entry, 1) if isinstance(entry, str) else _two(entry)
    if isinstance(direction, str):
        if direction in MONGODB_KINDS:
            raise NotSupportedError(f"{direction!r} indexes are not supported yet")
        raise QueryError(f"unknown index kind {direction!r}{nearest(direction, MONGODB_KINDS)}")
    if type(direction) is not int or direction not in (1, -1):
        raise QueryError(f"the direction of index field {path!r} is 1 or -1")
    return _checked_path(path), direction


def _two(entry: Any) -> tuple[Any, Any]:
    if not isinstance(entry, Sequence) or len(entry) != 2:
        raise QueryError("index keys are names, (name, direction) pairs, or a mapping of them")
    return entry[0], entry[1]


def _checked_path(path: Any) -> str:
    if type(path) is not str:
        raise QueryError(f"an index field is a str, not {type(path).__name__}")
    if "$**" in path:
        raise NotSupportedError("wildcard indexes are not supported yet")
    if "$" in path:
        raise QueryError(f"index field {path!r} contains '$'", code=67, code_name="CannotCreateIndex")
    if path.startswith("-"):
        message = f"index field {path!r} begins with '-': a descending index has the keys [({path[1:]!r}, -1)]"
        raise QueryError(message, code=67, code_name="CannotCreateIndex")
    parse_path(path)
    return path
