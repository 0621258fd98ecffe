"""Every error that nosqlpy raises.

    NosqlpyError
    ├── ConfigurationError            an option that no client has, or a value that it cannot take
    │   └── InvalidURL (ValueError)
    ├── InvalidName (ValueError)      a collection name that cannot be stored
    ├── InvalidOperation              the call does not fit the state of its object
    │   └── ClosedError
    ├── NotSupportedError (NotImplementedError)   MongoDB has it, nosqlpy has not (yet)
    ├── StorageError                  the directory, its files or the disk
    │   ├── LockedError               another process is writing, or has the database for itself
    │   ├── CorruptionError           bytes that are not what was written
    │   ├── ReadOnlyError
    │   └── FormatVersionError        written by a newer nosqlpy
    └── OperationFailure              what was asked cannot be done
        ├── QueryError (ValueError)   a filter, update, projection or sort that means nothing
        ├── ExecutionTimeout (TimeoutError)
        ├── CollectionNotFound (LookupError)
        ├── CollectionExists
        ├── WriteError                a document cannot be written so
        │   ├── DuplicateKeyError
        │   ├── DocumentError (ValueError)        a value that cannot be stored, with its path
        │   │   └── DocumentTooLarge
        │   └── ValidationError (ValueError)
        ├── BulkWriteError
        └── TransactionError
            └── WriteConflict

Codes and code names are MongoDB's (src/mongo/base/error_codes.yml).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class NosqlpyError(Exception):
    """What every error of nosqlpy is: a message, MongoDB's code and name, and details."""

    code: int = 1
    code_name: str = "InternalError"
    details: Mapping[str, Any]

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        code_name: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if code_name is not None:
            self.code_name = code_name
        self.details = dict(details or {})

    def to_document(self) -> dict[str, Any]:
        """Return the error as a server would send it: ``errmsg``, ``code``, ``codeName`` and details."""
        return {"ok": 0.0, "errmsg": str(self), "code": self.code, "codeName": self.code_name} | dict(self.details)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), str(self), self.code, self.code_name, dict(self.details))


def _restore(
    kind: type[NosqlpyError], message: str, code: int, code_name: str, details: dict[str, Any]
) -> NosqlpyError:
    return kind(message, code=code, code_name=code_name, details=details)


class ConfigurationError(NosqlpyError):
    """An option that no client has, or a value that the option cannot take."""

    code: int = 72
    code_name: str = "InvalidOptions"


class InvalidURL(ConfigurationError, ValueError):
    """A database URL that names no database."""

    code: int = 9
    code_name: str = "FailedToParse"


class InvalidName(NosqlpyError, ValueError):
    """A collection name that cannot be stored."""

    code: int = 73
    code_name: str = "InvalidNamespace"


class InvalidOperation(NosqlpyError):
    """A call that does not fit the state of its object."""

    code: int = 20
    code_name: str = "IllegalOperation"


class ClosedError(InvalidOperation):
    """The client or cursor was closed before the call."""


class NotSupportedError(NosqlpyError, NotImplementedError):
    """An operator or option that MongoDB has and nosqlpy does not support."""

    code: int = 238
    code_name: str = "NotImplemented"


class StorageError(NosqlpyError):
    """The directory, its files or the disk cannot do what is needed."""

    code: int = 39
    code_name: str = "FileStreamFailed"


class LockedError(StorageError):
    """Another process writes or has the database for itself, or a transaction is open; `details` has its ``pid``."""

    code: int = 24
    code_name: str = "LockTimeout"


class CorruptionError(StorageError):
    """Bytes on disk are not what was written; `details` has ``file`` and ``offset``."""

    code: int = 366
    code_name: str = "DataCorruptionDetected"


class ReadOnlyError(StorageError):
    """A write to a database that is open, or can be opened, for reading only."""

    code: int = 20
    code_name: str = "IllegalOperation"


class FormatVersionError(StorageError):
    """The files were written by a newer nosqlpy, or need a feature that this one lacks."""

    code: int = 2
    code_name: str = "BadValue"


class OperationFailure(NosqlpyError):
    """What was asked cannot be done."""

    code: int = 96
    code_name: str = "OperationFailed"


class QueryError(OperationFailure, ValueError):
    """A filter, update, projection or sort that cannot be understood."""

    code: int = 2
    code_name: str = "BadValue"


class ExecutionTimeout(OperationFailure, TimeoutError):
    """The operation took longer than its time limit."""

    code: int = 50
    code_name: str = "MaxTimeMSExpired"


class CollectionNotFound(OperationFailure, LookupError):
    """No collection has this name."""

    code: int = 26
    code_name: str = "NamespaceNotFound"


class CollectionExists(OperationFailure):
    """A collection has this name already."""

    code: int = 48
    code_name: str = "NamespaceExists"


class WriteError(OperationFailure):
    """A document that cannot be written as asked."""


class DuplicateKeyError(WriteError):
    """The ``_id``, or the key of a unique index, is taken."""

    code: int = 11000
    code_name: str = "DuplicateKey"


class DocumentError(WriteError, ValueError):
    """A value that cannot be stored; the message has its path."""

    code: int = 2
    code_name: str = "BadValue"


class DocumentTooLarge(DocumentError):
    """The encoded document is larger than the limit."""

    code: int = 10334
    code_name: str = "BSONObjectTooLarge"


class ValidationError(WriteError, ValueError):
    """A document that does not fit its collection's validator or type."""

    code: int = 121
    code_name: str = "DocumentValidationFailure"


class BulkWriteError(OperationFailure):
    """Some writes of a batch failed; `details` has pymongo's ``writeErrors`` and counts."""

    code: int = 65
    code_name: str = "MultipleErrorsOccurred"


class TransactionError(OperationFailure):
    """A transaction was used in a way that it does not allow."""

    code: int = 251
    code_name: str = "NoSuchTransaction"


class WriteConflict(TransactionError):
    """Another writer changed what this transaction read; run it again."""

    code: int = 112
    code_name: str = "WriteConflict"
