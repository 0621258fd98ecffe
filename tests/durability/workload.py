"""Writes that are made on a database and on its model at once."""

from __future__ import annotations

import io
import json
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
    unexpired,
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
CASELESS = {
    "locale": "en",
    "caseLevel": False,
    "caseFirst": "off",
    "strength": 2,
    "numericOrdering": False,
    "alternate": "non-ignorable",
    "maxVariable": "punct",
    "normalization": False,
    "backwards": False,
}
# the keys of indexes, and their options, by their names
INDEXES: dict[str, tuple[Any, dict[str, Any]]] = {
    "n_1": ("n", {}),
    "g_1": ("g", {}),
    "g_hashed": ({"g": "hashed"}, {}),
    "n_1_g_-1": ([("n", 1), ("g", -1)], {}),
    "w_text": ({"w": "text"}, {"default_language": "none", "collation": {"locale": "simple"}}),
    "w_1": ("w", {"collation": CASELESS}),
    "m_1": ("m", {}),
    "n_-1": ([("n", -1)], {"partialFilterExpression": {"g": {"$gt": 1}}}),
    "_id_1_g_1": ([("_id", 1), ("g", 1)], {"unique": True}),
    "$**_1": ("$**", {}),
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
        except StorageError as error:
            self.refused += 1
            if error.details.get("written"):
                self._after_success(candidate, "unknown")
            else:
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

    def exchange(self, name: str, document: dict[str, Any], durability: Any) -> None:
        """Replace a document by its ``_id``, whether it is there or not."""
        id = document["_id"]
        self.write(
            lambda model: _shelf(model, name).documents.update({id: document}),
            lambda: self.client[name].replace_one({"_id": id}, document, upsert=True, durability=durability),
            durability,
        )

    def tally(self, name: str, id: Any, durability: Any) -> None:
        """Count on in a document that is found by its ``_id``."""
        self.write(
            lambda model: _count_on(model, name, id),
            lambda: self.client[name].update_one({"_id": id}, {"$inc": {"n": 1}}, durability=durability),
            durability,
        )

    def take(self, name: str, id: Any, durability: Any) -> None:
        """Delete a document, and be given it."""
        held = self.model.get(name, Shelf()).documents
        if id not in held:
            return
        expected, taken = held[id], []
        self.write(
            lambda model: model[name].documents.pop(id) and None,
            lambda: taken.append(self.client[name].find_one_and_delete({"_id": id}, durability=durability)),
            durability,
        )
        if taken not in ([], [expected]):
            raise Mismatch(f"{name} gives {taken} for {id}, not {expected}")

    def bring_in(self, name: str, documents: list[dict[str, Any]], mode: Any, durability: Any) -> None:
        """Import documents as lines of JSON; with ``upsert`` the last one stands there in another form before, too."""
        held = self.model.get(name, Shelf()).documents
        if mode == "insert":
            documents = [document for document in documents if document["_id"] not in held]
        elif mode == "upsert":
            documents = [{**documents[-1], "pad": "before"}, *documents]
        lines = b"".join(json.dumps(document, default=_extended).encode() + b"\n" for document in documents)

        def change(model: Model) -> None:
            shelf = _shelf(model, name)
            if mode == "replace":
                shelf.documents = {}
            shelf.documents.update({document["_id"]: document for document in documents})

        def call() -> None:
            self.client[name].import_file(io.BytesIO(lines), format="jsonl", mode=mode, durability=durability)

        if documents:
            self.write(change, call, durability)

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

    def create(self, name: str, collation: Any, durability: Any) -> None:
        if name not in self.model:
            options = {"collation": collation} if collation else {}
            shelf = lambda: Shelf(indexes=["_id_"] if collation else [], options=options)  # noqa: E731
            self.write(
                lambda model: model.update({name: shelf()}),
                lambda: self.client.create_collection(name, collation=collation, durability=durability),
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

    def journal(self, documents: list[tuple[str, dict[str, Any]]], durability: Any) -> None:
        """Insert documents in one transaction, and count on in those that are there: nothing is looked at in it."""
        held = {(name, id) for name, shelf in self.model.items() for id in shelf.documents}
        steps = []
        for name, document in documents:
            at = name, document["_id"]
            steps.append((*at, None if at in held else document))
            held.add(at)

        def change(model: Model) -> None:
            for name, id, document in steps:
                if document is None:
                    _count_on(model, name, id)
                else:
                    _shelf(model, name).documents[id] = dict(document)
                _shelf(model, name).let_expire()

        def call() -> None:
            with self.client.transaction(durability=durability) as tx:
                for name, id, document in steps:
                    if document is None:
                        tx[name].update_one({"_id": id}, {"$inc": {"n": 1}})
                    else:
                        tx[name].insert_one(document)

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
            held = self.model[name].options
            options = {} if held.get("validator") == options["validator"] else options
            rest = {key: value for key, value in held.items() if key != "validator"}
            self.write(
                lambda model: setattr(model[name], "options", rest | options),
                lambda: self.client.coll_mod(name, validator=options.get("validator", {}), durability=durability),
                durability,
            )

    def hide(self, name: str, index: str, hidden: bool, durability: Any) -> None:
        """Hide an index from queries, or show it again: it is kept up all the same."""
        if index in self.model.get(name, Shelf()).indexes:
            self._done(
                lambda: self.client.coll_mod(name, index={"name": index, "hidden": hidden}, durability=durability)
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

    def ask(self, name: str, _durability: Any) -> None:
        """Compare answers for which several indexes serve, or the order in which the documents lie."""
        collection = self.client[name]
        held = list(self.model.get(name, Shelf()).documents.values())
        questions: list[tuple[Any, list[Any]]] = [
            (lambda: collection.find({"m": 1}), [d for d in held if d["m"] == 1 or d["m"] == [1, 2]]),
            (lambda: collection.find({"m.a": 1}), [d for d in held if d["m"] == {"a": 1} or d["m"] == {"a": [1, "x"]}]),
            (lambda: collection.find({"w": "RED"}, collation=CASELESS), [d for d in held if d["w"] == "red"]),
            (lambda: collection.find({"n": {"$gt": 3}, "g": 2}), [d for d in held if d["n"] > 3 and d["g"] == 2]),
        ]
        try:
            answers = [find().to_list() for find, _ in questions]
            backwards = collection.find({}, hint={"$natural": -1}).to_list()
            sorted_by_n = [document["n"] for document in collection.find().sort("n", -1)]
        except CorruptionError as error:
            raise Mismatch(f"an undamaged disk counts as corrupt: {error}") from error
        except StorageError:
            self.refused += 1
            return
        for answer, (_, expected) in zip(answers, questions, strict=True):
            if sorted(map(repr, answer)) != sorted(map(repr, expected)):
                raise Mismatch(f"{name} answers {answer}, not {expected}")
        if backwards != held[::-1] or sorted_by_n != sorted((d["n"] for d in held), reverse=True):
            raise Mismatch(f"{name} answers in another order: {backwards}, {sorted_by_n}, not {held}")

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

    def compact(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Compact, and do something else while the new segment is written."""
        self._done(lambda: self.client.compact(progress=lambda _done, _total: meanwhile()))

    def back_up(self, meanwhile: Callable[[], None]) -> None:
        """Copy the database to another disk, which loses its power then: what is there is what was copied."""
        target = SimulatedDisk(self.database.storage.disk.random.getrandbits(32))
        expected = state_of_model(self.model)
        if self._done(lambda: self._back_up(target, meanwhile)):
            target.power_loss()
            shown = state_of_engine(open_database(target, create=False).engine)
            if shown != unexpired(expected):
                raise Mismatch(f"a backup holds {describe(shown)} instead of {describe(expected)}")

    def _back_up(self, target: SimulatedDisk, meanwhile: Callable[[], None]) -> None:
        database = self.database
        with database.keeping_segments():
            moment = database.moment(backup.moment)
            meanwhile()
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


def _count_on(model: Model, name: str, id: Any) -> None:
    document = model.get(name, Shelf()).documents.get(id)
    if document is not None:
        document |= {"n": document["n"] + 1}


def _extended(value: Any) -> dict[str, str]:
    return {"$date": value.isoformat()}
