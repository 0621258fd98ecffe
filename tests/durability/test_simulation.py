"""Random lives of a database on a disk that fails: whatever is found after a crash is a state that it had."""

from __future__ import annotations

from collections import Counter

import pytest

from durability.scale import SEEDS
from durability.simulation import run_seed

CHUNKS = 8
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_recovered_state_is_legal(chunk: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(chunk, SEEDS, CHUNKS):
        counts += run_seed(seed).counts
    print(dict(counts))

    assert counts["recovered"] > SEEDS // CHUNKS
    assert min(counts["stopped"], counts["torn"], counts["flips refused"]) > 0


def test_a_seed_replays_exactly() -> None:
    for seed in range(40):
        assert run_seed(seed).trace == run_seed(seed).trace
