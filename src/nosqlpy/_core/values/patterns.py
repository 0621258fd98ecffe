r"""Regular expressions as MongoDB means them: a pattern and the letters of its options.

Manual: reference/operator/query/regex. Patterns are PCRE2's, and compiled by Python's `re` (see
`patternsyntax`); ``\w``, ``\d`` and ``\b`` mean ASCII, as they do there, unless the pattern
starts with ``(*UCP)``.
"""

from __future__ import annotations

import re
from typing import Final

from nosqlpy._core.values.kept import kept
from nosqlpy._core.values.patternsyntax import python_source
from nosqlpy.errors import QueryError

_OPTIONS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.NOFLAG, "u": re.NOFLAG}
_VERBS: Final = ("(*UTF8)", "(*UTF)", "(*UCP)")


@kept(512)
def compile_pattern(pattern: str, options: str) -> re.Pattern[str]:
    """Return the compiled pattern; compiled patterns are cached.

    Raises:
        QueryError: The pattern is invalid (51091), or an option is none (51108).
        NotSupportedError: The pattern has something that Python cannot say.
    """
    flags = re.NOFLAG
    for letter in options:
        if letter not in _OPTIONS:
            raise QueryError("invalid flag in regex options", code=51108, code_name="Location51108")
        flags |= _OPTIONS[letter]
    unicode = False
    while pattern.startswith(_VERBS):
        unicode = unicode or pattern.startswith("(*UCP)")
        pattern = pattern[pattern.index(")") + 1 :]
    source, ascii_only = python_source(pattern, options, unicode=unicode)
    return compile_source(source, flags | re.ASCII if ascii_only else flags)


@kept(512)
def compile_source(source: str, flags: int) -> re.Pattern[str]:
    """Return the pattern that Python makes of `source`.

    Raises:
        QueryError: The pattern is invalid (51091).
    """
    try:
        return re.compile(source, flags)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        reason = error.msg if isinstance(error, re.error) else type(error).__name__
        raise QueryError(f"regular expression is invalid: {reason}", code=51091, code_name="Location51091") from error
