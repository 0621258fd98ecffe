"""Wrong engines, each with one of the mistakes that the simulation is there to find."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from durability.crowd import run_crowd
from durability.simulated_disk import SimulatedStorage
from durability.simulation import run_seed
from durability.workload import Mismatch
from nosqlpy._core.engine import compaction, effects, following, importing, publish, reader, recovery, shared
from nosqlpy._core.engine.groupcommit import GroupCommit, Verdict
from nosqlpy._core.engine.shared import BELL, END
from nosqlpy._core.engine.slots import Slots
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.transaction import TransactionView
from nosqlpy._core.index.pending import Pending
from nosqlpy._core.log import derived, frame, hint, operation, packed, packing, section
from nosqlpy._io import driver
from nosqlpy._io.appender import Appender
from nosqlpy._io.committing import Committing
from nosqlpy._io.database import Database
from nosqlpy._io.following import Following
from nosqlpy._io.marking import Marking
from nosqlpy.errors import CorruptionError


def no_directory_sync(patch: pytest.MonkeyPatch) -> None:
    """The names of new files are never made durable."""
    _skip_effects(patch, lambda effect: isinstance(effect, effects.SyncDirectory))


def manifest_not_synced(patch: pytest.MonkeyPatch) -> None:
    """The new manifest takes the place of the old one before its content is durable."""
    _write_unsynced(patch, lambda name: name.startswith("MANIFEST"))


def segments_not_synced(patch: pytest.MonkeyPatch) -> None:
    """New segments, and what recovery writes anew, are named by a manifest before they are durable."""
    _write_unsynced(patch, lambda name: name.startswith("seg-"))


def sealed_without_sync(patch: pytest.MonkeyPatch) -> None:
    """A segment is sealed, or closed, without a sync of the log."""
    _skip_effects(patch, lambda effect: isinstance(effect, effects.Sync))


def acknowledged_before_sync(patch: pytest.MonkeyPatch) -> None:
    """A durable write returns while its sync has yet to come."""
    patch.setattr(GroupCommit, "verdict", lambda self, lsn: Verdict.DONE)


def sync_tried_again(patch: pytest.MonkeyPatch) -> None:
    """A sync that failed is forgotten, here and in the words that processes share, and the next one believed."""
    patch.setattr(GroupCommit, "failure", property(lambda self: None, lambda self, error: None))
    patch.setattr(shared, "is_trusted", lambda words, manifest: True)


def checksums_not_checked(patch: pytest.MonkeyPatch) -> None:
    """Any bytes that look like a frame are one."""
    read = frame.read_frame

    def trusting(*args: Any) -> Any:
        with pytest.MonkeyPatch.context() as inner:
            for module in (frame, operation):
                inner.setattr(module, "zlib", AnyChecksum)
            return read(*args)

    patch.setattr(frame, "read_frame", trusting)


class AnyChecksum:
    """Stands for zlib: its checksums are equal to all numbers."""

    class Number(int):
        """A number that equals every other."""

        def __eq__(self, other: object) -> bool:
            return True

        def __ne__(self, other: object) -> bool:
            return False

        __hash__ = int.__hash__

    @classmethod
    def crc32(cls, data: bytes, value: int = 0) -> int:
        """Return the checksum that whoever compares it expects."""
        return cls.Number(zlib.crc32(data, value))


def removed_before_published(patch: pytest.MonkeyPatch) -> None:
    """Compaction removes the old segments, then publishes the manifest without them."""
    finish = compaction.finish

    def hasty(engine: Engine, moment: Any, base: Any) -> Any:
        yield from publish.remove(publish.segment_name(segment.number) for segment in moment.covered)
        return (yield from finish(engine, moment, base))

    patch.setattr(compaction, "finish", hasty)


def partial_frame_left(patch: pytest.MonkeyPatch) -> None:
    """What a refused append left in the file stays there, and the next frame follows it."""
    patch.setattr(Appender, "roll_back", lambda self, name, start: None)


def roll_back_not_synced(patch: pytest.MonkeyPatch) -> None:
    """A refused append is cut off, but not durably."""

    def roll_back(self: Appender, name: str, start: int) -> None:
        self._storage.truncate(name, start - len(self.buffer))
        self._writing = False

    patch.setattr(Appender, "roll_back", roll_back)


def cache_trusted(patch: pytest.MonkeyPatch) -> None:
    """After an unclean stop the active segment is used on as it is, although a sync of it may have failed."""

    def reuse(engine: Engine, *_: Any) -> Any:
        engine.tail.synced_upto = engine.tail.end.size
        yield effects.Sync(engine.tail.name)

    patch.setattr(recovery, "_rewrite", reuse)


def torn_tail_left(patch: pytest.MonkeyPatch) -> None:
    """Frames are appended behind a torn tail."""
    patch.setattr(recovery, "_rewrite", lambda *_: iter(()))


def holes_skipped(patch: pytest.MonkeyPatch) -> None:
    """Behind a damaged frame recovery goes on with the next one that is intact."""
    scan = frame.scan_segment

    def lenient(data: bytes, header: Any, *, synced: int = 0) -> Any:
        found = scan(data, header, synced=synced)
        start = found.end
        while (start := data.find(frame.MARK_BYTES, start + 1)) >= 0:
            later = frame.read_frame(data, start, header.salt)
            if later is not None:
                return frame.Scan([*found.frames, later[0]], len(data), None)
        return found

    patch.setattr(recovery, "scan_segment", lenient)


def never_marked_open(patch: pytest.MonkeyPatch) -> None:
    """The manifest still says where the log ended when it was closed, while it is being written."""
    patch.setattr(Database, "_mark_open", lambda self: None)


def marked_closed_before_sync(patch: pytest.MonkeyPatch) -> None:
    """Closing says that the log is complete before it is durable."""
    close_log = Database._close_log

    def hasty(self: Database) -> None:
        with pytest.MonkeyPatch.context() as inner:
            _skip_effects(inner, lambda effect: isinstance(effect, effects.Sync))
            close_log(self)

    patch.setattr(Database, "_close_log", hasty)


def buffer_forgotten_on_rotation(patch: pytest.MonkeyPatch) -> None:
    """What ``fast`` has buffered is not written before another segment is begun."""
    flush = Database._flush_locked
    rotate = Database._rotate

    def rotate_at_once(self: Database) -> None:
        patch.setattr(Database, "_flush_locked", lambda self: self._appender.buffer.clear())
        try:
            rotate(self)
        finally:
            patch.setattr(Database, "_flush_locked", flush)

    patch.setattr(Database, "_rotate", rotate_at_once)


def hints_of_any_state(patch: pytest.MonkeyPatch) -> None:
    """A hint is used whatever segments the manifest names."""
    patch.setattr(hint.Directory, "fits", lambda self, manifest: self.database == manifest.database)


def hints_not_checked(patch: pytest.MonkeyPatch) -> None:
    """What stands in a hint is believed."""
    patch.setattr(section, "zlib", AnyChecksum)
    patch.setattr(derived, "zlib", AnyChecksum)


def changes_since_a_snapshot_forgotten(patch: pytest.MonkeyPatch) -> None:
    """An index is taken from a snapshot without what has changed since."""
    patch.setattr(Pending, "_bring_up", lambda *_: None)


def evicted_without_comparison(patch: pytest.MonkeyPatch) -> None:
    """Any document of the same id that lies in the log is taken for the one in memory."""
    give_places = Slots.give_places

    def trusting(self: Slots, keys: Any, pieces: Any, places: Any) -> None:
        held = [self._held.get(key) for key in keys]
        give_places(self, keys, [blob if isinstance(blob, bytes) else b"" for blob in held], places)

    patch.setattr(Slots, "give_places", trusting)


def places_read_unchecked(patch: pytest.MonkeyPatch) -> None:
    """Whatever lies at the place of a document is that document."""
    patch.setattr(reader, "zlib", AnyChecksum)


def blocks_swapped(patch: pytest.MonkeyPatch) -> None:
    """A block of a compressed base that was read once is taken for the one of that number in every later base."""
    get, put = packed.BlockCache.get, packed.BlockCache.put
    patch.setattr(packed.BlockCache, "get", lambda self, segment, number: get(self, 0, number))
    patch.setattr(packed.BlockCache, "put", lambda self, segment, number, *rest: put(self, 0, number, *rest))


def packed_tail_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The last block of a compressed base, which is not full, is not written."""
    end = packing.Packer.end

    def hasty(self: packing.Packer) -> bytes:
        self._taken -= len(self._rest)
        self._rest.clear()
        return end(self)

    patch.setattr(packing.Packer, "end", hasty)


