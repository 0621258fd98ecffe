"""Random lives of a database on a disk that fails: whatever is found after a crash is a state that it had."""

from __future__ import annotations

from collections import Counter

import pytest

from durability.parallel import chunks, mapped
from durability.scale import SEEDS
from durability.simulation import run_seed, run_seeds

pytestmark = pytest.mark.usefixtures("quiet")


def test_every_recovered_state_is_legal() -> None:
    counts = sum(mapped(run_seeds, chunks(SEEDS)), start=Counter())
    print(f"{SEEDS} seeds: {dict(counts)}")

    assert counts["recovered"] > SEEDS
    assert min(counts["stopped"], counts["torn"], counts["flips refused"]) > 0


def test_a_seed_replays_exactly() -> None:
    for seed in range(100):
        assert run_seed(seed).trace == run_seed(seed).trace
