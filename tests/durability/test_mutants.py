"""Tests of the tests: an engine with a mistake must not get through the simulation."""

from __future__ import annotations

from typing import Any

import pytest

from durability.mutants import CROWD_MUTANTS, MUTANTS, seed_that_catches
from durability.parallel import mapped


@pytest.fixture(scope="module")
def caught() -> dict[Any, int | None]:
    """The seed that notices each mutant."""
    mutants = (*MUTANTS, *CROWD_MUTANTS)
    return dict(zip(mutants, mapped(seed_that_catches, mutants), strict=True))


@pytest.mark.parametrize("mutant", [*MUTANTS, *CROWD_MUTANTS], ids=lambda mutant: mutant.__name__)
def test_the_simulation_catches_each_mutant(mutant: Any, caught: dict[Any, int | None]) -> None:
    assert caught[mutant] is not None
