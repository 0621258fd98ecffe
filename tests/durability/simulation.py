"""One seed: a database lives through writes, faults and crashes, and must hold a legal state whenever it is opened."""

from __future__ import annotations

import errno
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from durability.model import TIME, History, State, describe, state_of_engine, unexpired, wrong_indexes
from durability.simulated_disk import Fault, PowerCutError, SimulatedDisk
from durability.steps import random_step
from durability.workload import Mismatch, Session, open_database
from nosqlpy._core.engine import compaction, hints, snapshots
from nosqlpy._core.log.segment import BLOCK_MIN
from nosqlpy._io.database import Database
from nosqlpy.errors import CorruptionError, FormatVersionError, StorageError

EPOCHS = 5
DURABILITIES = (
    ("safe",),
    ("durable",),
    ("fast",),
    ("safe", "durable"),
    ("fast", "safe", "durable"),
)


@dataclass
class Outcome:
    """What happened under a seed, to be summed up, and what proves that it happens again."""

    counts: Counter[str] = field(default_factory=Counter)
    trace: int = 0


class Simulation:
    """The disk, the history and the random choices of one seed."""

    def __init__(self, seed: int, *, faults: bool = True, flips: bool = True) -> None:
        self.random = Random(seed)
        self.disk = SimulatedDisk(seed + 1)
        self.history = History()
        self.with_faults = faults
        self.with_flips = flips
        self.counts: Counter[str] = Counter()
        self.segment_size = self.random.choice((400, 1000, 4096, 1 << 20))
        self.memory_budget = self.random.choice((0, 300, 3000, 256 << 20, 256 << 20))
        self.hint_min = self.random.choice((0, 0, 1000, 4 << 20))
        self.snapshot_min = 0 if self.hint_min < 4 << 20 else 10_000
        self.durabilities = self.random.choice(DURABILITIES)
        # some lives are short, on a disk that is soon full, so that a crash comes right after a refused write
        # drawn apart, so that the other lives are what they were
        self.compression = Random(seed ^ 0xC0DEC).choice((None, None, "zlib"))
        self.refusals = faults and self.random.random() < 0.15

    def run(self) -> Outcome:
        """Live through up to four crashes.

        Raises:
            Mismatch: The database showed, or recovered, what it must not.
        """
        for _ in range(self.random.randint(1, EPOCHS)):
            self._arrange()
            try:
                self._epoch()
            except PowerCutError:
                self.counts["stopped"] += 1
            self._crash()
        database = self._open_undisturbed()
        self._check_repeatable(database)
        if self.with_flips:
            self._flip()
        return Outcome(self.counts, self.disk.trace)

    # ── an epoch ─────────────────────────────────────────────────────────────────

    def _arrange(self) -> None:
        """Decide where the next crash stops the machine, and what fails before that."""
        operations = self.disk.operations
        if self.refusals:
            self.disk.faults = [Fault(self.random.randint(1, 5), errno.ENOSPC, forever=True, verb="append")]
            return
        if self.random.random() < 0.7:
            self.disk.stop_at = operations + self.random.randint(1, self.random.choice((12, 60, 200)))
        if self.with_faults and self.random.random() < 0.4:
            verb = self.random.choice((None, None, "sync", "append", "write_file", "truncate", "sync_directory"))
            codes = (errno.EIO, errno.ENOSPC)
            for _ in range(self.random.choice((1, 1, 2))):
                fault = Fault(self.random.randint(1, 60 if verb is None else 12), self.random.choice(codes), verb=verb)
                fault.forever = self.random.random() < 0.4
                self.disk.faults.append(fault)
                verb = self.random.choice(("sync", "truncate", None))

    def _epoch(self) -> None:
        session = self._open()
        if session is None:
            return
        for _ in range(self.random.randint(1, 8 if self.refusals else 60)):
            random_step(session, self.random, self.durabilities)
        if wrong := wrong_indexes(session.database.engine):
            raise Mismatch(f"indexes do not fit their documents: {wrong}")
        if self.random.random() < 0.4 and not self.refusals:
            session.close()
            self.counts["closed"] += 1
        self.counts["refused"] += session.refused

    def _database(self) -> Database:
        return open_database(
            self.disk,
            segment_size=self.segment_size,
            memory_budget=self.memory_budget,
            compression=self.compression,
        )

    def _open(self) -> Session | None:
        try:
            database = self._database()
        except CorruptionError as error:
            raise Mismatch(f"an undamaged disk counts as corrupt: {error}") from error
        except StorageError:
            self.counts["opening refused"] += 1
            return None
        self._recovered(database)
        return Session(database, self.history)

    def _recovered(self, database: Database) -> None:
        state = state_of_engine(database.engine)
        self.counts["recovered"] += 1
        self.counts["torn"] += database.report.torn_bytes > 0
        if not self.history.legal(state):
            raise Mismatch(
                f"recovered {describe(state)}\nof {len(self.history.states)} states, handed {self.history.handed}, "
                f"durable {self.history.durable}:\n" + "\n".join(map(describe, self.history.states))
            )
        if wrong := wrong_indexes(database.engine):
            raise Mismatch(f"indexes do not fit their documents: {wrong}")
        self.history.recovered(state)

    def _crash(self) -> None:
        if self.random.random() < 0.4:
            self.counts["killed"] += 1
            self.disk.kill()
        else:
            self.counts["power lost"] += 1
            self.disk.power_loss()
            self.history.power_lost()

    # ── after the last crash ─────────────────────────────────────────────────────

    def _open_undisturbed(self) -> Database:
        session = self._open()
        if session is None:
            raise Mismatch("an undisturbed disk cannot be opened")
        session.database.verify()
        return session.database

    def _check_repeatable(self, database: Database) -> None:
        """Crash right after recovery: the next one must find the same, and after that nothing torn."""
        state = state_of_engine(database.engine)
        self._crash()
        again = self._open_undisturbed()
        if state_of_engine(again.engine) != state:
            raise Mismatch(
                f"a second recovery found {describe(state_of_engine(again.engine))} instead of {describe(state)}"
            )
        if again.report.torn_bytes:
            raise Mismatch("a second recovery found a torn tail")
        self._live_on(again)

    def _live_on(self, database: Database) -> None:
        """Write a little more, and close or crash."""
        session = Session(database, self.history)
        for _ in range(self.random.randint(0, 10)):
            random_step(session, self.random, self.durabilities)
        if self.random.random() < 0.5:
            session.close()
        self._crash()

    def _flip(self) -> None:
        """Damage one bit: opening refuses, or shows a state that once was and reports what it left out."""
        name = self.random.choice(sorted(self.disk.names))
        size = len(self.disk.names[name].cache)
        if not size:
            return
        legal = list(map(unexpired, self.history.states[self.history.handed :]))
        self.disk.flip_bit(name, self.random.randrange(8 * size))
        before = self.disk.files()
        try:
            database = self._database()
        except (CorruptionError, FormatVersionError):
            self.counts["flips refused"] += 1
            if self.disk.files() != before:
                raise Mismatch("a refused opening changed the files") from None
            return
        try:
            state = state_of_engine(database.engine)
        except CorruptionError:  # in what opening left to a hint: found when it is read
            self.counts["flips found late"] += 1
            return
        self._judge_flip(state, database.report.torn_bytes, legal, name)
        if wrong := wrong_indexes(database.engine):
            raise Mismatch(f"a flipped bit in {name} went unnoticed: {wrong}")

    def _judge_flip(self, state: State, torn_bytes: int, legal: list[State], name: str) -> None:
        if state in legal:
            self.counts["flips harmless"] += 1
        elif torn_bytes and state in map(unexpired, self.history.past + self.history.states):
            self.counts["flips torn"] += 1
        else:
            raise Mismatch(f"a flipped bit in {name} went unnoticed: {describe(state)}")


def run_seed(seed: int) -> Outcome:
    """Return what happened under this seed; everything about it follows from the number."""
    simulation = Simulation(seed)
    before = hints.NEW_MIN, snapshots.DOCUMENTS_MIN
    # else only large databases have hints, and snapshots beside them …
    hints.NEW_MIN, snapshots.DOCUMENTS_MIN = simulation.hint_min, simulation.snapshot_min
    block_size, compaction.BLOCK_SIZE = compaction.BLOCK_SIZE, BLOCK_MIN  # … and several blocks
    try:
        with TIME.standing():
            return simulation.run()
    except AssertionError as error:
        error.add_note(f"seed {seed}; replay it with run_seed({seed})")
        raise
    finally:
        hints.NEW_MIN, snapshots.DOCUMENTS_MIN = before
        compaction.BLOCK_SIZE = block_size


def run_seeds(seeds: range) -> Counter[str]:
    """Return what happened under all of these seeds."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        counts += run_seed(seed).counts
    return counts
