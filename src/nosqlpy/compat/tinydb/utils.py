"""The cache of a table's answers, and what makes values usable as its keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, MutableMapping
from typing import Any, Generic, NoReturn, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

_PLAIN = frozenset((str, int, float, bool, type(None)))


class LRUCache(MutableMapping[K, V], Generic[K, V]):
    """A mapping of at most `capacity` entries (None: any number), which lets the least recently used one go."""

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.cache: OrderedDict[K, V] = OrderedDict()

    @property
    def lru(self) -> list[K]:
        """The keys, the least recently used one first."""
        return list(self.cache)

    @property
    def length(self) -> int:
        """How many entries there are."""
        return len(self.cache)

    def clear(self) -> None:
        """Let every entry go."""
        self.cache.clear()

    def __len__(self) -> int:
        return len(self.cache)

    def __iter__(self) -> Iterator[K]:
        return iter(self.cache)

    def __contains__(self, key: object) -> bool:
        return key in self.cache

    def __getitem__(self, key: K) -> V:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self.set(key, value)

    def __delitem__(self, key: K) -> None:
        del self.cache[key]

    @overload
    def get(self, key: K, default: None = None) -> V | None: ...
    @overload
    def get(self, key: K, default: V | D) -> V | D: ...
    def get(self, key: K, default: Any = None) -> Any:
        """Return the value of `key`, which becomes the one used last, or `default`; None counts as no value."""
        value = self.cache.get(key)
        if value is None:
            return default
        self.cache.move_to_end(key)
        return value

    def set(self, key: K, value: V) -> None:
        """Give `key` a value; it becomes the one used last."""
        self.cache[key] = value
        self.cache.move_to_end(key)
        if self.capacity is not None and len(self.cache) > self.capacity:
            self.cache.popitem(last=False)


class FrozenDict(dict[Any, Any]):
    """A dict that cannot be changed, and so has a hash."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))

    def _refuse(self, *_arguments: Any, **_keywords: Any) -> NoReturn:
        raise TypeError("object is immutable")

    __setitem__: Any = _refuse
    __delitem__: Any = _refuse
    __ior__: Any = _refuse
    clear: Any = _refuse
    update: Any = _refuse
    setdefault: Any = _refuse
    pop: Any = _refuse
    popitem: Any = _refuse


def freeze(obj: Any) -> Any:
    """Return `obj` with its dicts, lists and sets replaced by ones that cannot change; what else it holds stays."""
    if type(obj) in _PLAIN:
        return obj
    if isinstance(obj, dict):
        return FrozenDict((key, freeze(value)) for key, value in obj.items())
    if isinstance(obj, list | tuple):
        return tuple(freeze(item) for item in obj)
    if isinstance(obj, set):
        return frozenset(obj)
    return obj


def with_typehint(baseclass: type[V]) -> type[V]:  # noqa: ARG001 - the type is for type checkers alone
    """Return `object`, which type checkers take for `baseclass`."""
    return object  # type: ignore[return-value]
