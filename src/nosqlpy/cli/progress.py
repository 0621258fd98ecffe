"""A bar on the terminal while a large file is read, or an index of many documents built."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

SIZE_MIN = 8 << 20  # what is smaller is read before anybody looks

DOCUMENTS_MIN = 20_000  # likewise

# What other names say about a file, an import looks at itself: a stream has no name
_ENDINGS = frozenset({".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".bson"})


def is_known(file: str) -> bool:
    """Whether the ending of a file's name is that of a format; about others an import has something to say."""
    return Path(file).suffix.lower() in _ENDINGS


def reading_of(file: str) -> AbstractContextManager[Any] | None:
    """Return a context with the opened file, whose progress is shown on stderr; None where none is to be shown."""
    path = Path(file)
    if not sys.stderr.isatty() or not path.is_file() or path.stat().st_size < SIZE_MIN:
        return None
    return _shown(path) if _has_rich() else None


@contextmanager
def _shown(path: Path) -> Iterator[Any]:
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
        bar.open(path, "rb", description="[bold]importing") as file,
    ):
        yield file


def building() -> AbstractContextManager[Callable[[int, int], None] | None]:
    """Return a context with what shows on stderr how an index grows; None where that is not to be shown."""
    return _growing() if sys.stderr.isatty() and _has_rich() else nullcontext()


@contextmanager
def _growing() -> Iterator[Callable[[int, int], None]]:
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
                bar.add_task("[bold]building", total=total, rate=rate)
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
