"""The figures as tables: for a terminal, and in Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from tests.benchmarks.findings import Finding
from tests.benchmarks.operations import BYTES, JSONB, SQLITE, TEXT, Target
from tests.benchmarks.peers import OURS, PEERS
from tests.benchmarks.table import Row, Times

# what stands in the table that is shown first
SHORT = (BYTES, TEXT, JSONB, "TinyDB", "mongomock", "montydb")
# what should take as long whatever the number of documents, and how much longer it may take from so many on
POINTS = (
    *("find by id", "find equal, indexed", "range of 100, indexed", "sort by an index, first 10"),
    *("insert one", "delete one", "$inc by id"),
)
GROWTH_MAX, GROWTH_FROM = 1.3, 10_000
# where figures stand in a page
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


class Report(msgspec.Struct, frozen=True):
    """All figures of one run, and where they come from."""

    command: str
    machine: str
    versions: dict[str, str]
    json_bytes: int
    missing: list[str]
    rows: list[Row]
    findings: list[Finding]

    @property
    def sizes(self) -> list[int]:
        """The numbers of documents that were measured."""
        return sorted({row.size for row in self.rows})

    def of_size(self, size: int) -> list[Row]:
        """Return the rows for databases of so many documents."""
        return [row for row in self.rows if row.size == size]


def together(reports: Sequence[Report]) -> Report:
    """Return the figures of several runs with different numbers of documents as those of one report."""
    return msgspec.structs.replace(
        reports[0],
        command="`, `".join(report.command.strip() for report in reports),
        rows=[row for report in reports for row in report.rows],
        findings=[finding for report in reports for finding in report.findings],
    )


def micros(seconds: float | None) -> str:
    """Return a time in microseconds with three digits that mean something; a dash where there is none."""
    if seconds is None:
        return "-"
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def verdict(row: Row, target: Target) -> str:
    """Return a target of a row, its ratio, and whether it is met."""
    ratio = row.ratio(target)
    if ratio is None:
        return f"{target}: not measured"
    return f"{ratio:.2f}x ({target}): {'met' if row.met(target) else 'MISSED'}"


def lines(report: Report) -> Iterable[str]:
    """Yield the report for a terminal."""
    yield f"{report.machine}; " + ", ".join(f"{name} {number}" for name, number in report.versions.items())
    if report.missing:
        yield f"not installed, and so not measured: {', '.join(report.missing)}"
    for size in report.sizes:
        yield f"\n{size:,} documents of {report.json_bytes} bytes of JSON; microseconds a call"
        stores = [name for name in PEERS if any(name in row.times for row in report.of_size(size))]
        yield f"{'':44}" + "".join(f"{name.removeprefix('floor: '):>13}" for name in stores)
        for row in report.of_size(size):
            yield f"{row.operation:44}" + "".join(f"{micros(row.times.get(name)):>13}" for name in stores)
            if row.targets:
                yield f"{'':46}" + "; ".join(verdict(row, target) for target in row.targets)
        left_out = [f"{name} above {peer.size_max:,}" for name, peer in PEERS.items() if size > peer.size_max]
        if left_out:
            yield f"left out, since its calls take seconds or its memory gigabytes: {', '.join(left_out)}"
    yield from growth(report)
    for section in dict.fromkeys(finding.section for finding in report.findings):
        yield f"\n{section}"
        for found in report.findings:
            if found.section == section:
                yield f"  {found.name:42}{found.ours:12,.2f} {found.unit:12}{_beside(found)}"


def _beside(found: Finding) -> str:
    other = "" if found.other is None else f"{found.beside} {found.other:,.2f}, "
    ratio = "" if found.ratio is None or found.other is None else f"{found.ratio:.2f}x"
    aim = "" if found.met is None else f" ({found.aim}): {'met' if found.met else 'MISSED'}"
    return f"{other}{ratio}{aim}"


def growth(report: Report) -> Iterable[str]:
    """Yield how many times as long an operation takes in the largest database as in a smaller one."""
    if len(report.sizes) < 2:
        return
    small, large = _ends(report)
    yield f"\nhow many times as long with {large:,} documents as with {small:,} ({large // small} times as many)"
    for row in report.of_size(large):
        before = next(each.times for each in report.of_size(small) if each.operation == row.operation)
        ratios = [f"{name} {spent / before[name]:.1f}" for name, spent in row.times.items() if name in before]
        yield f"  {row.operation:42}" + ", ".join(ratios) + _grown(row, before)


def _ends(report: Report) -> tuple[int, int]:
    """Return the sizes between which growth is looked at: from 10,000 documents on, where there are more."""
    large = report.sizes[-1]
    small = next((size for size in report.sizes[:-1] if size >= GROWTH_FROM), report.sizes[0])
    return small, large


def _grown(row: Row, before: Times) -> str:
    """Return whether a point operation takes about as long as in the smaller database, which is what is aimed at."""
    if row.operation not in POINTS:
        return ""
    return f" (≤ {GROWTH_MAX:g}x): {'met' if row.times[OURS] <= GROWTH_MAX * before[OURS] else 'MISSED'}"


# ── Markdown ─────────────────────────────────────────────────────────────────────


def markdown(report: Report) -> str:
    """Return all figures in Markdown."""
    parts = [f"Measured by `{report.command}`. Machine: {report.machine}."]
    parts.append("Versions: " + ", ".join(f"{name} {number}" for name, number in report.versions.items()) + ".")
    for size in reversed(report.sizes):
        parts.append(f"### {size:,} documents\n\n{_table(report.of_size(size))}")
    if len(report.sizes) > 1:
        parts.append(f"### Growth\n\n{_growth_table(report)}")
    for section in dict.fromkeys(finding.section for finding in report.findings):
        found = [finding for finding in report.findings if finding.section == section]
        parts.append(f"### {section[0].upper()}{section[1:]}\n\n{_findings_table(found)}")
    return "\n\n".join(parts) + "\n"


def _cells(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _table(rows: Sequence[Row]) -> str:
    stores = [name for name in PEERS if any(name in row.times for row in rows)]
    text = _cells(["µs a call", *stores, "against the floor", "against a peer"])
    text += _cells(["---", *["--:"] * len(stores), "---", "---"])
    for row in rows:
        floors = "; ".join(verdict(row, target) for target in row.targets if not target.faster)
        peers = "; ".join(verdict(row, target) for target in row.targets if target.faster)
        text += _cells([row.operation, *(micros(row.times.get(name)) for name in stores), floors, peers])
    return text.rstrip()


def _growth_table(report: Report) -> str:
    small, large = _ends(report)
    text = _cells(["nosqlpy, µs a call", *(f"{size:,}" for size in report.sizes), f"from {small:,} to {large:,}"])
    text += _cells(["---", *["--:"] * len(report.sizes), "---"])
    for row in report.of_size(large):
        found = {each.size: each.times for each in report.rows if each.operation == row.operation}
        grown = f"{row.times[OURS] / found[small][OURS]:.1f}x{_grown(row, found[small])}"
        text += _cells([row.operation, *(micros(found[size][OURS]) for size in report.sizes), grown])
    return text.rstrip()


def _findings_table(found: Sequence[Finding]) -> str:
    text = _cells(["", "nosqlpy", "beside it", "ratio", "target"]) + _cells(["---", "--:", "---", "--:", "---"])
    for each in found:
        beside = "" if each.other is None else f"{each.beside}: {each.other:,.2f}"
        ratio = "" if each.other is None or each.ratio is None else f"{each.ratio:.2f}x"
        aim = "" if each.met is None else f"{each.aim}: {'met' if each.met else 'MISSED'}"
        text += _cells([each.name, f"{each.ours:,.2f} {each.unit}", beside, ratio, aim])
    return text.rstrip()


def short(report: Report, size: int, rows: Sequence[str]) -> str:
    """Return a small table of some `rows`, microseconds and how many times as fast as SQLite."""
    found = {row.operation: row for row in report.of_size(size)}
    stores = [name for name in SHORT if any(name in row.times for row in found.values())]
    text = _cells([f"µs a call, {size:,} documents", OURS, *stores, f"times as fast as {SQLITE}"])
    text += _cells(["---", "--:", *["--:"] * (len(stores) + 1)])
    for name in rows:
        times = found[name].times
        ratio = found[name].ratio(Target(SQLITE, 1, faster=True))
        text += _cells([name, micros(times[OURS]), *(micros(times.get(each)) for each in stores), f"{ratio:.1f}"])
    return text


def put_into(page: Path, text: str) -> None:
    """Put figures into a page, in the place of those that stand there between two marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{page} has no place for figures"
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
