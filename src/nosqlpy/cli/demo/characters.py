"""The Unicode character database, which every Python has, as documents."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from nosqlpy.aliases import Document
from nosqlpy.extended_json import encode_json

UNASSIGNED = frozenset({"Cn", "Cs", "Co"})  # not assigned, surrogates, private use
RANGE = 256
VERSION = unicodedata.unidata_version


def characters() -> Iterator[Document]:
    """Yield a document for each assigned code point."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        category = unicodedata.category(char)
        if category not in UNASSIGNED:
            yield _document(code, char, category)


def _document(code: int, char: str, category: str) -> Document:
    name = unicodedata.name(char, "")
    document: Document = {
        "_id": f"U+{code:04X}",
        "code": code,
        "char": char,
        "name": name,
        "words": name.split(),
        "category": {"major": category[0], "minor": category},
        "bidirectional": unicodedata.bidirectional(char),
        "combining": unicodedata.combining(char),
        "width": unicodedata.east_asian_width(char),
        "mirrored": bool(unicodedata.mirrored(char)),
        "range": {"plane": code >> 16, "first": f"U+{code - code % RANGE:04X}"},
    }
    numeric = unicodedata.numeric(char, None)
    if numeric is not None:
        document["numeric"] = numeric
    decomposition = unicodedata.decomposition(char)
    if decomposition:
        document["decomposition"] = _decomposition(decomposition)
    return document


def _decomposition(text: str) -> Document:
    kind, mark, mapping = text.rpartition("> ")
    return {"type": kind[1:] if mark else "canonical", "mapping": [f"U+{code}" for code in mapping.split()]}


def write_characters(path: Path) -> None:
    """Write all of them to a JSON Lines file."""
    with path.open("wb") as file:
        file.writelines(encode_json(document) + b"\n" for document in characters())
