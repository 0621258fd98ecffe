"""Limits of filters: what a filter may ask for before it is compiled.

Filters are often made of what strangers send. Time and memory for one grow with
its size, so it is measured first, level by level and without recursion.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

import msgspec

from nosqlpy._core.values.storable import DEPTH_MAX
from nosqlpy._core.values.types import ARRAY, OBJECT, REGEX, TYPES, as_mapping
from nosqlpy.errors import QueryError

_SCALARS: Final = frozenset((str, int, float, bool, type(None), bytes, datetime))
_SMALL: Final = _SCALARS - {str}
_FEW: Final = 8
_LISTS: Final = frozenset(("$in", "$nin", "$all"))


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large a filter may be: None is no limit. One that is larger is refused before it is compiled.

    `depth` counts documents in documents, `nodes` the fields and operators of the whole filter;
    `in_size` is for the lists of ``$in``, ``$nin`` and ``$all``, and `regex_length` for a pattern, in characters.
    """

    depth: int | None = 100
    nodes: int | None = 10_000
    in_size: int | None = 100_000
    regex_length: int | None = 4_096

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ValueError(f"the limit {name!r} is an int above 0, or None for no limit")

    def check(self, filter: Mapping[str, Any]) -> None:
        """Refuse a filter that is too large.

        Raises:
            QueryError: It is; the message names the limit, what the filter has, and the way out.
        """
        for value in filter.values():  # nearly all filters: names with plain values, or with an operator or two
            if type(value) not in _SCALARS and (
                type(value) is not dict
                or len(value) > 2
                or self.depth == 1
                or not _SMALL.issuperset(map(type, value.values()))
            ):
                break
        else:
            if len(filter) <= _FEW and (self.nodes is None or self.nodes >= _FEW * 3):
                return
        self._measure(filter)

    def _measure(self, filter: Mapping[str, Any]) -> None:
        nodes_max, longest = self.nodes or sys.maxsize, self.regex_length or sys.maxsize
        nodes = depth = 0
        level: list[Any] = [filter]
        while level and depth <= DEPTH_MAX:  # what is deeper, or holds itself, is refused when it is compiled
            depth += 1
            below: list[Any] = []
            for value in level:
                if type(value) is not dict:
                    value = self._opened(value, below)  # noqa: PLW2901 - what it stands for
                nodes += len(value)
                if nodes > nodes_max:
                    _refuse("nodes", nodes_max, f"at least {nodes} fields and operators")
                for name, item in value.items():
                    kind = type(item)
                    if kind is dict:
                        below.append(item)
                    elif kind not in _SCALARS:
                        self._enter(name, item, below)
                    elif kind is str and len(item) > longest and name == "$regex":
                        self._pattern(item)
            level = below
            if depth == self.depth and level:
                _refuse("depth", depth, f"more than {depth} levels")

    def _opened(self, value: Any, below: list[Any]) -> Mapping[str, Any]:
        """Return a document of any class as a mapping; put into `below` what is in an array."""
        bracket = TYPES[type(value)]
        if bracket == OBJECT:
            return as_mapping(value)
        if bracket == ARRAY:
            below += [item for item in value if type(item) not in _SCALARS]
        elif bracket == REGEX:
            self._pattern(value.pattern)
        return {}

    def _enter(self, name: str, value: Any, below: list[Any]) -> None:
        """Put into `below` what must be looked at of the value of a field or operator."""
        if type(value) is not list and TYPES[type(value)] != ARRAY:
            below.append(value)
            return
        if name in _LISTS and self.in_size is not None and len(value) > self.in_size:
            _refuse("in_size", self.in_size, f"{len(value)} values under {name}")
        if not _SCALARS.issuperset(map(type, value)):
            below += [item for item in value if type(item) not in _SCALARS]

    def _pattern(self, pattern: Any) -> None:
        if self.regex_length is not None and len(pattern) > self.regex_length:
            _refuse("regex_length", self.regex_length, f"a pattern of {len(pattern)} characters")


def _refuse(name: str, limit: int, found: str) -> NoReturn:
    way_out = f"ask in several calls, or open the client with limits=Limits({name}=...)"
    raise QueryError(f"the filter has {found}, and the limit {name!r} is {limit}; {way_out}")
