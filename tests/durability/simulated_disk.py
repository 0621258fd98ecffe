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
from itertools import count
from random import Random
from typing import Any

from nosqlpy._core.engine.shared import private_words
from nosqlpy.errors import LockedError

SECTOR = 512
READS = frozenset({"list_files", "read_file", "read_part", "read_on", "open_file", "read", "size", "stamp"})


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
    """The operation number `at` (counted over all, or over those of `verb`) fails; with `forever`, all after it too.

    Of a `deadly` one nobody hears: the process dies in it.
    """

    at: int
    code: int
    forever: bool = False
    verb: str | None = None
    seen: int = 0
    deadly: bool = False

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
        self.locks: dict[str, SimulatedStorage] = {}
        self.present: list[SimulatedStorage] = []
        self.words = private_words()
        self.trace = 0
        self.watch: Callable[[SimulatedDisk, str, str], None] | None = None

    # ── crashes ──────────────────────────────────────────────────────────────────

    def clone(self, seed: int) -> SimulatedDisk:
        """Return a copy that goes its own way, with its own randomness; nobody watches it."""
        left_out = {name: getattr(self, name) for name in ("watch", "words", "locks", "present")}
        try:
            self.watch, self.words, self.locks, self.present = None, private_words(), {}, []
            twin = copy.deepcopy(vars(self) | {"words": None})
        finally:
            vars(self).update(left_out)
        other = SimulatedDisk(seed)
        vars(other).update(twin | {"words": other.words, "random": Random(seed)})
        other.words[:] = self.words
        return other

    def kill(self) -> None:
        """End all processes: their locks are gone, and what they wrote is in the cache of the system."""
        self._note("kill", "")
        self._restart()

    def kill_one(self, storage: SimulatedStorage) -> None:
        """End one process, in whatever it does; the others live on."""
        self._note("kill one", "")
        storage.dead = True
        self.locks = {name: holder for name, holder in self.locks.items() if holder is not storage}
        self.present = [other for other in self.present if other is not storage]
        self.stopped, self.stop_at = False, None

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
        self._lose_words()
        self._restart()

    def _lose_words(self) -> None:
        """Of the shared page anything may have been written to the disk."""
        for at in range(16):
            self.words[at] = self.words[at] if self.random.random() < 0.5 else 0
        if self.random.random() < 0.3:
            for at in range(16):
                self.words[at] = self.random.getrandbits(64)

    def _restart(self) -> None:
        self.stopped = False
        self.locks, self.present = {}, []
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
                self.stopped = self.stopped or fault.deadly
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


class SharedWords:
    """The words of the shared page, for one process: a dead one writes no more."""

    readonly = False

    def __init__(self, storage: SimulatedStorage, words: memoryview) -> None:
        self._storage = storage
        self._words = words

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, at: Any) -> Any:
        return self._words[at]

    def __setitem__(self, at: int, value: int) -> None:
        self._storage._alive()
        self._words[at] = value


