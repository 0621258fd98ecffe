"""Middlewares stand between the database and its storage: ``TinyDB(path, storage=CachingMiddleware(JSONStorage))``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from nosqlpy.compat.tinydb.storages import State, Storage, repr_of


class Middleware:
    """What a middleware is: given a storage class, it is called like that class and returns itself.

    What it does not define itself, such as `read` and `write`, is that of `storage`.
    """

    storage: Storage

    def __init__(self, storage_cls: Callable[..., Any]) -> None:
        self._storage_cls = storage_cls

    def __call__(self, *args: Any, **kwargs: Any) -> Self:
        """Make the storage with these arguments and return the middleware, which stands for it from now on."""
        self.storage = self._storage_cls(*args, **kwargs)
        return self

    def __repr__(self) -> str:
        return repr_of(self)

    def __getattr__(self, name: str) -> Any:
        if "storage" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r} before its storage is made")
        return getattr(self.storage, name)


class CachingMiddleware(Middleware):
    """Reads the storage once, and writes to it after `WRITE_CACHE_SIZE` writes, on `flush` and on `close`."""

    WRITE_CACHE_SIZE = 1000

    def __init__(self, storage_cls: Callable[..., Any]) -> None:
        super().__init__(storage_cls)
        self.cache: State | None = None
        self._cache_modified_count = 0

    def read(self) -> State | None:
        """Return the state as it was written last."""
        if self.cache is None:
            self.cache = self.storage.read()
        return self.cache

    def write(self, data: State) -> None:
        """Keep the state; hand it to the storage if it is time to."""
        self.cache = data
        self._cache_modified_count += 1
        if self._cache_modified_count >= self.WRITE_CACHE_SIZE:
            self.flush()

    def flush(self) -> None:
        """Hand the state to the storage, if that has not got it."""
        if self._cache_modified_count > 0 and self.cache is not None:
            self.storage.write(self.cache)
            self._cache_modified_count = 0

    def close(self) -> None:
        """Flush, and close the storage."""
        self.flush()
        self.storage.close()
