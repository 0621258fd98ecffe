"""Directories that hold what they should not: a clear error, and not a byte changed."""

from __future__ import annotations

import errno
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import nosqlpy
from durability.simulated_disk import Fault, SimulatedDisk
from durability.workload import client_of, open_database
from nosqlpy import Client
from nosqlpy._core.log.manifest import MANIFEST, decode_manifest
from nosqlpy._core.log.segment import HEADER_SIZE, decode_header
from nosqlpy.errors import CorruptionError, FormatVersionError, ReadOnlyError, StorageError

ACTIVE = "seg-00000003.nql"
SEALED = "seg-00000001.nql"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed database with two sealed segments and an active one."""
    directory = tmp_path_factory.mktemp("original") / "data"
    with Client(directory, segment_size=2000) as client:
        for number in range(3):
            client["a"].insert_many(
                [{"_id": f"{number}-{n}", "pad": "x" * 100} for n in range(17 if number < 2 else 3)]
            )
    return directory


@pytest.fixture
def data(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "data"))


def content(directory: Path) -> dict[str, object]:
    """Return all that a directory holds, but for the locks and the page that processes share."""
    return {
        path.name: path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        for path in sorted(directory.iterdir())
        if path.name not in ("LOCK", "SHM", "SYNC-0")
    }


def refused(directory: Path, kind: type[Exception], match: str, **options: bool) -> Exception:
    """Open the directory, which must fail so, and leave everything as it was; return the error."""
    before = content(directory)
    with pytest.raises(kind, match=match) as caught:
        Client(directory, lock_timeout=0.1, **options).open()

    assert content(directory) == before
    assert type(caught.value) is kind
    return caught.value


def change(path: Path, edit: Callable[[bytearray], None]) -> None:
    content = bytearray(path.read_bytes())
    edit(content)
    path.write_bytes(content)


def with_checksum(head: bytearray) -> None:
    """Make a segment's header valid again after a change."""
    head[HEADER_SIZE - 4 : HEADER_SIZE] = struct.pack("<I", zlib.crc32(head[: HEADER_SIZE - 4]))


def test_the_original_has_all_kinds_of_files(original: Path) -> None:
    assert sorted(content(original)) == [MANIFEST, SEALED, "seg-00000002.nql", ACTIVE]


# ── damage ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [SEALED, ACTIVE, MANIFEST])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_corruption(data: Path, name: str, part: float) -> None:
    change(data / name, lambda content: content.__delitem__(slice(int(len(content) * part), None)))

    error = refused(data, CorruptionError, name)
    assert error.details["file"] == name
    assert isinstance(error.details["offset"], int)


@pytest.mark.parametrize("name", [SEALED, ACTIVE, MANIFEST])
def test_a_file_with_more_at_its_end_is_corruption(data: Path, name: str) -> None:
    change(data / name, lambda content: content.extend(b"more"))

    refused(data, CorruptionError, name)


@pytest.mark.parametrize("name", [SEALED, ACTIVE, MANIFEST])
def test_every_flipped_bit_of_a_closed_database_is_noticed(data: Path, name: str) -> None:
    disk = SimulatedDisk()
    database = open_database(disk, segment_size=400)
    client = client_of(database)
    client["a"].insert_many([{"_id": number, "pad": "x" * 20} for number in range(10)])
    client["a"].insert_one({"_id": "last"})
    database.close()
    files = {SEALED: SEALED, ACTIVE: database.engine.tail.name, MANIFEST: MANIFEST}
    before = disk.files()
    missed = []
    for bit in range(8 * len(before[files[name]])):
        disk.flip_bit(files[name], bit)
        try:
            open_database(disk).close()
        except (CorruptionError, FormatVersionError):
            pass
        else:
            missed.append(bit)
        disk.locks, disk.present = {}, []
        disk.flip_bit(files[name], bit)

    assert not missed
    assert disk.files() == before


@pytest.mark.parametrize("name", [SEALED, ACTIVE])
def test_a_missing_segment_is_corruption(data: Path, name: str) -> None:
    (data / name).unlink()

    refused(data, CorruptionError, f"{name} is missing")


def test_a_missing_manifest_is_corruption(data: Path) -> None:
    (data / MANIFEST).unlink()

    refused(data, CorruptionError, "MANIFEST is missing")


def test_a_segment_of_another_database_is_corruption(data: Path, tmp_path: Path) -> None:
    with Client(tmp_path / "other", segment_size=2000) as client:
        client["a"].insert_many([{"_id": f"0-{n}", "pad": "x" * 100} for n in range(17)])
    shutil.copy(tmp_path / "other" / SEALED, data / SEALED)

    refused(data, CorruptionError, SEALED)


def test_two_segments_that_changed_places_are_corruption(data: Path) -> None:
    (data / SEALED).rename(data / "x")
    (data / "seg-00000002.nql").rename(data / SEALED)
    (data / "x").rename(data / "seg-00000002.nql")

    refused(data, CorruptionError, SEALED)


def test_an_older_copy_of_the_active_segment_is_corruption(data: Path, tmp_path: Path) -> None:
    shutil.copy(data / ACTIVE, tmp_path / "old")
    with Client(data) as client:
        client["a"].insert_one({"_id": "new"})
    shutil.copy(tmp_path / "old", data / ACTIVE)

    refused(data, CorruptionError, ACTIVE)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 5000])
def test_zeros_instead_of_a_file_are_corruption(data: Path, size: int) -> None:
    (data / ACTIVE).write_bytes(bytes(size))

    refused(data, CorruptionError, ACTIVE)


