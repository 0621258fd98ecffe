"""What is done to a database at random, and the documents that it is done with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from durability.model import TIME
from durability.workload import CASELESS, COLLECTIONS, INDEXES, Session

WORDS = ("red", "green", "blue")
# indexes that no query needs
HIDEABLE = ("n_1", "g_1", "m_1", "w_1", "$**_1")
# what is done, and how often
WRITES = {
    "insert": 26, "insert_many": 8, "update": 8, "replace": 6, "delete": 6, "delete_many": 2, "create": 2, "drop": 1,
    "clear": 1, "rename": 2, "index": 6, "unindex": 1, "validate": 2, "transaction": 6, "exchange": 3, "tally": 8,
    "take": 3, "bring_in": 4, "journal": 4, "hide": 1,
}  # fmt: skip
STEPS = WRITES | {
    "sync": 4, "flush": 3, "background_flush": 3, "background_sync": 3, "compact": 3, "verify": 1, "look": 16, "ask": 4,
    "rollback": 2, "back_up": 1, "expire": 2,
}  # fmt: skip
# what is drawn for it, besides a collection and a durability; the rest needs none of these
ARGUMENTS: dict[str, Callable[[Random], tuple[Any, ...]]] = {
    "insert": lambda random: (random_document(random),),
    "insert_many": lambda random: (random_documents(random),),
    "bring_in": lambda random: (random_documents(random), random.choice(("insert", "upsert", "replace"))),
    "update": lambda random: (random.randint(0, 3), random.randint(0, 99)),
    "replace": lambda random: (random_document(random),),
    "exchange": lambda random: (random_document(random),),
    "rollback": lambda random: (random_document(random),),
    "transaction": lambda random: (random_places(random), random_id(random), random.randint(0, 3)),
    "journal": lambda random: (random_places(random),),
    "delete": lambda random: (random_id(random),),
    "take": lambda random: (random_id(random),),
    "tally": lambda random: (random_id(random),),
    "look": lambda random: (random_id(random),),
    "delete_many": lambda random: (random.randint(0, 3),),
    "create": lambda random: (random.choice((None, CASELESS)),),
    "drop": lambda _: (),
    "clear": lambda _: (),
    "ask": lambda _: (),
    "rename": lambda random: (random.choice(COLLECTIONS),),
    "index": lambda random: (random.choice(tuple(INDEXES)),),
    "unindex": lambda random: (random.choice(tuple(INDEXES)),),
    "validate": lambda random: (random.choice(("n", "g")),),
    "hide": lambda random: (random.choice(HIDEABLE), random.random() < 0.5),
}


def random_step(session: Session, random: Random, durabilities: tuple[str, ...], steps: dict[str, int] = STEPS) -> None:
    """Do one thing to the database."""
    session.let_time_pass(random)
    durability = random.choice(durabilities)
    name = random.choice(COLLECTIONS)
    step = random.choices(tuple(steps), tuple(steps.values()))[0]
    if step in ("compact", "back_up"):
        getattr(session, step)(lambda: _meanwhile(session, random, durabilities))
    elif step in ("transaction", "journal"):
        getattr(session, step)(*ARGUMENTS[step](random), durability)
    elif step in ARGUMENTS:
        getattr(session, step)(name, *ARGUMENTS[step](random), durability)
    else:
        getattr(session, step)()


def _meanwhile(session: Session, random: Random, durabilities: tuple[str, ...]) -> None:
    if random.random() < 0.3:
        random_step(session, random, durabilities, WRITES)


def random_documents(random: Random) -> list[dict[str, Any]]:
    """Return some documents, each with an ``_id`` of its own."""
    return list({d["_id"]: d for d in (random_document(random) for _ in range(random.randint(1, 6)))}.values())


def random_places(random: Random) -> list[tuple[str, dict[str, Any]]]:
    """Return some documents with the names of their collections."""
    return [(random.choice(COLLECTIONS), random_document(random)) for _ in range(random.randint(1, 4))]


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
        "m": random.choice((None, 1, [1, 2], [], {"a": 1}, {"a": [1, "x"]})),
        "pad": "x" * size,
    }
