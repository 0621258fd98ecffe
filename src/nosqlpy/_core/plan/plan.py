"""A plan: how the candidates of a filter are found. It is inert, and can be shown."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from nosqlpy._core.index.scanning import FieldBounds
from nosqlpy._core.query.textual import TextTest
from nosqlpy._core.text.matching import Matcher


class TextPlan(msgspec.Struct, frozen=True):
    """What a text index is searched for: the values before the texts, and terms; and the `test` that is left."""

    matcher: Matcher
    prefix: tuple[Hashable, ...] = ()
    test: TextTest | None = None


class Plan(msgspec.Struct, frozen=True):
    """How the candidates of a filter are found: by one of the stages below.

    They are ``IDHACK``, ``IXSCAN``, ``COLLSCAN``, ``OR``, ``AND_HASH``, ``TEXT`` and ``EOF``.

    An index is looked up by `values`, its keys, unless there are `bounds` of its first fields; `candidates` is how
    many entries that gives (counted, not guessed), or the size of the collection. Where `exact`, every candidate
    matches and need not be tested. With `directions` the candidates come in the order that was asked for, that of
    as many fields of the index from the `first` on. An ``OR`` is of all, an ``AND_HASH`` of what is common to its
    `branches`. A ``TEXT``, and an ``OR`` with one among its branches, has what is looked for in `text`.
    Where it is `covered` the keys of the index are the answer, and no document is looked at.
    """

    stage: str
    index: str | None
    values: tuple[Hashable, ...]
    candidates: int
    exact: bool = False
    bounds: FieldBounds | None = None
    directions: tuple[int, ...] = ()
    first: int = 0
    branches: tuple[Plan, ...] = ()
    text: TextPlan | None = None
    covered: bool = False


def scan(size: int, *, backwards: bool = False) -> Plan:
    """Return the plan that looks at all documents, from the first or from the last."""
    return Plan("COLLSCAN", None, (), size, directions=(-1,) if backwards else ())
