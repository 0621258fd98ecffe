"""A fixed workload, which is crashed and disturbed at every one of its storage operations."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from durability.model import History, describe, state_of_engine, wrong_indexes
from durability.simulated_disk import Fault, PowerCutError, SimulatedDisk
from durability.workload import Mismatch, Session, open_database
from nosqlpy.errors import CorruptionError, StorageError

DAMAGES = 16
SEGMENT_SIZE = 1000
# some documents stay in memory, the older ones are read from the disk
MEMORY_BUDGET = 1000


@dataclass
class Point:
    """A moment at which the machine may stop: the disk, and what it must hold."""

    disk: SimulatedDisk
    history: History
    where: str


def document(number: int, size: int = 40) -> dict[str, object]:
    return {"_id": number, "g": number % 3, "n": number, "pad": "x" * size}


def first_life(session: Session) -> None:
    session.insert("a", document(1), "safe")
    session.index("a", "g_1", "safe")
    session.insert("a", document(2), "durable")
    session.insert_many("b", [document(number) for number in range(5)], "safe")
    session.update("b", 1, 50, "safe")
    session.insert("a", document(3, 700), "safe")  # rotates
    session.sync()
    session.delete("a", 2, "safe")
    session.insert("a", document(4), "fast")
    session.insert("a", document(5), "fast")
    session.flush()
    session.update("a", 0, 51, "fast")
    session.insert("a", document(6, 900), "durable")  # flushes and rotates
    session.rename("b", "c", "safe")
    session.compact()
    session.insert("c", document(7), "safe")
    session.transaction([("a", document(12)), ("new", document(13))], 4, 0, "safe")
    session.rollback("a", document(14), "safe")
    session.clear("a", "durable")
    session.close()


def second_life(session: Session) -> None:
    session.insert("a", document(8), "durable")
    session.insert("a", document(9, 900), "fast")  # rotates
    session.drop("c", "safe")
    session.compact()
    session.insert("a", document(10), "fast")
    session.close()


def third_life(session: Session) -> None:
    session.look("a", 8, "safe")  # in the hint that the second life has left
    session.insert("a", document(11), "durable")
    session.update("a", 0, 52, "safe")
    session.look("a", 11, "safe")
    session.transaction([("a", document(15)), ("b", document(16)), ("a", document(8, 50))], 11, 52, "fast")
    session.close()


LIVES = (first_life, second_life, third_life)


def crash_points(compression: str | None = None) -> list[Point]:
    """Return the moments before each operation, and in the middle of each that writes."""
    points: list[Point] = []
    disk = SimulatedDisk()
    history = History()

    def watch(disk: SimulatedDisk, verb: str, name: str) -> None:
        points.append(Point(disk.clone(0), copy.deepcopy(history), f"{len(points)}: {verb} {name}"))

    disk.watch = watch
    for live in LIVES:
        live(open_session(disk, history, compression))
    watch(disk, "end", "")
    return points


def open_session(disk: SimulatedDisk, history: History, compression: str | None = None) -> Session:
    """Open the disk and check what it holds.

    Raises:
        Mismatch: It is no legal state.
    """
    try:
        database = open_database(disk, segment_size=SEGMENT_SIZE, memory_budget=MEMORY_BUDGET, compression=compression)
    except CorruptionError as error:
        raise Mismatch(f"an undamaged disk counts as corrupt: {error}") from error
    state = state_of_engine(database.engine)
    if not history.legal(state):
        legal = "\n".join(map(describe, history.states[history.handed :]))
        raise Mismatch(f"opened {describe(state)}\ninstead of one of\n{legal}")
    if wrong := wrong_indexes(database.engine):
        raise Mismatch(f"wrong indexes: {wrong}")
    history.recovered(state)
    return Session(database, history)


def crash(point: Point, damage: int) -> None:
    """Stop the machine at this point, in one of many ways, and open what is left; damage 0 is a kill."""
    disk, history = point.disk.clone(damage), copy.deepcopy(point.history)
    if damage:
        disk.power_loss()
        history.power_lost()
    else:
        disk.kill()
    try:
        session = open_session(disk, history)
        session.database.verify()
        session.insert("a", document(99), "durable")
    except AssertionError as error:
        error.add_note(f"crashed at operation {point.where}, damage {damage}")
        raise


def crash_inside(at: int, damage: int, compression: str | None = None) -> None:
    """Run the workload until the machine stops inside operation `at`, then open what is left."""
    disk, history = SimulatedDisk(1000 * at + damage), History()
    disk.stop_at = at
    try:
        try:
            for live in LIVES:
                live(open_session(disk, history, compression))
        except PowerCutError:
            (lose_power if damage % 2 else kill)(disk, history)
        session = open_session(disk, history)
        session.database.verify()
    except AssertionError as error:
        error.add_note(f"crashed inside operation {at}, damage {damage}")
        raise


def disturb(
    at: int,
    code: int,
    *,
    forever: bool,
    end: Callable[[SimulatedDisk, History], None],
    compression: str | None = None,
) -> bool:
    """Run the workload with a fault at operation `at`, then crash by `end`, and open; return whether it struck."""
    disk, history = SimulatedDisk(at), History()
    fault = Fault(at, code, forever=forever)
    disk.faults = [fault]
    try:
        session: Session | None
        for live in LIVES:
            try:
                session = open_session(disk, history, compression)
            except CorruptionError:
                raise
            except StorageError:
                session = None
            if session is not None:
                live(session)
            if disk.present:
                raise Mismatch("the directory is still locked after closing, or after an opening that was refused")
        end(disk, history)
        session = open_session(disk, history)
        session.database.verify()
        session.insert("a", document(99), "durable")
        session.close()
    except AssertionError as error:
        error.add_note(f"fault {code} at operation {at}, {'for ever' if forever else 'once'}, then {end.__name__}")
        raise
    return fault.seen >= at


def kill(disk: SimulatedDisk, history: History) -> None:
    disk.kill()


def lose_power(disk: SimulatedDisk, history: History) -> None:
    disk.power_loss()
    history.power_lost()
