"""FluxDB's class on nosqlpy's engine; a program changes its import to ``from nosqlpy.compat.fluxdb import FluxDB``.

Values keep their types, what was written survives a kill, and several processes may
use one database. `migrate` takes over the files of the original.
"""

from nosqlpy.compat.fluxdb.database import BinaryStorage, FluxDB, MemoryStorage, StorageBackend
from nosqlpy.compat.fluxdb.errors import CollectionNotFoundError, FluxDBError, TransactionError
from nosqlpy.compat.fluxdb.migration import migrate

__all__ = [
    "BinaryStorage",
    "CollectionNotFoundError",
    "FluxDB",
    "FluxDBError",
    "MemoryStorage",
    "StorageBackend",
    "TransactionError",
    "migrate",
]
