"""A bar on the terminal while a large file is read, or many documents are gone through; without rich, a line."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

SIZE_MIN = 8 << 20  # what is smaller is read before anybody looks

DOCUMENTS_MIN = 20_000  # likewise

EVERY_S = 0.1
BUFFER_SIZE = 1 << 20

# What other names say about a file, an import looks at itself: a stream has no name
_ENDINGS = frozenset({".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".bson"})


def is_known(file: str) -> bool:
    """Whether the ending of a file's name is that of a format; about others an import has something to say."""
    return Path(file).suffix.lower() in _ENDINGS


def reading_of(file: str, doing: str = "importing") -> AbstractContextManager[Any] | None:
    """Return a context with the opened file, whose progress is shown on stderr; None where none is to be shown."""
    path = Path(file)
    if not sys.stderr.isatty() or not path.is_file() or path.stat().st_size < SIZE_MIN:
        return None
    return _shown(path, doing) if _has_rich() else _told(path, doing)


class Line:
    """A line on stderr that is written over: how much of `unit` is done, how fast, and how long the rest will take."""

    def __init__(self, name: str, unit: str, divisor: int = 1) -> None:
        self._name = name
        self._unit = unit
        self._divisor = divisor
        self._width = 0
        self._began = self._told = time.perf_counter()

    def show(self, done: int, total: int) -> None:
        """Write the line anew, if that was not done just now."""
        now = time.perf_counter()
        if done and (now - self._told >= EVERY_S or done >= total):
            rate = done / max(now - self._began, 1e-9)
            minutes, seconds = divmod(round((total - done) / rate), 60)
            amounts = [f"{amount / self._divisor:,.0f}" for amount in (done, total, rate)]
            text = (
                f"{self._name}  {amounts[0]} of {amounts[1]} {self._unit}, {amounts[2]} {self._unit} a second,"
                f" {minutes}:{seconds:02} left"
            )
            self._write(text.ljust(self._width))
            self._told, self._width = now, len(text)

    def end(self) -> None:
        """Take the line away."""
        if self._width:
            self._write(" " * self._width + "\r")

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{text}")
        sys.stderr.flush()


class _Watched(io.RawIOBase):
    """A file whose reading a line shows."""

    def __init__(self, path: Path, line: Line) -> None:
        self._file = path.open("rb", buffering=0)
        self._size = path.stat().st_size
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        read = self._file.readinto(buffer)
        self._line.show(self._file.tell(), self._size)
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _told(path: Path, doing: str) -> Iterator[Any]:
    line = Line(doing, "MB", 1_000_000)
    try:
        with io.BufferedReader(_Watched(path, line), BUFFER_SIZE) as file:
            yield file
    finally:
        line.end()


@contextmanager
def _shown(path: Path, doing: str) -> Iterator[Any]:
    from rich import progress  # noqa: PLC0415 - only where it is installed
    from rich.console import Console  # noqa: PLC0415 - likewise

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with (
        progress.Progress(*columns, console=Console(stderr=True)) as bar,
        bar.open(path, "rb", description=f"[bold]{doing}") as file,
    ):
        yield file


def counting(doing: str) -> AbstractContextManager[Callable[[int, int], None] | None]:
    """Return a context with what shows on stderr how many documents are done; None where that is not to be shown."""
    if not sys.stderr.isatty():
        return nullcontext()
    return _bar_of_documents(doing) if _has_rich() else _line_of_documents(doing)


def building() -> AbstractContextManager[Callable[[int, int], None] | None]:
    """Return a context with what shows on stderr how an index grows; None where that is not to be shown."""
    return counting("building")


@contextmanager
def _line_of_documents(doing: str) -> Iterator[Callable[[int, int], None]]:
    line = Line(doing, "documents")

    def show(done: int, total: int) -> None:
        if total >= DOCUMENTS_MIN:
            line.show(done, total)

    try:
        yield show
    finally:
        line.end()


@contextmanager
def _bar_of_documents(doing: str) -> Iterator[Callable[[int, int], None]]:
    from rich import progress  # noqa: PLC0415 - only where it is installed
    from rich.console import Console  # noqa: PLC0415 - likewise

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TextColumn("{task.completed:,} of {task.total:,} documents"),
        progress.TextColumn("{task.fields[rate]:,} a second"),
        progress.TimeRemainingColumn(),
    )
    bar = progress.Progress(*columns, console=Console(stderr=True))
    began = time.perf_counter()

    def show(done: int, total: int) -> None:
        if total >= DOCUMENTS_MIN:
            rate = int(done / (time.perf_counter() - began))
            if not bar.tasks:
                bar.start()
                bar.add_task(f"[bold]{doing}", total=total, rate=rate)
            bar.update(bar.task_ids[0], completed=done, rate=rate)

    try:
        yield show
    finally:
        bar.stop()


def _has_rich() -> bool:
    try:
        from rich.progress import Progress  # noqa: PLC0415, F401 - only where it is installed
    except ImportError:
        return False
    return True
