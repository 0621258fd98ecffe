"""CSV and TSV: rows of text as documents, whose values have the types that they look like, or that are given."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nosqlpy._core.values.cells import MISSING, READERS, Reader, infer
from nosqlpy._core.values.json_lines import Batch
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

COUNT = 1000


def sheet_batches(lines: Iterable[Sequence[bytes]], delimiter: str, types: Mapping[str, str]) -> Iterator[Batch]:
    """Yield the rows behind the first, which has the names of the fields, as batches of documents.

    An empty cell is no field. A name with dots is that of a nested field. `types` says
    by name how to read a column, and under ``"*"`` how all others; see `check_types`. A
    batch that ends with an error is followed by what comes after that row.

    Raises:
        QueryError: The first row has no names that documents can have; `types` names another column.
    """
    rows = _Rows(lines, delimiter)
    columns: list[tuple[Sequence[str], Reader]] | None = None
    batch = Batch([], numbers := [], plain=False, texts=(texts := []))
    while rows.next():
        try:
            if rows.error is not None:
                raise rows.error
            if columns is None:
                columns = _columns(rows, types)
                continue
            document = _document(rows, columns)
        except QueryError as error:
            if columns is None:
                raise
            texts.append(rows.text)
            batch.error = error
        else:
            batch.documents.append(document)
            numbers.append(rows.first)
            texts.append(rows.text)
        if batch.error is not None or len(numbers) == COUNT:
            yield batch
            batch = Batch([], numbers := [], plain=False, texts=(texts := []))
    yield batch


def check_types(types: Any) -> None:
    """Refuse a type that no cell can be read as.

    Raises:
        QueryError: There is no such type, or `types` are no document.
    """
    if not isinstance(types, Mapping):
        message = f"types are a document of columns and the types of their cells, not {type(types).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    for name in types.values():
        if not isinstance(name, str) or name not in READERS:
            shown = repr(name) if isinstance(name, str) else f"of {type(name).__name__}"
            known = ", ".join(READERS)
            raise QueryError(f"there is no type {shown} of a column{nearest(name, READERS)}: it is one of {known}")


class _Rows:
    """The rows of a sheet: the cells of one at a time, and where it is."""

    def __init__(self, lines: Iterable[Sequence[bytes]], delimiter: str) -> None:
        self._lines = (line for chunk in lines for line in chunk)
        self._delimiter = delimiter
        self._reader = csv.reader(self._decoded(), delimiter=delimiter, strict=True)
        self._read: list[bytes] = []
        self._number = 0
        self.first = 1
        self.cells: list[str] = []
        self.error: QueryError | None = None

    @property
    def text(self) -> bytes:
        """The row as it stands in the file."""
        return b"\n".join(self._read)

    def next(self) -> bool:
        """Go to the next row that is not empty; return whether there is one. `error` says what is wrong with it."""
        while True:
            self._begin()
            try:
                self.cells = next(self._reader)
            except StopIteration:
                return False
            except csv.Error as error:
                self.error = self.wrong(_reason(error), len(self._read[-1].decode()) + 1 if self._read else 1)
                return True
            if self.error is not None or self.cells:
                return True

    def _begin(self) -> None:
        self._read.clear()
        self.first, self.error = self._number + 1, None

    def wrong(self, reason: str, column: int) -> QueryError:
        """Return the error that says what is wrong in the last line that was read."""
        details = {"line": max(self._number, 1), "column": column}
        return QueryError(reason, code=9, code_name="FailedToParse", details=details)

    def wrong_cell(self, reason: str, position: int) -> QueryError:
        """Return the error that says what is wrong with the cell at `position`."""
        line, column = self._place(position)
        return QueryError(
            reason, code=9, code_name="FailedToParse", details={"line": self.first + line, "column": column}
        )

    def _place(self, position: int) -> tuple[int, int]:
        """Return how many lines below the first one, and in which column, the cell at `position` begins."""
        text, quoted = self.text.decode(errors="replace").rstrip("\r"), False
        begin = 0
        for at, character in enumerate(text):
            if position == 0:
                break
            if character == '"':
                quoted = not quoted
            elif character == self._delimiter and not quoted:
                position -= 1
                begin = at + 1
        if position:
            begin = len(text)
        return text.count("\n", 0, begin), begin - text.rfind("\n", 0, begin)

    def _decoded(self) -> Iterator[str]:
        for line in self._lines:
            self._number += 1
            self._read.append(line)
            try:
                yield line.decode() + "\n"
            except UnicodeDecodeError as error:
                column = len(line[: error.start].decode()) + 1
                self.error = self.wrong("a byte that is not UTF-8", column)
                yield line.decode(errors="replace") + "\n"


def _reason(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a value longer than {csv.field_size_limit()} characters"
    if "unexpected end" in str(error):
        return "it ends inside a value in quotes"
    if "new-line" in str(error):
        return "a carriage return inside a value without quotes"
    return "a quote inside a value, which is written twice" if "expected after" in str(error) else str(error)


def _columns(rows: _Rows, types: Mapping[str, str]) -> list[tuple[Sequence[str], Reader]]:
    names = rows.cells
    paths = {name: name.split(".") for name in names}
    for position, name in enumerate(names):
        if not all(paths[name]):
            raise rows.wrong_cell("a column without a name, or with an empty one beside a dot", position)
        parents = (".".join(paths[name][:length]) for length in range(1, len(paths[name])))
        if name in names[:position] or any(parent in paths for parent in parents):
            raise rows.wrong_cell("a name that another column has, or begins with another column's", position)
    for name in types:
        if name != "*" and name not in paths:
            raise QueryError(f"a type is given for {name!r}, which is no column{nearest(name, names)}")
    default = READERS[types["*"]] if "*" in types else infer
    return [(paths[name], READERS[types[name]] if name in types else default) for name in names]


def _document(rows: _Rows, columns: Sequence[tuple[Sequence[str], Reader]]) -> dict[str, Any]:
    cells = rows.cells
    if len(cells) != len(columns):
        place = min(len(cells), len(columns))
        raise rows.wrong_cell(f"a row of {len(cells)} values, where there are {len(columns)} columns", place)
    document: dict[str, Any] = {}
    for position, (text, (path, read)) in enumerate(zip(cells, columns, strict=True)):
        if not text:
            continue
        value = read(text)
        if value is MISSING:
            raise rows.wrong_cell("a value that is not of its column's type", position)
        parent = document
        for name in path[:-1]:
            parent = parent.setdefault(name, {})
        parent[path[-1]] = value
    return document
