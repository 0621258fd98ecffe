"""Options that are checked by themselves: flags, True or False and nothing else, and what is told of progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from nosqlpy.errors import QueryError

Progress: TypeAlias = Callable[[int, int], object]
"""Is told how much is done, and of how much."""

_MEANINGS = {"return_document": "ReturnDocument.BEFORE or ReturnDocument.AFTER"}


def check_flag(name: str, value: Any) -> None:
    """Refuse a value of the option `name` that is no bool: ``"no"`` would count as yes.

    Raises:
        QueryError: With MongoDB's code 14 (TypeMismatch).
    """
    if type(value) is not bool:
        message = f"{name} is {_MEANINGS.get(name, 'True or False')}, not a value of type {type(value).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")


def check_progress(progress: Any) -> None:
    """Refuse what cannot be told of progress.

    Raises:
        QueryError: It is no function, nor None, with MongoDB's code 14 (TypeMismatch).
    """
    if progress is not None and not callable(progress):
        raise QueryError(f"progress is a function, not {type(progress).__name__}", code=14, code_name="TypeMismatch")
