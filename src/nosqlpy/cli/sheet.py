"""A sheet of CSV, whose columns are known when all documents were seen."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from typing import Self

import msgspec

from nosqlpy.aliases import Document
from nosqlpy.tabular import flatten

_IN_MEMORY = 8 << 20


class Sheet:
    """Rows, kept in a temporary file beyond 8 MiB, until their columns are known."""

    def __init__(self) -> None:
        self._rows = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - `__exit__` closes it
        self._columns: dict[str, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._rows.close()

    def add(self, document: Document) -> None:
        """Add a row.

        Raises:
            DocumentError: The document is no row; see `nosqlpy.tabular.flatten`.
        """
        cells = flatten(document)
        self._columns.update(dict.fromkeys(cells))
        self._rows.write(msgspec.json.encode(cells) + b"\n")

    def lines(self) -> Iterator[str]:
        """Yield the titles and the rows; nothing if there is no row."""
        self._rows.seek(0)
        if self._columns:
            yield _line(list(self._columns))
        for row in self._rows:
            cells = msgspec.json.decode(row, type=dict[str, str])
            yield _line([cells.get(name, "") for name in self._columns])


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
