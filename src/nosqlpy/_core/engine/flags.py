"""Flags of writes: True or False, and nothing else that Python would take for one of them."""

from __future__ import annotations

from typing import Any

from nosqlpy.errors import QueryError

_MEANINGS = {"return_document": "ReturnDocument.BEFORE or ReturnDocument.AFTER"}


def check_flag(name: str, value: Any) -> None:
    """Refuse a value of the option `name` that is no bool: ``"no"`` would count as yes.

    Raises:
        QueryError: With MongoDB's code 14 (TypeMismatch).
    """
    if type(value) is not bool:
        message = f"{name} is {_MEANINGS.get(name, 'True or False')}, not a value of type {type(value).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
