"""Damaged and hostile files of every kind: an error that says what is damaged, or the data; nothing else, ever."""

from __future__ import annotations

import io
import struct
import tempfile
import tracemalloc
import zlib
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durability.fuzzing import (
    Fuzzer,
    attempt,
    check_all,
    hint_parts,
    hostile_frames,
    hostile_hint,
    hostile_manifest,
    manifest_body,
    sample,
    spoil,
)
from durability.model import state_of_engine
from durability.scale import SCALE
from durability.simulated_disk import SimulatedStorage
from nosqlpy import Client
from nosqlpy._core.engine import repairing
from nosqlpy._core.engine.dumping import Restoring
from nosqlpy._core.log.dump import DumpReader, DumpWriter
from nosqlpy._core.log.packed import unpack
from nosqlpy._core.log.segment import MAGIC, decode_header
from nosqlpy._io.driver import drive
from nosqlpy.errors import CorruptionError, FormatVersionError

EXAMPLES = settings(
    max_examples=200 * SCALE,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)

# whatever MessagePack can say, in the shapes that bodies have or nearly have
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
encoded = values.map(msgspec.msgpack.encode)
names = st.sampled_from(["create", "drop", "clear", "rename", "options", "index", "unindex", "else"])
numbers = st.sampled_from([0, 1, 2, 3, 7, 255, 2**31, 2**32 - 1])
payloads = values | st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b", "new", ""]) | values,
        "keys": values | st.just([["g", 1]]),
        "options": values,
        "unique": values,
        "validator": values,
    },
)


def column(code: int, number: int, ids: Any, lengths: bytes, crcs: bytes) -> list[Any]:
    return [code, number, ids, lengths, crcs]


columns = st.builds(
    column,
    st.integers(0, 4),
    numbers | values,
    st.lists(values, max_size=3) | st.tuples(names, payloads) | values,
    st.binary(max_size=12),
    st.binary(max_size=12),
)
deep = st.sampled_from([b"\x91" * 50, b"\x91" * 5000, b"\x82\xa3_id\x01\xa1a" + b"\x91" * 5000 + b"\xc0"])


def put(number: int, pairs: list[tuple[Any, bytes]]) -> bytes:
    """Return the body of a put whose documents have the checksums that it names."""
    blobs = [blob for _, blob in pairs]
    numbers = [struct.pack(f"<{len(blobs)}I", *map(function, blobs)) for function in (len, zlib.crc32)]
    meta = msgspec.msgpack.encode([column(1, number, [id for id, _ in pairs], *numbers)])
    return struct.pack("<I", len(meta)) + meta + b"".join(blobs)


documents = encoded | deep | st.dictionaries(st.sampled_from(["_id", "g", "n"]), values).map(msgspec.msgpack.encode)
puts = st.builds(
    put, st.sampled_from([1, 2]), st.lists(st.tuples(values, documents | st.binary(max_size=9)), max_size=3)
)
single = st.builds(
    lambda code, number, rest: struct.pack("<BI", code, number) + rest,
    st.integers(0, 4),
    numbers,
    documents
    | st.binary(max_size=20)
    | st.builds(lambda verb, load: msgspec.msgpack.encode([verb, load]), names, payloads),
)
bulk = st.builds(
    lambda meta, size, blob: struct.pack("<I", len(meta) if size is None else size) + meta + blob,
    st.lists(columns | values, max_size=3).map(msgspec.msgpack.encode) | encoded | st.binary(max_size=20),
    st.none() | numbers,
    st.binary(max_size=30),
)
bodies = st.tuples(st.just(1), single | st.binary(max_size=30)) | st.tuples(
    st.just(2), puts | bulk | st.binary(max_size=30)
)


def test_whatever_is_changed_in_any_file_is_noticed_or_does_not_matter() -> None:
    counts: Counter[str] = Counter()
    for seed in range(SCALE):
        counts += Fuzzer(seed).run(10_000)
    print(dict(counts))

    assert (
        min(
            counts[kind]
            for kind in ("MANIFEST", "segments", "hints", "snapshots", "SHM", "refused", "harmless", "torn")
        )
        > 0
    )


@given(st.lists(bodies, min_size=1, max_size=3))
@EXAMPLES
def test_a_frame_whose_checksum_holds_makes_sense_or_is_corruption(frames: list[tuple[int, bytes]]) -> None:
    attempt(hostile_frames(sample(1, closed=False, hinted=False), frames), read=check_all)


@given(st.dictionaries(st.sampled_from(["database", "generation", "sealed", "active", "clean_size", "epoch"]), values))
@EXAMPLES
def test_a_manifest_whose_checksum_holds_makes_sense_or_is_corruption(changes: dict[str, Any]) -> None:
    original = sample(1, closed=True, hinted=False)
    attempt(hostile_manifest(original, msgspec.msgpack.encode(manifest_body(original) | changes)))


