from __future__ import annotations

import pytest

from nosqlpy._core.values.check import is_known_key
from nosqlpy._core.values.codec import encode_document
from nosqlpy._core.values.kept import CHARACTERS_MAX, kept, length_of


def test_a_result_is_made_once_until_the_cache_is_full() -> None:
    made: list[str] = []

    @kept(2)
    def upper(text: str) -> str:
        made.append(text)
        return text.upper()

    assert [upper(text) for text in ("a", "a", "b", "a", "c", "b")] == ["A", "A", "B", "A", "C", "B"]
    assert made == ["a", "b", "c", "b"]


def test_a_cache_is_emptied_once_too_many_characters_have_come_into_it() -> None:
    made: list[int] = []

    @kept(1000)
    def parts(names: tuple[str, ...]) -> int:
        made.append(len(names))
        return len(names)

    long = "x" * (CHARACTERS_MAX // 2)
    for names in (("a",), ("a",), (long,), ("a",), (long, "b"), ("a",)):
        parts(names)

    assert made == [1, 1, 2, 1]


def test_what_is_refused_is_refused_again() -> None:
    refusals = 0

    @kept(10)
    def refused(text: str) -> str:
        nonlocal refusals
        refusals += 1
        raise ValueError(text)

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            refused("no")

    assert refusals == 2


def test_the_length_is_that_of_all_texts_however_they_are_nested() -> None:
    assert length_of(("abc", 1, (frozenset(("de", "f")), None), [])) == 6


def test_a_long_key_of_a_document_is_not_kept() -> None:
    encode_document({"short key": 1, "long" * 300: 2})

    assert is_known_key("short key")
    assert not is_known_key("long" * 300)
