"""Long lists and Python's collector of cycles: what is handed over, and whom it leaves alone."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nosqlpy import Client
from nosqlpy._io import cursor, tenuring
from nosqlpy._io.tenuring import LONG, Growth, next_kept

pytestmark = pytest.mark.skipif(not tenuring._QUICK, reason="done where the collector has a lock to rely on")


@pytest.fixture(autouse=True)
def nothing_is_young() -> Iterator[None]:
    gc.unfreeze()
    gc.collect()
    tenuring._debt.frozen_until = 0.0
    yield
    tenuring._debt.frozen_until = 0.0
    gc.enable()
    gc.unfreeze()


def batch() -> list[Any]:
    return [{"tags": [number]} for number in range(10)]


def is_old(found: object) -> bool:
    return any(each is found for each in gc.get_objects(generation=2))


def test_a_batch_that_is_kept_is_old_at_once() -> None:
    found = next_kept(iter([batch()]))

    assert found == batch()
    assert is_old(found)
    assert gc.get_freeze_count() == 0


def test_what_the_interpreter_has_frozen_itself_is_no_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenuring.gc, "get_freeze_count", lambda: 375)

    assert is_old(next_kept(iter([batch()])))


def test_after_the_last_batch_comes_nothing() -> None:
    assert next_kept(iter([])) is None


def test_a_collector_that_is_off_stays_off_and_what_is_found_stays_young() -> None:
    gc.disable()

    found = next_kept(iter([batch()]))

    assert not gc.isenabled()
    assert not is_old(found)


def test_what_others_have_frozen_stays_frozen() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()

    found = next_kept(iter([batch()]))

    assert gc.get_freeze_count() > frozen // 2  # some may have gone by themselves
    assert not is_old(found)


def test_frozen_objects_are_not_counted_for_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[None] = []
    monkeypatch.setattr(tenuring, "FROZEN_S", 1e9)
    monkeypatch.setattr(tenuring.gc, "get_freeze_count", lambda: counts.append(None) or 1 << 20)
    for _ in range(5):
        next_kept(iter([batch()]))

    assert len(counts) == 1


def test_a_step_that_fails_leaves_nothing_frozen_and_the_collector_on() -> None:
    def failing() -> Iterator[list[Any]]:
        yield from ()
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it is this one
        next_kept(failing())

    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_full_run_that_is_due_comes_before_more_is_handed_over() -> None:
    next_kept(iter([batch()]))
    tenuring._debt.made = 1 << 40

    was_old = is_old(next_kept(iter([batch()])))
    gc.collect()
    after = next_kept(iter([batch()]))

    assert not was_old
    assert is_old(after)


def test_what_others_made_meanwhile_counts() -> None:
    next_kept(iter([batch()]))
    made = tenuring._debt.made
    others = [[number] for number in range(500)]
    next_kept(iter([batch()]))

    assert tenuring._debt.made >= made + len(others) - 50


@pytest.mark.parametrize(
    ("size", "read", "kept"),
    [
        (LONG + 1000, lambda found: found.to_list(), True),
        (LONG + 1000, lambda found: found.sort("-n").to_list(), True),
        (LONG - 1000, lambda found: found.to_list(), False),
        (LONG + 1000, list, False),
        (LONG + 1000, lambda found: found.to_list(LONG), False),
    ],
)
def test_only_long_lists_of_all_documents_are_handed_over(
    size: int, read: Callable[[Any], list[Any]], kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []

    def watched(steps: Iterator[list[Any]]) -> list[Any] | None:
        calls.append(None)
        return next_kept(steps)

    monkeypatch.setattr(cursor, "next_kept", watched)
    with Client(":memory:") as client:
        client["a"].insert_many([{"_id": number, "n": number} for number in range(size)])

        assert len(read(client["a"].find())) in (size, LONG)
        assert bool(calls) is kept


def test_what_an_index_holds_is_handed_over_as_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(tenuring, "_may_hand_over", lambda: True)
    monkeypatch.setattr(tenuring, "_hand_over", lambda: handed.append("over"))
    with Client(":memory:") as db:
        db["c"].insert_many({"_id": n} for n in range(2500))
        db["c"].create_index("n", progress=lambda *so_far: told.append(so_far))

    assert handed == ["over"] * 3
    assert told == [(1000, 2500), (2000, 2500), (2500, 2500)]


def test_nothing_of_an_index_is_handed_over_where_the_collector_is_off() -> None:
    handed: list[int] = []
    gc.disable()
    try:
        growth = Growth(lambda done, _: handed.append(done))
        growth(1, 2)
    finally:
        gc.enable()

    assert handed == [1]
    assert gc.get_freeze_count() == 0
