"""Caches of what is made of texts: bounded by how many there are, and by how long these are.

Programs have few paths, so what is made of one is kept. But a path may come from a
stranger, and be as long as a document: thousands of those would take all memory. So
a cache is emptied once as many characters have come into it as a program's own paths
never have; what is used is soon there again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

CHARACTERS_MAX: Final = 1 << 18
"""Characters that come into a cache before it is emptied."""


def kept(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator: the function's last `most` results are kept by its arguments, the first made of texts.

    A result that is kept costs what it costs with ``lru_cache``: only a new one is counted.
    """

    def keep(function: Callable[P, R]) -> Callable[P, R]:
        came = 0

        @wraps(function)
        def made(*args: P.args, **kwargs: P.kwargs) -> R:
            nonlocal came
            result = function(*args, **kwargs)
            first = args[0]
            came += len(first) if type(first) is str else length_of(first)
            if came > CHARACTERS_MAX:
                came = 0
                cached.cache_clear()
            return result

        cached = lru_cache(maxsize=most)(made)
        return cached  # type: ignore[return-value]  # it is called as the function is

    return keep


def length_of(value: Any) -> int:
    """Return how many characters the texts in a value have that is one, or a tuple or set of such values."""
    kind = type(value)
    if kind is tuple or kind is frozenset:
        length = 0
        for item in value:  # mostly texts: a call for each would double what a new shape costs here
            length += len(item) if type(item) is str else length_of(item)
        return length
    return len(value) if isinstance(value, str) else 0
