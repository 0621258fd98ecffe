"""Damaged and hostile files: small databases, ways to spoil them, and what may come of opening them then."""

from __future__ import annotations

import functools
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from durability.model import state_of_engine
from durability.simulated_disk import Inode, PowerCutError, SimulatedDisk
from durability.workload import client_of, open_database
from nosqlpy import Client
from nosqlpy._core.engine import compaction, hints, snapshots
from nosqlpy._core.log.frame import CRC, FRAME_SIZE, HEAD, MARK
from nosqlpy._core.log.hint import HEAD as HINT_HEAD
from nosqlpy._core.log.hint import hint_lsn
from nosqlpy._core.log.manifest import MAGIC as MANIFEST_MAGIC
from nosqlpy._core.log.manifest import MANIFEST, decode_manifest
from nosqlpy._core.log.operation import COLUMNS
from nosqlpy._core.log.segment import BLOCK_MIN, HEADER_SIZE, decode_header, segment_number
from nosqlpy._core.log.snapshot import is_snapshot
from nosqlpy._io.database import Database
from nosqlpy.errors import CorruptionError, FormatVersionError

SHM = "SHM"
# far more than opening and reading such a small database takes
OPERATIONS_MAX = 5000
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1)


@dataclass(frozen=True)
class Sample:
    """A database at rest: its files, what it holds, and what it may show where the end of the log was lost."""

    files: dict[str, bytes]
    state: str
    legal: frozenset[str]

    def disk(self, changed: dict[str, bytes]) -> SimulatedDisk:
        """Return a disk with these files, those of `changed` instead of the original ones."""
        disk = SimulatedDisk()
        for name, data in (self.files | changed).items():
            if name == SHM:
                disk.words[:] = memoryview(data.ljust(4096, b"\0")[:4096]).cast("B").cast("Q")
            else:
                disk.names[name] = disk.durable_names[name] = Inode(bytearray(data), [], bytearray(data))
        return disk


@functools.cache
def sample(seed: int, *, closed: bool, hinted: bool, packed: bool = False) -> Sample:
    """Return a small database of several segments, one of them a base, with a hint if it is wanted, open or closed.

    The base may be `packed`. One that is not `closed` was killed: the end of its log was never synced.
    """
    before = hints.NEW_MIN, snapshots.DOCUMENTS_MIN
    hints.NEW_MIN, snapshots.DOCUMENTS_MIN = 0 if hinted else 1 << 30, 0
    block_size, compaction.BLOCK_SIZE = compaction.BLOCK_SIZE, BLOCK_MIN
    try:
        disk = SimulatedDisk(seed)
        database = open_database(disk, segment_size=700, compression="zlib" if packed else None)
        client = client_of(database)
        _fill(client)
        client.sync()
        legal = [repr(state_of_engine(database.engine))]
        for number in range(4):
            client["b"].insert_one({"_id": number, "n": seed})
            legal.append(repr(state_of_engine(database.engine)))
        if closed:
            database.close()
        return Sample(disk.files() | {SHM: bytes(disk.words)}, legal[-1], frozenset(legal[-1:] if closed else legal))
    finally:
        hints.NEW_MIN, snapshots.DOCUMENTS_MIN = before
        compaction.BLOCK_SIZE = block_size


def _fill(client: Client) -> None:
    """Write what is durable in a sample: a base, and segments after it."""
    client["a"].insert_many([{"_id": number, "g": number % 3, "pad": "x" * 30} for number in range(12)])
    client["a"].create_index("g")
    client.compact()
    client["b"].insert_many([{"_id": f"id{number}", "n": [number, {"deep": [None]}]} for number in range(8)])
    client["a"].delete_many({"g": 1})


def is_derived(name: str) -> bool:
    """Whether a file is never needed: without it, all is as before."""
    return name == SHM or hint_lsn(name) is not None or is_snapshot(name)


# ── spoiling ────────────────────────────────────────────────────────────────────


def spoil(random: Random, data: bytes, others: list[bytes]) -> bytes:
    """Return other bytes than `data`: some changed, some missing, some added, some of another file."""
    spoilt = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        random.choice((_flip, _flip, _set, _number, _cut, _drop, _add, _zero, _copy, _splice))(random, spoilt, others)
    return bytes(spoilt)


