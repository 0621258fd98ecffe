"""Tests of the tests: an engine with a mistake must not get through the simulation."""

from __future__ import annotations

from typing import Any

import pytest

from durability.crowd import run_crowd
from durability.mutants import CROWD_MUTANTS, MUTANTS, infected, is_caught
from durability.parallel import mapped
from durability.simulation import run_seed

SEEDS = 3000  # as many as it may take; most are found within a dozen


def seed_that_catches(mutant: Any) -> int | None:
    run = run_crowd if mutant in CROWD_MUTANTS else run_seed
    with infected(mutant):
        return next((seed for seed in range(SEEDS) if is_caught(lambda seed=seed: run(seed))), None)


@pytest.fixture(scope="module")
def caught() -> dict[Any, int | None]:
    """The seed that notices each mutant."""
    mutants = (*MUTANTS, *CROWD_MUTANTS)
    return dict(zip(mutants, mapped(seed_that_catches, mutants), strict=True))


@pytest.mark.parametrize("mutant", [*MUTANTS, *CROWD_MUTANTS], ids=lambda mutant: mutant.__name__)
def test_the_simulation_catches(mutant: Any, caught: dict[Any, int | None]) -> None:
    assert caught[mutant] is not None
