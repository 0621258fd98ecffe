"""What other processes do in the tests. Run as a program: the name of a function, the directory, and more arguments."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from random import Random
from typing import Any

from nosqlpy import AsyncClient, Client
from nosqlpy._core.engine.state import Engine
from nosqlpy.errors import InvalidOperation, StorageError

ACCOUNTS = 5


def say(what: object) -> None:
    """Report a line to the parent, at once."""
    os.write(1, f"{what}\n".encode())


def write_until_killed(path: str, seed: str) -> None:
    """Insert for ever and say each acknowledged id; count moves on all accounts at once; compact all the while."""
    random = Random(seed)
    client = Client(path, segment_size=random.choice((2000, 20_000)), sync_interval=0.01, lock_timeout=10)
    if not client["bank"].exists():
        client["bank"].insert_many([{"_id": number, "moves": 0} for number in range(ACCOUNTS)])
    threading.Thread(target=_compact_often, args=(client, random.random() / 20), daemon=True).start()
    number = int(seed) * 1_000_000
    while True:
        number += 1
        client["log"].insert_one({"_id": number, "pad": "x" * random.choice((0, 100, 3000))})
        say(number)
        client["bank"].update_many({}, {"$inc": {"moves": 1}})


def _compact_often(client: Client, pause_s: float) -> None:
    while True:
        time.sleep(pause_s)
        try:
            client.compact()
        except StorageError:
            return


def hold(path: str, *options: str) -> None:
    """Open the database with these options, say so, and keep it until killed."""
    client = Client(path, **dict.fromkeys(options, True)).open()
    say("open")
    time.sleep(60)
    client.close()


def end_without_close(path: str, how: str, durability: Any) -> None:
    """Write a hundred documents and end in one of the ways in which programs end."""
    client = Client(path, durability=durability, slow_ms=None)
    for number in range(100):
        client["a"].insert_one({"_id": number})
    if how == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    elif how == "exit":
        sys.exit(3)
    elif how == "exception":
        raise RuntimeError("the program has a bug")
    elif how == "collected":
        del client
    elif how == "cycle":
        cycle: list[Any] = [client]
        cycle.append(cycle)
        del client, cycle
    elif how == "thread":
        threading.Thread(target=lambda: client["a"].insert_one({"_id": "late"})).start()


def end_without_aclose(path: str, how: str, durability: Any) -> None:
    """Do the same with an async client, whose closing is forgotten in one way or another."""
    import asyncio  # noqa: PLC0415

    async def main() -> None:
        client = AsyncClient(path, durability=durability, slow_ms=None)
        for number in range(100):
            await client["a"].insert_one({"_id": number})
        if how == "unawaited":
            client.aclose()
        elif how == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(5)
        elif how == "cancelled":
            task = asyncio.create_task(client.aclose())
            await asyncio.sleep(0)
            task.cancel()

    asyncio.run(main())


def fork_after_open(path: str, durability: Any) -> None:
    """Fork while the database is open; parent and child say what they find."""
    client = Client(path, durability=durability, slow_ms=None)
    client["a"].insert_one({"_id": "before"})
    child = os.fork()
    if not child:
        say(f"child {client['a'].count()}")
        client["a"].insert_one({"_id": "child"})
        client.sync()
        client.close()
        sys.exit(0)
    os.waitpid(child, 0)
    client["a"].insert_one({"_id": "after"}, durability="durable")
    say(f"parent {client['a'].count()} {client.verify()['ok']}")
    client.close()


def fork_with_everything(path: str) -> None:
    """Fork, and fork again, with clients of both faces and a cursor under way; all write in the end."""
    import asyncio  # noqa: PLC0415

    client, other = Client(path), AsyncClient(path)
    client["a"].insert_many([{"_id": n} for n in range(3000)])
    cursor = iter(client["a"].find())
    next(cursor)
    asyncio.run(_insert(other, "async parent"))
    for generation in range(2):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            break
        try:
            list(cursor)
        except InvalidOperation:
            say("cursor refused")
        client["a"].insert_one({"_id": f"child {generation}"})
        asyncio.run(_insert(other, f"async child {generation}"))
    client.close()


async def _insert(client: AsyncClient, id: str) -> None:
    await client["a"].insert_one({"_id": id})


def fork_while_syncer_waits(path: str) -> None:
    """Fork at the moment at which the syncer's thread holds the lock of its event."""
    client = Client(path, durability="safe")
    client["a"].insert_one({"_id": 1})
    with client._backend.database()._syncer._wake._cond:
        child = os.fork()
        if not child:
            os._exit(0)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            say("child ended")
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        say("child hangs")
    client.close()


def move_money(path: str, seed: str, durability: Any = "safe") -> None:
    """Move money between accounts for ever, in one write on two documents each time; say each acknowledged entry."""
    random = Random(seed)
    options: Any = {"segment_size": random.choice((400, 4000, 50_000)), "durability": durability, "slow_ms": None}
    client = Client(path, sync_interval=0.02, **options)
    number = int(seed) * 1_000_000
    while True:
        number += 1
        source, target = random.sample(range(ACCOUNTS), 2)
        amount = random.randint(1, 50)
        client["bank"].update_many(
            {"_id": {"$in": [source, target]}},
            [{"$set": {"n": {"$add": ["$n", {"$cond": [{"$eq": ["$_id", source]}, -amount, amount]}]}}}],
        )
        client["entries"].insert_one({"_id": number, "pad": "x" * random.choice((0, 100, 3000))})
        say(number)
        if random.random() < 0.01:
            client.compact()
        if random.random() < 0.01:
            client.close()
            client = Client(path, sync_interval=0.02, **options)