def transactions_in_part(patch: pytest.MonkeyPatch) -> None:
    """Of what a transaction has written only the first operation is in its frame."""
    operations = TransactionView.operations
    patch.setattr(TransactionView, "operations", lambda self: operations(self)[:1])


def written_during_a_compaction_lost(patch: pytest.MonkeyPatch) -> None:
    """A base stands for the segments that were sealed while it was written, too."""
    finish = compaction.finish

    def greedy(engine: Engine, moment: Any, base: Any) -> Any:
        return finish(engine, msgspec.structs.replace(moment, covered=engine.manifest.sealed), base)

    patch.setattr(compaction, "finish", greedy)


def imports_counted_as_new(patch: pytest.MonkeyPatch) -> None:
    """What is imported counts as new, also where it takes the place of another document."""
    put = importing.Put
    patch.setattr(importing, "Put", lambda number, keys, ids, blobs, _: put(number, keys, ids, blobs, fresh=True))


def first_line_of_each_id_kept(patch: pytest.MonkeyPatch) -> None:
    """Of several lines with one id in a portion of an import the first is kept."""

    def first_of_each(batch: Any) -> Any:
        first = {key: place for place, key in reversed(list(enumerate(batch.keys)))}
        kept = sorted(first.values())
        columns = ([column[place] for place in kept] for column in (batch.keys, batch.ids, batch.blobs))
        return importing.Prepared(*columns, batch.numbers, batch.error)

    patch.setattr(importing, "_last_of_each", first_of_each)


