"""Network file systems, on which processes cannot share a database."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nosqlpy import Client, ConfigurationError
from nosqlpy._io import registry
from nosqlpy._io.storage.mounts import network_file_system


def mounts(tmp_path: Path, kind: str, *, device: str | None = None, place: str = "/") -> Path:
    """Return a table of mounts in which the directory is on a file system of this type."""
    status = tmp_path.stat().st_dev
    number = device or f"{os.major(status)}:{os.minor(status)}"
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw\n"
        f"27 1 {number} / {place} rw,relatime shared:1 master:2 - {kind} server:/export rw\n"
    )
    return table


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "fuse.sshfs", "fuse.s3fs"])
def test_a_network_file_system_is_known_by_its_type(tmp_path: Path, kind: str) -> None:
    assert network_file_system(tmp_path, mounts(tmp_path, kind)) == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuse.ntfs-3g", "fuse"])
def test_a_local_file_system_is_none(tmp_path: Path, kind: str) -> None:
    assert network_file_system(tmp_path, mounts(tmp_path, kind)) is None


def test_a_mount_whose_device_is_not_that_of_its_files_is_found_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "with space").mkdir()
    place = str(tmp_path / "with space").replace(" ", "\\040")
    table = mounts(tmp_path, "nfs4", device="0:9999", place=place)

    assert network_file_system(tmp_path / "with space", table) == "nfs4"


def test_a_system_without_a_table_of_mounts_says_nothing(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, tmp_path / "missing") is None


def test_a_database_on_a_network_file_system_is_opened_by_one_process_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "network_file_system", lambda _: "nfs4")
    with pytest.raises(ConfigurationError, match=r"nfs4.*exclusive=True"):
        Client(tmp_path / "data").open()
    with Client(tmp_path / "data", exclusive=True) as db:
        db["a"].insert({"_id": 1})

        assert db["a"].count() == 1
