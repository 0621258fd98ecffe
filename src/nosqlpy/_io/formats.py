"""The formats of files that are imported and exported: their names, and what is compressed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from nosqlpy._io.places import Place, check_bytes
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.naming import nearest

BLOCK_SIZE = 256 << 10
_GZIP = 16 + zlib.MAX_WBITS

DELIMITERS = {"csv": ",", "tsv": "\t"}
BSON = ("bson", "bson.gz")
FORMATS = ("jsonl", "ndjson", "json", *DELIMITERS, *BSON)
BY_NAME = frozenset((*DELIMITERS, *BSON))
"""Formats that the ending of a file's name tells; what ends in ``json`` may be JSON Lines, or one array."""

_OTHER_FORMATS = (
    *("archive", "arrow", "avro", "bz2", "feather", "gz", "msgpack", "parquet", "pickle", "pkl", "sqlite", "toml"),
    *("xlsx", "xml", "xz", "yaml", "yml", "zip", "zst"),
)


def format_of(format: str | None, place: Place | BinaryIO) -> str:
    """Return one of `FORMATS`: the one that is named, or that the name of the file ends in, or else JSON Lines.

    Raises:
        NotSupportedError: `format`, or the ending of the file's name, is that of another one.
    """
    if format in FORMATS:
        return format
    if format is not None:
        supported = f"use {', '.join(map(repr, FORMATS))}"
        given: Any = format
        shown = repr(given) if isinstance(given, str) else f"of type {type(given).__name__}"
        raise NotSupportedError(f"format {shown} is not supported{nearest(format, FORMATS)}: {supported}")
    name = Path(os.fspath(place)).name.lower() if isinstance(place, (str, os.PathLike)) else ""
    ending = "bson.gz" if name.endswith(".bson.gz") else name.rpartition(".")[2] if "." in name else ""
    if ending in _OTHER_FORMATS:
        raise NotSupportedError(
            f"format {ending!r}, by the name of the file, is not supported: use JSON Lines ('jsonl'), "
            "or say format='jsonl' if it is that"
        )
    return ending if ending in BY_NAME else "jsonl"


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the blocks of `stream`, as they come."""
    read = getattr(stream, "read1", stream.read)  # a pipe's reader gets what is there
    while block := read(BLOCK_SIZE):
        yield check_bytes(block)


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines as blocks of `BLOCK_SIZE` or more, however they come, and the end of the last one, if it has none.

    So what is no longer than that is written at once.
    """
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK_SIZE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held if held[-1].endswith(b"\n") else [*held, b"\n"])


def unzipped(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the blocks of a stream that gzip compressed, 256 KiB at a time whatever it holds.

    Raises:
        QueryError: It is damaged, or no such stream; `details` says before which byte of the content.
    """
    unpacker = zlib.decompressobj(_GZIP)
    read = 0
    for block in chain(blocks(stream), [b""]):
        packed = block
        while True:
            if unpacker.eof:
                packed = packed.lstrip(b"\0")  # which may stand behind the last part
                if not packed:
                    break
                unpacker = zlib.decompressobj(_GZIP)
            try:
                content = unpacker.decompress(packed, BLOCK_SIZE)
            except zlib.error as error:
                raise _damaged(read, str(error)) from None
            if content:
                yield content
            read += len(content)
            packed = unpacker.unconsumed_tail or unpacker.unused_data
            if not packed and len(content) < BLOCK_SIZE:
                break
    if not unpacker.eof:
        raise _damaged(read, "it is cut short")


def _damaged(read: int, reason: str) -> QueryError:
    message = f"what gzip compressed is damaged: {reason}"
    return QueryError(message, code=9, code_name="FailedToParse", details={"line": read})
