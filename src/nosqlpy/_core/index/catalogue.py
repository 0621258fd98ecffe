"""Index definitions: names and keys, from what users write, and back to what ``list_indexes`` shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from nosqlpy._core.text.spec import ALL_FIELDS
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import number_content
from nosqlpy._core.values.paths import parse_path
from nosqlpy._core.values.types import TYPES, is_string
from nosqlpy.aliases import IndexKeys
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest
from nosqlpy.results import HASHED, TEXT

ID_INDEX = "_id_"
ORDERED: Final = "ordered"
WILDCARD: Final = "wildcard"
WAYS: Final = frozenset({HASHED, TEXT})
"""What may stand for the direction of an index field, beside 1 and -1: it says of which kind the index is."""
MONGODB_KINDS = frozenset({TEXT, "2d", "2dsphere", HASHED, "geoHaystack"})
FIELDS_MAX: Final = 32
"""MongoDB's limit of the fields of a compound index."""
_PART_IS_NUMBER: Final = re.compile(r"\.[0-9]+(?:\.|$)")
_DBREF: Final = frozenset(("$ref", "$id", "$db"))

Keys = tuple[tuple[str, int | str], ...]


class IndexDefinition(msgspec.Struct, frozen=True):
    """An index as the catalogue and the log hold it: its name, its (path, direction) pairs and its options.

    What stands for a direction may be the index's kind: ``("a", "hashed")``.
    """

    name: str
    keys: Keys
    unique: bool = False
    sparse: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after: int | float | None = None
    hidden: bool = False
    weights: Mapping[str, int] | None = None
    default_language: str | None = None
    language_override: str | None = None
    text_version: int | None = None
    wildcard_projection: Mapping[str, Any] | None = None
    collation: Mapping[str, Any] | None = None

    @property
    def kind(self) -> str:
        """Of which kind the index is: ``"ordered"``, ``"wildcard"``, or one of `WAYS`."""
        return _kind_of(self.keys)

    @property
    def options(self) -> dict[str, Any]:
        """The options that are not the usual ones, as MongoDB spells them."""
        given = {option: getattr(self, field) for option, field in OPTION_FIELDS.items()}
        return {option: value for option, value in given.items() if value is not None and value is not False}

    @property
    def covers_all(self) -> bool:
        """Whether every document stands in the index."""
        return not self.sparse and self.partial is None and self.kind != WILDCARD

    @property
    def is_plain(self) -> bool:
        """Whether every document stands in the index, and queries may use it."""
        return self.covers_all and not self.hidden

    @property
    def refuses(self) -> bool:
        """Whether a document may not fit the index."""
        return self.unique or len(self.keys) > 1 or self.kind not in (ORDERED, WILDCARD) or self.has_numbers

    @property
    def has_numbers(self) -> bool:
        """Whether a part of a path is a number, hence a position in an array or the name of a field."""
        return _have_numbers(self.keys)

    def to_payload(self) -> dict[str, Any]:
        """Return what the log says of the index."""
        return {"name": self.name, "keys": self.keys, **self.options}

    def to_document(self) -> dict[str, Any]:
        """Return the index as MongoDB's ``listIndexes`` describes it."""
        options = self.options
        if self.name == ID_INDEX:
            options.pop("unique", None)  # which goes without saying
        return {"v": 2, "key": dict(self.keys), "name": self.name, **options}


@lru_cache(maxsize=256)
def _kind_of(keys: Keys) -> str:
    way = next((way for _, way in keys if isinstance(way, str)), None)
    return way or (WILDCARD if any(map(is_wildcard, keys)) else ORDERED)


@lru_cache(maxsize=256)
def _have_numbers(keys: Keys) -> bool:
    return any(_PART_IS_NUMBER.search(path) for path, _ in keys)


def definition_of(payload: Mapping[str, Any]) -> IndexDefinition:
    """Return the definition that the log says."""
    options = {field: payload[name] for name, field in OPTION_FIELDS.items() if name in payload}
    return IndexDefinition(payload["name"], tuple((path, way) for path, way in payload["keys"]), **options)


OPTION_FIELDS: Final = {
    "unique": "unique",
    "sparse": "sparse",
    "partialFilterExpression": "partial",
    "expireAfterSeconds": "expire_after",
    "hidden": "hidden",
    "weights": "weights",
    "default_language": "default_language",
    "language_override": "language_override",
    "textIndexVersion": "text_version",
    "wildcardProjection": "wildcard_projection",
    "collation": "collation",
}
"""The field of a definition for each option that an index can have, by MongoDB's spelling."""

ID_DEFINITION = IndexDefinition(ID_INDEX, (("_id", 1),))
SIMPLE: Final[Mapping[str, Any]] = {"locale": "simple"}
"""The collation that a definition asks for which is not to have its collection's; none has it in the catalogue."""


