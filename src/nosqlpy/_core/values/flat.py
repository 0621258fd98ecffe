"""Documents as rows of text: a cell for each field, nested ones under dotted names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from nosqlpy._core.values.extended_json import encode_json
from nosqlpy.errors import DocumentError

_BARE = len(b'{"v":')
_QUOTE = '"'
_needs_quotes = re.compile(r'[",\t\r\n]|^\s|\s$').search


def flatten(document: dict[str, Any]) -> dict[str, str]:
    """Return the cells of `document` by dotted name.

    Text stands as it is, what JSON has as JSON, a date in the form of RFC 3339; arrays, empty
    documents and other types as Extended JSON. There is no cell for what a document lacks.

    Raises:
        DocumentError: Two fields, of which one has a dot in its name, would share a cell; or a
            value has no form in JSON that would be read back as the same.
    """
    cells: dict[str, str] = {}
    _add(cells, "", document)
    return cells


def columns_of(document: dict[str, Any]) -> Iterable[str]:
    """Return the dotted names of the cells of `document`, without making these; a shared one comes twice."""
    if dict not in map(type, document.values()):
        return document
    return list(_names("", document))


def cell(value: Any) -> str:
    """Return the text that stands for one value; see `flatten`."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if type(value) is datetime:
        moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.isoformat().replace("+00:00", "Z")
    return encode_json({"v": value})[_BARE:-1].decode()


def encode_row(cells: Sequence[str], delimiter: str) -> bytes:
    """Return a line of CSV or TSV, with its end."""
    texts = [f'"{text.replace(_QUOTE, _QUOTE * 2)}"' if _needs_quotes(text) else text for text in cells]
    # a row of one empty cell would be an empty line, which is no row
    return ((delimiter.join(texts) or _QUOTE * 2) + "\n").encode()


def _names(prefix: str, document: dict[str, Any]) -> Iterator[str]:
    for name, value in document.items():
        if type(value) is dict and value:
            yield from _names(f"{prefix}{name}.", value)
        else:
            yield prefix + name


def _add(cells: dict[str, str], prefix: str, document: dict[str, Any]) -> None:
    for name, value in document.items():
        path = prefix + name
        if type(value) is dict and value:
            _add(cells, f"{path}.", value)
        elif path in cells:
            raise DocumentError(f"{path}: two fields of the document have this dotted name")
        else:
            cells[path] = cell(value)
