"""What an object needs, made when it is asked for first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class MadeOnce(Generic[T]):
    """A method that is called when the attribute of its name is asked for first, and makes what this is from then on.

    Other than `functools.cached_property` it leaves the instance's attributes where Python finds them quickest.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, _: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, _: type[Any]) -> T:
        made = self._make(instance)
        setattr(instance, self._name, made)
        return made
