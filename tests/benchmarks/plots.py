"""Two pictures of a report, in SVG: how many times as fast as SQLite, and how the cost grows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from tests.benchmarks.operations import JSONB, SQLITE, Target
from tests.benchmarks.peers import OURS
from tests.benchmarks.report import Report

# both are seen on white and on black: colours in the middle, and text in one that both show
INK, QUICK, SLOW = "#7d8590", "#2f9e6e", "#c9622f"
FONT = "font-family='system-ui, sans-serif' font-size='13'"
WIDTH, ROW, LEFT, RIGHT = 760, 24, 235, 70
FASTER = Target(SQLITE, 1, faster=True)


def _svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img' {FONT} fill='{INK}'>"
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, *, end: bool = False, bold: bool = False) -> str:
    style = (" text-anchor='end'" if end else "") + (" font-weight='bold'" if bold else "")
    return f"<text x='{x:.1f}' y='{y:.1f}'{style}>{escape(text)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str = INK, width: float = 0.3) -> str:
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' stroke-width='{width}'/>"


def _unit(micros: float) -> str:
    """Return a round time in the unit that suits it."""
    return f"{micros:g} µs" if micros < 1000 else f"{micros / 1e3:g} ms" if micros < 1e6 else f"{micros / 1e6:g} s"


def faster(report: Report, size: int) -> str:
    """Return bars: how many times as fast as the quicker SQLite each operation is, on a scale of powers of two."""
    found = [(row.operation, ratio) for row in report.of_size(size) if (ratio := row.ratio(FASTER)) is not None]
    low = min(-1, math.floor(math.log2(min(ratio for _, ratio in found))))
    high = max(2, math.ceil(math.log2(max(ratio for _, ratio in found))))
    scale = (WIDTH - LEFT - RIGHT) / (high - low)

    def place(ratio: float) -> float:
        return LEFT + (math.log2(ratio) - low) * scale

    title = f"Times as fast as {SQLITE} (text or JSONB, WAL), {size:,} documents"
    bottom = 56 + ROW * len(found)
    parts = [_text(10, 20, title, bold=True)]
    for power in range(low, high + 1):
        x = place(2.0**power)
        parts += [_line(x, 34, x, bottom), _text(x + 3, bottom + 14, f"{2.0**power:g}x")]
    for number, (name, ratio) in enumerate(found):
        y, start, stop = 42 + ROW * number, place(1), place(ratio)
        colour = QUICK if ratio >= 1 else SLOW
        width = max(1.0, abs(stop - start))
        parts.append(_text(LEFT - 8, y + 13, name, end=True))
        parts.append(
            f"<rect x='{min(start, stop):.1f}' y='{y}' width='{width:.1f}' height='{ROW - 7}' fill='{colour}'/>"
        )
        parts.append(_text(max(start, stop) + 5, y + 13, f"{ratio:.1f}"))
    parts.append(_line(place(1), 34, place(1), bottom, INK, 1.5))
    return _svg(WIDTH, bottom + 24, title, parts)


def growth(report: Report, operations: Sequence[str]) -> str:
    """Return lines: what operations take with more and more documents, both scales logarithmic."""
    sizes, panel, height = report.sizes, 176, 190
    title = "Time of a call, by the number of documents: nosqlpy (filled) and SQLite JSONB (hollow)"
    parts = [_text(10, 20, title, bold=True)]
    for number, operation in enumerate(operations):
        left, top = 60 + (panel + 12) * (number % 4), 60 + (height + 60) * (number // 4)
        parts += [_text(left, top - 12, operation), *_panel(report, operation, sizes, left, top, panel - 40, height)]
    return _svg(60 + 4 * (panel + 12), 60 + (height + 60) * math.ceil(len(operations) / 4), title, parts)


def _panel(
    report: Report, operation: str, sizes: Sequence[int], left: float, top: float, width: float, height: float
) -> Iterable[str]:
    rows = {row.size: row.times for row in report.rows if row.operation == operation}
    values = [times[name] for times in rows.values() for name in (OURS, JSONB) if name in times]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    span = math.log10(sizes[-1] / sizes[0]) or 1.0

    def point(size: int, value: float) -> tuple[float, float]:
        x = left + math.log10(size / sizes[0]) / span * width
        return x, top + (high - math.log10(value)) / (high - low) * height

    for power in range(low, high + 1):
        y = point(sizes[0], 10.0**power)[1]
        yield _line(left, y, left + width, y)
        yield _text(left - 4, y + 4, _unit(10.0 ** (power + 6)), end=True)
    for size in sizes:
        yield _text(point(size, 1)[0] - 8, top + height + 16, f"{size // 1000:,} k")
    for name, fill in ((OURS, QUICK), (JSONB, "none")):
        points = [point(size, rows[size][name]) for size in sizes if size in rows and name in rows[size]]
        for (x1, y1), (x2, y2) in pairwise(points):
            yield _line(x1, y1, x2, y2, QUICK if name == OURS else INK, 1.5)
        for x, y in points:
            yield f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{fill}' stroke='{QUICK if name == OURS else INK}'/>"
