"""The update operators: which there are, and how one is added.

A compile function checks its operand once and returns a modifier for the end
of a path. To add an operator, write such a function in the module of its kind
and register it:

    @operator("$inc")
    def compile_inc(operand: Any, place: Place) -> Modifier: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.update.paths import Modifier, UpdatePath, runner
from nosqlpy._core.values.collation import Collation
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

Run: TypeAlias = Callable[[dict[str, Any]], None]


class Place(msgspec.Struct, frozen=True):
    """Where an operand stands, and when: the operator, the path, and the variables of the call.

    `collation` says how the operator compares strings.
    """

    operator: str
    path: UpdatePath
    variables: Mapping[str, Any]
    collation: Collation | None = None

    @property
    def now(self) -> datetime | None:
        """The time of the call, if the caller gave one."""
        return self.variables.get("NOW")


class Step(msgspec.Struct, frozen=True):
    """One operator on one path, ready to run.

    `path` says where among the steps it comes; `claims` which paths no other
    step may touch. It runs on updates, on inserts by upsert, or on both.
    """

    path: UpdatePath
    claims: tuple[UpdatePath, ...]
    run: Run
    creates: bool
    on_update: bool = True


class PositionalStep(msgspec.Struct, frozen=True):
    """One operator on a positional path, which it takes a document to resolve."""

    path: UpdatePath
    modifier: Modifier
    on_update: bool

    @property
    def claims(self) -> tuple[UpdatePath, ...]:
        """The paths that no other step may touch."""
        return (self.path,)

    @property
    def creates(self) -> bool:
        """Whether it adds what is missing."""
        return self.modifier.create is not None


Compile: TypeAlias = Callable[[Any, Place], Modifier]
StepCompile: TypeAlias = Callable[[Any, Place], Step | PositionalStep]


class Operator(msgspec.Struct, frozen=True):
    """A registered operator: one that modifies the end of its path has `compile`, any other `compile_step`.

    A `timed` one means something else at another time.
    """

    compile: Compile | None = None
    compile_step: StepCompile | None = None
    on_update: bool = True
    timed: bool = False


_OPERATORS: Final[dict[str, Operator]] = {}


_MODIFIERS: Final = frozenset(("$each", "$position", "$slice", "$sort"))


def operator(name: str, *, on_update: bool = True, timed: bool = False) -> Callable[[Compile], Compile]:
    """Register the decorated function as what compiles the operand of `name`, an operator on one path."""

    def register(function: Compile) -> Compile:
        _OPERATORS[name] = Operator(compile=function, on_update=on_update, timed=timed)
        return function

    return register


def step_operator(name: str) -> Callable[[StepCompile], StepCompile]:
    """Register the decorated function for an operator that does more than modify the end of its path."""

    def register(function: StepCompile) -> StepCompile:
        _OPERATORS[name] = Operator(compile_step=function)
        return function

    return register


def compile_step(found: Operator, operand: Any, place: Place) -> Step | PositionalStep:
    """Return the step of an operator, and its operand, at a place.

    Raises:
        QueryError: The operand does not fit the operator.
    """
    if found.compile is None:
        assert found.compile_step is not None
        return found.compile_step(operand, place)
    modifier = found.compile(operand, place)
    path = place.path
    if path.positional:
        return PositionalStep(path, modifier, found.on_update)
    return Step(path, (path,), runner(path, modifier), modifier.create is not None, found.on_update)


def find_operator(name: Any) -> Operator:
    """Return the update operator of this name.

    Raises:
        QueryError: There is none: with MongoDB's code 9 (FailedToParse), and the way out.
    """
    found = _OPERATORS.get(name)
    if found is not None:
        return found
    if str(name).startswith("$"):
        hint = "; it stands under $push" if name in _MODIFIERS else nearest(str(name), _OPERATORS)
        message = f"unknown update operator {name!r}{hint}"
    else:
        message = f"field {name!r} stands beside update operators; put it under one, such as $set"
    raise QueryError(message, code=9, code_name="FailedToParse")
