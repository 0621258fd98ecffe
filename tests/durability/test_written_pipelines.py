"""Pipelines that write, among crashes and processes: $out and $merge are one atomic write each."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from durability.test_processes import child
from nosqlpy import Client
from nosqlpy._core.log import frame

OLD = [{"_id": n, "n": n} for n in range(8)]
MADE = [{"_id": n, "pad": f"made {n}"} for n in range(4, 12)]
OUT = [{"$out": "totals"}]
MERGE = [{"$merge": "totals"}]
MERGED = [*OLD[:4], *({**old, **made} for old, made in zip(OLD[4:], MADE[:4], strict=True)), *MADE[4:]]


def segment_of(directory: Path) -> Path:
    (segment,) = directory.glob("seg-*")
    return segment


def totals_of(directory: Path) -> list[Any]:
    with Client(directory, create=False) as db:
        return db["totals"].find().sort("_id").to_list()


@pytest.mark.parametrize("size", [150, 1 << 20], ids=["in parts", "in one frame"])
@pytest.mark.parametrize(("pipeline", "after"), [(OUT, MADE), (MERGE, MERGED)], ids=["$out", "$merge"])
def test_a_crash_in_the_middle_leaves_all_of_it_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipeline: list[Any], after: list[Any], size: int
) -> None:
    monkeypatch.setattr(frame, "PART_BYTES", size)
    with Client(tmp_path / "data") as db:
        db["made"].insert_many(MADE)
        db["totals"].insert_many(OLD)
        shutil.copytree(tmp_path / "data", tmp_path / "before")
        begin = segment_of(tmp_path / "data").read_bytes().rstrip(b"\0")
        db["made"].aggregate(pipeline)
        end = segment_of(tmp_path / "data").read_bytes()
    written = end.rstrip(b"\0")
    seen = []
    for cut in [*range(len(begin), len(written), 29), len(written)]:
        crashed = shutil.copytree(tmp_path / "before", tmp_path / f"crashed {cut}")
        segment_of(crashed).write_bytes(written[:cut].ljust(len(end), b"\0"))
        seen.append(totals_of(crashed))

    assert len(seen) > 10
    assert seen == [OLD] * (len(seen) - 1) + [after]


def test_no_merge_is_lost_between_processes(tmp_path: Path) -> None:
    times = 10
    with ExitStack() as stack:
        processes = [stack.enter_context(child("merge_up", tmp_path / "data", times, face)) for face in FACES]
        errors = [process.communicate(timeout=120)[1].decode() for process in processes]
    with Client(tmp_path / "data", create=False) as db:
        counted = db["totals"].find().sort("_id").to_list()
        report = db.verify()

    assert errors == [""] * len(FACES)
    assert counted == [{"_id": n, "n": times * len(FACES)} for n in range(3)]
    assert report["ok"]


FACES = ("blocking", "asyncio", "trio")
