"""nosqlpy: the document database that a Python program carries inside itself.

    from nosqlpy import Client

    with Client("data") as db:
        db["users"].insert({"name": "ada", "age": 36})

`Client` blocks, `AsyncClient` is for asyncio and trio; both run the same engine.
"""

import logging
from typing import TYPE_CHECKING, Any

from nosqlpy._core.query.filter import literal
from nosqlpy._core.query.limits import Limits
from nosqlpy._io.ids import new_id
from nosqlpy._io.profiling import Profile
from nosqlpy.aliases import Document, Durability, Filter, IndexKeys, Pipeline, Projection, SortSpec, Update
from nosqlpy.blocking.client import Client
from nosqlpy.blocking.collection import Collection
from nosqlpy.blocking.cursor import Cursor
from nosqlpy.blocking.transaction import Transaction
from nosqlpy.errors import (
    BulkWriteError,
    ClosedError,
    CollectionExists,
    CollectionNotFound,
    ConfigurationError,
    CorruptionError,
    DocumentError,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    FormatVersionError,
    InvalidName,
    InvalidOperation,
    InvalidURL,
    LockedError,
    NosqlpyError,
    NotSupportedError,
    OperationFailure,
    QueryError,
    ReadOnlyError,
    StorageError,
    TransactionError,
    ValidationError,
    WriteConflict,
    WriteError,
)
from nosqlpy.profiles import ProfiledOperation, ProfiledShape
from nosqlpy.results import (
    ASCENDING,
    DESCENDING,
    HASHED,
    TEXT,
    BulkWriteResult,
    DeleteMany,
    DeleteOne,
    DeleteResult,
    IndexModel,
    InsertManyResult,
    InsertOne,
    InsertOneResult,
    ReplaceOne,
    ReturnDocument,
    UpdateMany,
    UpdateOne,
    UpdateResult,
    WriteModel,
)

if TYPE_CHECKING:
    from nosqlpy.aio.client import AsyncClient
    from nosqlpy.aio.collection import AsyncCollection
    from nosqlpy.aio.cursor import AsyncCursor
    from nosqlpy.aio.seed import Database, SeedCollection
    from nosqlpy.aio.transaction import AsyncTransaction
else:
    # loaded when one of them is first asked for: with asyncio and anyio, they are a quarter of what there is to load
    _LATER = frozenset(
        ("AsyncClient", "AsyncCollection", "AsyncCursor", "AsyncTransaction", "Database", "SeedCollection")
    )

    def __getattr__(name: str) -> Any:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from nosqlpy.aio import client, collection, cursor, seed, transaction  # noqa: PLC0415 - see above

        for module in (client, collection, cursor, seed, transaction):
            globals().update({known: kind for known, kind in vars(module).items() if known in _LATER})
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LATER})


__version__ = "0.2.0"

# a program that asks for no log gets none; its own handlers get all
logging.getLogger("nosqlpy").addHandler(logging.NullHandler())

__all__ = [
    "ASCENDING",
    "DESCENDING",
    "HASHED",
    "TEXT",
    "AsyncClient",
    "AsyncCollection",
    "AsyncCursor",
    "AsyncTransaction",
    "BulkWriteError",
    "BulkWriteResult",
    "Client",
    "ClosedError",
    "Collection",
    "CollectionExists",
    "CollectionNotFound",
    "ConfigurationError",
    "CorruptionError",
    "Cursor",
    "Database",
    "DeleteMany",
    "DeleteOne",
    "DeleteResult",
    "Document",
    "DocumentError",
    "DocumentTooLarge",
    "DuplicateKeyError",
    "Durability",
    "ExecutionTimeout",
    "Filter",
    "FormatVersionError",
    "IndexKeys",
    "IndexModel",
    "InsertManyResult",
    "InsertOne",
    "InsertOneResult",
    "InvalidName",
    "InvalidOperation",
    "InvalidURL",
    "Limits",
    "LockedError",
    "NosqlpyError",
    "NotSupportedError",
    "OperationFailure",
    "Pipeline",
    "Profile",
    "ProfiledOperation",
    "ProfiledShape",
    "Projection",
    "QueryError",
    "ReadOnlyError",
    "ReplaceOne",
    "ReturnDocument",
    "SeedCollection",
    "SortSpec",
    "StorageError",
    "Transaction",
    "TransactionError",
    "Update",
    "UpdateMany",
    "UpdateOne",
    "UpdateResult",
    "ValidationError",
    "WriteConflict",
    "WriteError",
    "WriteModel",
    "__version__",
    "literal",
    "new_id",
]
