"""The standard streams: what a terminal may be shown, and what is to be done where one of them is closed."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from nosqlpy.cli.arguments import STANDARD, UsageError

# control characters but tab and newline, and what turns the direction of text around
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_UNSAFE_BYTES = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
_JOINERS = "\u200c\u200d"  # not printable to Python, but parts of words, and of emoji


def prepare() -> None:
    """Make the streams ready: each is there, and stdout takes every character, in any locale.

    Raises:
        OSError: stdout is closed.
    """
    # the database's own files would get the numbers of closed streams
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - it stays open
    closed = sys.stdout is None
    if closed:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - likewise
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - likewise
    if closed:
        raise OSError(errno.EBADF, "it is closed, and there is nowhere to print to", "stdout")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def output(binary: str | None = None) -> BinaryIO:
    """Return stdout for bytes: a terminal gets nothing of what it would obey.

    Raises:
        UsageError: stdout is a terminal, and what is written there is `binary`.
    """
    if not sys.stdout.isatty():
        return sys.stdout.buffer
    if binary is not None:
        raise UsageError(f"{binary} is not for a terminal: name a file, or send the output to one")
    found: Any = _Shown(sys.stdout.buffer)
    return found  # type: ignore[no-any-return]


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Let an error of the operating system that names no file name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None and file != STANDARD:
            error.filename = file
        raise


class _Shown:
    """A terminal, to which lines of UTF-8 are written."""

    def __init__(self, terminal: BinaryIO) -> None:
        self._terminal = terminal

    def write(self, data: bytes) -> int:
        """Write lines with what a terminal would obey in the escapes of JSON."""
        self._terminal.write(_UNSAFE_BYTES.sub(_escaped_bytes, data))
        return len(data)


def safe(text: str) -> str:
    """Return a text of several lines with what a terminal would obey in the escapes of JSON."""
    return _UNSAFE.sub(lambda found: escaped(found[0]), text)


def printable(text: str) -> str:
    """Return a text of one line in which nothing is left that a terminal may obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else escaped(c) for c in text)


def escaped(character: str) -> str:
    """Return a character as JSON may have it."""
    return "".join(f"\\u{unit:04x}" for unit in memoryview(character.encode("utf-16-le", "surrogatepass")).cast("H"))


def _escaped_bytes(found: re.Match[bytes]) -> bytes:
    return escaped(found[0].decode()).encode()
