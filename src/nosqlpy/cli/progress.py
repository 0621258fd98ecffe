"""A bar on the terminal while a large file is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

SIZE_MIN = 8 << 20  # what is smaller is read before anybody looks

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
    try:
        from rich.progress import Progress  # noqa: PLC0415, F401 - only where it is installed
    except ImportError:
        return None
    return _shown(path)


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
