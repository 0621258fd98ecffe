"""What the demonstration says: steps with their times, claims that were checked, and acknowledged writes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nosqlpy.aliases import Filter
from nosqlpy.cli.output import Output
from nosqlpy.extended_json import encode_json

T = TypeVar("T")

WIDTH = 66  # of what a step says: with its name and time it fills a terminal


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """Return the function's result and the seconds that it took."""
    begun = time.perf_counter()
    result = function()
    return result, time.perf_counter() - begun


def duration(seconds: float) -> str:
    """Return a time for reading."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1e3:.1f} ms"


class Report:
    """Prints each step when it is done: a line for reading on a terminal, a JSON line elsewhere."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._section = ""
        self._begun = time.perf_counter()
        self.checks: int = 0
        self.failed: int = 0

    def title(self, text: str, facts: Mapping[str, Any]) -> None:
        """Say what is going to be done."""
        self._print(text, "bold", {"demo": dict(facts)})

    def section(self, text: str) -> None:
        """Begin a group of steps."""
        self._section = text
        if self._output.for_reading:
            self._output.text(f"\n{text}", "bold cyan")

    def step(self, name: str, text: str, seconds: float | None = None, **facts: Any) -> None:
        """Say that a step is done: what it did, and how long that took."""
        taken = "" if seconds is None else duration(seconds)
        spent = {} if seconds is None else {"seconds": round(seconds, 6)}
        shown = text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
        line = f"  {name:<9}{shown:<{WIDTH}}{taken:>9}"
        self._print(line.rstrip(), "", {"part": self._section, "step": name, "text": text, **spent, **facts})

    def check(self, holds: bool, claim: str) -> None:
        """Count a claim, and say so if it does not hold."""
        self.checks += 1
        if not holds:
            self.failed += 1
            self._print(f"  WRONG    {claim}", "bold red", {"part": self._section, "wrong": claim})

    def end(self) -> None:
        """Say how many claims were checked."""
        seconds = time.perf_counter() - self._begun
        verdict = f"{self.failed} of {self.checks} checks failed" if self.failed else f"all {self.checks} checks hold"
        facts = {"checks": self.checks, "failed": self.failed, "seconds": round(seconds, 3)}
        self._print(f"\n{verdict}; {duration(seconds)}", "bold red" if self.failed else "bold green", facts)

    def _print(self, text: str, style: str, facts: dict[str, Any]) -> None:
        if self._output.for_reading:
            self._output.text(text, style)
        else:
            self._output.line(facts)


class Ledger:
    """Notes acknowledged writes in a file, as what must be true of the database from then on, whatever happens.

    A line ``{"collection": …, "filter": …, "count": n}`` says that at least `n`
    documents match. It is written after the write has returned.
    """

    def __init__(self, path: str | None) -> None:
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def note(self, collection: str, filter: Filter, count: int) -> None:
        """Note that from now on at least `count` documents of `collection` match `filter`."""
        if self._file is not None:
            fact = {"collection": collection, "filter": dict(filter), "count": count}
            os.write(self._file, encode_json(fact) + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
