"""Tables for reading, with rich and without."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

WIDTH_MAX = 60  # characters of a cell; --json shows all


def console() -> Any:
    """Return rich's console, without any colour or style if ``NO_COLOR`` is set; None where rich is not installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - only where it is installed
    except ImportError:
        return None
    return Console(highlight=False, soft_wrap=True, color_system=None if os.environ.get("NO_COLOR") else "auto")


def plain_table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    """Print a table; the columns in `right` stand to the right."""
    cells = [list(titles), *([_cropped(text) for text in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        texts = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        sys.stdout.write("  ".join(texts).rstrip() + "\n")


def rich_table(terminal: Any, titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    """Print a table on rich's console."""
    from rich.table import Table  # noqa: PLC0415 - only where it is installed
    from rich.text import Text  # noqa: PLC0415 - only where it is installed

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title, numbers in zip(titles, right, strict=True):
        table.add_column(Text(title), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(Text(_cropped(text)) for text in row))
    terminal.print(table)


def _cropped(text: str) -> str:
    return text if len(text) <= WIDTH_MAX else text[: WIDTH_MAX - 1] + "…"
