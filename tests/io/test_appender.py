"""The buffer of ``fast`` is sized by the memory that is free."""

from __future__ import annotations

import os

import pytest

from nosqlpy._io.appender import BUFFER_MAX, BUFFER_MIN, buffer_size


@pytest.mark.parametrize(("free_pages", "size"), [(0, BUFFER_MIN), (250_000, 1_024_000), (10_000_000, BUFFER_MAX)])
def test_the_buffer_is_a_thousandth_of_the_free_memory_within_bounds(
    monkeypatch: pytest.MonkeyPatch, free_pages: int, size: int
) -> None:
    told = {"SC_AVPHYS_PAGES": free_pages, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", told.__getitem__)

    assert buffer_size() == size


def test_where_the_system_does_not_tell_the_buffer_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")

    assert buffer_size() == BUFFER_MIN
