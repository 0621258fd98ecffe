"""Several simulated processes at one database, many seeds of them."""

from __future__ import annotations

from collections import Counter

import pytest

from durability.crowd import run_crowd, run_crowds
from durability.parallel import chunks, mapped
from durability.scale import CROWDS

pytestmark = pytest.mark.usefixtures("quiet")
# what once went wrong, in the engine or in the simulation itself
PINNED = (1308, 3105, 3255, 3997, 100937, 101522, 101695)


def test_processes_see_each_others_writes_and_lose_none_when_one_is_killed() -> None:
    counts = sum(mapped(run_crowds, chunks(CROWDS)), start=Counter())
    print(f"{CROWDS} seeds: {dict(counts)}")

    for event in ("beside others", "killed in the middle", "left", "words spoilt", "looked meanwhile", "ends"):
        assert counts[event] > CROWDS // 50, event


@pytest.mark.parametrize("seed", PINNED)
def test_a_seed_that_once_failed_does_not(seed: int) -> None:
    run_crowd(seed)


def test_a_seed_of_several_processes_replays_exactly() -> None:
    for seed in range(20):
        assert run_crowd(seed).trace == run_crowd(seed).trace
