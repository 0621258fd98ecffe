from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nosqlpy._core.engine.fingerprints import Fingerprints

keys = st.lists(st.one_of(st.integers(), st.text(), st.binary(max_size=12), st.tuples(st.integers(), st.text())))


@given(keys, keys)
def test_what_was_added_is_never_lacked(first: list[object], then: list[object]) -> None:
    fingerprints = Fingerprints()
    fingerprints.add(first)
    fingerprints.add(then)

    assert not any(fingerprints.lack([key]) for key in [*first, *then])
    assert fingerprints.lack([])


def test_a_hundred_thousand_keys_are_told_from_a_hundred_thousand_others() -> None:
    fingerprints = Fingerprints()
    fingerprints.add([f"id {number}" for number in range(100_000)])

    assert fingerprints.lack([f"other {number}" for number in range(100_000)])
    assert not fingerprints.lack([*(f"other {number}" for number in range(999)), "id 99999"])


def test_keys_may_be_asked_for_before_they_are_added_and_after() -> None:
    fingerprints, asked = Fingerprints(), ["a", 1, b"c"]
    before = fingerprints.lack(asked)
    fingerprints.add(asked)

    assert (before, fingerprints.lack(asked)) == (True, False)


def test_what_was_forgotten_may_have_had_any_key() -> None:
    fingerprints = Fingerprints()
    fingerprints.forget()
    fingerprints.add(["a"])

    assert not fingerprints.lack(["b"])
    assert not fingerprints.lack_one("b")


def test_one_key_is_not_looked_for_where_that_takes_long() -> None:
    fingerprints = Fingerprints()
    fingerprints.add([f"id {number:03}" for number in range(100)])
    before = [fingerprints.lack_one(key) for key in ("id 100", "id 0501", "id 050")]
    fingerprints.lack(["id 0501"])

    assert before == [True, False, False]
    assert [fingerprints.lack_one(key) for key in ("id 100", "id 0501", "id 050")] == [True, True, False]


@given(st.lists(st.lists(st.integers(0, 30), max_size=4)), st.sampled_from([int, str, bytes, lambda key: (key,)]))
def test_keys_in_any_order_are_lacked_until_they_are_added(batches: list[list[int]], kind: Any) -> None:
    fingerprints, added = Fingerprints(), set[object]()
    for batch in batches:
        keys = [key if number % 7 == 6 else kind(key) for number, key in enumerate(batch)]

        assert not any(fingerprints.lack_one(key) for key in added)
        assert fingerprints.lack(keys) == added.isdisjoint(keys)
        fingerprints.add(keys)
        added.update(keys)
