"""Which file system a directory is on: some only look as if processes could share files there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_ESCAPED = re.compile(r"\\([0-7]{3})")
MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4",
    "orangefs", "smb2", "smb3", "smbfs", "virtiofs",
}  # fmt: skip
# a file system in user space whose files are elsewhere
_FUSE_NETWORK = ("ceph", "davfs", "gcsfuse", "gluster", "goofys", "mount-s3", "rclone", "s3fs", "sshfs", "blobfuse")


def network_file_system(directory: Path, mounts: Path = MOUNTS) -> str | None:
    """Return the type of the network file system that the directory is on, None if it is on none, or nobody knows."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # not on this platform
        return None
    kind = _type_of(directory, lines)
    return kind if kind is not None and _is_network(kind) else None


def _is_network(kind: str) -> bool:
    main, _, sub = kind.partition(".")
    return main in _NETWORK or (main in ("fuse", "fuseblk") and sub.startswith(_FUSE_NETWORK))


def _type_of(directory: Path, lines: list[str]) -> str | None:
    """Return the type of the mount that the directory is on: by its device, else by the longest path to it."""
    device = directory.stat().st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    mounts = list(_parse(lines))
    by_device = [kind for number, _, kind in mounts if number == name]
    if by_device:
        return by_device[-1]
    above = [
        (len(place.parts), at, kind) for at, (_, place, kind) in enumerate(mounts) if directory.is_relative_to(place)
    ]
    return max(above)[2] if above else None


def _parse(lines: list[str]) -> Iterator[tuple[str, Path, str]]:
    """Yield device, place and type of each mount; fields before a single dash are many, and some optional."""
    for line in lines:
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) > 4 and right:
            place = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
            yield fields[2], Path(place), right.split(" ")[0]