# ── mistakes beside other processes ─────────────────────────────────────────────


def bell_before_append(patch: pytest.MonkeyPatch) -> None:
    """Others are told of a write before it is in the file."""
    log = Committing.log

    def hasty(self: Committing, durability: Any, change: Any) -> Any:
        if change.data and durability != "fast" and not self._appender.buffered:
            self.words[BELL] = change.end.lsn
        return log(self, durability, change)

    patch.setattr(Committing, "log", hasty)


def no_catching_up(patch: pytest.MonkeyPatch) -> None:
    """Whoever has the lock writes where he knows the end to be, not where it is."""
    patch.setattr(Following, "_catch_up", lambda self: None)


def end_believed(patch: pytest.MonkeyPatch) -> None:
    """A writer does not say that he is writing: when he is killed, nobody looks at what he has left."""
    _patch_words(patch, lambda at, value: at != END or value != 0)


def no_bell(patch: pytest.MonkeyPatch) -> None:
    """What was written is not made known."""
    _patch_words(patch, lambda at, _: at != BELL)


def failed_sync_kept_secret(patch: pytest.MonkeyPatch) -> None:
    """The other processes are not told that a sync has failed."""
    patch.setattr(shared, "is_poisoned", lambda words, manifest: False)
    patch.setattr(shared, "is_trusted", lambda words, manifest: True)


def death_in_a_sync_overlooked(patch: pytest.MonkeyPatch) -> None:
    """Whoever syncs does not ask whether another process has died in a sync that may have failed."""
    patch.setattr(Marking, "_is_sound", lambda self, others: True)


def mark_not_left(patch: pytest.MonkeyPatch) -> None:
    """A process that syncs does not say so."""
    patch.setattr(shared, "begin_sync", lambda words, process, segment, count: {})


def marked_clean_beside_others(patch: pytest.MonkeyPatch) -> None:
    """Whoever closes the database says that the log is complete, though others go on."""
    leave = SimulatedStorage.leave

    def hasty(self: SimulatedStorage) -> bool:
        leave(self)
        return True

    patch.setattr(SimulatedStorage, "leave", hasty)


def recovered_beside_others(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes believes that he is alone, and recovers the database."""
    attend = SimulatedStorage.attend

    def hasty(self: SimulatedStorage, *, exclusive: bool) -> bool:
        attend(self, exclusive=exclusive)
        return True

    patch.setattr(SimulatedStorage, "attend", hasty)


def syncs_of_the_dead_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Whoever has waited for the syncs of others takes those of the dead for ended."""
    patch.setattr(shared, "still_syncing", lambda words, marks: [])


def segment_numbers_taken_twice(patch: pytest.MonkeyPatch) -> None:
    """Whoever makes a segment does not look at the numbers that others have taken."""
    patch.setattr(following, "refresh", lambda engine: following.follow(engine, upto=None, moved=True))


def rebased_without_comparison(patch: pytest.MonkeyPatch) -> None:
    """After another process has compacted, each document with a place gets one in the base, also if written since."""

    def trusting(self: Slots, keys: Any, places: Any) -> None:
        self._held.update(
            (key, place) for key, place in zip(keys, places, strict=True) if type(self._held.get(key)) is int
        )
        self._moment = None

    patch.setattr(Slots, "replace", trusting)


class PickyWords:
    """The shared words, of which some are not written."""

    readonly = False

    def __init__(self, words: memoryview, written: Any) -> None:
        self._words = words
        self._written = written

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, at: Any) -> Any:
        return self._words[at]

    def __setitem__(self, at: int, value: int) -> None:
        if self._written(at, value):
            self._words[at] = value


