"""Tables for reading, no wider than the terminal; where that is too little, fields stand one below the other."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

WIDTH_MAX = 60  # of a cell; --json shows all
WIDTH_MIN = 8  # what a cell is not cut below
GAP = "  "


def console() -> Any:
    """Return rich's console, without any colour or style if ``NO_COLOR`` is set; None where rich is not installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - only where it is installed
    except ImportError:
        return None
    plain = bool(os.environ.get("NO_COLOR"))
    return Console(highlight=False, soft_wrap=True, emoji=False, color_system=None if plain else "auto")


def table_lines(
    titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], width: int | None
) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a table, each with whether it is one of titles; the columns in `right` stand to the right.

    Where not all columns fit a terminal of `width`, the widest are cut; where that would leave next to nothing of
    their cells, the fields of each row stand one below the other.
    """
    widths = [min(max(map(width_of, column)), WIDTH_MAX) for column in zip(titles, *rows, strict=True)]
    fitted = widths if width is None else _fitted(widths, width - len(GAP) * (len(widths) - 1))
    if fitted is None:
        yield from _records(titles, rows, width or WIDTH_MAX)
        return
    for row in (titles, *rows):
        cells = [_aligned(text, w, right=r) for text, w, r in zip(row, fitted, right, strict=True)]
        yield GAP.join(cells).rstrip(), row is titles


def _fitted(widths: list[int], room: int) -> list[int] | None:
    """Return the widths, the largest of them cut so that all fit the room; None if they cannot."""
    for limit in range(WIDTH_MAX, WIDTH_MIN - 1, -1):
        fitted = [min(width, limit) for width in widths]
        if sum(fitted) <= room:
            return fitted
    return None


def _records(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[tuple[str, bool]]:
    column = min(max(map(width_of, titles)), WIDTH_MAX // 2)
    room = max(width - column - len(GAP), WIDTH_MIN)
    for number, row in enumerate(rows):
        if number:
            yield "", False
        for title, text in zip(titles, row, strict=True):
            if text:
                yield f"{_aligned(title, column)}{GAP}{_cropped(text, room)}", False


def width_of(text: str) -> int:
    """Return how many places of a terminal a text takes: two for a wide character, none for what joins another."""
    return len(text) if text.isascii() else sum(map(_places, text))


def _places(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _aligned(text: str, width: int, *, right: bool = False) -> str:
    text = _cropped(text, width)
    padding = " " * (width - width_of(text))
    return padding + text if right else text + padding


def _cropped(text: str, width: int) -> str:
    if len(text) <= width // 2 or width_of(text) <= width:
        return text
    end = next(end for end, taken in enumerate(accumulate(map(_places, text))) if taken > width - 1)
    return text[:end] + "…"
