"""Makes the database that every later version must open. Run it for a new version of the format, never for an old one.

python tests/durability/make_golden.py      writes golden/v1, v1-hint and v1-packed, where they are missing
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from nosqlpy import Client
from nosqlpy._core.engine import hints
from nosqlpy._core.log.segment import FORMAT_VERSION

GOLDEN = Path(__file__).parent / "golden"

VALUES: dict[str, Any] = {
    "_id": "values",
    "null": None,
    "true": True,
    "small": -1,
    "large": 2**63 - 1,
    "least": -(2**63),
    "float": 0.1,
    "infinite": float("inf"),
    "text": "Grüße, 世界 🌍",
    "bytes": b"\x00\xff",
    "date": datetime(2024, 2, 29, 12, 30, 15, 250_000, tzinfo=UTC),
    "decimal": Decimal("1.10"),
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
    "array": [1, [2, {"deep": []}], "x"],
    "document": {"b": 1, "a": {"c": 2}},
}


def write(directory: Path, *, clean: bool = True, compression: Literal["zlib"] | None = None) -> None:
    """Write a database that has a base, sealed segments, an active one, and every kind of operation."""
    client = Client(directory, segment_size=400, compression=compression)
    client["values"].insert_one(VALUES)
    client["people"].create_index("age")
    client["people"].insert_many(
        [{"_id": number, "name": f"person {number}", "age": number % 7} for number in range(20)]
    )
    client["people"].delete_many({"age": 6})
    client["dropped"].insert_one({"_id": 1})
    client["dropped"].drop()
    client.compact()
    client["people"].update_many({"age": 1}, {"$set": {"one": True}})
    client["old name"].insert_one({"_id": 2.5})
    client["old name"].rename("new name")
    client["emptied"].insert_one({"_id": 1})
    client["emptied"].clear()
    client["people"].create_index("name")
    client["people"].drop_index("name_1")
    client["people"].delete_one({"_id": 0})
    client["people"].insert_one({"_id": {"compound": "id"}, "age": 3})
    client["people"].save({"_id": 3, "name": "replaced", "age": 3})
    if clean:
        client.close()
    else:
        client.flush()


def expected() -> dict[str, list[dict[str, Any]]]:
    """Return what the database holds: the documents of each collection, in their order."""
    people: list[dict[str, Any]] = [
        {"_id": number, "name": f"person {number}", "age": number % 7} | ({"one": True} if number % 7 == 1 else {})
        for number in range(1, 20)
        if number % 7 != 6
    ]
    people[2] = {"_id": 3, "name": "replaced", "age": 3}
    people.append({"_id": {"compound": "id"}, "age": 3})
    return {"emptied": [], "new name": [{"_id": 2.5}], "people": people, "values": [VALUES]}


if __name__ == "__main__":
    for suffix, new_min in (("", hints.NEW_MIN), ("-hint", 0), ("-packed", hints.NEW_MIN)):
        target = GOLDEN / f"v{FORMAT_VERSION}{suffix}"
        if target.exists():
            print(f"{target.name} exists: a golden database is never written again")
            continue
        hints.NEW_MIN = new_min
        write(target, compression="zlib" if suffix == "-packed" else None)
        for name in ("LOCK", "SHM", "SYNC-0", "COMPACT"):
            (target / name).unlink(missing_ok=True)
        print(target.name, *sorted(path.name for path in target.iterdir()))
