"""Several simulated processes at one database, many seeds of them."""

from __future__ import annotations

from collections import Counter

import pytest

from durability.crowd import run_crowd
from durability.scale import SEEDS

CHUNKS = 4
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_processes_see_each_others_writes_and_lose_none_when_one_is_killed(chunk: int) -> None:
    for seed in range(chunk, max(SEEDS // 4, 40), CHUNKS):
        run_crowd(seed)


def test_a_seed_meets_all_that_it_is_there_for() -> None:
    counts: Counter[str] = Counter()
    for seed in range(31):
        counts += run_crowd(seed).counts

    for event in ("beside others", "killed in the middle", "left", "words spoilt", "looked meanwhile", "ends"):
        assert counts[event] > 10, event


def test_a_seed_of_several_processes_replays_exactly() -> None:
    for seed in range(20):
        assert run_crowd(seed).trace == run_crowd(seed).trace
