"""Where an expression stands: the variables it may use, and how deep it is."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from nosqlpy._core.expression.failures import malformed
from nosqlpy._core.values.collation import Collation
from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy.errors import NotSupportedError
from nosqlpy.naming import nearest

# letters, digits, and all beyond ASCII: as what they are not, they compile in a fiftieth of the time
_REST: Final = r"[^\x00-/:-@\[-^`{-\x7f]*"
_WRITABLE: Final = re.compile(rf"[^\x00-`{{-\x7f]{_REST}")
_READABLE: Final = re.compile(rf"[^\x00-@\[-`{{-\x7f]{_REST}")
_SYSTEM: Final = frozenset(("ROOT", "CURRENT", "REMOVE"))
RANDOM: Final = "random.source"
"""The variable that holds the function that $rand calls; no ``$$name`` means it, for none has a dot."""

_UNAVAILABLE: Final = frozenset(
    ("NOW", "CLUSTER_TIME", "DESCEND", "PRUNE", "KEEP", "SEARCH_META", "USER_ROLES", "JS_SCOPE", "IS_MR")
)


class Scope(msgspec.Struct, frozen=True):
    """The variables of an expression by name, its depth, and whether documents come `flat`: as values by path.

    `collation` says how it compares strings.
    """

    variables: frozenset[str]
    flat: bool = False
    depth: int = 1
    collation: Collation | None = None

    def deeper(self) -> Scope:
        """Return the scope of an operand.

        Raises:
            QueryError: It is too deep.
        """
        if self.depth >= DEPTH_MAX:
            raise malformed(f"an expression is nested more than {DEPTH_MAX} levels deep", 15)
        return Scope(self.variables, self.flat, self.depth + 1, self.collation)

    def defining(self, *names: str) -> Scope:
        """Return the scope in which these variables are defined too."""
        return Scope(self.variables | frozenset(names), self.flat, self.depth, self.collation)

    def check_defined(self, name: str) -> None:
        """Refuse a variable that is neither defined nor the system's.

        Raises:
            QueryError: There is none.
            NotSupportedError: MongoDB has it, and it is not available here.
        """
        if name in self.variables or name in _SYSTEM:
            return
        _check_name(name, _READABLE)
        if name in _UNAVAILABLE:
            raise NotSupportedError(f"variable $${name} is not supported here")
        hint = nearest(name, (self.variables | _SYSTEM) - {RANDOM})
        raise malformed(f"use of undefined variable: {name}{hint}", 17276)


def check_new_variable(name: Any) -> str:
    """Return `name` if a variable may be called so.

    Raises:
        QueryError: It may not: it starts with a capital, or has a character that is no letter, digit or ``_``.
    """
    if not isinstance(name, str):
        raise malformed(f"the name of a variable is a str, not {type(name).__name__}", 9)
    if name != "CURRENT":
        _check_name(name, _WRITABLE)
    return name


def _check_name(name: str, form: re.Pattern[str]) -> None:
    if not name:
        raise malformed("empty variable names are not allowed", 9)
    if not form.match(name[0]):
        raise malformed(f"{name!r} starts with an invalid character for a user variable name", 9)
    if not form.fullmatch(name):
        raise malformed(f"{name!r} contains an invalid character for a variable name", 9)
