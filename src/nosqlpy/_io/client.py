"""What the clients of both faces have in common and that is no one-liner."""

from __future__ import annotations

from typing import Any, NoReturn


def attribute_name(client: Any, name: str) -> str:
    """Return the collection that ``client.name`` means.

    Raises:
        AttributeError: Names with a leading underscore are never collections, so that
            copying and introspection work as everywhere.
    """
    if name.startswith("_"):
        raise AttributeError(f"{type(client).__name__} has no attribute {name!r}; use client[{name!r}]")
    return name


def refuse_pickling(client: Any) -> NoReturn:
    """Refuse to pickle a client.

    Raises:
        TypeError: Always; it says what to do.
    """
    raise TypeError(
        f"a {type(client).__name__} cannot be pickled: it holds an open database; send its url and make one there"
    )
