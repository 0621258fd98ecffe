"""Tables of operators in the reference: a row for each, with an example that is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SETUP = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class Row(NamedTuple):
    """One operator's row."""

    operator: str
    status: str
    example: str
    answer: str
    differences: str


def rows(page: str, section: str) -> list[Row]:
    """Return the rows of the table in a section of a page."""
    text = dict(SECTION.findall((REFERENCE / page).read_text(encoding="utf-8")))[section]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"]
    return [Row(operator.strip("`"), status, *(cell.strip("`") for cell in rest)) for operator, status, *rest in cells]


def names_of(page: str) -> dict[str, Any]:
    """Return what the first block of a page defines, for its examples."""
    names: dict[str, Any] = {}
    exec(SETUP.search((REFERENCE / page).read_text(encoding="utf-8"))[1], names)  # type: ignore[index]
    return names
