"""A disk that loses, tears and reorders whatever was not synced, and fails when told to: one more storage.

A file is an inode: what the platter surely holds, and the writes since then, in
order. Reading sees the cache, which has all of them. A directory is likewise a
durable map of names, and a list of operations since. Everything random comes from
one seeded generator, so that a seed replays exactly; `trace` proves it.
"""

from __future__ import annotations

import copy
import errno
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from nosqlpy.errors import LockedError

SECTOR = 512
READS = frozenset({"list_files", "read_file", "read_part", "open_file", "read", "size"})


class Observer:
    """While it is entered, reading parts of files is the test's own: not counted, and never disturbed."""

    watching = False

    def __enter__(self) -> None:
        self.watching = True

    def __exit__(self, *error: object) -> None:
        self.watching = False


observer = Observer()


class PowerCutError(BaseException):
    """The machine, or the process, stops here: no code of the engine may catch it and go on."""


@dataclass
class Write:
    """Bytes that were written at an offset; with `data` None, a cut of the file to `offset` bytes."""

    offset: int
    data: bytes | None


@dataclass
class Inode:
    """One file: the bytes that survive for certain, the writes since, and what programs read."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)
    cache: bytearray = field(default_factory=bytearray)

    def write(self, write: Write) -> None:
        self.pending.append(write)
        _apply(self.cache, write)

    def sync(self) -> None:
        for write in self.pending:
            _apply(self.durable, write)
        self.pending.clear()


@dataclass
class Link:
    """A directory operation: `inode` gets the `name` (None: nobody has it any more); `source` is the name it had."""

    name: str
    inode: Inode | None
    source: str | None = None

    def apply(self, names: dict[str, Inode]) -> None:
        if self.source is not None:
            names.pop(self.source, None)
        if self.inode is None:
            names.pop(self.name, None)
        else:
            names[self.name] = self.inode


@dataclass
class Fault:
    """The operation number `at` (counted over all, or over those of `verb`) fails; with `forever`, all after it too."""

    at: int
    code: int
    forever: bool = False
    verb: str | None = None
    seen: int = 0

    def strikes(self, verb: str) -> bool:
        if self.verb is not None and verb != self.verb:
            return False
        self.seen += 1
        if self.code == errno.ENOSPC and verb in (*READS, "sync_directory", "truncate", "remove"):
            return False  # what needs no room does not find the disk full
        return self.seen == self.at or (self.forever and self.seen > self.at)


def _apply(content: bytearray, write: Write) -> None:
    if write.data is None:
        del content[write.offset :]
        content.extend(bytes(max(0, write.offset - len(content))))
        return
    content.extend(bytes(max(0, write.offset - len(content))))
    content[write.offset : write.offset + len(write.data)] = write.data


class SimulatedDisk:
    """What stays when processes come and go: inodes, names, and the faults that are still to come."""

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)
        self.names: dict[str, Inode] = {}
        self.durable_names: dict[str, Inode] = {}
        self.pending_names: list[Link] = []
        self.operations = 0
        self.counts: dict[str, int] = {}
        self.stop_at: int | None = None
        self.stopped = False
        self.faults: list[Fault] = []
        self.locked = False
        self.trace = 0
        self.watch: Callable[[SimulatedDisk, str, str], None] | None = None

    # ── crashes ──────────────────────────────────────────────────────────────────

    def clone(self, seed: int) -> SimulatedDisk:
        """Return a copy that goes its own way, with its own randomness; nobody watches it."""
        watch, self.watch = self.watch, None
        try:
            twin = copy.deepcopy(self)
        finally:
            self.watch = watch
        twin.random = Random(seed)
        return twin

    def kill(self) -> None:
        """End the process: its lock is gone, and what it wrote is in the cache of the system."""
        self._note("kill", "")
        self._restart()

    def power_loss(self) -> None:
        """Take the power away: of what was not synced, something survives, in any order."""
        self._note("power loss", "")
        keep_links = self.random.choice((self._prefix, self._some))
        for link in keep_links(self.pending_names):
            link.apply(self.durable_names)
        for inode in _unique([*self.names.values(), *self.durable_names.values()]):
            self._lose(inode)
        self.names = dict(self.durable_names)
        self.pending_names = []
        self._restart()

    def _restart(self) -> None:
        self.stopped = self.locked = False
        self.stop_at = None
        self.faults = []

    def _prefix(self, items: list[Link]) -> list[Link]:
        return items[: self.random.randint(0, len(items))]

    def _some(self, items: list[Link]) -> list[Link]:
        return [item for item in items if self.random.random() < 0.5]

    def _lose(self, inode: Inode) -> None:
        how = self.random.choice(("nothing", "prefix", "prefix", "sectors", "sectors", "all"))
        if inode.pending and how == "prefix":
            self._keep_prefix(inode)
        elif inode.pending and how == "sectors":
            self._keep_sectors(inode)
        elif how == "all":
            inode.sync()
        inode.pending = []
        inode.cache = bytearray(inode.durable)

    def _keep_prefix(self, inode: Inode) -> None:
        """Keep the first writes, and of the next one a part."""
        count = self.random.randint(0, len(inode.pending))
        for write in inode.pending[:count]:
            _apply(inode.durable, write)
        if count < len(inode.pending) and (data := inode.pending[count].data) is not None:
            part = data[: self.random.randint(0, len(data))]
            _apply(inode.durable, Write(inode.pending[count].offset, part))

    def _keep_sectors(self, inode: Inode) -> None:
        """Keep, drop, zero or spoil each sector that was written, whatever its place in time."""
        grown = self.random.random() < 0.5
        bad = self.random.choice(((), ("zero",), ("zero", "garbage")))
        for write in inode.pending:
            if write.data is None:
                if self.random.random() < 0.5:
                    _apply(inode.durable, write)
                continue
            for part in _sectors(write):
                fate = self.random.choice(("keep", "drop", *bad))
                assert part.data is not None
                if fate == "keep":
                    _apply(inode.durable, part)
                elif fate == "zero":
                    _apply(inode.durable, Write(part.offset, bytes(len(part.data))))
                elif fate == "garbage":
                    _apply(inode.durable, Write(part.offset, self.random.randbytes(len(part.data))))
        if grown and len(inode.durable) < len(inode.cache):
            inode.durable.extend(bytes(len(inode.cache) - len(inode.durable)))

    def flip_bit(self, name: str, bit: int) -> None:
        """Turn one bit of a file, on the platter and in the cache."""
        inode = self.names[name]
        for content in (inode.durable, inode.cache):
            if bit >> 3 < len(content):
                content[bit >> 3] ^= 1 << (bit & 7)

    def files(self) -> dict[str, bytes]:
        """Return what a program would read: the content of every file by its name."""
        return {name: bytes(inode.cache) for name, inode in sorted(self.names.items())}

    # ── one operation ────────────────────────────────────────────────────────────

    def begin(self, verb: str, name: str, size: int = 0) -> OSError | None:
        """Count an operation. It is the last one if the machine stops here; it fails if an error is returned."""
        if self.stopped:
            raise PowerCutError
        self.operations += 1
        self.counts[verb] = self.counts.get(verb, 0) + 1
        self._note(verb, name, size)
        if self.watch is not None:
            self.watch(self, verb, name)
        if self.stop_at is not None and self.operations >= self.stop_at:
            self.stopped = True
        for fault in self.faults:
            if fault.strikes(verb):
                self._note("fault", name, fault.code)
                return OSError(fault.code, os.strerror(fault.code), name)
        return None

    def end(self) -> None:
        """Stop the machine, if it was to stop in this operation."""
        if self.stopped:
            raise PowerCutError

    def happens(self) -> bool:
        """Whether an operation in which the machine stops, or which fails, has an effect nevertheless."""
        return self.random.random() < 0.5

    def part(self, data: bytes) -> bytes:
        """Return what an interrupted write leaves of `data`."""
        return data[: self.random.choice((0, len(data), self.random.randint(0, len(data))))]

    def _note(self, *what: object) -> None:
        self.trace = zlib.crc32(repr(what).encode(), self.trace)


def _sectors(write: Write) -> list[Write]:
    """Return the pieces of a write that lie in one sector each."""
    assert write.data is not None
    pieces, start = [], 0
    while start < len(write.data):
        offset = write.offset + start
        size = SECTOR - offset % SECTOR
        pieces.append(Write(offset, write.data[start : start + size]))
        start += size
    return pieces


def _unique(inodes: list[Inode]) -> list[Inode]:
    return list({id(inode): inode for inode in inodes}.values())


class OpenInode:
    """Reads parts of what the cache has of an inode."""

    def __init__(self, storage: SimulatedStorage, name: str, inode: Inode) -> None:
        self._storage = storage
        self._name = name
        self._inode = inode

    def __call__(self, offset: int, size: int) -> bytes:
        if not observer.watching:
            self._storage._begin("read", self._name)
        return bytes(self._inode.cache[offset : offset + size])

    def size(self) -> int:
        if not observer.watching:
            self._storage._begin("size", self._name)
        return len(self._inode.cache)


class SimulatedStorage:
    """The storage port over a simulated disk, for one process: after a crash, a new one is made."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self.disk = disk
        self._holds_lock = False

    def lock(self, *, shared: bool, timeout_s: float | None) -> None:
        """Take the directory, which no other storage may have."""
        self._begin("lock", "")
        if self.disk.locked:
            raise LockedError("another storage has the simulated disk")
        self.disk.locked = self._holds_lock = True

    def list_files(self) -> list[str]:
        """Return the names of all files."""
        self._begin("list_files", "")
        return sorted(self.disk.names)

    def read_file(self, name: str) -> bytes:
        """Return what the cache has of a file."""
        self._begin("read_file", name)
        return bytes(self._inode(name).cache)

    def read_part(self, name: str, offset: int, size: int) -> bytes:
        """Return a part of what the cache has of a file."""
        self._begin("read_part", name)
        return bytes(self._inode(name).cache[offset : offset + size])

    def open_file(self, name: str) -> OpenInode:
        """Return what reads the inode that has this name now, whatever becomes of the name."""
        if not observer.watching:
            self._begin("open_file", name)
        return OpenInode(self, name, self._inode(name))

    def write_file(self, name: str, data: bytes) -> None:
        """Create a file with this content, and sync it."""
        error = self.disk.begin("write_file", name, len(data))
        if name in self.disk.names and not self.disk.stopped:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        complete = error is None and not self.disk.stopped
        if complete or self.disk.happens():
            inode = Inode()
            self._link(Link(name, inode))
            inode.write(Write(0, data if complete else self.disk.part(data)))
            if complete:
                inode.sync()
            elif error is not None and self.disk.happens():
                self._drop_pages(inode)
        self._end(error)

    def append(self, name: str, data: bytes) -> None:
        """Add to the cache of a file; a failure may leave a part."""
        error = self.disk.begin("append", name, len(data))
        inode = self._inode(name)
        if error is not None or self.disk.stopped:
            data = self.disk.part(data)
        inode.write(Write(len(inode.cache), data))
        self._end(error)

    def size(self, name: str) -> int:
        """Return the size that the cache has."""
        self._begin("size", name)
        return len(self._inode(name).cache)

    def truncate(self, name: str, size: int) -> None:
        """Cut the file in the cache."""
        error = self.disk.begin("truncate", name, size)
        if error is None and (not self.disk.stopped or self.disk.happens()):
            self._inode(name).write(Write(size, None))
        self._end(error)

    def sync(self, name: str) -> None:
        """Make a file's writes durable. A failure drops them, and forgets it: the next sync would succeed."""
        error = self.disk.begin("sync", name)
        inode = self._inode(name)
        if error is not None:
            self._drop_pages(inode)
        elif not self.disk.stopped or self.disk.happens():
            inode.sync()
        self._end(error)

    def sync_directory(self) -> None:
        """Make the names durable; a failure leaves them as they are."""
        error = self.disk.begin("sync_directory", "")
        if error is None and (not self.disk.stopped or self.disk.happens()):
            for link in self.disk.pending_names:
                link.apply(self.disk.durable_names)
            self.disk.pending_names = []
        self._end(error)

    def replace(self, source: str, target: str) -> None:
        """Rename in the cache; what fails may be done nevertheless."""
        error = self.disk.begin("replace", f"{source} {target}")
        if (error is None and not self.disk.stopped) or self.disk.happens():
            self._link(Link(target, self._inode(source), source))
        self._end(error)

    def remove(self, name: str) -> None:
        """Remove in the cache."""
        error = self.disk.begin("remove", name)
        self._inode(name)
        if error is None and (not self.disk.stopped or self.disk.happens()):
            self._link(Link(name, None))
        self._end(error)

    def free_space(self) -> int | None:
        """Nobody knows."""
        return None

    def random_bytes(self, size: int) -> bytes:
        """Return bytes of the seed."""
        return self.disk.random.randbytes(size)

    def close(self) -> None:
        """Give up the lock."""
        if self._holds_lock and not self.disk.stopped:
            self.disk.locked = self._holds_lock = False

    def _begin(self, verb: str, name: str) -> None:
        self._end(self.disk.begin(verb, name))

    def _end(self, error: OSError | None) -> None:
        self.disk.end()
        if error is not None:
            raise error

    def _inode(self, name: str) -> Inode:
        if name not in self.disk.names:
            self.disk.end()
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return self.disk.names[name]

    def _link(self, link: Link) -> None:
        link.apply(self.disk.names)
        self.disk.pending_names.append(link)

    def _drop_pages(self, inode: Inode) -> None:
        """Do as Linux when it cannot write pages: some got through, all count as clean, the cache still has them."""
        cache = inode.cache
        self.disk._lose(inode)
        inode.cache = cache
