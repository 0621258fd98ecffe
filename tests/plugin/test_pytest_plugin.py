"""The fixtures that pytest gets, in two runs of their own: one that uses them, and one that does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nosqlpy

SOURCE = Path(nosqlpy.__file__).parents[1]

IN_MEMORY = """
import pytest

clients = []

@pytest.mark.parametrize("turn", [1, 2])
def test_each_has_an_empty_database(nosqlpy_client, turn):
    nosqlpy_client["users"].insert({"_id": 1})
    clients.append(nosqlpy_client)
    assert nosqlpy_client["users"].count() == 1

def test_those_before_are_closed():
    assert [client.is_closed for client in clients] == [True, True]
"""

ASYNC = """
import asyncio

import pytest

clients = []

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_loop_of_anyio(nosqlpy_async_client, anyio_backend):
    await nosqlpy_async_client["users"].insert({"_id": 1})
    clients.append(nosqlpy_async_client)
    assert await nosqlpy_async_client["users"].find() == [{"_id": 1}]

def test_a_loop_that_ends_before_the_test(nosqlpy_async_client):
    clients.append(nosqlpy_async_client)
    assert asyncio.run(nosqlpy_async_client["users"].insert({"_id": 1})) == 1

def test_no_loop(nosqlpy_async_client):
    clients.append(nosqlpy_async_client)

def test_those_before_are_closed():
    assert [client.is_closed for client in clients] == [True] * 4
"""

IN_A_DIRECTORY = """
import pytest

@pytest.fixture
def nosqlpy_url(tmp_path):
    return str(tmp_path / "data")

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_both_have_the_same_database(nosqlpy_client, nosqlpy_async_client, anyio_backend, tmp_path):
    nosqlpy_client["users"].insert({"_id": 1})
    assert await nosqlpy_async_client["users"].count() == 1
    assert (tmp_path / "data" / "MANIFEST").exists()
"""

UNUSED = """
import sys

def test_nothing():
    assert "nosqlpy_pytest" in sys.modules
    assert "nosqlpy" not in sys.modules
"""


def run_pytest(directory: Path, *options: str) -> str:
    """Run pytest on the modules in a directory, every warning an error, and return the output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(SOURCE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "--strict-markers"]
    return subprocess.run(
        [*command, "-p", "nosqlpy_pytest", *options, "."],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    ).stdout


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run prints that uses all fixtures."""
    directory = tmp_path_factory.mktemp("used")
    for name, text in {"memory": IN_MEMORY, "async": ASYNC, "directory": IN_A_DIRECTORY}.items():
        (directory / f"test_{name}.py").write_text(text)
    return run_pytest(directory, "-v", "-p", "anyio.pytest_plugin")


def test_every_test_has_an_empty_database_in_memory(output: str) -> None:
    assert output.count("test_memory.py::test_each_has_an_empty_database") == 2
    assert "test_memory.py::test_those_before_are_closed PASSED" in output


@pytest.mark.parametrize("test", ["anyio[asyncio]", "anyio[trio]", "that_ends_before_the_test"])
def test_the_async_client_works_on_any_event_loop(output: str, test: str) -> None:
    (line,) = [line for line in output.splitlines() if line.startswith("test_async.py::") and f"{test} " in line]

    assert " PASSED" in line


def test_every_async_client_is_closed_when_its_test_has_ended(output: str) -> None:
    assert "test_async.py::test_those_before_are_closed PASSED" in output


def test_an_overridden_url_puts_the_database_into_a_directory(output: str) -> None:
    assert "test_directory.py::test_both_have_the_same_database[asyncio] PASSED" in output


def test_no_run_warns_of_anything(output: str) -> None:
    assert " 9 passed in " in output


def test_a_run_that_does_not_use_it_does_not_import_nosqlpy(tmp_path: Path) -> None:
    (tmp_path / "test_unused.py").write_text(UNUSED)

    assert " 1 passed in " in run_pytest(tmp_path)
