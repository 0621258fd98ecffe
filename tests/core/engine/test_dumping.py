from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engine.compacting import busy
from core.engine.logged import state
from core.engine.world import World
from nosqlpy._core.engine import building, dumping
from nosqlpy._core.engine.dumping import Restoring
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.dump import DumpReader, DumpWriter, End
from nosqlpy._core.log.manifest import MANIFEST
from nosqlpy._core.values.codec import encode_document
from nosqlpy.errors import CollectionNotFound, CorruptionError, FormatVersionError

A = [1, "create", {"name": "a"}]
ONE = encode_document({"_id": 1})


def dumped(engine: Engine, names: list[str] | None = None, compression: str | None = None) -> bytes:
    return b"".join(dumping.dump(dumping.moment(engine, names), DumpWriter(compression)))


def restored(data: bytes) -> Engine:
    """Return what a dump becomes, fed in pieces of a hundred bytes."""
    world = World()
    world.run(building.begin())
    pieces = (data[start : start + 100] for start in range(0, len(data), 100))
    world.run(building.build(Restoring(DumpReader("x.nqd")).frames(pieces)))
    return world.open(create=False).engine


def made(*sections: Any, end: End) -> bytes:
    """Return a dump with these sections: lists of definitions, or a collection's number and documents."""
    writer = DumpWriter(None)
    parts = [writer.header(1)]
    for section in sections:
        parts.append(writer.documents(*section) if isinstance(section, tuple) else writer.catalogue(section))
    return b"".join([*parts, writer.end(end)])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_what_was_dumped_comes_back(compression: str | None) -> None:
    _, engine = busy()

    assert state(restored(dumped(engine, compression=compression))) == state(engine)


def test_an_empty_database_comes_back() -> None:
    assert state(restored(dumped(World().open().engine))) == state(World().open().engine)


def test_collections_can_be_chosen() -> None:
    _, engine = busy()

    assert list(restored(dumped(engine, ["empty", "empty"])).collections) == ["empty"]


def test_a_collection_that_is_not_there_cannot_be_chosen() -> None:
    _, engine = busy()
    with pytest.raises(CollectionNotFound, match="no collection 'emptty'; did you mean 'empty'"):
        dumping.moment(engine, ["emptty"])


def test_a_dump_that_is_made_by_hand_is_restored() -> None:
    engine = restored(made([A], (1, [ONE]), end=End(1, 1, len(ONE))))

    assert list(engine.collections["a"].slots.all()) == [ONE]


@pytest.mark.parametrize(
    "sections",
    [
        [[A], (2, [ONE])],
        [(1, [ONE])],
        [[A], (1, [ONE, ONE])],
        [[A], (1, [ONE]), (1, [ONE])],
        [[A], (1, [b"\xc1"])],
        [[A], (1, [b"\x81\xa1a\x01"])],
        [[A], (1, [encode_document({"_id": 1})[:-1]])],
        [[A, A]],
        [[A, [2, "create", {"name": "a"}]]],
        [[[1, "create", {"name": "$a"}]]],
        [[["1", "create", {"name": "a"}]]],
        [[[1, "create", {}]]],
        [[[1, "create", []]]],
        [[[[], "create", {"name": "a"}]]],
        [[[1, "index", {"name": "x_1", "keys": [["x", 1]]}]]],
        [[A, [1, "index", {"name": "x_1"}]]],
        [[A, [1, "index", {"name": "x_1", "keys": 5}]]],
        [[A, [1, "drop", {}]]],
        [[A, [1, "clear", {}]]],
        [[5]],
        [[[1]]],
    ],
)
def test_sections_that_make_no_sense_are_refused(sections: list[Any]) -> None:
    with pytest.raises(CorruptionError, match="makes no sense"):
        restored(made(*sections, end=End(1, 1, len(ONE))))


@pytest.mark.parametrize("end", [End(2, 1, len(ONE)), End(1, 2, len(ONE)), End(1, 1, 0), End("x", 1, None)])  # type: ignore[arg-type]
def test_an_end_that_counts_otherwise_is_refused(end: End) -> None:
    with pytest.raises(CorruptionError):
        restored(made([A], (1, [ONE]), end=end))


@given(st.data())
def test_a_damaged_dump_leaves_no_database(data: st.DataObject) -> None:
    _, engine = busy()
    dump = bytearray(dumped(engine))
    at = data.draw(st.integers(0, len(dump) - 1))
    dump[at : at + data.draw(st.integers(0, 9))] = data.draw(
        st.binary(max_size=9).filter(lambda b: b != dump[at : at + len(b)])
    )
    if bytes(dump) == dumped(engine):
        return
    world = World()
    world.run(building.begin())
    with pytest.raises((CorruptionError, FormatVersionError)) as caught:
        world.run(building.build(Restoring(DumpReader("x.nqd")).frames([bytes(dump)])))

    assert "x.nqd" in str(caught.value)
    assert MANIFEST not in world.files
