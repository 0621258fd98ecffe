"""Writes that are made on a database and on its model at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from durability.model import (
    EXPIRES_S,
    EXPIRY,
    TIME,
    History,
    Model,
    Shelf,
    describe,
    model_of_state,
    state_of_engine,
    state_of_model,
)
from durability.simulated_disk import SimulatedDisk, SimulatedStorage
from nosqlpy import Client
from nosqlpy._core.engine import backup
from nosqlpy._io.backup import DOING
from nosqlpy._io.building import build
from nosqlpy._io.database import Database
from nosqlpy._io.options import Options
from nosqlpy.errors import CorruptionError, StorageError

COLLECTIONS = ("a", "b", "c")
WORDS = ("red", "green", "blue")
# the keys of indexes, and their options, by their names
INDEXES: dict[str, tuple[Any, dict[str, Any]]] = {
    "n_1": ("n", {}),
    "g_1": ("g", {}),
    "g_hashed": ({"g": "hashed"}, {}),
    "n_1_g_-1": ([("n", 1), ("g", -1)], {}),
    "w_text": ({"w": "text"}, {"default_language": "none"}),
    EXPIRY: ("t", {"expireAfterSeconds": EXPIRES_S}),
}
PLACE = Path("/simulated")  # nothing is ever made there


class QuietSyncer:
    """No background thread: when something is flushed or synced in the background, the seed decides."""

    sync_at: float | None = None

    def appended(self, *, buffered: bool) -> None: ...

    def flush_later(self) -> None: ...

    def expire_in(self, seconds: float) -> None: ...

    def stop(self) -> None: ...


def open_database(
    disk: SimulatedDisk, *, segment_size: int = 1 << 20, durability: Any = "safe", **options: Any
) -> Database:
    """Return the database on the disk, with no thread of its own."""
    database = Database(
        SimulatedStorage(disk), Options(path=PLACE, segment_size=segment_size, durability=durability, **options)
    )
    database._syncer = QuietSyncer()
    return database


def client_of(database: Database) -> Client:
    """Return a client whose database is open already."""
    client = Client(PLACE, durability=database.options.durability, segment_size=database.options.segment_size)
    client._backend._database = database
    return client


class Mismatch(AssertionError):
    """The database does not hold what it must."""


class Session:
    """An open database, its model and its history: every write is made on both, and both are compared."""

    def __init__(self, database: Database, history: History) -> None:
        self.database = database
        self.client = client_of(database)
        self.history = history
        self.model: Model = model_of_state(history.states[-1])
        self.refused = 0

    def write(self, change: Callable[[Model], None], call: Callable[[], Any], durability: str) -> None:
        """Make one write; on return the history knows whether it happened, and what it survives."""
        candidate = _copied(self.model)
        change(candidate)
        if state_of_model(candidate) == state_of_model(self.model):
            self._done(call)  # a commit or not: it promises nothing about earlier writes
            return
        failed = self.database.engine.failed
        self.history.attempt(candidate)
        try:
            call()
        except StorageError:
            self.refused += 1
            self._after_refusal(candidate, failed_before=failed)
            return
        self._after_success(candidate, durability)

    def _after_success(self, candidate: Model, durability: str) -> None:
        self.model = candidate
        self.history.succeed()
        if durability == "durable":
            self.history.all_durable()
        elif durability == "safe":
            self.history.all_handed()
        self.compare()

    def _after_refusal(self, candidate: Model, *, failed_before: bool) -> None:
        """A write is refused without a trace, or its outcome is unknown and the engine takes no more."""
        if self.database.engine.failed and not failed_before:
            shown = state_of_engine(self.database.engine)
            if shown == state_of_model(candidate):
                self.model = candidate
                self.history.succeed()
        else:
            self.history.withdraw()
        self.compare()

    def compare(self) -> None:
        shown = state_of_engine(self.database.engine)
        if shown != state_of_model(self.model):
            raise Mismatch(f"memory holds {describe(shown)} instead of {describe(state_of_model(self.model))}")

    def let_time_pass(self, random: Random) -> None:
        """Let some time pass, or none, and documents expire."""
        if random.random() < 0.05:
            TIME.now += timedelta(seconds=random.choice((1, 10, 60)))
        for shelf in self.model.values():
            shelf.let_expire()

    # ── writes ───────────────────────────────────────────────────────────────────

    def insert(self, name: str, document: dict[str, Any], durability: Any) -> None:
        if document["_id"] in self.model.get(name, Shelf()).documents:
            return
        self.write(
            lambda model: _shelf(model, name).documents.update({document["_id"]: document}),
            lambda: self.client[name].insert_one(document, durability=durability),
            durability,
        )

    def insert_many(self, name: str, documents: list[dict[str, Any]], durability: Any) -> None:
        held = self.model.get(name, Shelf()).documents
        fresh = [document for document in documents if document["_id"] not in held]
        if fresh:
            self.write(
                lambda model: _shelf(model, name).documents.update({d["_id"]: d for d in fresh}),
                lambda: self.client[name].insert_many(fresh, durability=durability),
                durability,
            )

    def update(self, name: str, group: int, n: int, durability: Any) -> None:
        """Set a field of all documents of a group, in one commit, and move them to the next group."""
        if name not in self.model:
            return

        def change(model: Model) -> None:
            for document in model[name].documents.values():
                if document["g"] == group:
                    document |= {"n": n, "g": group + 1}

        call = lambda: self.client[name].update_many(  # noqa: E731
            {"g": group}, {"$set": {"n": n, "g": group + 1}}, durability=durability
        )
        self.write(change, call, durability)

    def replace(self, name: str, document: dict[str, Any], durability: Any) -> None:
        self.write(
            lambda model: _shelf(model, name).documents.update({document["_id"]: document}),
            lambda: self.client[name].save(document, durability=durability),
            durability,
        )

    def delete(self, name: str, id: Any, durability: Any) -> None:
        if id in self.model.get(name, Shelf()).documents:
            self.write(
                lambda model: model[name].documents.pop(id) and None,
                lambda: self.client[name].delete_one({"_id": id}, durability=durability),
                durability,
            )

    def delete_many(self, name: str, group: int, durability: Any) -> None:
        def change(model: Model) -> None:
            documents = model[name].documents
            model[name].documents = {id: document for id, document in documents.items() if document["g"] != group}

        if name in self.model:
            call = lambda: self.client[name].delete_many({"g": group}, durability=durability)  # noqa: E731
            self.write(change, call, durability)

    def create(self, name: str, durability: Any) -> None:
        if name not in self.model:
            self.write(
                lambda model: model.update({name: Shelf()}),
                lambda: self.client.create_collection(name, durability=durability),
                durability,
            )

    def drop(self, name: str, durability: Any) -> None:
        if name in self.model:
            self.write(
                lambda model: model.pop(name) and None,
                lambda: self.client.drop_collection(name, durability=durability),
                durability,
            )

    def clear(self, name: str, durability: Any) -> None:
        if self.model.get(name, Shelf()).documents:
            self.write(
                lambda model: model[name].documents.clear(),
                lambda: self.client[name].clear(durability=durability),
                durability,
            )

    def transaction(self, documents: list[tuple[str, dict[str, Any]]], gone: Any, group: int, durability: Any) -> None:
        """Write to several collections in one transaction: store documents, delete one, and move a group on."""

        def change(model: Model) -> None:
            for name, document in documents:
                shelf = _shelf(model, name)
                shelf.documents.update({document["_id"]: document})
                shelf.let_expire()  # also what was stored a moment ago
            first = _shelf(model, documents[0][0]).documents
            first.pop(gone, None)
            for id, document in first.items():
                if document["g"] == group:
                    first[id] = document | {"g": group + 1}

        def call() -> None:
            with self.client.transaction(durability=durability) as tx:
                for name, document in documents:
                    tx[name].save(document)
                first = tx[documents[0][0]]
                first.delete(gone)
                first.update_many({"g": group}, {"$inc": {"g": 1}})

        self.write(change, call, durability)

    def rollback(self, name: str, document: dict[str, Any], _durability: Any) -> None:
        """Write in a transaction that is rolled back."""

        def call() -> None:
            with self.client.transaction() as tx:
                tx[name].save(document)
                tx[name].delete_many({"g": document["g"]})
                tx.rollback()

        self._done(call)

    def rename(self, name: str, new_name: str, durability: Any) -> None:
        def change(model: Model) -> None:
            renamed = {new_name if old == name else old: shelf for old, shelf in model.items() if old != new_name}
            model.clear()
            model.update(renamed)

        def call() -> None:
            self.client[name].rename(new_name, drop_target=True, durability=durability)

        if name in self.model and name != new_name:
            self.write(change, call, durability)

    def index(self, name: str, index: str, durability: Any) -> None:
        keys, options = INDEXES[index]
        if index not in self.model.get(name, Shelf()).indexes:
            self.write(
                lambda model: _shelf(model, name).indexes.append(index),
                lambda: self.client[name].create_index(keys, durability=durability, **options),
                durability,
            )

    def unindex(self, name: str, index: str, durability: Any) -> None:
        if index in self.model.get(name, Shelf()).indexes:
            self.write(
                lambda model: model[name].indexes.remove(index),
                lambda: self.client[name].drop_index(index, durability=durability),
                durability,
            )

    def validate(self, name: str, field: str, durability: Any) -> None:
        """Give a collection a validator that no document of the workload fails, or take it away."""
        options = {"validator": {"$jsonSchema": {"title": field, "required": ["_id"]}}}
        if name in self.model:
            options = {} if self.model[name].options == options else options
            self.write(
                lambda model: setattr(model[name], "options", options),
                lambda: self.client.coll_mod(name, validator=options.get("validator", {}), durability=durability),
                durability,
            )

    # ── the whole database ───────────────────────────────────────────────────────

    def sync(self) -> None:
        if self._done(self.client.sync):
            self.history.all_durable()

    def look(self, name: str, id: Any, _durability: Any) -> None:
        """Compare single answers, which need less than all documents."""
        group = len(str(id))
        shelf = self.model.get(name, Shelf())
        held = shelf.documents
        try:
            found = self.client[name].get(id)
            count = self.client[name].count()
            grouped = self.client[name].find({"g": group}).to_list()
            red = self.client[name].find({"$text": {"$search": "red"}}) if "w_text" in shelf.indexes else ()
            worded = sorted(repr(document) for document in red)
        except CorruptionError as error:
            raise Mismatch(f"an undamaged disk counts as corrupt: {error}") from error
        except StorageError:
            self.refused += 1
            return
        expected = [document for document in held.values() if document["g"] == group]
        # an index leads to them in the order in which they came to it
        if (found, count) != (held.get(id), len(held)) or sorted(map(repr, grouped)) != sorted(map(repr, expected)):
            raise Mismatch(f"{name} answers {id}: {found}, {count} documents, {group}: {grouped}, not {expected}")
        if "w_text" in shelf.indexes and worded != sorted(repr(d) for d in held.values() if "red" in d["w"].split()):
            raise Mismatch(f"{name} finds by a word: {worded}")

    def flush(self) -> None:
        if self._done(self.client.flush):
            self.history.all_handed()

    def background_flush(self) -> None:
        self.database._flush_in_background()

    def background_sync(self) -> None:
        self.database._sync_in_background()

    def expire(self) -> None:
        """Remove in the background what has expired, which nobody sees."""
        self._done(self.database._expire_in_background)

    def compact(self) -> None:
        self._done(self.client.compact)

    def back_up(self) -> None:
        """Copy the database to another disk, which loses its power then: what is there is what was copied."""
        target = SimulatedDisk(self.database.storage.disk.random.getrandbits(32))
        if self._done(lambda: self._back_up(target)):
            target.power_loss()
            shown = state_of_engine(open_database(target, create=False).engine)
            if shown != state_of_model(self.model):
                raise Mismatch(f"a backup holds {describe(shown)} instead of {describe(state_of_model(self.model))}")

    def _back_up(self, target: SimulatedDisk) -> None:
        database = self.database
        with database.keeping_segments():
            moment = database.moment(backup.moment)
            try:
                build(SimulatedStorage(target), DOING, backup.copy(moment), database.check_open, database.storage)
            except CorruptionError as error:
                raise Mismatch(f"a backup takes an undamaged disk for corrupt: {error}") from error

    def verify(self) -> None:
        """Check everything: the disk may refuse to be read, what it gives is right."""
        if not self.database.engine.failed:
            self._done(self._verify)

    def _verify(self) -> None:
        try:
            self.client.verify()
        except CorruptionError as error:
            raise Mismatch(f"verify() found damage: {error}") from error

    def close(self) -> None:
        """Close; on success everything is durable."""
        failed = self.database.engine.failed
        if self._done(self.database.close) and not failed:
            self.history.all_durable()

    def _done(self, call: Callable[[], Any]) -> bool:
        """Return whether `call` was not refused; documents are the same in either case."""
        try:
            call()
        except StorageError:
            self.refused += 1
            return False
        finally:
            if not self.database.storage.disk.stopped:
                self.compare()
        return True


def _copied(model: Model) -> Model:
    """Return a copy that may be changed: documents are flat here, and options are replaced as a whole."""
    return {
        name: Shelf({id: dict(d) for id, d in shelf.documents.items()}, list(shelf.indexes), shelf.options)
        for name, shelf in model.items()
    }


def _shelf(model: Model, name: str) -> Shelf:
    return model.setdefault(name, Shelf())


def random_step(session: Session, random: Random, durabilities: tuple[str, ...]) -> None:
    """Do one thing to the database."""
    session.let_time_pass(random)
    durability = random.choice(durabilities)
    name = random.choice(COLLECTIONS)
    session_write = random.choices(
        (
            "insert", "insert_many", "update", "replace", "delete", "delete_many", "create", "drop", "clear",
            "rename", "index", "unindex", "validate", "sync", "flush", "background_flush", "background_sync",
            "compact", "verify", "look", "transaction", "rollback", "back_up", "expire",
        ),
        (30, 10, 8, 8, 6, 2, 1, 1, 1, 2, 4, 1, 2, 4, 3, 3, 3, 3, 1, 20, 8, 2, 1, 2),
    )[0]  # fmt: skip
    match session_write:
        case "insert_many":
            several = {d["_id"]: d for d in (random_document(random) for _ in range(random.randint(1, 6)))}
            session.insert_many(name, list(several.values()), durability)
        case "update":
            session.update(name, random.randint(0, 3), random.randint(0, 99), durability)
        case "insert" | "replace" | "rollback":
            getattr(session, session_write)(name, random_document(random), durability)
        case "transaction":
            documents = [(random.choice(COLLECTIONS), random_document(random)) for _ in range(random.randint(1, 4))]
            session.transaction(documents, random_id(random), random.randint(0, 3), durability)
        case "delete" | "look":
            getattr(session, session_write)(name, random_id(random), durability)
        case "delete_many":
            session.delete_many(name, random.randint(0, 3), durability)
        case "create" | "drop" | "clear":
            getattr(session, session_write)(name, durability)
        case "rename":
            session.rename(name, random.choice(COLLECTIONS), durability)
        case "index" | "unindex" | "validate":
            what = ("n", "g") if session_write == "validate" else tuple(INDEXES)
            getattr(session, session_write)(name, random.choice(what), durability)
        case _:
            getattr(session, session_write)()


def random_id(random: Random) -> Any:
    id = random.randint(0, 30)
    return id if id % 3 else f"id{id}"


def random_document(random: Random) -> dict[str, Any]:
    size = random.choice((0, 0, 5, 40, 40, 300, 1500))
    seconds = random.choice((None, random.randint(-60, 60)))
    return {
        "_id": random_id(random),
        "g": random.randint(0, 3),
        "n": random.randint(0, 9),
        "t": None if seconds is None else TIME.BEGIN.replace(microsecond=0) + timedelta(seconds=seconds),
        "w": " ".join(random.sample(WORDS, random.randint(0, 2))),
        "pad": "x" * size,
    }
