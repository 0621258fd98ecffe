"""Types for what the original turned into text: ``"30"`` may have been a number, or text; so this is asked for."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

from nosqlpy import ConfigurationError

Recover: TypeAlias = Callable[[str], Any]
Types: TypeAlias = bool | Sequence[str] | AbstractSet[str] | Mapping[str, Recover]
"""False: all text. True: every field; names: those fields; a mapping: a function for each field."""

_INTEGER = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(\d+\.\d*|\.?\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")
_WORDS = {"True": True, "False": False, "None": None}
_REPRESENTED = re.compile(r"(\[.*\]|\{.*\}|\(.*\)|b'.*'|b\".*\")", re.DOTALL)
_DIGITS_MAX = 20
_LONGS = range(-(2**63), 2**63)


def recovered(text: str) -> Any:
    """Return the value whose ``str()`` is `text`, if that looks like one, else `text`."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        number = int(text[:_DIGITS_MAX])
        return number if number in _LONGS and str(number) == text else text
    if _FLOAT.fullmatch(text):
        return float(text) if str(float(text)) == text else text
    if _REPRESENTED.fullmatch(text):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
    return text


def recoverer(types: Types) -> Callable[[dict[str, str]], dict[str, Any]]:
    """Return what gives the fields of a record their types, as `types` says; the ``_id`` stays text.

    Raises:
        ConfigurationError: `types` is none of what it may be.
    """
    if types is False:
        return dict
    if isinstance(types, Mapping):
        functions: Mapping[str, Recover] = types
    elif types is True:
        return lambda fields: {name: text if name == "_id" else recovered(text) for name, text in fields.items()}
    elif isinstance(types, list | tuple | set | frozenset):
        functions = dict.fromkeys(types, recovered)
    else:
        raise ConfigurationError("types is True, False, a list of field names, or a mapping of names to functions")
    return lambda fields: {
        name: _typed(functions[name], name, text) if name in functions and name != "_id" else text
        for name, text in fields.items()
    }


def _typed(function: Recover, name: str, text: str) -> Any:
    try:
        return function(text)
    except Exception as error:
        error.add_note(f"the function for the field {name!r} raised it; nothing of this file was taken over")
        raise
