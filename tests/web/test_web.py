"""Web applications with several workers: real servers, and requests that come at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import nosqlpy
from docs.code_blocks import blocks_of
from nosqlpy import Client

pytest.importorskip("fastapi", reason="the dependency group `web` is not installed")
pytest.importorskip("uvicorn", reason="the dependency group `web` is not installed")
pytest.importorskip("gunicorn", reason="the dependency group `web` is not installed")
httpx = pytest.importorskip("httpx", reason="the dependency group `web` is not installed")

TESTS = Path(__file__).parents[1]
THREADS, TIMES = 8, 30
WORKERS = 4

HOW_TO = TESTS.parent / "docs" / "how-to" / "fastapi.md"
SERVERS = {
    "uvicorn": ("-m", "uvicorn", "web.fastapi_app:app", "--workers", WORKERS, "--log-level", "warning", "--uds"),
    "uvicorn, the how-to": ("-m", "uvicorn", "shop:app", "--workers", 2, "--log-level", "warning", "--uds"),
    "gunicorn --preload, wsgi": ("-m", "gunicorn", "web.wsgi_app:app", "--preload", "--workers", WORKERS, "--bind"),
}


@contextmanager
def serving(server: str, directory: Path) -> Iterator[Any]:
    """Run a server until the end of the block; yield a function that makes HTTP clients for it."""
    place = str(directory / "socket")
    *command, option = SERVERS[server]
    address = place if option == "--uds" else f"unix:{place}"
    paths = os.pathsep.join((str(Path(nosqlpy.__file__).parents[1]), str(TESTS), str(directory)))
    data = str(directory / "data")
    environment = {**os.environ, "PYTHONPATH": paths, "DATABASE": data, "SHOP_URL": data}
    line = [sys.executable, *map(str, command), option, address]

    def connect() -> Any:
        return httpx.Client(transport=httpx.HTTPTransport(uds=place, verify=False), base_url="http://app", timeout=60)

    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(line, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            await_start(process, directory)
            yield connect
        finally:
            process.terminate()
            process.wait(30)


def await_start(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Return when the server takes connections."""
    patience_s = time.monotonic() + 60
    with socket.socket(socket.AF_UNIX) as probe:
        while probe.connect_ex(str(directory / "socket")):
            assert process.poll() is None, (directory / "output").read_text()
            assert time.monotonic() < patience_s, (directory / "output").read_text()
            time.sleep(0.05)


def count_at_once(connect: Any) -> list[dict[str, int]]:
    """Count from many threads; return all answers."""
    answers: list[dict[str, int]] = []

    def count() -> None:
        for _ in range(TIMES):
            with connect() as http:  # a connection each, so that all workers get some
                answers.append(http.post("/counters/hits").raise_for_status().json())

    threads = [threading.Thread(target=count) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn --preload, wsgi"])
def test_no_request_of_any_worker_is_lost(tmp_path: Path, server: str) -> None:
    with serving(server, tmp_path) as connect:
        answers = count_at_once(connect)
    with Client(tmp_path / "data") as db:
        counted = db["counters"].get("hits")
        report = db.verify()

    assert sorted(answer["n"] for answer in answers) == list(range(1, THREADS * TIMES + 1))
    assert len({answer["worker"] for answer in answers}) > 1
    assert counted == {"_id": "hits", "n": THREADS * TIMES}
    assert report["ok"]


def test_a_worker_finds_the_typed_documents_that_another_one_has_stored(tmp_path: Path) -> None:
    with serving("uvicorn", tmp_path) as connect:
        for number in range(20):
            with connect() as http:
                added = http.post("/users", json={"_id": f"user {number:02}", "age": number})
                found = http.get("/users", params={"at_least": number}).json()

                assert added.status_code == 201
                assert found == [{"_id": f"user {number:02}", "age": number}]
        with connect() as http:
            again = http.post("/users", json={"_id": "user 00", "age": 1})
            wrong = http.post("/users", json={"_id": "user 99", "age": "old"})

    assert again.status_code == 409
    assert wrong.status_code == 422


def test_the_application_of_the_how_to_sells_each_piece_once_whichever_worker_is_asked(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(blocks_of(HOW_TO)[0].text)
    with serving("uvicorn, the how-to", tmp_path) as connect:
        with connect() as http:
            http.post("/items", json={"_id": "pear", "price": 0.5, "stock": 5}).raise_for_status()
        codes = []
        for _ in range(12):
            with connect() as http:
                codes.append(http.post("/items/pear/sales").status_code)
        with connect() as http:
            left = http.get("/items").json()

    assert codes == [200] * 5 + [409] * 7
    assert left == [{"_id": "pear", "price": 0.5, "stock": 0}]


def test_what_is_written_before_the_fork_is_written_once(tmp_path: Path) -> None:
    with serving("gunicorn --preload, wsgi", tmp_path) as connect, connect() as http:
        http.post("/counters/hits").raise_for_status()
    with Client(tmp_path / "data") as db:
        assert db["counters"].get("imports") == {"_id": "imports", "n": 1}
