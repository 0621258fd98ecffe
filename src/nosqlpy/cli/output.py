"""Output: a table on a terminal, JSON Lines elsewhere, or what is asked for."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from nosqlpy.aliases import Document
from nosqlpy.cli.sheet import Sheet
from nosqlpy.cli.streams import output, printable, safe
from nosqlpy.cli.tables import console, table_lines
from nosqlpy.extended_json import encode_json
from nosqlpy.tabular import cell

BATCH = 256
ROWS = 500  # a table's columns are those of so many documents; then its titles are printed again


class Output:
    """Prints to stdout: `form` is ``json``, ``csv`` or ``table``, or None for what fits the place."""

    def __init__(self, form: str | None = None) -> None:
        self._terminal = sys.stdout.isatty()
        self.for_reading: bool = form == "table" or (self._terminal and form is None)
        self._form = form
        self._console = console() if self.for_reading and self._terminal else None

    def line(self, document: Document) -> None:
        """Print one document as a JSON line, at once."""
        _write(encode_json(document) + b"\n")
        sys.stdout.flush()

    def documents(self, documents: Iterable[Document], *, fitted: bool = True) -> None:
        """Print documents: a JSON line or a row for each, `fitted` to the width of the terminal."""
        if self.for_reading:
            self._table_of(documents, fitted=fitted)
        elif self._form == "csv":
            self._csv(documents)
        else:
            self._lines(map(encode_json, documents))

    def values(self, values: Iterable[Any], title: str) -> None:
        """Print values: each as JSON on a line of its own, or in a column."""
        if self.for_reading or self._form == "csv":
            self.documents({title: value} for value in values)
        else:
            self._lines(encode_json({"v": value})[len('{"v":') : -1] for value in values)

    def document(self, document: Document) -> None:
        """Print one document: a JSON line, a row of CSV, or indented."""
        if self.for_reading:
            self._indented(encode_json(document))
        else:
            self.documents([document])

    def fields(self, document: Document) -> None:
        """Print one document: a JSON line, a row of CSV, or a field on each line."""
        if not self.for_reading:
            self.documents([document])
            return
        width = max(map(len, document))
        for name, value in document.items():
            sys.stdout.write(f"{name.replace('_', ' '):<{width}}  {shown(value)}\n")

    def database(self, database: Document, collections: Sequence[Document]) -> None:
        """Print what a database holds."""
        if not self.for_reading:
            self.documents([{**database, "collections": list(collections)}])
            return
        recovery = database.pop("recovery", {})
        self.fields({**database, "closed_cleanly": recovery.get("clean", True)})
        sys.stdout.write("\n")
        self.collections(collections)

    def collections(self, collections: Sequence[Document]) -> None:
        """Print what the collections of a database hold."""
        if self.for_reading:
            self.table(("collection", "documents", "bytes", "indexes"), [_row(found) for found in collections])
        else:
            self.documents(collections)

    def repaired(self, report: Document) -> None:
        """Print what a repair saved, and what it could not."""
        if not self.for_reading:
            self.documents([report])
            return
        lost, notes = report.pop("lost"), report.pop("notes")
        self.fields(report)
        for note in notes:
            self.text(f"note: {note}")
        rows = [[loss["file"], loss["offset"], loss["bytes"], loss["commits"], loss["what"]] for loss in lost]
        if rows:
            self.text("lost:")
            self.table(("file", "offset", "bytes", "commits", "why"), rows)

    def table(
        self, titles: Sequence[str], rows: Sequence[Sequence[Any]], *, grouped: bool = True, fitted: bool = True
    ) -> None:
        """Print a table; numbers stand to the right, and big ones in groups if they are `grouped`."""
        texts = [[shown(value, grouped=grouped) for value in row] for row in rows]
        right = [bool(rows) and all(type(row[i]) in _NUMBERS for row in rows) for i in range(len(titles))]
        width = shutil.get_terminal_size().columns if self._terminal and fitted else None
        for line, is_title in table_lines([printable(title) for title in titles], texts, right, width):
            if is_title:
                self.text(line, "bold")
            else:
                sys.stdout.write(line + "\n")

    def text(self, text: str, style: str = "") -> None:
        """Print a line for reading, in a style of rich's where that is installed."""
        if self._console is None:
            sys.stdout.write(text + "\n")
        else:
            self._console.print(text, style=style, markup=False)
        sys.stdout.flush()

    def _lines(self, lines: Iterator[bytes]) -> None:
        while batch := list(islice(lines, BATCH)):
            _write(b"".join(line + b"\n" for line in batch))

    def _table_of(self, documents: Iterable[Document], *, fitted: bool) -> None:
        source = iter(documents)
        while batch := list(islice(source, ROWS)):
            titles = list(dict.fromkeys(name for document in batch for name in document))
            rows = [[document.get(name, _MISSING) for name in titles] for document in batch]
            self.table(titles, rows, grouped=False, fitted=fitted)

    def _csv(self, documents: Iterable[Document]) -> None:
        with Sheet() as sheet:
            for document in documents:
                sheet.add(document)
            for text in sheet.lines():
                _write(text.encode())

    def _indented(self, line: bytes) -> None:
        text = safe(msgspec.json.format(line, indent=2).decode())
        if self._console is None:
            sys.stdout.write(text + "\n")
        else:
            from rich.syntax import Syntax  # noqa: PLC0415 - only where it is installed

            # colours of the terminal's own: other themes have white letters, which a white background swallows
            shown = Syntax(text, "json", theme="ansi_light", background_color="default", word_wrap=True)
            self._console.print(shown)


class _Missing:
    """The value of a field that a document lacks."""


_MISSING = _Missing()
_NUMBERS = frozenset({int, float, _Missing})


def _row(collection: Document) -> list[Any]:
    return [collection["name"], collection["count"], collection["size"], ", ".join(collection["indexes"])]


def shown(value: Any, *, grouped: bool = True) -> str:
    """Return a value for reading, in one line: big numbers in groups if they are `grouped`, the rest as in CSV."""
    if value is _MISSING:
        return ""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return f"{value:,}" if grouped else str(value)
    return printable(str(value) if isinstance(value, float) else cell(value))


def _write(data: bytes) -> None:
    """Write bytes, which are UTF-8 whatever the locale, behind the text that was written."""
    sys.stdout.flush()
    output().write(data)
