"""Plans as trees for reading: a stage on each line, what feeds it below."""

from __future__ import annotations

from collections.abc import Iterator

from nosqlpy.aliases import Document
from nosqlpy.extended_json import encode_json

_FIGURES = {
    "nReturned": "returned",
    "totalKeysExamined": "keys examined",
    "totalDocsExamined": "documents examined",
    "docsTested": "tested",
    "docsDecoded": "decoded",
}


def plan_lines(explained: Document) -> Iterator[str]:
    """Yield the lines of what `explain` answered: the plan, what it took if it was run, and what was not chosen."""
    stats = explained.get("executionStats")
    planner = explained["queryPlanner"]
    yield from _stage(planner["winningPlan"] if stats is None else stats["executionStages"], "", "")
    yield f"candidates: {explained['candidates']:,}"
    if stats is not None:
        figures = [f"{stats[name]:,} {what}" for name, what in _FIGURES.items()]
        yield f"{', '.join(figures)}, in {stats['executionTimeMillis']:.2f} ms"
        for considered in stats.get("allPlansExecution", ()):
            yield f"considered: {considered['indexName']}, {considered['candidates']:,} candidates"
    for rejected in planner["rejectedPlans"]:
        yield "not chosen:"
        yield from _stage(rejected, "  ", "  ")


def _stage(stage: Document, first: str, rest: str) -> Iterator[str]:
    """Yield the lines of a stage: `first` stands before its own, `rest` before those of what feeds it."""
    yield first + _line(stage)
    inputs = stage.get("inputStages") or [stage[name] for name in ("inputStage",) if name in stage]
    for number, each in enumerate(inputs, 1):
        last = number == len(inputs)
        yield from _stage(each, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def _line(stage: Document) -> str:
    name = stage["stage"]
    said = [name, *_details(stage)]
    took = stage.get("executionTimeMillisEstimate")
    return "  ".join(said if took is None else [*said, f"({took:.2f} ms)"])


def _details(stage: Document) -> Iterator[str]:
    if "indexName" in stage:
        yield stage["indexName"]
    if stage.get("direction") == "backward":
        yield "backward"
    for path, bounds in stage.get("indexBounds", {}).items():
        yield f"{path}: {' '.join(bounds)}"
    if "sortPattern" in stage:
        yield encode_json(stage["sortPattern"]).decode()
    for name in ("limitAmount", "skipAmount", "term", "candidates"):
        if name in stage:
            yield f"{name.removesuffix('Amount')} {stage[name]}"
    if "columns" in stage:
        yield f"columns {', '.join(stage['columns'])}"
