"""An entry of a column for which a path reached through an array."""

from __future__ import annotations

from typing import Any


class Several(list[Any]):
    """The values that a path reached in one document through an array; a condition holds if one of them matches.

    Its own class, because an array at the end of a path is a plain list.
    """

    __slots__ = ()
