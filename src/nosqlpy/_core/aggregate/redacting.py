"""$redact: the parts of documents that an expression lets be seen.

Manual: reference/operator/aggregation/redact. The expression is computed of the
document, and of those in it where that says ``$$DESCEND``; ``$$CURRENT`` is each in its turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nosqlpy._core.aggregate.registry import stage
from nosqlpy._core.aggregate.stage import Batch, Moment, Scope, Stage
from nosqlpy._core.expression.compile import compile_expression
from nosqlpy._core.expression.failures import failure
from nosqlpy._core.expression.node import Expression
from nosqlpy._core.values.paths import plain
from nosqlpy._core.values.types import MISSING, type_name
from nosqlpy.aliases import Document

_DECISIONS: Final = {"DESCEND": "descend", "PRUNE": "prune", "KEEP": "keep"}


class _Redaction:
    """Decides about one document and those in it."""

    __slots__ = ("_expression", "_root", "_variables")

    def __init__(self, expression: Expression, variables: Mapping[str, Any], root: Document) -> None:
        self._expression = expression
        self._variables = {**variables, **_DECISIONS}
        self._root = root

    def of(self, document: Mapping[str, Any]) -> Any:
        """Return what may be seen of a document, MISSING for nothing at all."""
        self._variables["CURRENT"] = document
        decision = self._expression.evaluate(self._root, self._variables)
        if decision == "keep":
            return document
        if decision == "prune":
            return MISSING
        if decision != "descend":
            message = f"$redact must give $$KEEP, $$DESCEND or $$PRUNE, and gave another {type_name(decision)}"
            raise failure(message, 17053)
        seen = ((name, self._value(value)) for name, value in document.items())
        return {name: value for name, value in seen if value is not MISSING}

    def _value(self, value: Any) -> Any:
        inner, kind = plain(value)
        if kind is dict:
            return self.of(inner)
        if kind is list:
            return [seen for item in inner if (seen := self._value(item)) is not MISSING]
        return value


@stage("$redact")
def compile_redact(name: str, operand: Any, scope: Scope) -> Stage:
    """Return the stage that shows of documents what an expression lets be seen."""
    known = scope.names | {"CURRENT", *_DECISIONS}
    expression = compile_expression(operand, variables=known, collation=scope.collation)

    def run(batches: Iterator[Batch], _moment: Moment) -> Iterator[Batch]:
        for batch in batches:
            seen = [_Redaction(expression, scope.variables, document).of(document) for document in batch]
            yield [document for document in seen if document is not MISSING]

    return Stage(name, run)