def _patch_words(patch: pytest.MonkeyPatch, written: Any) -> None:
    attend = SimulatedStorage.attend

    def attend_and_replace(self: SimulatedStorage, *, exclusive: bool) -> bool:
        alone = attend(self, exclusive=exclusive)
        self.words = PickyWords(self.words, written)
        return alone

    patch.setattr(SimulatedStorage, "attend", attend_and_replace)


CROWD_MUTANTS = (
    bell_before_append,
    no_catching_up,
    end_believed,
    no_bell,
    failed_sync_kept_secret,
    death_in_a_sync_overlooked,
    mark_not_left,
    marked_clean_beside_others,
    recovered_beside_others,
    syncs_of_the_dead_forgotten,
    segment_numbers_taken_twice,
    rebased_without_comparison,
)

SEEDS_MAX = 3000  # as many as it may take; most are found within a dozen

MUTANTS = (
    places_read_unchecked,
    blocks_swapped,
    packed_tail_forgotten,
    hints_of_any_state,
    hints_not_checked,
    changes_since_a_snapshot_forgotten,
    evicted_without_comparison,
    no_directory_sync,
    manifest_not_synced,
    segments_not_synced,
    sealed_without_sync,
    acknowledged_before_sync,
    sync_tried_again,
    checksums_not_checked,
    removed_before_published,
    partial_frame_left,
    roll_back_not_synced,
    cache_trusted,
    torn_tail_left,
    holes_skipped,
    never_marked_open,
    marked_closed_before_sync,
    buffer_forgotten_on_rotation,
    transactions_in_part,
    written_during_a_compaction_lost,
    imports_counted_as_new,
    first_line_of_each_id_kept,
)


def _skip_effects(patch: pytest.MonkeyPatch, skipped: Any) -> None:
    """Have the driver believe that some effects were carried out."""
    real = driver.drive

    def drive(procedure: Any, storage: Any, *rest: Any) -> Any:
        return real(_without(procedure, skipped), storage, *rest)

    _patch_drive(patch, drive)


def _without(procedure: Any, skipped: Any) -> Iterator[Any]:
    value: Any = None
    resume = procedure.send
    while True:
        try:
            effect = resume(value)
        except StopIteration as stop:
            return stop.value
        resume, value = procedure.send, None
        if skipped(effect):
            continue
        try:
            value = yield effect
        except OSError as error:
            resume, value = procedure.throw, error


def _write_unsynced(patch: pytest.MonkeyPatch, chosen: Any) -> None:
    real = driver.drive

    class Unsynced:
        """A storage that creates some files without a sync."""

        def __init__(self, storage: Any) -> None:
            self._storage = storage

        def __getattr__(self, verb: str) -> Any:
            return getattr(self._storage, verb)

        def write_file(self, name: str, data: bytes) -> None:
            if not chosen(name):
                self._storage.write_file(name, data)
                return
            self._storage.write_file(name, b"")
            self._storage.append(name, data)

    _patch_drive(patch, lambda procedure, storage, *rest: real(procedure, Unsynced(storage), *rest))


def _patch_drive(patch: pytest.MonkeyPatch, drive: Any) -> None:
    from nosqlpy._io import following  # noqa: PLC0415 - the name under which it is called

    patch.setattr(following, "drive", drive)


@contextmanager
def infected(mutant: Any) -> Iterator[None]:
    """Have the engine make this mistake, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        yield


def is_caught(run: Any) -> bool:
    """Return whether `run` notices; without checksums also by bytes that cannot be decoded."""
    try:
        run()
    except (Mismatch, CorruptionError, ValueError, TypeError):
        return True
    return False


def seed_that_catches(mutant: Any) -> int | None:
    """Return the first seed that notices a mutant, or None."""
    run = run_crowd if mutant in CROWD_MUTANTS else run_seed
    with infected(mutant):
        return next((seed for seed in range(SEEDS_MAX) if is_caught(lambda seed=seed: run(seed))), None)
