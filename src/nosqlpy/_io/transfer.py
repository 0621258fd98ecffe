"""Import and export of JSON Lines files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from nosqlpy._core.engine import reads, writes
from nosqlpy._core.engine.reads import Query, decoder
from nosqlpy._io.database import Database
from nosqlpy._io.local import StepsOutcome
from nosqlpy.aliases import Durability


def import_file(
    database: Database,
    name: str,
    source: str | os.PathLike[str],
    format: str | None,
    mode: str,
    durability: Durability,
    make_id: Callable[[], Any],
) -> int:
    documents = [msgspec.json.decode(line) for line in Path(source).read_bytes().splitlines() if line.strip()]
    steps = StepsOutcome(writes.insert_many(database.engine, name, documents, make_id, ordered=True))
    while not steps.ended:
        with database.lock:
            database.step(durability, steps)
    return len(documents)


def export_file(database: Database, name: str, target: str | os.PathLike[str], format: str | None, query: Query) -> int:
    execution = database.view(reads.execute, name, reads.Request(query, decoder(query.projection)))
    count = 0
    with open(target, "xb") as file:
        for batch in execution.steps():
            file.write(b"".join(msgspec.json.encode(document) + b"\n" for document in batch))
            count += len(batch)
    return count
