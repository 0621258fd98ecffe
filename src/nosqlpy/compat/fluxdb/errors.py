"""FluxDB's names of errors: they are nosqlpy's own, so that ``except`` clauses of both kinds catch them."""

from nosqlpy import CollectionNotFound, NosqlpyError, TransactionError

FluxDBError = NosqlpyError
CollectionNotFoundError = CollectionNotFound

__all__ = ["CollectionNotFoundError", "FluxDBError", "TransactionError"]