def move_in_transactions(path: str, seed: str, durability: Any = "safe") -> None:
    """Do as `move_money`, by reading both accounts and writing them, with the entry, in one transaction."""
    random = Random(seed)
    client = Client(path, sync_interval=0.02, durability=durability, slow_ms=None, lock_timeout=60)
    number = int(seed) * 1_000_000
    while True:
        number += 1
        source, target = random.sample(range(ACCOUNTS), 2)
        amount = random.randint(1, 50)
        with client.transaction() as tx:
            bank = tx["bank"]
            for id, change in ((source, -amount), (target, amount)):
                account: Any = bank.get(id)
                bank.save(account | {"n": account["n"] + change})
            tx["entries"].insert({"_id": number, "pad": "x" * random.choice((0, 100, 3000))})
            tx["twins"].insert({"_id": number})
            if random.random() < 0.1:
                tx.rollback()
                continue
        say(number)
        if random.random() < 0.01:
            client.compact()


MERGING: list[dict[str, Any]] = [
    {"$documents": [{"_id": n, "n": 1} for n in range(3)]},
    {"$merge": {"into": "totals", "whenMatched": [{"$set": {"n": {"$add": ["$n", "$$new.n"]}}}]}},
]


def merge_up(path: str, times: str, face: str) -> None:
    """Add one to three counters so many times, each time by one pipeline, through one of the faces."""
    options: Any = {"segment_size": 4000, "slow_ms": None, "lock_timeout": 30}
    if face == "blocking":
        with Client(path, **options) as db:
            for _ in range(int(times)):
                db.aggregate(MERGING)
        return
    import anyio  # noqa: PLC0415 - only for this

    async def main() -> None:
        async with AsyncClient(path, **options) as db:
            for _ in range(int(times)):
                await db.aggregate(MERGING)

    anyio.run(main, backend=face)


def count_up(path: str, times: str, face: str, durability: Any) -> None:
    """Add one to a counter so many times, through one of the faces."""
    options: Any = {"segment_size": 400, "durability": durability, "slow_ms": None, "lock_timeout": 30}
    if face == "blocking":
        with Client(path, **options) as db:
            for number in range(int(times)):
                db["counters"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)
                if number % 50 == 25:
                    db.compact()
        return
    import anyio  # noqa: PLC0415 - only for this

    async def main() -> None:
        async with AsyncClient(path, **options) as db, anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(count, db)

    async def count(db: AsyncClient) -> None:
        for _ in range(int(times) // 4):
            await db["counters"].update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)

    anyio.run(main, backend=face)


def die_before_the_bell(path: str) -> None:
    """Be killed after a frame is in the file, and before anybody is told."""
    client = Client(path).open()
    client._backend.database()
    Engine.apply = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    say("open")
    sys.stdin.readline()
    client["a"].insert_one({"_id": "orphan"})


def die_within_a_write(path: str) -> None:
    """Be killed when a part of a frame is in the file."""
    client = Client(path).open()
    storage = client._backend.database().storage
    append = storage.append

    def half(name: str, data: bytes) -> None:
        append(name, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    storage.append = half
    say("open")
    sys.stdin.readline()
    client["a"].insert_one({"_id": "torn", "pad": "x" * 1000})


def stop_within_a_write(path: str) -> None:
    """Be stopped while holding the lock of writers; go on when told to."""
    client = Client(path).open()
    database = client._backend.database()
    say("open")
    sys.stdin.readline()

    def stop() -> None:
        say("stopping")
        os.kill(os.getpid(), signal.SIGSTOP)

    database.exclusively(stop)
    client["a"].insert_one({"_id": "late"})
    say("done")


def record(path: str, seed: str, times: str) -> None:
    """Read and change a register and a counter; say each call with the times between which it happened."""
    random = Random(seed)
    with Client(path, segment_size=1000) as db:
        say("open")
        sys.stdin.readline()
        for n in range(int(times)):
            kind = random.choice(("read", "read", "write", "swap", "add"))
            value = int(seed) * 1000 + n
            began = time.monotonic_ns()
            if kind == "read":
                found = db["r"].get(1)
                result = None if found is None else found["v"]
            elif kind == "write":
                db["r"].save({"_id": 1, "v": value})
                result = None
            elif kind == "swap":
                found = db["r"].find_one_and_update({"_id": 1}, {"$set": {"v": value}}, upsert=True)
                result = None if found is None else found["v"]
            else:
                found = db["r"].find_one_and_update({"_id": 1}, {"$inc": {"v": 1}})
                result = None if found is None else found["v"]
            say((began, time.monotonic_ns(), kind, value, result))


def collect_while_opening(path: str) -> None:
    """Have a forgotten client collected while another one is being opened by the same thread."""
    import gc  # noqa: PLC0415

    from nosqlpy._io import registry  # noqa: PLC0415

    forgotten: list[Any] = [Client(path + "/one").open()]
    forgotten[0]["a"].insert_one({"_id": 1})
    forgotten.append(forgotten)
    del forgotten
    opened = registry.Database

    def open_and_collect(*args: Any) -> Any:
        database = opened(*args)
        gc.collect()
        return database

    registry.Database = open_and_collect
    other = Client(path + "/two")
    other["a"].insert_one({"_id": 2})
    other.close()
    registry.Database = opened
    with Client(path + "/one") as again:
        say(f"collected, reopened with {again['a'].count()}")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