def _at(random: Random, data: bytearray) -> int:
    """Return an offset, often one near the ends, where heads and feet are."""
    near = random.choice((0, 0, 1, 2))
    if near == 1:
        return min(len(data), random.randint(0, HEADER_SIZE + FRAME_SIZE))
    return max(0, len(data) - random.randint(0, 40)) if near == 2 else random.randint(0, len(data))


def _flip(random: Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[min(_at(random, data), len(data) - 1)] ^= 1 << random.randrange(8)


def _set(random: Random, data: bytearray, _: list[bytes]) -> None:
    at = _at(random, data)
    data[at : at + random.randint(1, 8)] = random.randbytes(random.randint(1, 8))


def _number(random: Random, data: bytearray, _: list[bytes]) -> None:
    width = random.choice((1, 2, 4, 8))
    at = _at(random, data)
    value = random.choice(NUMBERS) & ((1 << 8 * width) - 1)
    data[at : at + width] = value.to_bytes(width, random.choice(("little", "big")))


def _cut(random: Random, data: bytearray, _: list[bytes]) -> None:
    del data[_at(random, data) :]


def _drop(random: Random, data: bytearray, _: list[bytes]) -> None:
    at = _at(random, data)
    del data[at : at + random.choice((1, 4, 36, 512))]


def _add(random: Random, data: bytearray, _: list[bytes]) -> None:
    at = random.choice((len(data), _at(random, data)))
    data[at:at] = random.choice((bytes, random.randbytes))(random.choice((1, 4, 64, 5000)))


def _zero(random: Random, data: bytearray, _: list[bytes]) -> None:
    at = _at(random, data)
    size = min(random.choice((1, 8, 512)), len(data) - at)
    data[at : at + size] = bytes(size)


def _copy(random: Random, data: bytearray, _: list[bytes]) -> None:
    """Write a part of the file once more, elsewhere: a write that went astray."""
    source, size = _at(random, data), random.choice((4, 36, 100, 512))
    target = _at(random, data)
    data[target : target + size] = data[source : source + size]


def _splice(random: Random, data: bytearray, others: list[bytes]) -> None:
    other = random.choice(others)
    source, size = random.randint(0, len(other)), random.choice((36, 100, 512, 1 << 20))
    target = _at(random, data)
    data[target : target + size] = other[source : source + size]


# ── judging ─────────────────────────────────────────────────────────────────────


class Fuzzer:
    """Spoils one file of a sample after the other, and counts what came of it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.counts: Counter[str] = Counter()

    def run(self, count: int) -> Counter[str]:
        """Spoil so many times.

        Raises:
            AssertionError: Opening, or reading, went another way than by an error that says what is damaged.
        """
        for number in range(count):
            closed, hinted, packed = (self.random.random() < 0.5 for _ in range(3))
            mine = sample(1, closed=closed, hinted=hinted, packed=packed)
            other = sample(2, closed=closed, hinted=hinted, packed=packed)
            name = self.random.choice(sorted(mine.files))
            spoilt = self._spoilt(mine, other, name)
            try:
                self.counts[self._kind(name)] += 1
                self.counts[judge(mine, name, spoilt, self.random.choice((0, 256 << 20)))] += 1
            except AssertionError as error:
                error.add_note(f"seed {self.seed}, mutation {number}, of {name}: {spoilt[:2000]!r}")
                raise
        return self.counts

    def _spoilt(self, mine: Sample, other: Sample, name: str) -> bytes:
        """Return what the file holds afterwards: sometimes a whole other file, of this database or another."""
        if self.random.random() < 0.1:
            source = self.random.choice((mine, other))
            return source.files[self.random.choice(sorted(source.files))]
        return spoil(self.random, mine.files[name], [*mine.files.values(), *other.files.values()])

    @staticmethod
    def _kind(name: str) -> str:
        if segment_number(name) is not None:
            return "segments"
        return "hints" if hint_lsn(name) is not None else "snapshots" if is_snapshot(name) else name


def judge(original: Sample, name: str, data: bytes, memory_budget: int) -> str:
    """Open the database with another content of one file; return how that was noticed.

    Raises:
        AssertionError: It was not, and shows what it must not; or another error came, or no end.
    """
    disk = original.disk({name: data})
    before = disk.files()
    found: Any = attempt(disk, memory_budget)
    if isinstance(found, Exception):
        assert not is_derived(name), f"{name} is derived: {found}"
        assert disk.files() == before, "a refused opening changed the files"
        return "refused"
    state, torn, damage = found
    if damage is not None:
        assert not is_derived(name), f"{name} is derived: {damage}"
        return "found when it was read"
    if state == original.state:
        return "harmless"
    assert state in original.legal, f"{name} shows what never was, or lost what was durable"
    return "torn" if torn else "cut"  # between two frames that were not durable: nobody can tell


def attempt(
    disk: SimulatedDisk, memory_budget: int = 256 << 20, read: Callable[[Database], str] | None = None
) -> Exception | tuple[str, int, Exception | None]:
    """Open, and `read` everything; return the error of opening, or the state, lost bytes, and what was found late."""
    disk.stop_at = disk.operations + OPERATIONS_MAX
    try:
        try:
            database = open_database(disk, create=False, memory_budget=memory_budget)
        except (CorruptionError, FormatVersionError) as error:
            return error
        try:
            state = (read or read_all)(database)
        except CorruptionError as error:
            return "", database.report.torn_bytes, error
    except PowerCutError:
        raise AssertionError("it does not come to an end") from None
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} instead of CorruptionError: {error}") from error
    return state, database.report.torn_bytes, None


def read_all(database: Database) -> str:
    """Return the state as a user reads it, and check every byte of it."""
    client = client_of(database)
    for name in client.list_collection_names():
        by_index = client[name].find({"g": 2}).to_list()
        documents = client[name].find().to_list()
        by_index += client[name].find({"g": 0}).to_list()
        client[name].get(1)
        assert by_index == [found for g in (2, 0) for found in documents if found.get("g") == g]
    database.verify()
    return repr(state_of_engine(database.engine))


def check_all(database: Database) -> str:
    """Check every byte, and every document."""
    database.verify()
    return ""


# ── hostile content behind checksums that hold ──────────────────────────────────


def hostile_frames(original: Sample, bodies: list[tuple[int, bytes]]) -> SimulatedDisk:
    """Return a disk whose active segment has frames with these kinds and bodies, well numbered, chained and summed."""
    manifest = decode_manifest(original.files[MANIFEST])
    name = f"seg-{manifest.active:08x}.nql"
    header = decode_header(original.files[name], file=name)
    parts, lsn, crc = [header.encode()], header.base_lsn, header.prev_crc
    for kind, body in bodies:
        lsn += 1
        head = HEAD.pack(MARK, len(body), lsn, 0, crc, kind, 0, 0)
        covered = body
        if kind in COLUMNS and len(body) >= 4:
            covered = body[: 4 + struct.unpack_from("<I", body)[0]]
        crc = zlib.crc32(covered, zlib.crc32(head, header.salt))
        parts += [head, CRC.pack(crc), body]
    return original.disk({name: b"".join(parts), SHM: b""})  # without the page, which says what was durable


def hostile_manifest(original: Sample, body: bytes) -> SimulatedDisk:
    """Return a disk whose manifest has this body and the checksum for it."""
    head = struct.pack("<8sHHHHI", MANIFEST_MAGIC, 1, 0, 0, 0, len(body))
    return original.disk({MANIFEST: head + CRC.pack(zlib.crc32(body, zlib.crc32(head))) + body})


def manifest_body(original: Sample) -> dict[str, Any]:
    """Return what the manifest says, to be changed."""
    body: dict[str, Any] = msgspec.msgpack.decode(original.files[MANIFEST][24:])
    return body


def hostile_hint(original: Sample, sections: bytes, directory: bytes) -> SimulatedDisk:
    """Return a disk whose hint has these sections and this directory, and the checksum for them."""
    name = hint_of(original)
    foot = struct.pack("<QI", len(HINT_HEAD) + len(sections), len(directory))
    crc = zlib.crc32(foot, zlib.crc32(directory, zlib.crc32(HINT_HEAD)))
    return original.disk({name: HINT_HEAD + sections + directory + foot + CRC.pack(crc)})


def hint_of(original: Sample) -> str:
    """Return the name of the hint."""
    return next(name for name in original.files if hint_lsn(name) is not None)


def hint_parts(original: Sample) -> tuple[bytes, dict[str, Any]]:
    """Return the sections of the hint, and what its directory says, to be changed."""
    data = original.files[hint_of(original)]
    offset, length = struct.unpack_from("<QI", data, len(data) - 16)
    directory: dict[str, Any] = msgspec.msgpack.decode(data[offset : offset + length])
    return data[len(HINT_HEAD) : offset], directory