# ── other versions ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("offset", "value"), [(8, 2), (8, 999), (10, 2), (10, 0x8000)])
@pytest.mark.parametrize("name", [ACTIVE, MANIFEST])
def test_a_newer_version_or_an_unknown_feature_is_refused_as_such(
    data: Path, name: str, offset: int, value: int
) -> None:
    def edit(content: bytearray) -> None:
        struct.pack_into("<H", content, offset, value)
        if name != MANIFEST:
            with_checksum(content)

    change(data / name, edit)

    assert name in str(refused(data, FormatVersionError, "newer"))


def test_an_unknown_compatible_feature_is_accepted(data: Path) -> None:
    def edit(content: bytearray) -> None:
        struct.pack_into("<H", content, 12, 0x8000)
        with_checksum(content)

    change(data / SEALED, edit)
    with Client(data) as client:
        assert client["a"].count() == 37


# ── what is no database ─────────────────────────────────────────────────────────


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"...")
    refused(tmp_path, StorageError, "photo.jpg")

    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_an_empty_directory_is_refused_with_create_false(tmp_path: Path) -> None:
    refused(tmp_path, StorageError, "no database here", create=False)

    assert not list(tmp_path.iterdir())


def test_an_empty_directory_is_refused_for_reading_only(tmp_path: Path) -> None:
    refused(tmp_path, StorageError, "no database here", read_only=True)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}])
def test_a_missing_directory_is_not_made_without_leave(tmp_path: Path, options: dict[str, bool]) -> None:
    with pytest.raises(StorageError, match="there is no directory"):
        Client(tmp_path / "missing", **options).open()

    assert not list(tmp_path.iterdir())


def test_a_file_instead_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"a file")
    with pytest.raises(StorageError, match="is a file"):
        Client(tmp_path / "data").open()

    assert (tmp_path / "data").read_bytes() == b"a file"


def test_a_directory_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"a file")
    with pytest.raises(StorageError):
        Client(tmp_path / "data" / "below").open()


@pytest.mark.parametrize("name", [SEALED, ACTIVE, MANIFEST])
def test_a_directory_instead_of_a_file_is_refused(data: Path, name: str) -> None:
    (data / name).unlink()
    (data / name).mkdir()

    refused(data, StorageError, "not a regular file|directory")


@pytest.mark.parametrize("name", [SEALED, ACTIVE, MANIFEST])
def test_a_file_that_is_a_symbolic_link_is_not_followed(data: Path, tmp_path: Path, name: str) -> None:
    """What it points to could be anybody's file, and would be written to."""
    shutil.move(data / name, tmp_path / "elsewhere")
    (data / name).symlink_to(tmp_path / "elsewhere")

    refused(data, StorageError, "link|cannot be opened")


def test_a_lock_that_is_a_symbolic_link_is_not_followed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (data / "LOCK").unlink()
    (data / "LOCK").symlink_to(tmp_path / "victim")
    refused(data, StorageError, "link|cannot be opened")

    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_pipe_instead_of_a_file_does_not_hang(data: Path) -> None:
    program = (
        "import os, sys; from nosqlpy import Client\n"
        "os.unlink(sys.argv[1] + '/MANIFEST'); os.mkfifo(sys.argv[1] + '/MANIFEST')\n"
        "try: Client(sys.argv[1]).open()\n"
        "except Exception as error: print(type(error).__name__)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, str(data)],
            capture_output=True, timeout=60, check=False, env={"PYTHONPATH": str(Path(nosqlpy.__file__).parents[1])},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.fail("it hangs")

    assert done.stdout == b"StorageError\n"


# ── directories that refuse to be written ───────────────────────────────────────


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_disk_that_refuses_the_lock_suggests_to_open_for_reading_only(
    data: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """As root a mode of 0500 would refuse nothing, hence the stand-in."""
    import os  # noqa: PLC0415

    real = os.open

    def refuse_writing(path: object, flags: int, *mode: int, **options: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(code, os.strerror(code), str(path))
        return real(path, flags, *mode, **options)

    monkeypatch.setattr(os, "open", refuse_writing)
    refused(data, ReadOnlyError, "read_only=True")
    with Client(data, read_only=True) as client:
        assert client["a"].count() == 37


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("at", range(1, 8))
def test_an_opening_that_the_disk_refuses_changes_no_document(code: int, at: int) -> None:
    disk = SimulatedDisk()
    client_of(open_database(disk))["a"].insert_many([{"_id": number} for number in range(5)])
    disk.kill()
    disk.faults = [Fault(at, code)]
    try:
        open_database(disk)
    except StorageError as error:
        assert not isinstance(error, CorruptionError)  # noqa: PT017 - it may also get through
    disk.kill()
    client = client_of(open_database(disk))

    assert [document["_id"] for document in client["a"].find()] == list(range(5))


# ── hostile content behind valid checksums ──────────────────────────────────────


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93", msgspec.msgpack.encode({"generation": "x"}), b"\x80"])
def test_a_manifest_whose_checksum_holds_but_makes_no_sense_is_corruption(data: Path, body: bytes) -> None:
    head = struct.pack("<8sHHHHI", b"\x89NQM\r\n\x1a\n", 1, 0, 0, 0, len(body))
    (data / MANIFEST).write_bytes(head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body)

    refused(data, CorruptionError, "MANIFEST")


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 1 << 20])
def test_an_absurd_body_length_is_torn_or_corrupt_but_never_allocated(data: Path, size: int) -> None:
    change(data / ACTIVE, lambda content: struct.pack_into("<I", content, HEADER_SIZE + 4, size))

    refused(data, CorruptionError, ACTIVE)


def test_the_fixtures_headers_are_what_the_codec_says(data: Path) -> None:
    manifest = decode_manifest((data / MANIFEST).read_bytes())
    header = decode_header((data / ACTIVE).read_bytes(), file=ACTIVE)

    assert manifest.active == header.number == 3
    assert manifest.database == header.database
