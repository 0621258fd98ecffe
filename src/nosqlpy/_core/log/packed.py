"""A packed segment that is open for reading: parts of it, counted in the bytes that it had before it was packed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Final

from nosqlpy._core.log.manifest import SealedSegment
from nosqlpy._core.log.packing import BLOCK_HEAD, FOOT_SIZE, check_code, decode_end, end_size, read_block
from nosqlpy._core.log.segment import HEADER_SIZE, SegmentHeader, damaged, segment_name
from nosqlpy.errors import CorruptionError

# a read of more blocks is one of a scan, which does not come back to them
KEPT_BLOCKS: Final = 2


class BlockCache:
    """Blocks that were read last, by segment and number; readers on several threads share it.

    It has at most `capacity` bytes, or one block.
    """

    __slots__ = ("_held", "capacity")

    def __init__(self, capacity: int) -> None:
        self.capacity: int = capacity
        self._held: dict[tuple[int, int], bytes] = {}

    @property
    def size(self) -> int:
        """How many bytes it has now."""
        return sum(map(len, list(self._held.values())))

    def get(self, segment: int, number: int) -> bytes | None:
        """Return a block if it is there."""
        block = self._held.pop((segment, number), None)
        if block is not None:
            self._held[segment, number] = block  # the last one to go
        return block

    def put(self, segment: int, number: int, block: bytes, block_size: int) -> None:
        """Keep a block of a segment whose blocks have `block_size` bytes, and let others go."""
        self._held[segment, number] = block
        for key in list(self._held)[: -max(1, self.capacity // block_size)]:
            self._held.pop(key, None)


class PackedFile:
    """Reads parts of a packed segment by `read`, which does so of its file, of `size` bytes."""

    __slots__ = ("_blocks", "_header", "_read", "_size", "_starts")

    def __init__(self, header: SegmentHeader, read: Callable[[int, int], bytes], size: int, blocks: BlockCache) -> None:
        """Read the table of blocks.

        Raises:
            CorruptionError: It is damaged, or the file has another size than it says.
            NotSupportedError: A package is missing that the compression needs.
        """
        check_code(header.codec)
        self._header = header
        self._read = read
        self._blocks = blocks
        behind = end_size(read(max(0, size - FOOT_SIZE), FOOT_SIZE).rjust(FOOT_SIZE, b"\0"))
        end = decode_end(read(max(HEADER_SIZE, size - behind), behind), header) if behind < size else None
        if end is None:
            raise damaged(segment_name(header.number), max(0, size - FOOT_SIZE), "ends in no table of its blocks")
        self._size = end[0]
        self._starts = list(accumulate((BLOCK_HEAD + stored for stored in end[1]), initial=HEADER_SIZE))
        if self._starts[-1] + behind != size:
            raise damaged(segment_name(header.number), self._starts[-1], "is not as long as its blocks")

    def size(self) -> int:
        """Return how many bytes the segment had before it was packed."""
        return self._size

    def __call__(self, offset: int, size: int) -> bytes:
        """Return `size` bytes at `offset`, fewer at the end.

        Raises:
            CorruptionError: A block is damaged.
        """
        end = min(offset + size, self._size)
        if end <= HEADER_SIZE or offset >= end:
            return self._read(offset, max(0, end - offset))
        if offset < HEADER_SIZE:
            return self._read(offset, HEADER_SIZE - offset) + self(HEADER_SIZE, end - HEADER_SIZE)
        first, last = ((at - HEADER_SIZE) // self._header.block_size for at in (offset, end - 1))
        skipped = offset - HEADER_SIZE - first * self._header.block_size
        if first == last:
            return self._block(first)[skipped : skipped + end - offset]
        return b"".join(self._together(first, last))[skipped : skipped + end - offset]

    def _block(self, number: int) -> bytes:
        segment = self._header.number
        block = self._blocks.get(segment, number)
        if block is None:
            start = self._starts[number]
            block = self._checked(number, self._read(start, self._starts[number + 1] - start), 0)
            self._blocks.put(segment, number, block, self._header.block_size)
        return block

    def _together(self, first: int, last: int) -> list[bytes]:
        """Return blocks that lie one behind the other."""
        if last - first < KEPT_BLOCKS:
            return list(map(self._block, range(first, last + 1)))
        start = self._starts[first]
        data = self._read(start, self._starts[last] - start)
        blocks = [self._checked(number, data, self._starts[number] - start) for number in range(first, last)]
        return [*blocks, self._block(last)]  # where the next part of a scan begins

    def _checked(self, number: int, data: bytes, offset: int) -> bytes:
        block = read_block(data, offset, self._header)
        first = HEADER_SIZE + number * self._header.block_size
        wanted = min(self._header.block_size, self._size - first)
        if block is None or (block.number, len(block.data)) != (number, wanted):
            raise self._damage(number)
        return block.data

    def _damage(self, number: int) -> CorruptionError:
        return damaged(segment_name(self._header.number), self._starts[number], "holds a damaged block")


def unpack(data: bytes, header: SegmentHeader) -> bytes:
    """Return the bytes of a segment whose file has `data`: these, unless it is packed.

    Raises:
        CorruptionError: A block, or the table of blocks, is damaged.
        NotSupportedError: A package is missing that the compression needs.
    """
    if not header.codec:
        return data
    view = memoryview(data)
    file = PackedFile(header, lambda offset, size: bytes(view[offset : offset + size]), len(data), BlockCache(0))
    return file(0, file.size())


def check_unpacked(data: bytes, segment: SealedSegment, header: SegmentHeader) -> bytes:
    """Return the bytes of a sealed segment whose file has `data`, if that has the size that the manifest says.

    Raises:
        CorruptionError: It has another, or is damaged.
    """
    if header.codec and len(data) != segment.stored:
        name = segment_name(segment.number)
        raise damaged(name, min(len(data), segment.stored), "is not what was sealed")
    return unpack(data, header)
