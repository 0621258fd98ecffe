"""``$text``, as it stands in a filter: its operand, checked, and the test of documents once an index is found.

Manual: reference/operator/query/text. The rules and codes are those of the server's extensions_callback.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from nosqlpy._core.text.languages import LANGUAGES, language_of
from nosqlpy._core.text.search import Search
from nosqlpy._core.values.types import BOOL, OBJECT, STRING, TYPES, as_mapping
from nosqlpy.errors import OperationFailure, QueryError
from nosqlpy.naming import nearest

TextTest: TypeAlias = Callable[[Mapping[str, Any]], bool]

_OPTIONS: Final = ("$search", "$language", "$caseSensitive", "$diacriticSensitive")


class TextOperand(msgspec.Struct, frozen=True):
    """What ``$text`` looks for; once an index was found it is `planned`, and may leave a `test` of documents."""

    search: Search
    planned: bool = False
    test: TextTest | None = None


def compile_text(operand: Any) -> TextOperand:
    """Return the operand of ``$text``.

    Raises:
        QueryError: It means nothing.
    """
    if TYPES[type(operand)] != OBJECT:
        raise QueryError(f"$text takes a document, not {type(operand).__name__}")
    given = as_mapping(operand)
    for option in given:
        if option not in _OPTIONS:
            raise QueryError(f"$text has no option {option!r}{nearest(str(option), _OPTIONS)}")
    if "$search" not in given:
        raise QueryError("$text needs a '$search'", code=4, code_name="NoSuchKey")
    return TextOperand(
        Search(
            _checked(given, "$search", STRING, ""),
            _language(_checked(given, "$language", STRING, "")),
            _checked(given, "$caseSensitive", BOOL, default=False),
            _checked(given, "$diacriticSensitive", BOOL, default=False),
        )
    )


def _checked(given: Mapping[str, Any], option: str, number: int, default: Any) -> Any:
    value = given.get(option, default)
    if TYPES[type(value)] != number:
        kind = "a str" if number == STRING else "True or False"
        message = f"the option {option!r} of $text is {kind}, not {type(value).__name__}"
        raise QueryError(message, code=14, code_name="TypeMismatch")
    return value


def _language(name: str) -> str | None:
    if not name:
        return None
    language = language_of(name)
    if language is None:
        raise QueryError(f"$text has no such '$language'{nearest(name, LANGUAGES)}")
    return language


def check_texts(operands: Sequence[Any]) -> None:
    """Refuse a filter with several ``$text``.

    Raises:
        QueryError: It has.
    """
    if sum(type(operand) is TextOperand for operand in operands) > 1:
        raise QueryError("a filter has at most one $text")


def no_text_index() -> OperationFailure:
    """Return the error of a ``$text`` without an index for it."""
    return OperationFailure("text index required for $text query", code=27, code_name="IndexNotFound")


def refuse_text(*, found: bool, where: str) -> None:
    """Refuse a ``$text`` that was `found` where it cannot stand.

    Raises:
        QueryError: It was.
    """
    if found:
        raise QueryError(f"$text is not allowed in {where}")
