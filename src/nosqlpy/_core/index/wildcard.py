"""Wildcard indexes: which fields of a document stand in one, and under which keys.

Manual: core/indexes/index-types/index-wildcard. A key is the path of a field, without positions in arrays, and a
value there, in the flat form of a compound index; they are those of a server's wildcard_key_generator.cpp. What is no
empty document leads on to its fields; so does an array to its elements, and those that are arrays go no further.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from sys import intern
from typing import Any, Final, TypeAlias

from nosqlpy._core.index.catalogue import WILDCARD, IndexDefinition, Keys
from nosqlpy._core.index.components import NUMBER_RANK, STRING_RANK, UNDEFINED_KEY, component
from nosqlpy._core.query.projection import compile_projection
from nosqlpy._core.text.spec import ALL_FIELDS
from nosqlpy._core.values.keys import equality_key
from nosqlpy._core.values.numbers import NUMERIC
from nosqlpy._core.values.order import number_content
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import BOOL, OBJECT, TYPES, as_mapping
from nosqlpy.errors import QueryError

PATH_FIELD: Final = "$_path"
"""What the first field of a key is called where a plan is shown."""

_Tree: TypeAlias = "dict[str, _Tree | bool]"
_EMPTY_OBJECT: Final = component(equality_key({}))
# what an array in an array stands under, too: no condition looks for either
_EMPTY_ARRAY: Final = component(UNDEFINED_KEY)


class WildcardSpec:
    """The fields that a wildcard index has. Immutable, may be shared by threads.

    `names` are the top-level fields that it reads, None for all of them.
    """

    __slots__ = ("_excludes", "_tree", "names")

    def __init__(self, tree: _Tree, *, excludes: bool) -> None:
        self._tree = tree
        self._excludes = excludes
        self.names: frozenset[str] | None = None if excludes else frozenset(tree)

    def has(self, path: str) -> bool:
        """Whether all that stands at a path is in the index: every value, or every field of it that is not left out."""
        tree = self._tree
        for part in path.split("."):
            node = tree.get(part, self._excludes)
            if isinstance(node, bool):
                return node
            tree = node
        return self._excludes

    def keys_of(self, document: Mapping[str, Any], arrays: set[Any]) -> Sequence[Hashable]:
        """Return the keys of a decoded document, some several times; the paths of its arrays are added to `arrays`."""
        found: list[Hashable] = []
        self._fields(document, "", self._tree, found, arrays)
        return found

    def _fields(
        self, document: Mapping[str, Any], prefix: str, tree: _Tree | None, found: list[Hashable], arrays: set[Any]
    ) -> None:
        excludes, inner = self._excludes, None
        for name, value in document.items():
            if "." in name:  # no path leads there
                continue
            if tree is not None:
                node = tree.get(name, excludes)
                if node is False:
                    continue
                inner = None if node is True else node
            # one string for all documents: that of a key would cost more than its place
            path = intern(prefix + name)
            kind = type(value)
            if kind is list:
                arrays.add(path)
                self._elements(value, path, inner, found, arrays)
            elif (kind is str or kind is int) and (inner is None or excludes):
                found.append((STRING_RANK, path, STRING_RANK if kind is str else NUMBER_RANK, value))
            else:
                self._one(value, path, inner, found, arrays)

    def _elements(
        self, array: Sequence[Any], path: str, tree: _Tree | None, found: list[Hashable], arrays: set[Any]
    ) -> None:
        before = len(found)
        for item in array:
            if type(item) is not list:
                self._one(item, path, tree, found, arrays)
        if len(found) == before:
            found.append((STRING_RANK, path, *_EMPTY_ARRAY))

    def _one(self, value: Any, path: str, tree: _Tree | None, found: list[Hashable], arrays: set[Any]) -> None:
        """Find the keys of what is no array."""
        value, kind = plain(value)
        if kind is dict:
            before = len(found)
            self._fields(value, f"{path}.", tree, found, arrays)
            if len(found) > before:
                return
            held = _EMPTY_OBJECT
        else:
            held = component(equality_key(value))
        if tree is None or self._excludes:
            found.append((STRING_RANK, path, *held))


def wildcard_of(definition: IndexDefinition) -> WildcardSpec | None:
    """Return which fields a wildcard index has; None for an index of another kind."""
    if definition.kind != WILDCARD:
        return None
    path = definition.keys[0][0]
    if path != ALL_FIELDS:
        return WildcardSpec(_tree_of({tuple(path.split("."))[:-1]: True}), excludes=False)
    flags = flags_of(definition.wildcard_projection or {"_id": 0})
    others = [included for parts, included in flags.items() if parts != _ID]
    excludes = not (others[0] if others else flags[_ID])
    if excludes and not any(parts[0] == "_id" for parts in flags):
        flags[_ID] = False
    # the other way is only for _id, and says nothing of the rest
    return WildcardSpec(
        _tree_of({parts: way for parts, way in flags.items() if way is not excludes}), excludes=excludes
    )


def fields_of(definition: IndexDefinition) -> Keys:
    """Return the fields of the keys of an index."""
    return ((PATH_FIELD, 1), *definition.keys) if definition.kind == WILDCARD else definition.keys


def check_projection(value: Any) -> dict[str, Any]:
    """Return the projection of a wildcard index.

    Raises:
        QueryError: It is no document (14), empty (9), computes a field (51271), or no projection.
    """
    if TYPES[type(value)] != OBJECT:
        message = f"the index option 'wildcardProjection' is a document, not {type(value).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    projection = dict(as_mapping(value))
    if not projection:
        message = "the index option 'wildcardProjection' is not empty: leave it out to have all fields"
        raise QueryError(message, code=9, code_name="FailedToParse")
    for parts, included in _flags(projection, ()):
        if included is None:
            message = f"the index option 'wildcardProjection' only includes or excludes {'.'.join(parts)!r}: 1 or 0"
            raise QueryError(message, code=51271, code_name="Location51271")
    compile_projection(projection)
    return projection


_ID: Final = ("_id",)


def flags_of(projection: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """Return whether a projection includes each of the fields that it names."""
    return dict(_flags(projection, ()))


def _flags(projection: Mapping[str, Any], before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the fields of a projection, and whether each is included; None if it says something else."""
    for name, value in projection.items():
        parts = (*before, *str(name).split("."))
        number = TYPES[type(value)]
        if number == OBJECT and value and not any(str(inner).startswith("$") for inner in value):
            yield from _flags(value, parts)
        else:
            yield parts, bool(number_content(value) != 0) if number in NUMERIC else value if number == BOOL else None


def _tree_of(flags: Mapping[tuple[str, ...], bool]) -> _Tree:
    tree: _Tree = {}
    for parts, included in flags.items():
        parent: Any = tree
        for part in parts[:-1]:
            parent = parent.setdefault(part, {})
        parent[parts[-1]] = included
    return tree
