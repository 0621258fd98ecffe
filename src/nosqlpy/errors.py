"""Every error that nosqlpy raises.

    NosqlpyError
    ├── ConfigurationError            an option that no client has, or a value that it cannot take
    │   └── InvalidURL (ValueError)
    ├── InvalidName (ValueError)      a collection name that cannot be stored
    ├── InvalidOperation              the call does not fit the state of its object
    │   └── ClosedError
    ├── NotSupportedError (NotImplementedError)   MongoDB has it, nosqlpy has not (yet)
    ├── StorageError                  the directory, its files or the disk
    │   ├── LockedError               another process holds the database
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

    code, code_name = 72, "InvalidOptions"


class InvalidURL(ConfigurationError, ValueError):
    """A database URL that names no database."""

    code, code_name = 9, "FailedToParse"


class InvalidName(NosqlpyError, ValueError):
    """A collection name that cannot be stored."""

    code, code_name = 73, "InvalidNamespace"


class InvalidOperation(NosqlpyError):
    """A call that does not fit the state of its object."""

    code, code_name = 20, "IllegalOperation"


class ClosedError(InvalidOperation):
    """The client or cursor was closed before the call."""


class NotSupportedError(NosqlpyError, NotImplementedError):
    """An operator or option that MongoDB has and nosqlpy does not support."""

    code, code_name = 238, "NotImplemented"


class StorageError(NosqlpyError):
    """The directory, its files or the disk cannot do what is needed."""

    code, code_name = 39, "FileStreamFailed"


class LockedError(StorageError):
    """Another process holds the database; `details` has its ``pid`` where it is known."""

    code, code_name = 24, "LockTimeout"


class CorruptionError(StorageError):
    """Bytes on disk are not what was written; `details` has ``file`` and ``offset``."""

    code, code_name = 366, "DataCorruptionDetected"


class ReadOnlyError(StorageError):
    """A write to a database that is open, or can be opened, for reading only."""

    code, code_name = 20, "IllegalOperation"


class FormatVersionError(StorageError):
    """The files were written by a newer nosqlpy, or need a feature that this one lacks."""

    code, code_name = 2, "BadValue"


class OperationFailure(NosqlpyError):
    """What was asked cannot be done."""

    code, code_name = 96, "OperationFailed"


class QueryError(OperationFailure, ValueError):
    """A filter, update, projection or sort that cannot be understood."""

    code, code_name = 2, "BadValue"


class ExecutionTimeout(OperationFailure, TimeoutError):
    """The operation took longer than its time limit."""

    code, code_name = 50, "MaxTimeMSExpired"


class CollectionNotFound(OperationFailure, LookupError):
    """No collection has this name."""

    code, code_name = 26, "NamespaceNotFound"


class CollectionExists(OperationFailure):
    """A collection has this name already."""

    code, code_name = 48, "NamespaceExists"


class WriteError(OperationFailure):
    """A document that cannot be written as asked."""


class DuplicateKeyError(WriteError):
    """The ``_id``, or the key of a unique index, is taken."""

    code, code_name = 11000, "DuplicateKey"


class DocumentError(WriteError, ValueError):
    """A value that cannot be stored; the message has its path."""

    code, code_name = 2, "BadValue"


class DocumentTooLarge(DocumentError):
    """The encoded document is larger than the limit."""

    code, code_name = 10334, "BSONObjectTooLarge"


class ValidationError(WriteError, ValueError):
    """A document that does not fit its collection's validator or type."""

    code, code_name = 121, "DocumentValidationFailure"


class BulkWriteError(OperationFailure):
    """Some writes of a batch failed; `details` has pymongo's ``writeErrors`` and counts."""

    code, code_name = 65, "MultipleErrorsOccurred"


class TransactionError(OperationFailure):
    """A transaction was used in a way that it does not allow."""

    code, code_name = 251, "NoSuchTransaction"


class WriteConflict(TransactionError):
    """Another writer changed what this transaction read; run it again."""

    code, code_name = 112, "WriteConflict"
