"""Importing JSON Lines, beside the least that it can be: decode each line, encode it, append it to a file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from nosqlpy import Client

STATES = ("MA", "NY", "CA", "TX")


def write_lines(path: Path, count: int) -> None:
    """Write lines of some 90 bytes, each a document with a text for its ``_id``, an array, a text and two numbers."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            place = f"[{-70 - number % 5000 / 999:.6f},{40 + number % 997 / 99:.6f}]"
            state = STATES[number % 4]
            file.write(
                f'{{"_id":"{number:08}","city":"CITY {number % 8191}","loc":{place},"n":{number},"state":"{state}"}}\n'
            )


def bare_loop(source: Path, target: Path) -> None:
    """Decode, encode and append every line."""
    decode, encode = msgspec.json.Decoder().decode, msgspec.msgpack.Encoder().encode
    with source.open("rb") as lines, target.open("wb") as log:
        for line in lines:
            log.write(encode(decode(line)))


def imports(count: int, rounds: int) -> dict[str, Any]:
    """Return what a line costs, in microseconds of processor time: in the bare loop, and imported."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        source = directory / "lines.jsonl"
        write_lines(source, count)
        times: dict[str, list[float]] = {"bare loop": [], "import_file": []}
        for turn in range(rounds):
            times["bare loop"].append(_timed(lambda: bare_loop(source, directory / "log")))
            with Client(directory / f"db-{turn}") as db:
                times["import_file"].append(_timed(lambda db=db: db["lines"].import_file(source)))  # type: ignore[misc]
    best = {name: round(min(spent) / count * 1e6, 3) for name, spent in times.items()}
    return {"lines": count, **best, "of bare loop": round(best["import_file"] / best["bare loop"], 2)}


def _timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