class SimulatedStorage:
    """The storage port over a simulated disk, for one process: after a crash, a new one is made."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self.disk = disk
        self.dead = False
        self.process = 0
        self.words: Any = private_words()
        self._opened: dict[str, Inode] = {}

    def lock(self, *, shared: bool, timeout_s: float | None) -> None:
        """Take the lock of writers, which no other storage may have: nobody else does anything while this one waits."""
        self._begin("lock", "")
        self._take("LOCK")

    def try_lock(self) -> bool:
        """Take the lock of writers if it is free."""
        self._alive()
        return self.disk.locks.setdefault("LOCK", self) is self

    def unlock(self) -> None:
        """Give the lock of writers back."""
        self._alive()
        self._give_back("LOCK")

    def attend(self, *, exclusive: bool) -> bool:
        """Join those who have the disk."""
        self._alive()
        self.words = SharedWords(self, self.disk.words)
        taken = {other.process for other in self.disk.present}
        self.process = next(number for number in count() if number not in taken)
        self.disk.present.append(self)
        return self.disk.present == [self]

    def is_living(self, process: int) -> bool:
        """Return whether another storage is there that has this number."""
        self._alive()
        return any(other.process == process for other in self.disk.present if other is not self)

    def leave(self) -> bool:
        """Leave those who have the disk."""
        self._alive()
        self.disk.present.remove(self)
        return not self.disk.present

    def watch(self) -> bool:
        """Read the words."""
        self.words = self.disk.words.toreadonly()
        return True

    def lock_compaction(self, timeout_s: float | None) -> None:
        """Take the lock of compactions."""
        self._alive()
        self._take("COMPACT")

    def unlock_compaction(self) -> None:
        """Give the lock of compactions back."""
        self._alive()
        self._give_back("COMPACT")

    def stamp(self, name: str) -> tuple[int, int, int]:
        """Return which inode has the name."""
        self._begin("stamp", name)
        inode = self._inode(name)
        return id(inode), len(inode.cache), 0

    def _take(self, lock: str) -> None:
        if self.disk.locks.setdefault(lock, self) is not self:
            raise LockedError("another storage has the simulated disk")

    def _give_back(self, lock: str) -> None:
        if self.disk.locks.get(lock) is self:
            del self.disk.locks[lock]

    def _alive(self) -> None:
        if self.dead or self.disk.stopped:
            raise PowerCutError

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

    def read_on(self, name: str, offset: int) -> bytes:
        """Return what the cache has of a file that may have been removed since it was opened."""
        self._begin("read_on", name)
        return bytes(self._open(name).cache[offset:])

    def release(self, name: str) -> None:
        """Close a file."""
        self._alive()
        self._opened.pop(name, None)

    def write_file(self, name: str, data: bytes) -> None:
        """Create a file with this content, and sync it."""
        self._alive()
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
        self._alive()
        error = self.disk.begin("append", name, len(data))
        inode = self._open(name)
        if error is not None or self.disk.stopped:
            data = self.disk.part(data)
        inode.write(Write(len(inode.cache), data))
        self._end(error)

    def size(self, name: str) -> int:
        """Return the size that the cache has."""
        self._begin("size", name)
        return len(self._open(name).cache)

    def truncate(self, name: str, size: int) -> None:
        """Cut the file in the cache."""
        self._alive()
        error = self.disk.begin("truncate", name, size)
        if error is None and (not self.disk.stopped or self.disk.happens()):
            self._open(name).write(Write(size, None))
        self._end(error)

    def sync(self, name: str) -> None:
        """Make a file's writes durable. A failure drops them, and forgets it: the next sync would succeed."""
        self._alive()
        error = self.disk.begin("sync", name)
        inode = self._open(name)
        if inode not in self.disk.names.values():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        if error is not None:
            self._drop_pages(inode)
        elif not self.disk.stopped or self.disk.happens():
            inode.sync()
        self._end(error)

    def sync_directory(self) -> None:
        """Make the names durable; a failure leaves them as they are."""
        self._alive()
        error = self.disk.begin("sync_directory", "")
        if error is None and (not self.disk.stopped or self.disk.happens()):
            for link in self.disk.pending_names:
                link.apply(self.disk.durable_names)
            self.disk.pending_names = []
        self._end(error)

    def replace(self, source: str, target: str) -> None:
        """Rename in the cache; what fails may be done nevertheless."""
        self._alive()
        error = self.disk.begin("replace", f"{source} {target}")
        if (error is None and not self.disk.stopped) or self.disk.happens():
            self._opened.pop(source, None)
            self._opened.pop(target, None)
            self._link(Link(target, self._inode(source), source))
        self._end(error)

    def remove(self, name: str) -> None:
        """Remove in the cache."""
        self._alive()
        error = self.disk.begin("remove", name)
        self._inode(name)
        self._opened.pop(name, None)
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
        """Let go of everything."""
        if not self.dead and not self.disk.stopped:
            for lock in ("LOCK", "COMPACT"):
                self._give_back(lock)
            self.disk.present = [other for other in self.disk.present if other is not self]
            self._opened.clear()

    def _open(self, name: str) -> Inode:
        """Return the inode that had this name when this process opened the file."""
        if name not in self._opened:
            self._opened[name] = self._inode(name)
        return self._opened[name]

    def _begin(self, verb: str, name: str) -> None:
        self._alive()
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
