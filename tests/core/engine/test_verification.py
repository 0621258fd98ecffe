from __future__ import annotations

from typing import Any

import msgspec
import pytest

from core.engine.logged import Logged
from core.engine.world import World, put, write, written
from nosqlpy._core.engine.publish import rotate
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.verification import verify
from nosqlpy._core.log.manifest import MANIFEST
from nosqlpy.errors import CorruptionError


def healthy() -> tuple[World, Engine]:
    world, engine = written(1, 2)
    world.run(rotate(engine))
    write(world, engine, put(3))
    return world, engine


def damage(world: World, engine: Engine) -> dict[str, Any]:
    """Return the details of the error that verification ends in."""
    with pytest.raises(CorruptionError) as caught:
        world.run(verify(engine, files=True))
    return dict(caught.value.details)


def test_a_healthy_database_is_counted() -> None:
    world, engine = healthy()
    size = sum(len(data) for name, data in world.files.items() if name != MANIFEST)
    report = world.run(verify(engine, files=True))

    assert report == {"ok": True, "segments": 2, "frames": 4, "bytes": size, "documents": 3}


def test_verifying_changes_nothing() -> None:
    world, engine = healthy()
    before = dict(world.files)
    world.done.clear()
    world.run(verify(engine, files=True))

    assert world.files == before
    assert set(world.done) == {"ListFiles", "ReadFile"}


def test_without_files_documents_alone_are_checked() -> None:
    db = Logged()
    db.insert("a", {"_id": 1}, {"_id": 2})
    report = World().run(verify(db.engine, files=False))

    assert report == {"ok": True, "segments": 0, "frames": 0, "bytes": 0, "documents": 2}


def test_a_document_that_cannot_be_decoded_is_corruption_and_its_collection_is_named() -> None:
    db = Logged()
    db.insert("users", {"_id": 1})
    db.engine.collections["users"].slots.put([1], [b"\xc1"], fresh=False)

    with pytest.raises(CorruptionError, match="'users'"):
        World().run(verify(db.engine, files=False))


def test_a_manifest_that_is_gone_is_corruption() -> None:
    world, engine = healthy()
    del world.files[MANIFEST]

    assert damage(world, engine)["file"] == MANIFEST


def test_a_manifest_of_somebody_else_is_corruption() -> None:
    world, engine = healthy()
    other = msgspec.structs.replace(engine.manifest, generation=engine.manifest.generation + 1)
    world.files[MANIFEST] = other.encode()

    assert damage(world, engine)["file"] == MANIFEST


@pytest.mark.parametrize("name", ["seg-00000001.nql", "seg-00000002.nql", MANIFEST])
def test_a_damaged_byte_is_found_in_every_file(name: str) -> None:
    world, engine = healthy()
    for offset in range(0, len(world.files[name]), 7):
        damaged = bytearray(world.files[name])
        damaged[offset] ^= 1
        broken = World({**world.files, name: bytes(damaged)})

        assert damage(broken, engine)["file"] == name


@pytest.mark.parametrize("name", ["seg-00000001.nql", "seg-00000002.nql"])
def test_a_segment_that_is_too_short_is_found(name: str) -> None:
    world, engine = healthy()
    world.files[name] = world.files[name][:-1]

    assert damage(world, engine)["file"] == name
