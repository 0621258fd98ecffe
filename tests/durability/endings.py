"""Ways in which a program ends that has a database open. Run as a program: the way, the directory, the durability."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

LATE: list[Callable[[], None]] = []
# before nosqlpy is imported, so that it is called after nosqlpy has closed what is open
atexit.register(lambda: [function() for function in LATE])

from nosqlpy import AsyncClient, Client  # noqa: E402
from nosqlpy.errors import ClosedError  # noqa: E402

COUNT = 50


def say(what: object) -> None:
    os.write(1, f"{what}\n".encode())


def filled(path: str, durability: Any) -> Client:
    """Return an open client that has acknowledged `COUNT` documents, each in a segment of its own, nearly."""
    client = Client(path, durability=durability, segment_size=400, sync_interval=0.01)
    for number in range(COUNT):
        client["a"].insert_one({"_id": number})
    say("filled")
    return client


# ── blocking ────────────────────────────────────────────────────────────────────


def normally(client: Client) -> None:
    pass


def by_an_exception(client: Client) -> None:
    raise RuntimeError("the program has a bug")


def by_exit_in_a_thread(client: Client) -> None:
    """It ends the thread, and the program goes on to its end."""
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()


def at_once(client: Client) -> None:
    os._exit(0)


def by_sigterm(client: Client) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)


def by_a_handler_of_sigterm(client: Client) -> None:
    """In the middle of a write, as a rule."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    while True:
        client["busy"].insert_one({})


def by_ctrl_c_in_the_middle_of_writes(client: Client) -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    while True:
        client["busy"].insert_one({})


def while_daemon_threads_write(client: Client) -> None:
    def write() -> None:
        while True:
            client["busy"].insert_one({"pad": "x" * 500})

    for _ in range(3):
        threading.Thread(target=write, daemon=True).start()
    time.sleep(0.05)


def while_a_daemon_thread_compacts(client: Client) -> None:
    def compact() -> None:
        while True:
            client.compact()

    threading.Thread(target=compact, daemon=True).start()
    time.sleep(0.05)


def while_a_daemon_thread_opens_and_closes(client: Client) -> None:
    def open_and_close() -> None:
        while True:
            with Client(sys.argv[2] + "-other") as other:
                other["a"].insert_one({})

    threading.Thread(target=open_and_close, daemon=True).start()
    time.sleep(0.05)


def with_a_cursor_half_read(client: Client) -> None:
    cursor: Iterator[Any] = iter(client["a"].find())
    next(cursor)
    sys.modules["__main__"].__dict__["cursor"] = cursor


def with_a_write_at_exit(client: Client) -> None:
    """What is registered later is called earlier: the database is open then."""
    atexit.register(lambda: client["late"].insert_one({"_id": 1}))


def with_a_write_too_late(client: Client) -> None:
    def write() -> None:
        try:
            client["late"].insert_one({"_id": 1})
        except ClosedError:
            say("refused")

    LATE.append(write)


def with_a_closing_at_exit(client: Client) -> None:
    atexit.register(client.close)
    LATE.append(client.close)


def with_a_client_in_a_module(client: Client) -> None:
    sys.modules["__main__"].__dict__["client"] = client


def in_a_finaliser(client: Client) -> None:
    class Careless:
        def __del__(self) -> None:
            client.close()

    sys.modules["__main__"].__dict__["careless"] = Careless()


# ── async ───────────────────────────────────────────────────────────────────────


def in_asyncio(path: str, durability: Any) -> None:
    import asyncio  # noqa: PLC0415

    asyncio.run(_fill(path, durability))


def in_trio(path: str, durability: Any) -> None:
    import trio  # noqa: PLC0415

    trio.run(_fill, path, durability)


def in_trio_by_an_exception(path: str, durability: Any) -> None:
    import trio  # noqa: PLC0415

    async def main() -> None:
        await _fill(path, durability)
        raise RuntimeError("the program has a bug")

    trio.run(main)


def in_two_event_loops(path: str, durability: Any) -> None:
    """The client of the first one is never closed."""
    import asyncio  # noqa: PLC0415

    asyncio.run(_fill(path, durability))

    async def again() -> None:
        async with AsyncClient(path, durability=durability, segment_size=400, sync_interval=0.01) as client:
            say(await client["a"].count())

    asyncio.run(again())


def with_tasks_that_wait_for_a_sync(path: str, durability: Any) -> None:
    import asyncio  # noqa: PLC0415

    async def main() -> None:
        client = await _fill(path, durability)
        waiting = [client["b"].insert_one({"_id": number}, durability="durable") for number in range(20)]
        tasks = [asyncio.create_task(write) for write in waiting]
        await asyncio.sleep(0)
        say(len(tasks))

    asyncio.run(main())


async def _fill(path: str, durability: Any) -> AsyncClient:
    client = AsyncClient(path, durability=durability, segment_size=400, sync_interval=0.01)
    for number in range(COUNT):
        await client["a"].insert_one({"_id": number})
    say("filled")
    return client


BLOCKING = (
    normally,
    by_an_exception,
    by_exit_in_a_thread,
    at_once,
    by_sigterm,
    by_a_handler_of_sigterm,
    by_ctrl_c_in_the_middle_of_writes,
    while_daemon_threads_write,
    while_a_daemon_thread_compacts,
    while_a_daemon_thread_opens_and_closes,
    with_a_cursor_half_read,
    with_a_write_at_exit,
    with_a_write_too_late,
    with_a_closing_at_exit,
    with_a_client_in_a_module,
    in_a_finaliser,
)
ASYNC = (in_asyncio, in_trio, in_trio_by_an_exception, in_two_event_loops, with_tasks_that_wait_for_a_sync)

if __name__ == "__main__":
    way, place, mode = sys.argv[1:]
    if way in [function.__name__ for function in ASYNC]:
        globals()[way](place, mode)
    else:
        globals()[way](filled(place, mode))