def is_wildcard(pair: tuple[str, int | str]) -> bool:
    """Whether a pair of the keys stands for all fields, or for all in one."""
    path, way = pair
    return not isinstance(way, str) and (path == ALL_FIELDS or path.endswith(f".{ALL_FIELDS}"))


def index_keys(keys: IndexKeys) -> Keys:
    """Return the (path, direction) pairs that `keys` means: ``"a"``, ``[("a", 1)]``, ``["a"]`` or ``{"a": 1}``."""
    if is_string(keys):
        return ((_checked_path(keys), 1),)
    given: Any = keys
    if not isinstance(given, (Mapping, Sequence)) or isinstance(given, str):
        message = f"index keys are a name, a list or a mapping, not {type(keys).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    entries: Sequence[Any] = list(keys.items()) if isinstance(keys, Mapping) else list(keys)
    if not entries:
        raise cannot_create("an index needs at least one field")
    pairs = tuple(_pair(entry) for entry in entries)
    _check_together(pairs)
    return pairs


def default_name(keys: Keys) -> str:
    """Return MongoDB's default name of an index: ``age_1``."""
    return "_".join(f"{path}_{direction}" for path, direction in keys)


def index_name(index: str | IndexKeys, definitions: Sequence[IndexDefinition]) -> str:
    """Return the name of the index that `index` means: by its name, its field or its keys; else `index` as a name.

    Raises:
        QueryError: Several indexes have these keys.
    """
    if isinstance(index, str) and index in [definition.name for definition in definitions]:
        return index
    keys = index_keys(index)
    names = [definition.name for definition in definitions if definition.keys == keys]
    if len(names) > 1:
        listed = ", ".join(map(repr, names))
        message = f"several indexes have these keys: {listed}; name one"
        raise QueryError(message, code=181, code_name="AmbiguousIndexKeyPattern")
    return names[0] if names else (index if isinstance(index, str) else default_name(keys))


def _check_together(pairs: Keys) -> None:
    if len(pairs) > FIELDS_MAX:
        raise QueryError(f"an index has at most {FIELDS_MAX} fields", code=13103, code_name="Location13103")
    seen: set[str] = set()
    for path, _ in pairs:
        if path in seen:
            raise cannot_create(f"index field {path!r} is named twice")
        seen.add(path)


def _pair(entry: Any) -> tuple[str, int | str]:
    path, direction = (entry, 1) if is_string(entry) else _two(entry)
    if is_string(direction):
        if direction in WAYS:
            return path if direction == TEXT and path == ALL_FIELDS else _checked_path(path, direction), direction
        if direction in MONGODB_KINDS:
            raise NotSupportedError(f"{direction!r} indexes are not supported yet")
        raise cannot_create(f"unknown index kind {direction!r}{nearest(direction, MONGODB_KINDS)}")
    if TYPES[type(direction)] not in NUMERIC or number_content(direction) not in (1, -1):
        raise cannot_create(f"the direction of index field {path!r} is 1 or -1")
    return _checked_path(path), int(number_content(direction))


def _two(entry: Any) -> tuple[Any, Any]:
    if not isinstance(entry, Sequence) or len(entry) != 2:
        raise QueryError("index keys are names, (name, direction) pairs, or a mapping of them")
    return entry[0], entry[1]


def cannot_create(message: str) -> QueryError:
    """Return the error of an index that cannot be."""
    return QueryError(message, code=67, code_name="CannotCreateIndex")


def _is_illegal(path: str) -> bool:
    """Whether a part of `path` begins with ``$`` and cannot be one of a DBRef's (validateKeyPattern)."""
    first, *rest = path.split(".")
    return first.startswith("$") or any(part.startswith("$") and part not in _DBREF for part in rest)


def _checked_path(path: Any, way: int | str = 1) -> str:
    if type(path) is not str:
        raise QueryError(f"an index field is a str, not {type(path).__name__}")
    if is_wildcard((path, way)) and ALL_FIELDS not in (within := path[: -len(ALL_FIELDS) - 1]):
        return f"{_checked_path(within)}.{ALL_FIELDS}" if within else ALL_FIELDS
    if ALL_FIELDS in path and isinstance(way, str):
        raise cannot_create(f"no {way!r} index is on {path!r}")
    if _is_illegal(path):
        raise cannot_create(f"a part of the index field {path!r} begins with '$'")
    if path.startswith("-"):
        message = f"index field {path!r} begins with '-': a descending index has the keys [({path[1:]!r}, -1)]"
        raise cannot_create(message)
    if "" in path.split("."):
        raise cannot_create(f"index field {path!r} has an empty part")
    parse_path(path)
    return path
