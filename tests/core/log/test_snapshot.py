from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nosqlpy._core.log.section import STEP
from nosqlpy._core.log.snapshot import encode_keys

COUNTS = [0, 15, 16, STEP, STEP + 1, 65_535, 65_536]


@pytest.mark.parametrize("count", COUNTS)
def test_scalars_that_are_packed_bit_by_bit_are_one_array(count: int) -> None:
    keys: list[Any] = list(range(count))

    assert encode_keys(keys) == (msgspec.msgpack.encode(keys), True)


@pytest.mark.parametrize("count", COUNTS[1:])
def test_other_keys_that_are_packed_bit_by_bit_are_one_map(count: int) -> None:
    keys: list[Any] = [(10, number) for number in range(count)]

    assert encode_keys(keys) == (msgspec.msgpack.encode(dict.fromkeys(keys)), False)


def test_keys_that_do_not_come_back_are_not_packed() -> None:
    assert encode_keys([*range(2 * STEP), 1 << 70]) is None
