"""Names that users write: which collection names can be stored, and the nearest valid name to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nosqlpy.errors import InvalidName

NAME_LENGTH_MAX = 120


def check_collection_name(name: Any) -> str:
    """Return `name`: 1 to 120 characters, no ``$``, NUL or control character, no empty part between dots.

    Raises:
        InvalidName: The name cannot be a collection's.
    """
    if type(name) is not str:
        raise InvalidName(f"a collection name is a str, not {type(name).__name__}")
    if not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise InvalidName(f"a collection name has 1 to {NAME_LENGTH_MAX} characters, this one has {len(name)}")
    for character in name:
        if character == "$" or not character.isprintable():
            raise InvalidName(f"collection name {name!r} contains {character!r}; use letters, digits, '_', '-' or '.'")
    if name.startswith(".") or name.endswith(".") or ".." in name:
        raise InvalidName(f"collection name {name!r} has an empty part; put something before and after each '.'")
    return name


def nearest(name: Any, valid: Iterable[str]) -> str:
    """Return "; did you mean X?" for the name in `valid` closest to it, or an empty string, as for what is no str."""
    from difflib import get_close_matches  # noqa: PLC0415 - for messages only, and all programs would load it

    matches = get_close_matches(name, sorted(valid), n=1, cutoff=0.5) if isinstance(name, str) else None
    return f"; did you mean {matches[0]!r}?" if matches else ""
