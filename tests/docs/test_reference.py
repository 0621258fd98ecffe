"""The reference leaves nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest

import nosqlpy
from nosqlpy._core.expression import registry as expression_registry
from nosqlpy._core.query import registry as query_registry
from nosqlpy._core.update import registry as update_registry

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
ERRORS = [name for name in nosqlpy.__all__ if isinstance(getattr(nosqlpy, name), type)]
ERRORS = [name for name in ERRORS if issubclass(getattr(nosqlpy, name), nosqlpy.NosqlpyError)]


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("operator", sorted({*query_registry._OPERATORS, *query_registry.TOP_LEVEL}))
def test_every_query_operator_is_on_the_page_of_filters(operator: str) -> None:
    assert f"`{operator}`" in page("filters.md")
    assert f'"{operator}":' in page("filters.md")


@pytest.mark.parametrize("operator", sorted(update_registry._OPERATORS))
def test_every_update_operator_is_on_the_page_of_updates(operator: str) -> None:
    assert f"`{operator}`" in page("updates.md")
    assert f'"{operator}":' in page("updates.md")


@pytest.mark.parametrize("operator", sorted(expression_registry.operator_names()))
def test_every_expression_operator_is_on_the_page_of_expressions(operator: str) -> None:
    assert f"`{operator}`" in page("expressions.md")
    assert f'"{operator}":' in page("expressions.md")


@pytest.mark.parametrize("name", ERRORS)
def test_every_exported_error_is_on_the_page_of_errors(name: str) -> None:
    assert f"`{name}`" in page("errors.md")