@given(
    st.dictionaries(st.sampled_from(["next_number", "dead", "definitions", "sections"]), values | encoded),
    st.lists(st.tuples(st.integers(0, 7), values), max_size=3),
    st.randoms(use_true_random=False),
)
@EXAMPLES
def test_a_hint_whose_checksum_holds_makes_sense_or_is_left_aside(
    changes: dict[str, Any], fields: list[tuple[int, Any]], random: Random
) -> None:
    original = sample(1, closed=True, hinted=True)
    sections, directory = hint_parts(original)
    for at, value in fields:
        random.choice(directory["sections"])[at] = value
    if random.random() < 0.5:
        sections = spoil(random, sections, [sections])
    attempt(hostile_hint(original, sections, msgspec.msgpack.encode(directory | changes)))


@given(
    st.sampled_from(["LOCK", "COMPACT", "SHM", "torn-00000003.bin", "MANIFEST-12ab.tmp", "seg-000000ff.nql"]),
    st.binary(max_size=40) | st.binary(min_size=4096, max_size=4200),
    st.booleans(),
)
@settings(EXAMPLES, max_examples=40 * SCALE)
def test_what_stands_in_files_that_hold_no_data_does_not_matter(
    tmp_path: Path, name: str, data: bytes, closed: bool
) -> None:
    """Locks, the shared page, what a crash has left behind: real files, since the simulation has no locks."""
    place = Path(tempfile.mkdtemp(dir=tmp_path))
    original = sample(1, closed=closed, hinted=False)
    for other, content in original.files.items():
        if other != "SHM":
            (place / other).write_bytes(content)
    (place / name).write_bytes(data)
    with Client(place, lock_timeout=0) as client:
        shown = repr(state_of_engine(client._backend.database().engine))
        client["b"].insert_one({"_id": "more"})
        client.compact()

    assert shown == original.state
    with Client(place, read_only=True) as client:
        assert client["b"].get("more") == {"_id": "more"}


def dumped(compression: str | None) -> bytes:
    client, target = Client(":memory:"), io.BytesIO()
    client["a"].create_index("g")
    client["a"].insert_many([{"_id": number, "g": number % 3, "pad": "x" * 30} for number in range(40)])
    client["b"].insert_many([{"_id": f"id{number}", "n": [number, {"deep": [None]}]} for number in range(8)])
    client.dump(target, compression=compression)
    client.close()
    return target.getvalue()


def restored(data: bytes) -> list[Any]:
    return list(Restoring(DumpReader("the dump")).frames([data]))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_whatever_is_changed_in_a_dump_is_noticed(compression: Any) -> None:
    data, random = dumped(compression), Random(1)
    other = dumped("zlib" if compression is None else None)
    for _ in range(1000 * SCALE):
        spoilt = spoil(random, data, [data, other])
        if spoilt != data:
            with pytest.raises((CorruptionError, FormatVersionError)):
                restored(spoilt)


@given(st.lists(st.tuples(st.integers(0, 4), documents | puts | st.binary(max_size=30)), max_size=3))
@EXAMPLES
def test_a_section_of_a_dump_whose_checksum_holds_makes_sense_or_is_corruption(parts: list[tuple[int, bytes]]) -> None:
    writer = DumpWriter(None)
    data = writer.header(1) + writer.catalogue([[1, "create", {"name": "a"}]])
    data += b"".join(writer._section(kind, content) for kind, content in parts)
    with pytest.raises((CorruptionError, FormatVersionError)):
        restored(data)


def unpacked(data: bytes) -> bytes:
    """Return the bytes of a segment as they were before they were compressed, and of any other file as they are."""
    return unpack(data, decode_header(data, file="")) if data[:8] == MAGIC else data


def test_a_repair_of_whatever_is_damaged_saves_only_what_was_written() -> None:
    random = Random(2)
    for number in range(500 * SCALE):
        packed = number % 4 > 1
        mine, other = (sample(seed, closed=number % 2 == 0, hinted=False, packed=packed) for seed in (1, 2))
        files = sorted(name for name in mine.files if name != "SHM")
        name = random.choice(files)
        spoilt = spoil(random, mine.files[name], [*mine.files.values(), *other.files.values()])
        try:
            found = drive(repairing.repair(), SimulatedStorage(mine.disk({name: spoilt})))
        except (CorruptionError, FormatVersionError):
            continue
        saved = [blob for _, blobs in found.content.documents for blob in blobs]
        written = [unpacked(data) for data in (*mine.files.values(), *other.files.values())]

        assert all(any(blob in content for content in written) for blob in saved)


@pytest.mark.parametrize("packed", [False, True])
def test_no_number_in_a_file_makes_room_for_more_than_the_file_has(packed: bool) -> None:
    """Every four bytes of every file claim to be two and four billion; and the whole costs no megabytes."""
    original = sample(1, closed=True, hinted=True, packed=packed)
    attempt(original.disk({}))  # what is made once
    tracemalloc.start()
    try:
        for name, data in original.files.items():
            for at in range(0, len(data) if name != "SHM" else 200, 1 if SCALE > 1 else 4):
                for claim in (b"\xff\xff\xff\x7f", b"\xff" * 8):
                    attempt(original.disk({name: data[:at] + claim + data[at + len(claim) :]}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 8 << 20
