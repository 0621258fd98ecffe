"""Fixtures for pytest: `nosqlpy_client` and `nosqlpy_async_client`, clients of a database that is empty for each test.

pytest loads this module in every run, by the entry point ``pytest11``, also where nobody asks for a fixture. So it
stands outside the package, whose import would cost time and be over before a measurement of coverage begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nosqlpy import AsyncClient, Client


@pytest.fixture
def nosqlpy_url() -> str:
    """Where the database of a test is: in memory. Override it for another place: a directory, such as of `tmp_path`."""
    return ":memory:"


@pytest.fixture
def nosqlpy_client(nosqlpy_url: str) -> Iterator[Client]:
    """A client of the database at `nosqlpy_url`, closed when the test has ended."""
    from nosqlpy import Client  # noqa: PLC0415 - only where a test asks for it

    with Client(nosqlpy_url) as client:
        yield client


@pytest.fixture
def nosqlpy_async_client(nosqlpy_url: str) -> Iterator[AsyncClient]:
    """An async client of the database at `nosqlpy_url`, for whatever event loop the test runs on; closed afterwards."""
    from nosqlpy import AsyncClient  # noqa: PLC0415 - only where a test asks for it

    client = AsyncClient(nosqlpy_url)
    yield client
    client._backend.disconnect()  # noqa: SLF001 - the event loop of the test may have ended; closing needs none
