"""The documents of all benchmarks: nested, with arrays, about 450 bytes of JSON."""

from __future__ import annotations

from typing import Any

CITIES = 50
AGES = 90


def make_document(number: int) -> dict[str, Any]:
    """Return document `number`; every run makes the same ones."""
    return {
        "_id": f"{number:024x}",
        "name": f"user {number}",
        "email": f"user{number}@example.org",
        "age": number * 7919 % AGES,
        "active": number % 2 == 0,
        "score": number % 1000 * 0.5,
        "profile": {
            "city": f"city {number % CITIES}",
            "zip": f"{number % 99999:05d}",
            "geo": {"lat": 51.5, "lon": -0.1},
        },
        "tags": ["red", "green", "blue"],
        "orders": [{"sku": "x-100", "quantity": 2, "price": 9.5}, {"sku": "y-200", "quantity": 1, "price": 19.25}],
        "created": 1_700_000_000 + number,
        "note": "the quick brown fox jumps over the lazy dog, again and again",
    }


def make_documents(count: int) -> list[dict[str, Any]]:
    """Return `count` documents."""
    return [make_document(number) for number in range(count)]
