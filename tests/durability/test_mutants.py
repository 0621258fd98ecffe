"""Tests of the tests: an engine with a mistake must not get through the simulation."""

from __future__ import annotations

from typing import Any

import pytest

from durability.mutants import MUTANTS, infected, is_caught
from durability.simulation import run_seed

SEEDS = 3000  # as many as it may take; most are found within a dozen


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_simulation_catches(mutant: Any) -> None:
    with infected(mutant):
        caught = next((seed for seed in range(SEEDS) if is_caught(lambda seed=seed: run_seed(seed))), None)

    assert caught is not None
