"""``$jsonSchema``: a condition on the document as a whole, given by a schema.

Manual: reference/operator/query/jsonSchema. The schema becomes closures, one for each
keyword; it never becomes source text, and values are compared as MongoDB compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

# Importing these registers their keywords.
from nosqlpy._core.query import schemaarrays as _arrays
from nosqlpy._core.query import schemalogic as _logic
from nosqlpy._core.query import schemaobjects as _objects
from nosqlpy._core.query import schemascalars as _scalars
from nosqlpy._core.query.partial import Layout, Row, WholeLayout, documents_of, matched_leaves
from nosqlpy._core.query.schemakeywords import Schema, compile_schema

__all__ = ["Schema", "compile_schema", "paths_of", "schema_mask"]

KEYWORD_MODULES = (_arrays, _logic, _objects, _scalars)


def paths_of(schema: Schema) -> frozenset[str] | None:
    """Return the paths that a schema reads; None for the whole document."""
    names = schema.names
    # a property may begin with a dollar sign, and a path may not
    return names if names is not None and not any(name.startswith("$") for name in names) else None


def schema_mask(schema: Schema, layout: Layout) -> Callable[[Sequence[Row]], list[bool]]:
    """Return the function that says which of some rows satisfy the schema."""
    test = schema.test
    if isinstance(layout, WholeLayout):
        return lambda rows: list(map(test, rows))
    assert schema.names is not None, "who reads all of a document has rows that are documents"
    if not schema.names:  # it reads no field, so that no document can change it
        return lambda rows: [test({})] * len(rows)
    names = sorted(schema.names)
    columns = [layout.column(name, matched_leaves) for name in names]  # of names without dots: no array is entered
    rows_of = documents_of(names)
    return lambda rows: list(map(test, rows_of([column(rows) for column in columns])))
