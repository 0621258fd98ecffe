"""Output: for reading on a terminal, JSON Lines elsewhere."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from nosqlpy.aliases import Document
from nosqlpy.extended_json import encode_json

BATCH = 256

# C1 controls and DEL: JSON does not escape them, and a terminal may obey them
_controls = re.compile("[\x7f-\x9f]")


class Output:
    """Prints to stdout; `as_json` asks for JSON Lines on a terminal too."""

    def __init__(self, as_json: bool = False) -> None:
        self.for_reading: bool = sys.stdout.isatty() and not as_json
        self._console = _console() if self.for_reading else None

    def line(self, document: Document) -> None:
        """Print one document as a JSON line, at once."""
        _write(encode_json(document) + b"\n")
        sys.stdout.flush()

    def documents(self, documents: Iterable[Document]) -> None:
        """Print documents: a JSON line for each, or indented."""
        if self.for_reading:
            for document in documents:
                self._indented(encode_json(document))
            return
        lines: list[bytes] = []
        for document in documents:
            lines.append(encode_json(document))
            if len(lines) == BATCH:
                _write(b"\n".join(lines) + b"\n")
                lines.clear()
        _write(b"".join(line + b"\n" for line in lines))

    def fields(self, document: Document) -> None:
        """Print one document: a JSON line, or a field on each line."""
        if not self.for_reading:
            self.line(document)
            return
        width = max(map(len, document))
        for name, value in document.items():
            sys.stdout.write(f"{name.replace('_', ' '):<{width}}  {shown(value)}\n")

    def database(self, database: Document, collections: Sequence[Document]) -> None:
        """Print what a database holds."""
        if not self.for_reading:
            self.line({**database, "collections": list(collections)})
            return
        recovery = database.pop("recovery", {})
        self.fields({**database, "closed_cleanly": recovery.get("clean", True)})
        sys.stdout.write("\n")
        self.table(("collection", "documents", "bytes", "indexes"), [_row(found) for found in collections])

    def repaired(self, report: Document) -> None:
        """Print what a repair saved, and what it could not."""
        if not self.for_reading:
            self.line(report)
            return
        lost, notes = report.pop("lost"), report.pop("notes")
        self.fields(report)
        for note in notes:
            self.text(f"note: {note}")
        rows = [[loss["file"], loss["offset"], loss["bytes"], loss["commits"], loss["what"]] for loss in lost]
        if rows:
            self.text("lost:")
            self.table(("file", "offset", "bytes", "commits", "why"), rows)

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print a table; numbers stand to the right."""
        if self._console is not None:
            self._rich_table(titles, rows)
            return
        cells = [list(titles), *([shown(value) for value in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row, values in zip(cells, [(), *rows], strict=True):
            numbers = [isinstance(value, int) for value in values] or [False] * len(row)
            texts = [c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numbers, strict=True)]
            sys.stdout.write("  ".join(texts).rstrip() + "\n")

    def _rich_table(self, titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        from rich.table import Table  # noqa: PLC0415 - only where it is installed
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, header_style="bold", pad_edge=False)
        for i, title in enumerate(titles):
            table.add_column(title, justify="right" if rows and isinstance(rows[0][i], int) else "left")
        for row in rows:
            table.add_row(*(Text(shown(value)) for value in row))
        assert self._console is not None, "without rich there is a plain table"
        self._console.print(table)

    def _indented(self, line: bytes) -> None:
        text = _controls.sub(lambda found: f"\\u{ord(found[0]):04x}", msgspec.json.format(line, indent=2).decode())
        if self._console is None:
            sys.stdout.write(text + "\n")
        else:
            from rich.syntax import Syntax  # noqa: PLC0415 - only where it is installed

            self._console.print(Syntax(text, "json", background_color="default", word_wrap=True))

    def text(self, text: str, style: str = "") -> None:
        """Print a line for reading, in a style of rich's where that is installed."""
        if self._console is None:
            sys.stdout.write(text + "\n")
        else:
            self._console.print(text, style=style, markup=False)
        sys.stdout.flush()


def _row(collection: Document) -> list[Any]:
    return [collection["name"], collection["count"], collection["size"], ", ".join(collection["indexes"])]


def shown(value: Any) -> str:
    """Return a value for reading: big numbers in groups, the rest as JSON writes it or as it is."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _write(data: bytes) -> None:
    """Write bytes, which are UTF-8 whatever the locale, behind the text that was written."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def _console() -> Any:
    """Return rich's console, or None where rich is not installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - only where it is installed
    except ImportError:
        return None
    return Console(highlight=False, soft_wrap=True)
