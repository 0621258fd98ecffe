"""What the clients of both faces have in common and that is no one-liner."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, NoReturn, TypeVar

from nosqlpy.errors import TransactionError
from nosqlpy.naming import nearest

C = TypeVar("C")


def attribute_name(client: Any, name: str) -> str:
    """Return the collection that ``client.name`` means.

    Raises:
        AttributeError: Names with a leading underscore are never collections, so that
            copying and introspection work as everywhere.
    """
    if name.startswith("_"):
        raise AttributeError(f"{type(client).__name__} has no attribute {name!r}; use client[{name!r}]")
    return name


def is_same_collection(collection: Any, other: Any) -> bool:
    """Return whether two collections have the same client and name; their types may differ, as in pymongo."""
    same_kind = type(other) is type(collection)
    return same_kind and collection.client is other.client and bool(collection.name == other.name)


def collection_of(client: Any, collection: Any, kind: Any) -> Any:
    """Return a collection of a client, given its name or itself, with documents of the type `kind`, if that is given.

    Raises:
        TransactionError: `collection` is another client's.
    """
    if isinstance(collection, str):
        return client.collection(collection, type=kind)
    if getattr(collection, "client", None) is not client:
        raise TransactionError("collection() takes a name, or a collection of the client that began the transaction")
    return collection if kind is None else collection.with_type(kind)


def shown_as(name: str) -> Callable[[type[C]], type[C]]:
    """Let the methods of the decorated class call themselves ``name.method`` in Python's own errors."""

    def rename(part: type[C]) -> type[C]:
        for method in vars(part).values():
            if isinstance(method, FunctionType):
                method.__qualname__ = f"{name}.{method.__name__}"
        return part

    return rename


def refuse_pickling(client: Any) -> NoReturn:
    """Refuse to pickle a client.

    Raises:
        TypeError: Always; it says what to do.
    """
    raise TypeError(
        f"a {type(client).__name__} cannot be pickled: it holds an open database; send its url and make one there"
    )


def refuse_truth() -> NoReturn:
    """Refuse ``if collection:``, which would be true of an empty one too.

    Raises:
        TypeError: Always; it says what to do.
    """
    raise TypeError("a collection is neither true nor false: compare it with None, or use exists()")


def refuse_item(name: str, item: Any) -> NoReturn:
    """Refuse ``collection[item]``.

    Raises:
        TypeError: Always; it says what to do.
    """
    other = f"{name}.{item}"
    raise TypeError(f"a collection has no items: use get({item!r}), or client[{other!r}] for another collection")


def refuse_call(client: Any, name: str) -> NoReturn:
    """Refuse ``client.name()``: attributes that are no methods are collections.

    Raises:
        TypeError: Always; it names the nearest method.
    """
    kind = type(client)
    methods = [method for method in dir(kind) if not method.startswith("_") and callable(getattr(kind, method))]
    hint = nearest(name, methods) or ";"
    raise TypeError(f"{kind.__name__} has no method {name!r}{hint} client[{name!r}] is a collection")


def refuse_iteration(client: Any) -> NoReturn:
    """Refuse ``for name in client``, for which Python would otherwise look for ``client[0]``.

    Raises:
        TypeError: Always; it says what to do.
    """
    raise TypeError(f"a {type(client).__name__} is not iterable; use list_collection_names()")
