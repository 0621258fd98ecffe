"""The update operators: which there are, and how one is added.

A compile function checks its operand once and returns a modifier for the end
of a path. To add an operator, write such a function in the module of its kind
and register it:

    @operator("$inc")
    def compile_inc(operand: Any, place: Place) -> Modifier: ...
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.update.paths import Modifier, UpdatePath, parse_update_path, runner
from nosqlpy.errors import QueryError
from nosqlpy.naming import nearest

Run: TypeAlias = Callable[[dict[str, Any]], None]


class Place(msgspec.Struct, frozen=True):
    """Where an operand stands, and when: the operator, the path, and the time if the caller gave one."""

    operator: str
    path: UpdatePath
    now: datetime | None


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

_OPERATORS: Final[dict[str, StepCompile]] = {}


def operator(name: str, *, on_update: bool = True) -> Callable[[Compile], Compile]:
    """Register the decorated function as what compiles the operand of `name`, an operator on one path."""

    def register(function: Compile) -> Compile:
        def compile_step(operand: Any, place: Place) -> Step | PositionalStep:
            modifier = function(operand, place)
            path = place.path
            if path.positional:
                return PositionalStep(path, modifier, on_update)
            return Step(path, (path,), runner(path, modifier), modifier.create is not None, on_update)

        _OPERATORS[name] = compile_step
        return function

    return register


def step_operator(name: str) -> Callable[[StepCompile], StepCompile]:
    """Register the decorated function for an operator that does more than modify the end of its path."""

    def register(function: StepCompile) -> StepCompile:
        _OPERATORS[name] = function
        return function

    return register


def compile_step(name: str, path: str, operand: Any, now: datetime | None) -> Step | PositionalStep:
    """Return the step of the operator `name` on `path`.

    Raises:
        QueryError: The operand or the path does not fit the operator.
    """
    return _OPERATORS[name](operand, Place(name, parse_update_path(path, name), now))


def check_operator(name: Any) -> None:
    """Refuse what is no update operator.

    Raises:
        QueryError: With MongoDB's code 9 (FailedToParse), and the way out.
    """
    if name in _OPERATORS:
        return
    if str(name).startswith("$"):
        message = f"unknown update operator {name!r}{nearest(str(name), _OPERATORS)}"
    else:
        message = f"field {name!r} stands beside update operators; put it under one, such as $set"
    raise QueryError(message, code=9, code_name="FailedToParse")
