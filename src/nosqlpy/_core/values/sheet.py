"""CSV and TSV: rows of text as documents, whose values have the types that they look like, or that are given."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from nosqlpy._core.values.cells import MISSING, READERS, Reader, infer
from nosqlpy._core.values.json_lines import Batch
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

COUNT = 1000

# a cell, with the end of its quotes if it begins with one, and what stands behind them
_CELL = r'(?P<quoted>"[^"]*+(?:""[^"]*+)*(?P<end>"?))?(?P<rest>[^%s\r\n]*+)'
_cells = {delimiter: re.compile(_CELL % delimiter) for delimiter in (",", "\t")}


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
                self.error = self.error or self._wrong_at(_reason(error), self._fault())
                return True
            if self.error is not None or self.cells:
                return True

    def _begin(self) -> None:
        self._read.clear()
        self.first, self.error = self._number + 1, None

    def wrong_cell(self, reason: str, position: int) -> QueryError:
        """Return the error that says what is wrong with the cell at `position`."""
        cells = islice(self._found(), position, None)
        return self._wrong_at(reason, next((cell.start() for cell in cells), len(self._shown())))

    def _wrong_at(self, reason: str, begin: int) -> QueryError:
        """Return the error that says what is wrong at the character number `begin` of the row."""
        text = self._shown()
        details = {"line": self.first + text.count("\n", 0, begin), "column": begin - text.rfind("\n", 0, begin)}
        return QueryError(reason, code=9, code_name="FailedToParse", details=details)

    def _shown(self) -> str:
        return self.text.decode(errors="replace").rstrip("\r")

    def _found(self) -> Iterator[re.Match[str]]:
        """Yield where the cells of the row are, up to the first one that is none."""
        text, at = self._shown(), 0
        while True:
            cell = _cells[self._delimiter].match(text, at)
            assert cell is not None, "a cell may be empty"
            yield cell
            at = cell.end() + 1
            if text[cell.end() : at] != self._delimiter:
                return

    def _fault(self) -> int:
        """Return where the row begins to be wrong: at a cell that does not end, or behind one that ends too soon."""
        for cell in self._found():
            if cell.end() - cell.start() > csv.field_size_limit() or cell["end"] == "":
                return cell.start()
            if cell["quoted"] and cell["rest"]:
                return cell.start("rest")
        return cell.end()

    def _decoded(self) -> Iterator[str]:
        for line in self._lines:
            self._number += 1
            self._read.append(line)
            try:
                yield line.decode() + "\n"
            except UnicodeDecodeError as error:
                before = len(self._shown()) - len(line.decode(errors="replace").rstrip("\r"))
                wrong = self._wrong_at("a byte that is not UTF-8", before + len(line[: error.start].decode()))
                self.error = self.error or wrong
                yield line.decode(errors="replace") + "\n"


def _reason(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a value longer than {csv.field_size_limit()} characters"
    if "unexpected end" in str(error):
        return "a value whose quotes do not end"
    if "new-line" in str(error):
        return "a carriage return inside a value without quotes"
    return "a quote inside a value, which is written twice" if "expected after" in str(error) else str(error)


def _columns(rows: _Rows, types: Mapping[str, str]) -> list[tuple[Sequence[str], Reader]]:
    names = rows.cells
    if rows.text.lstrip().startswith((b'{"', b"[{")):
        raise rows.wrong_cell("no names of columns, but JSON: say format='jsonl', or format='json' for one array", 0)
    if len(names) == 1 and b";" in rows.text and not rows.text.startswith(b'"'):
        raise rows.wrong_cell("a name with a semicolon, and no other: columns are told by commas, or by tabs in TSV", 0)
    paths = {name: name.split(".") for name in names}
    for position, name in enumerate(names):
        if not all(paths[name]):
            raise rows.wrong_cell("a column without a name, or with an empty one beside a dot", position)
        if "\0" in name:
            raise rows.wrong_cell("a name with a NUL", position)
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
