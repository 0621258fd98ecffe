"""Top-level fields with ``$`` in front: an update of a stored document neither makes nor changes one.

Manual: core/dot-dollar-considerations/dollar-prefix. Inserting such a document
is allowed, be it by an upsert, and so is computing one by a pipeline, removing
the field, taking elements out of it, or changing what is in it (the server's
``storage_validation`` looks at the element that an operator wrote, and there
at top-level names only).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from nosqlpy._core.update.paths import UpdatePath
from nosqlpy._core.values.codec import encode_value
from nosqlpy.errors import WriteError


def guarded(run: Callable[[dict[str, Any]], None], path: UpdatePath) -> Callable[[dict[str, Any]], None]:
    """Return `run`, a step that writes to `path`, which begins with ``$``, with a check of what it did."""
    name = path.parts[0]

    def run_and_check(document: dict[str, Any]) -> None:
        before = encode_value(document[name]) if name in document else None
        run(document)
        if name not in document or (before is not None and len(path.parts) > 1):
            return
        if before is None or encode_value(document[name]) != before:
            refuse_name(name)

    return run_and_check


def refuse_name(name: str) -> NoReturn:
    """Raise the error for a field that begins with ``$``.

    Raises:
        WriteError: Always, with MongoDB's code 52 (DollarPrefixedFieldName).
    """
    message = f"field {name!r}: the name of a field that an update sets cannot begin with '$'"
    raise WriteError(message, code=52, code_name="DollarPrefixedFieldName")
