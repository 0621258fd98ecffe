from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.logged import finish
from nosqlpy._core.engine import aligning
from nosqlpy._core.engine.aligning import align


def documents(count: int) -> list[bytes]:
    return [f"document {number}".encode() for number in range(count)]


def values_after(old: list[bytes], new: list[bytes]) -> tuple[list[Any], int]:
    """Return what stands beside the later documents, and how many were made anew."""
    alignment = finish(align(old, new))
    assert alignment is not None
    values = alignment.aligned([blob.decode() for blob in old])
    for place in alignment.fresh:
        assert values[place] is None
        values[place] = new[place].decode()
    return values, len(alignment.fresh)


@given(st.integers(1, 400), st.lists(st.tuples(st.sampled_from(["put", "new", "delete"]), st.integers(0)), max_size=30))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_what_stands_beside_documents_goes_with_them(size: int, writes: list[tuple[str, int]]) -> None:
    old = documents(size)
    held = dict(enumerate(old))
    for number, (write, where) in enumerate(writes):
        key = list(held)[where % len(held)] if held else 0
        if write == "delete":
            held.pop(key, None)
        else:
            held[key if write == "put" else -number - 1] = f"new {number}".encode()
    new = list(held.values())
    alignment = finish(align(old, new))

    if alignment is not None:
        values, _ = values_after(old, new)
        assert values == [blob.decode() for blob in new]


def test_the_same_documents_have_nothing_new() -> None:
    old = documents(20_000)

    assert values_after(old, list(old)) == ([blob.decode() for blob in old], 0)


def test_only_what_was_written_is_new() -> None:
    old, random = documents(20_000), Random(1)
    new = list(old)
    for place in random.sample(range(20_000), 300):
        new[place] = f"replaced {place}".encode()
    new = [blob for place, blob in enumerate(new) if place % 97 or blob is not old[place]]
    new += [b"last", b"very last"]

    values, made = values_after(old, new)

    assert values == [blob.decode() for blob in new]
    assert made <= 302 * 1.2


def test_many_documents_that_are_gone_side_by_side_are_found_to_be_gone() -> None:
    old = documents(20_000)
    new = old[:500] + old[9000:]

    _, made = values_after(old, new)

    assert made < 400


def test_moments_with_little_in_common_are_not_aligned() -> None:
    assert finish(align(documents(1000), documents(1000)[::-1])) is None
    assert finish(align([], documents(10))) is None


def test_no_step_takes_long() -> None:
    old = documents(100_000)
    new = old[:50_000] + [b"replaced"] * 1000 + old[51_000:]

    assert len(list(align(old, new))) > 100_000 // aligning.LONGEST // 2
