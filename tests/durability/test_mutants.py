"""Tests of the tests: an engine with a mistake must not get through the simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durability.crowd import run_crowd
from durability.mutants import CROWD_MUTANTS, MUTANTS, infected, is_caught
from durability.simulation import run_seed

SEEDS = 3000  # as many as it may take; most are found within a dozen


def seed_that_catches(mutant: Any, run: Callable[[int], object]) -> int | None:
    with infected(mutant):
        return next((seed for seed in range(SEEDS) if is_caught(lambda seed=seed: run(seed))), None)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_simulation_catches(mutant: Any) -> None:
    assert seed_that_catches(mutant, run_seed) is not None


@pytest.mark.parametrize("mutant", CROWD_MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_simulation_of_several_processes_catches(mutant: Any) -> None:
    assert seed_that_catches(mutant, run_crowd) is not None
