"""The command that shows what a profile's file holds: which shapes of calls take the time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from nosqlpy import Document
from nosqlpy.cli.arguments import STANDARD
from nosqlpy.cli.output import Output
from nosqlpy.errors import DocumentError
from nosqlpy.profiles import ProfiledOperation, ProfiledShape, by_shape

# by what the shapes can be ordered, the largest first
ORDERS: dict[str, Callable[[ProfiledShape], float]] = {
    "total": lambda shape: shape.total_ms,
    "mean": lambda shape: shape.mean_ms,
    "max": lambda shape: shape.max_ms,
    "calls": lambda shape: shape.calls,
    "docs": lambda shape: shape.docs_examined,
}

_decode = msgspec.json.Decoder(ProfiledOperation).decode


def top(arguments: argparse.Namespace) -> int:
    """Print what the calls of each shape took, the most expensive first."""
    if arguments.file == STANDARD:
        shapes = by_shape(_operations(sys.stdin.buffer))
    else:
        with Path(arguments.file).open("rb") as lines:
            shapes = by_shape(_operations(lines))
    shapes.sort(key=ORDERS[arguments.sort], reverse=True)
    # the shape, which is the widest, comes last: where the terminal breaks lines, the figures still stand in columns
    Output(arguments.form).documents(map(_row, shapes[: arguments.limit or None]), fitted=False)
    return 0


def _operations(lines: Iterable[bytes]) -> Iterator[ProfiledOperation]:
    for number, line in enumerate(lines, 1):
        try:
            yield _decode(line)
        except msgspec.MsgspecError:
            raise DocumentError(f"line {number} is no operation that a profile has recorded") from None


def _row(shape: ProfiledShape) -> Document:
    return {
        "total_ms": round(shape.total_ms, 3),
        "calls": shape.calls,
        "mean_ms": round(shape.mean_ms, 3),
        "max_ms": round(shape.max_ms, 3),
        "keys": shape.keys_examined,
        "docs": shape.docs_examined,
        "returned": shape.returned,
        "errors": shape.errors,
        "operation": shape.operation,
        "collection": shape.collection,
        "plan": shape.plan,
        "shape": shape.shape,
    }
