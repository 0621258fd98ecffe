"""What is written on the command line as JSON or in short: filters, projections, sorts."""

from __future__ import annotations

import re
import sys
from typing import Any

from nosqlpy.aliases import Document, IndexKeys, Projection, SortSpec, Update
from nosqlpy.errors import NosqlpyError
from nosqlpy.extended_json import decode_json

STANDARD = "-"

_WRAPPED = '{"":'  # what stands before an array, for only an object is a document

_NOTATION = frozenset("[]{}:\"'")

_EXAMPLES = {
    "a document": '{"name": "ada"}',
    "a filter": '{"age": {"$gte": 18}}',
    "an update": '{"$set": {"age": 37}}',
    "a stage": '{"$match": {"age": 37}}',
    "a projection": '{"name": 1}',
    "a sort": '{"age": -1}',
    "an index's keys": '{"age": 1}',
}


class UsageError(Exception):
    """A command line that makes no sense; the message says what to write instead."""


# a name without quotes, or in single ones, as the shell of MongoDB takes it
_relaxed = re.compile(r"[{,\[:]\s*['A-Za-z_$]")


def parse_document(text: str, what: str) -> Document:
    """Return the JSON object, Extended JSON with its types, that an argument is; of ``-``, the one on stdin.

    Raises:
        UsageError: It is none.
    """
    text = _from_stdin(text, what)
    try:
        return decode_json(text.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{what} is not UTF-8") from None
    except NosqlpyError as error:
        column = error.details.get("column")
        if column is None:  # it is one, but says something that no document can
            raise UsageError(f"{what}: {error}") from None
        raise UsageError(
            f"{what} is a JSON object such as {_EXAMPLES[what]}; this one is none at column {column}: {error}"
            + _quoting(text)
        ) from None


def _from_stdin(text: str, what: str) -> str:
    if text != STANDARD:
        return text
    if sys.stdin.isatty():
        sys.stderr.write(f"nosqlpy: {what} is read from the terminal; Ctrl-D ends it\n")
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise UsageError(f"{what} is not UTF-8") from None


def _quoting(text: str) -> str:
    """Return a reminder for who writes JSON as JavaScript or Python."""
    return "; names and texts stand in double quotes" if _relaxed.search(text) else ""


def parse_array(text: str, what: str) -> list[Any]:
    """Return the JSON array, with Extended JSON in it, that an argument is.

    Raises:
        UsageError: It is none.
    """
    text = _from_stdin(text, what)
    try:
        found = decode_json(f"{_WRAPPED}{text}}}".encode())[""]
    except UnicodeEncodeError:
        raise UsageError(f"{what} is not UTF-8") from None
    except NosqlpyError as error:
        column = error.details.get("column")
        if column is None:
            raise UsageError(f"{what}: {error}") from None
        place = f"at column {column - len(_WRAPPED)}"
        raise UsageError(f"{what} is a JSON array {place}: {error}{_quoting(text)}") from None
    if type(found) is not list:
        raise UsageError(f"{what} is a JSON array")
    return found


def parse_pipeline(text: str) -> list[Any]:
    """Return a pipeline: a JSON array of stages, or one stage; of ``-``, that on stdin."""
    text = _from_stdin(text, "a pipeline")
    if text.lstrip().startswith("{"):
        return [parse_document(text, "a stage")]
    return parse_array(text, "a pipeline")


def parse_update(text: str) -> Update:
    """Return an update: a JSON object of operators, or a JSON array, which is a pipeline; of ``-``, that on stdin."""
    text = _from_stdin(text, "an update")
    return parse_array(text, "an update") if text.lstrip().startswith("[") else parse_document(text, "an update")


def parse_id(text: str) -> Any:
    """Return an ``_id``: a JSON value such as ``5``, ``"5"`` or ``{"$oid": …}``; or else the text as it stands.

    Raises:
        UsageError: It is a JSON object that is no value, or not UTF-8.
    """
    try:
        document = decode_json(f'{{"_id":{text}}}'.encode())
    except UnicodeEncodeError:
        raise UsageError("an _id is UTF-8") from None
    except NosqlpyError as error:
        if text.startswith("{") and "column" not in error.details:
            raise UsageError(str(error)) from None
        return text
    return document["_id"] if len(document) == 1 else text


def parse_documents(text: str) -> list[Document]:
    """Return the documents of an argument that is a JSON object, or an array of such.

    Raises:
        UsageError: It is none.
    """
    if not text.lstrip().startswith("["):
        return [parse_document(text, "a document")]
    found = parse_array(text, "a list of documents")
    for number, document in enumerate(found, 1):
        if type(document) is not dict:
            raise UsageError(f"a list of documents holds JSON objects; number {number} is none")
    return found


def parse_keys(text: str) -> IndexKeys:
    """Return the keys of an index: a JSON object, or names with commas between, ``-`` before those that descend."""
    if text.lstrip().startswith("{"):
        return parse_document(text, "an index's keys")
    return _directed(text, "an index's keys")


def parse_types(text: str) -> dict[str, str]:
    """Return the types of columns: ``zip=string,age=int``."""
    types = dict(part.rpartition("=")[::2] for part in _names(text))
    if not all(types):
        raise UsageError(f"types with commas between them, such as zip=string,age=int; not {text!r}")
    return types


def parse_projection(text: str) -> Projection:
    """Return a projection: a JSON object, or names, in a JSON array or with commas between them."""
    if text.lstrip().startswith("["):
        return parse_array(text, "a projection")
    return parse_document(text, "a projection") if text.lstrip().startswith("{") else _names(text, "a projection")


def parse_sort(text: str) -> SortSpec:
    """Return the keys of a sort: a JSON object, or names with commas between them, ``-`` before those that descend."""
    if text.lstrip().startswith("{"):
        return parse_document(text, "a sort")
    return _directed(text, "a sort")


def _directed(text: str, what: str) -> list[str | tuple[str, int]]:
    return [(name.removeprefix("-"), -1 if name.startswith("-") else 1) for name in _names(text, what)]


def _names(text: str, what: str | None = None) -> list[Any]:
    """Return the names; what looks like another notation is refused, for nobody has fields of such names."""
    names = [name.strip() for name in text.split(",")]
    if not all(names) or (what is not None and _NOTATION & set(text)):
        example = "" if what is None else f", or a JSON object such as {_EXAMPLES[what]}"
        raise UsageError(f"names with commas between them, such as name,address.city{example}; not {text!r}")
    return names
