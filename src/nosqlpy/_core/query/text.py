"""Regular expressions: $regex with $options, and ``re.Pattern`` or ``bson.Regex`` as a value.

Manual: reference/operator/query/regex. A pattern given as a string, or as a
``bson.Regex``, has PCRE2's syntax and MongoDB's options (see `patterns`); a
``re.Pattern`` is Python's own, with its flags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nosqlpy._core.query import sieves
from nosqlpy._core.query.condition import All, Condition, Test
from nosqlpy._core.query.registry import Scope, scoped_operator
from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.order import regex_content
from nosqlpy._core.values.patterns import compile_pattern, compile_source
from nosqlpy._core.values.types import REGEX, STRING, TYPES
from nosqlpy.errors import QueryError


@scoped_operator("$regex")
def compile_regex(operand: Any, scope: Scope) -> Condition:
    """Match strings in which the pattern is found, and stored regular expressions equal to it."""
    options = _checked_options(scope.siblings.get("$options", ""))
    if TYPES[type(operand)] == REGEX:
        pattern, flags = regex_content(operand)
        if flags.replace("u", ""):
            _check_options_once(options, scope.siblings)
        return pattern_test(pattern, options) if options else regex_test(operand)
    if TYPES[type(operand)] != STRING:
        raise QueryError(f"$regex has to be a string, not {type(operand).__name__}")
    return pattern_test(operand, options)


@scoped_operator("$options")
def compile_options(operand: Any, scope: Scope) -> Condition:
    """Check that the options are a string beside a ``$regex``, which applies them."""
    _checked_options(operand)
    if "$regex" not in scope.siblings:
        raise QueryError("$options needs a $regex")
    return All(())


def _check_options_once(options: str, siblings: Mapping[str, Any]) -> None:
    """Refuse ``$options`` beside a pattern that has some; before the pattern, empty ones are none."""
    names = list(siblings)
    if "$options" not in names:
        return
    follows = names.index("$options") > names.index("$regex")
    if follows or options:
        code = 51075 if follows else 51074
        raise QueryError("options set in both $regex and $options", code=code, code_name=f"Location{code}")


def _checked_options(operand: Any) -> str:
    if not isinstance(operand, str):
        raise QueryError(f"$options has to be a string, not {type(operand).__name__}")
    return operand


def regex_test(operand: Any) -> Test:
    """Return the condition of a ``re.Pattern`` or ``bson.Regex``: strings in which it is found, and equal patterns."""
    pattern, flags = regex_content(operand)
    if isinstance(operand, re.Pattern):
        if isinstance(operand.pattern, bytes):
            operand = compile_source(pattern, operand.flags & ~re.LOCALE)
        return _test(operand, pattern, flags)
    return pattern_test(pattern, flags)


@kept(512)
def pattern_test(pattern: str, options: str) -> Test:
    """Return the condition that a pattern is found in a string; kept, since programs have few patterns."""
    if "\0" in pattern:
        raise QueryError("a regular expression cannot contain a null byte")
    return _test(compile_pattern(pattern, options), pattern, "".join(sorted(options)))


def _test(compiled: re.Pattern[str], pattern: str, options: str) -> Test:
    search = compiled.search
    content = (pattern, options)

    def test(value: Any) -> bool:
        if type(value) is str:
            return search(value) is not None
        return TYPES[type(value)] == REGEX and regex_content(value) == content

    return Test(test, sieves.searched(search, test))
