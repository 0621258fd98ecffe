"""The shape of a filter as text: its paths and operators, and ``?`` for each value."""

from __future__ import annotations

from typing import Any, Final

TEXT_MAX: Final = 500
"""Characters after which the rest is left out."""


def shape_text(shape: tuple[Any, ...]) -> str:
    """Return the text of a shape (see `tree.Shape`), such as ``{name: ?, age: {$gt: ?}}``."""
    text = _document(shape)
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}…"


def _document(shape: tuple[Any, ...]) -> str:
    return "{" + ", ".join(map(_entry, shape)) + "}"


def _entry(entry: Any) -> str:
    if isinstance(entry, str):
        return f"{_name(entry)}: ?"
    name, rest = entry
    if name in ("$and", "$or", "$nor"):
        return f"{name}: [" + ", ".join(map(_document, rest)) + "]"
    if name.startswith("$"):
        return f"{name}: ?"
    return f"{_name(name)}: {{" + ", ".join(f"{operator}: ?" for operator in rest) + "}"


def _name(path: str) -> str:
    """Return a path as one line of text."""
    return path if path.isprintable() else repr(path)
