"""Every promise of the ancestors names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "ancestors.md"
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
PROMISES = [row for row in ROWS if not row.startswith("| promise")]


@pytest.mark.parametrize("row", PROMISES)
def test_a_promise_names_its_test(row: str) -> None:
    path, _, name = (re.search(r"`(tests/\S+)`", row) or [row, ""])[1].partition("::")

    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_both_readmes_are_there() -> None:
    assert len(PROMISES) > 40
