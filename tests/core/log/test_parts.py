"""Large commits: parts, and an end without which they are nothing."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from core.log.test_frame import HEADER, ONE, put, segment
from nosqlpy._core.log import frame
from nosqlpy._core.log.frame import copy_frames, encode_again, encode_commit, scan_segment
from nosqlpy._core.log.operation import KIND_BULK, KIND_COMMIT, KIND_OP, KIND_PART, Define, Delete, Operation, Put
from nosqlpy._core.log.salvage import Saved, salvage
from nosqlpy._core.log.segment import HEADER_SIZE
from nosqlpy.errors import CorruptionError

MANY: list[Operation] = [
    Define(2, "create", {"name": "n"}),
    put(*range(20), collection=2),
    Delete(2, [1, 2], [1, 2]),
    put("z"),
]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "PART_BYTES", 200)


def large(*, operations: list[Operation] | None = None, lsn: int = 11, prev_crc: int = 77) -> tuple[bytes, int, int]:
    return encode_commit(operations or MANY, lsn=lsn, synced_upto=0, prev_crc=prev_crc, salt=HEADER.salt)


def flat(operations: list[Operation]) -> list[Any]:
    """Return what operations do to single documents, in order."""
    found: list[Any] = []
    for operation in operations:
        if isinstance(operation, Put):
            found += [
                ("put", operation.collection, *pair) for pair in zip(operation.ids, operation.documents, strict=True)
            ]
        elif isinstance(operation, Delete):
            found += [("delete", operation.collection, id) for id in operation.ids]
        else:
            found.append(operation)
    return found


def test_a_small_commit_is_one_frame() -> None:
    data, lsn, crc = large(operations=ONE)

    assert (data, lsn) == (segment(ONE)[HEADER_SIZE:], 11)
    assert crc == scan_segment(segment(ONE), HEADER).frames[0].crc


def test_a_large_commit_is_parts_and_an_end() -> None:
    data, lsn, crc = large()
    frames = scan_segment(HEADER.encode() + data, HEADER).frames

    assert [f.kind for f in frames] == [KIND_PART] * (len(frames) - 1) + [KIND_COMMIT]
    assert (frames[-1].lsn, frames[-1].crc) == (lsn, crc)
    assert len(frames) > 5
    assert flat([operation for f in frames for operation in f.operations]) == flat(MANY)


def test_a_delete_of_many_ids_is_parts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nosqlpy._core.log.operation.PART_IDS", 30)
    ids = [f"id{n}" for n in range(100)]
    data, _, _ = large(operations=[Delete(1, list(ids), ids)])
    frames = scan_segment(HEADER.encode() + data, HEADER).frames

    assert [len(f.operations[0].ids) for f in frames[:-1]] == [30, 30, 30, 10]


def test_frames_follow_a_large_commit() -> None:
    data, lsn, crc = large()
    more, _, _ = encode_commit(ONE, lsn=lsn + 1, synced_upto=0, prev_crc=crc, salt=HEADER.salt)
    scan = scan_segment(HEADER.encode() + data + more, HEADER)

    assert scan.frames[-1].kind == KIND_OP
    assert scan.damage is None


@pytest.mark.parametrize("cut", range(1, 1000, 13))
def test_without_its_end_a_large_commit_is_a_torn_tail(cut: int) -> None:
    first = segment(ONE)
    data, _, _ = large(lsn=12, prev_crc=scan_segment(first, HEADER).frames[0].crc)
    scan = scan_segment((first + data)[: -min(cut, len(data))], HEADER)

    assert [f.operations for f in scan.frames] == [ONE]
    assert scan.end == len(first)
    assert scan.damage is None if cut >= len(data) else scan.damage is not None


def test_parts_that_were_durable_without_their_end_are_damage() -> None:
    data, _, _ = large()
    with pytest.raises(CorruptionError):
        scan_segment(HEADER.encode() + data[:-10], HEADER, synced=HEADER_SIZE + len(data))


def crafted(*kinds: int) -> bytes:
    """Return a segment whose frames have these kinds, each intact."""
    frames = [frame.Frame(0, 0, 0, [] if kind == KIND_COMMIT else [put("a", "b")], 0, kind) for kind in kinds]
    return HEADER.encode() + encode_again(frames, lsn=11, prev_crc=77, salt=HEADER.salt)[0]


def test_another_commit_in_the_middle_of_parts_is_damage() -> None:
    with pytest.raises(CorruptionError, match="without all of its parts"):
        scan_segment(crafted(KIND_PART, KIND_BULK), HEADER)


def test_an_end_that_counts_other_parts_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "_sum_of", lambda crcs: 5)
    data = crafted(KIND_PART, KIND_PART, KIND_COMMIT)
    monkeypatch.undo()
    with pytest.raises(CorruptionError, match="without all of its parts"):
        scan_segment(data, HEADER)


def test_frames_are_written_again_as_what_they_are() -> None:
    data = large()[0]
    frames = scan_segment(HEADER.encode() + data, HEADER).frames

    assert encode_again(frames, lsn=11, prev_crc=77, salt=HEADER.salt)[0] == data


def test_frames_are_copied_into_another_segment_as_what_they_are() -> None:
    data, lsn, crc = large()
    data += encode_commit([put("x")], lsn=lsn + 1, synced_upto=9, prev_crc=crc, salt=HEADER.salt)[0]
    before = scan_segment(HEADER.encode() + data, HEADER).frames
    other = msgspec.structs.replace(HEADER, base_lsn=20, salt=HEADER.salt + 1, prev_crc=5)
    copied, last = copy_frames(HEADER.encode() + data + b"torn", before, lsn=21, prev_crc=5, salt=other.salt)
    after = scan_segment(other.encode() + copied, other).frames

    assert [(each.kind, each.operations) for each in after] == [(each.kind, each.operations) for each in before]
    assert [each.kind for each in after[-2:]] == [KIND_COMMIT, KIND_OP]
    assert after[-1].crc == last
    assert (copied, last) == encode_again(before, lsn=21, prev_crc=5, salt=other.salt)


def test_every_flipped_bit_of_a_large_commit_is_a_torn_tail_or_damage() -> None:
    data = HEADER.encode() + large()[0]
    for bit in range(8 * HEADER_SIZE, 8 * len(data), 7):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        try:
            frames = scan_segment(bytes(flipped), HEADER).frames
        except CorruptionError:
            continue

        assert frames == []


def test_salvage_tells_parts_from_ends() -> None:
    parts = list(salvage(HEADER.encode() + large()[0], HEADER.salt))

    assert {part.kind for part in parts if isinstance(part, Saved)} == {KIND_PART, KIND_COMMIT}


def test_a_torn_tail_full_of_heads_is_refused_in_time() -> None:
    head = frame.HEAD.pack(frame.MARK, 1 << 20, 1, 0, 0, 1, 0, 0) + b"\0" * 4
    began = time.process_time()
    with pytest.raises(CorruptionError, match="is damaged"):
        scan_segment(segment(ONE) + head * 60_000, HEADER)

    assert time.process_time() - began < 30
