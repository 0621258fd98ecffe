"""Options that are checked by themselves: flags, True or False and nothing else, and what is told of progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from nosqlpy.errors import QueryError

T = TypeVar("T")

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


def told(passes: Sequence[Iterator[list[T]]], total: int, progress: Progress | None) -> list[Iterator[list[T]]]:
    """Return the batches of several passes over the same documents, which tell `progress` how much of `total` is done.

    Raises:
        QueryError: `progress` is no function.
    """
    check_progress(progress)
    if progress is None:
        return list(passes)
    return [_telling(batches, number, len(passes), total, progress) for number, batches in enumerate(passes)]


def _telling(batches: Iterator[list[T]], number: int, passes: int, total: int, progress: Progress) -> Iterator[list[T]]:
    done = number * total
    for batch in batches:
        yield batch
        done += len(batch)
        progress(done // passes, total)
