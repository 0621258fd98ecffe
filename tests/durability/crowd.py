"""One seed: several processes live at one database, are killed one by one, follow each other, and lose the power."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from random import Random

from durability.model import TIME, History, State, describe, model_of_state, state_of_engine, unexpired, wrong_indexes
from durability.simulated_disk import READS, Fault, PowerCutError, SimulatedDisk, SimulatedStorage
from durability.simulation import Outcome
from durability.steps import random_document, random_step
from durability.workload import COLLECTIONS, Mismatch, Session, open_database
from nosqlpy._core.engine import compaction, hints, snapshots
from nosqlpy._core.log.segment import BLOCK_MIN
from nosqlpy._io.database import Database
from nosqlpy.errors import CorruptionError, StorageError

EPOCHS = 4
PROCESSES = 3
DURABILITIES = (("safe",), ("durable",), ("fast", "safe", "durable"))


class Crowd:
    """The disk, the processes that have it open, and what they may find there."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.disk = SimulatedDisk(seed + 1)
        self.history = History()
        self.counts: Counter[str] = Counter()
        self.sessions: list[Session] = []
        self.followers: list[Database] = []
        self.disk.watch = self._look_meanwhile
        self.looking = False
        # somebody has died, and nobody has found out yet what came of his last write
        self.in_doubt = False
        self.segment_size = self.random.choice((400, 1000, 4096, 1 << 20))
        self.durabilities = self.random.choice(DURABILITIES)
        self.with_faults = self.random.random() < 0.3
        self.memory_budget = self.random.choice((500, 4000, 1 << 20))
        self.hint_min = self.random.choice((0, 1000, 1 << 20))
        # drawn apart, so that the other lives are what they were
        self.dying = Random(seed ^ 0xDEAD) if Random(seed ^ 0xDEAD).random() < 0.5 else None
        self.compressions = cycle(Random(seed ^ 0xC0DEC).choice(((None,), (None, "zlib"))))

    def run(self) -> Counter[str]:
        """Live through some losses of power.

        Raises:
            Mismatch: A process showed, or found, what it must not.
        """
        before = hints.NEW_MIN, snapshots.DOCUMENTS_MIN
        hints.NEW_MIN, snapshots.DOCUMENTS_MIN = self.hint_min, 0
        block_size, compaction.BLOCK_SIZE = compaction.BLOCK_SIZE, BLOCK_MIN
        try:
            with TIME.standing():
                self._live()
        finally:
            hints.NEW_MIN, snapshots.DOCUMENTS_MIN = before
            compaction.BLOCK_SIZE = block_size
        return self.counts

    def _live(self) -> None:
        for _ in range(self.random.randint(1, EPOCHS)):
            self._epoch()
            self._end_all()
        self._enter()
        if not self.sessions:
            raise Mismatch("an undisturbed disk cannot be opened")
        self.sessions[0].database.verify()

    def _epoch(self) -> None:
        if self.with_faults:
            verb = self.random.choice(("append", "sync", "write_file", "truncate", "sync_directory", None))
            code = self.random.choice((errno.EIO, errno.ENOSPC))
            self.disk.faults = [Fault(self.random.randint(1, 40), code, verb=verb)]
        for _ in range(self.random.randint(5, 80)):
            self._step()

    def _step(self) -> None:
        if not self.sessions or (len(self.sessions) < PROCESSES and self.random.random() < 0.1):
            self._enter()
            return
        session = self.random.choice(self.sessions)
        if not self._hand_over(session):
            return
        what = self.random.random()
        if what < 0.04:
            self._leave(session)
        elif what < 0.10 and self.dying is not None and self.dying.random() < 0.5:
            self._kill_in_sync(session)
        elif what < 0.10:
            self._kill_during(session, lambda: self._act(session), self.random.randint(1, 12))
        elif what < 0.13:
            self._spoil_words()
        elif what < 0.16:
            self._watch()
        else:
            self._act(session)
        for follower in self.followers:
            self._compare(follower)

    def _act(self, session: Session) -> None:
        """Let one process do something, after it has seen what the others did."""
        if session.database.engine.failed:
            self._reenter(session)
            return
        if not self.with_faults and self.random.random() < 0.2:
            self._write_at_once(session)
            return
        has_followed = self._compare(session.database)
        if session.database.engine.failed:  # it has just learnt that
            self._reenter(session)
            return
        if not has_followed:
            return  # what it shows is of the past, and no step need change that
        session.model = model_of_state(self.history.states[self.history.shown])
        random_step(session, self.random, self.durabilities)

    def _write_at_once(self, session: Session) -> None:
        """Write without a look at what the others did: the lock is where that is taken in."""
        session.model = model_of_state(unexpired(self.history.states[self.history.shown]))
        session.insert(self.random.choice(COLLECTIONS), random_document(self.random), self.durabilities[0])

    def _look_meanwhile(self, disk: SimulatedDisk, verb: str, name: str) -> None:
        """Let a reader follow while somebody is in the middle of something."""
        if self.looking or verb in READS or not self.followers or self.random.random() < 0.7:
            return
        stop_at, faults = disk.stop_at, disk.faults
        self.looking, disk.stop_at, disk.faults = True, None, []
        try:
            self.random.choice(self.followers).follow()
            self.counts["looked meanwhile"] += 1
        except CorruptionError as error:
            raise Mismatch(f"a reader takes writing for damage, at {verb} {name}: {error}") from error
        except StorageError:
            self.counts["following refused"] += 1
        finally:
            self.looking, disk.stop_at, disk.faults = False, stop_at, faults

    def _hand_over(self, session: Session) -> bool:
        """Do what time would: what another process holds back is handed to the system after some milliseconds.

        Return whether it is: where the disk refuses, the lock is kept, and `session` would wait for it.
        """
        for other in self.sessions:
            if other is not session and other.database._holds:
                other.background_flush()
                if not other.database._appender.buffered:
                    self.history.all_handed()
                elif not other.database.engine.failed:
                    self.counts["kept waiting"] += 1
                    return False
        return True

    def _compare(self, database: Database) -> bool:
        """See to it that a process shows what it must; return False where the disk kept it from looking."""
        try:
            database.follow()
        except CorruptionError as error:
            raise Mismatch(f"a process takes what another one wrote for damage: {error}") from error
        except StorageError:
            self.counts["following refused"] += 1
            return False
        shown = state_of_engine(database.engine)
        expected = unexpired(self.history.states[self.history.shown])
        if (
            database in self.followers
            and shown != expected
            and any(s.database._appender.buffered for s in self.sessions)
        ):
            return True  # it cannot see what is in a buffer
        if shown != expected and not database.engine.failed and not self.in_doubt:
            raise Mismatch(f"a process shows {describe(shown)} instead of {describe(expected)}")
        return True

    # ── coming and going ─────────────────────────────────────────────────────────

    def _enter(self) -> None:
        alone = not self.disk.present
        try:
            database = open_database(
                self.disk,
                segment_size=self.segment_size,
                memory_budget=self.memory_budget,
                compression=next(self.compressions),
            )
        except CorruptionError as error:
            raise Mismatch(f"an undamaged disk counts as corrupt: {error}") from error
        except StorageError:
            self.counts["opening refused"] += 1
            self.disk.faults = []
            return
        self._found(database, alone=alone)
        self.sessions.append(Session(database, self.history))
        self.counts["entered"] += 1
        self.counts["beside others"] += len(self.sessions) > 1

    def _found(self, database: Database, *, alone: bool) -> None:
        state: State = state_of_engine(database.engine)
        if not self.history.legal(state):
            raise Mismatch(
                f"found {describe(state)}\nof {len(self.history.states)} states, handed {self.history.handed}, durable "
                f"{self.history.durable}:\n" + "\n".join(map(describe, self.history.states))
            )
        if wrong := wrong_indexes(database.engine):
            raise Mismatch(f"indexes do not fit their documents: {wrong}")
        self.in_doubt = False
        if alone:
            self.history.recovered(state)
        else:
            self.history.found(state)

    def _leave(self, session: Session) -> None:
        session.model = model_of_state(self.history.states[self.history.shown])
        self._compare(session.database)
        if session.database.engine.failed:  # another process has recovered the database meanwhile
            self._reenter(session)
            return
        refused = session.refused
        session.close()
        self.sessions.remove(session)
        self.counts["left"] += 1
        if session.refused > refused:  # what it had in its buffer is lost, as it was told
            self.in_doubt = True
            self._survey()

    def _reenter(self, session: Session) -> None:
        """A process whose database is failed closes it and opens it again."""
        self.sessions.remove(session)
        try:
            session.database.close()
        except StorageError:
            self.counts["closing refused"] += 1
        self.counts["reopened"] += 1
        self.disk.faults = []
        self._enter()

    def _kill_in_sync(self, session: Session) -> None:
        """Kill one process in a sync that fails, so that nobody hears of that."""
        assert self.dying is not None
        faults = self.disk.faults
        self.disk.faults = [Fault(self.dying.randint(1, 2), errno.EIO, verb="sync", deadly=True)]

        def sync_in_vain() -> None:
            self._act(session)
            if not session.database.closed:
                with suppress(StorageError):  # another process has recovered the database
                    session.database.sync()
            self.counts["died in a failed sync"] -= not self.disk.stopped

        self.counts["died in a failed sync"] += 1
        self._kill_during(session, sync_in_vain, None)
        self.disk.faults = faults

    def _kill_during(self, session: Session, action: Callable[[], None], operations: int | None) -> None:
        """Kill one process at the n-th operation of what it does, or right after it."""
        self.disk.stop_at = None if operations is None else self.disk.operations + operations
        try:
            action()
        except PowerCutError:
            self.counts["killed in the middle"] += 1
        storage = session.database.storage
        assert isinstance(storage, SimulatedStorage)
        self.disk.kill_one(storage)
        if session in self.sessions:
            self.sessions.remove(session)
        living = [other.database.storage for other in self.sessions]
        for other in [*self.disk.present, *self.disk.locks.values()]:
            if other not in living:  # it was killed while it opened the database again
                self.disk.kill_one(other)
        self.counts["killed"] += 1
        self.in_doubt = True
        self._survey()

    def _survey(self) -> None:
        """After a death, find out what came of the dead one's last write: the next who takes the lock decides."""
        while self.sessions:
            session = self.sessions[0]
            if session.database.engine.failed:
                self.sessions.remove(session)
                session.database.storage.close()
                continue
            self._hand_over(session)
            try:
                session.database.exclusively(lambda: None)
            except CorruptionError as error:
                raise Mismatch(f"a survivor takes a death for damage: {error}") from error
            except StorageError:
                self.counts["survey refused"] += 1
                self.disk.faults = []
                continue
            if session.database.engine.failed:
                continue
            self._found(session.database, alone=False)
            return
        self._enter()

    def _watch(self) -> None:
        if len(self.followers) < 2:
            try:
                self.followers.append(open_database(self.disk, read_only=True, memory_budget=self.memory_budget))
            except CorruptionError as error:
                raise Mismatch(f"a reader takes writing for damage: {error}") from error
            except StorageError:
                self.counts["opening refused"] += 1

    def _spoil_words(self) -> None:
        """The shared page holds hints only: zeros and garbage there must not matter."""
        at = self.random.randrange(1, 16)
        if at == 1:  # a bell that lies shows what is not committed at worst, and only while it is being written
            return
        self.disk.words[at] = self.random.choice((0, self.random.getrandbits(64)))
        self.counts["words spoilt"] += 1

    def _end_all(self) -> None:
        """Kill everybody at once, or take the power away."""
        self.sessions, self.followers = [], []
        self.in_doubt = True
        if self.random.random() < 0.4:
            self.disk.kill()
        else:
            self.disk.power_loss()
            self.history.power_lost()
        self.counts["ends"] += 1


def run_crowd(seed: int) -> Outcome:
    """Return what happened under this seed; everything about it follows from the number."""
    crowd = Crowd(seed)
    try:
        return Outcome(crowd.run(), crowd.disk.trace)
    except AssertionError as error:
        error.add_note(f"seed {seed}; replay it with run_crowd({seed})")
        raise


def run_crowds(seeds: range) -> Counter[str]:
    """Return what happened under all of these seeds."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        counts += run_crowd(seed).counts
    return counts
