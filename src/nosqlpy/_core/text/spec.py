"""What of a document a text index has: its fields, their weights, and the language of each text.

Manual: core/indexes/index-types/index-text. Which strings are found, and with which weight, is as in a server's
fts_element_iterator.cpp: an array leads to its strings, and not into arrays of it, unless all fields are indexed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nosqlpy._core.text.languages import language_of
from nosqlpy.errors import WriteError

ALL_FIELDS: Final = "$**"


class Text(msgspec.Struct, frozen=True, gc=False):
    """One string of a document, its language, and the weight of its field."""

    text: str
    language: str
    weight: float


class TextSpec:
    """Finds the texts of a document. Immutable, may be shared by threads."""

    __slots__ = ("_flat", "_names", "_override", "_weights", "language", "wildcard")

    def __init__(self, weights: Mapping[str, float], language: str, override: str) -> None:
        self.language: str = language
        self.wildcard: bool = ALL_FIELDS in weights
        self._override = override
        self._weights = {path: float(weight) for path, weight in weights.items() if path != ALL_FIELDS}
        self._names = sorted(self._weights)
        # no field is in a document inside of another one
        self._flat = not self.wildcard and not any("." in name for name in self._names)

    @property
    def names(self) -> frozenset[str] | None:
        """The top-level fields that are read, None for all."""
        return None if self.wildcard else frozenset((self._override, *(name.split(".")[0] for name in self._names)))

    def texts(self, document: Mapping[str, Any]) -> list[Text]:
        """Return the texts of a decoded document.

        Raises:
            WriteError: What stands for a language is no string (17261), or no language that is known (17262).
        """
        found: list[Text] = []
        if self._flat:
            self._gather(document, self._language(document, self.language), found)
        else:
            self._walk(document, "", self.language, found)
        return found

    def _gather(self, document: Mapping[str, Any], language: str, found: list[Text]) -> None:
        weights = self._weights
        for name, value in document.items():
            weight = weights.get(name)
            if weight is not None:
                if type(value) is str:
                    found.append(Text(value, language, weight))
                elif type(value) is list:
                    found += [Text(item, language, weight) for item in value if type(item) is str]

    def _walk(self, document: Mapping[str, Any], parent: str, language: str, found: list[Text]) -> None:
        language = self._language(document, language)
        for name, value in document.items():
            if "." in name or name.startswith("$") or (self.wildcard and name == self._override):
                continue  # to the first two no path leads: a server does not index them either
            self._reach(f"{parent}.{name}" if parent else name, value, language, found)

    def _reach(self, path: str, value: Any, language: str, found: list[Text], *, element: bool = False) -> None:
        """Find the texts of what stands at `path`, which may be the `element` of an array there."""
        kind = type(value)
        if kind is not str and kind is not list and kind is not dict:
            return
        names, wildcard = self._names, self.wildcard
        # the first name that can be that of the field or of one in it
        place = bisect_left(names, f"{path}." if kind is dict else path)
        reached = names[place] if place < len(names) else None
        if not wildcard and (reached is None or (reached != path and not reached.startswith(f"{path}."))):
            return
        exact = reached == path
        if kind is str:
            if exact or wildcard:
                found.append(Text(value, language, self._weights[path] if exact else 1.0))
        elif kind is dict:
            if not exact or wildcard:
                self._walk(value, path, language, found)
        elif not element or wildcard:
            for item in value:
                self._reach(path, item, language, found, element=True)

    def _language(self, document: Mapping[str, Any], outer: str) -> str:
        """Return the language of a document, that around it if it says none."""
        if self._override not in document:
            return outer
        said = document[self._override]
        if type(said) is not str:
            message = (
                f"the field {self._override!r} names the language of a text, hence a str, not {type(said).__name__}"
            )
            raise WriteError(message, code=17261, code_name="Location17261")
        language = language_of(said)
        if language is None:
            message = f"the field {self._override!r} names a language that text search does not have"
            raise WriteError(message, code=17262, code_name="Location17262")
        return language
