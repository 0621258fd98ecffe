"""Every case of `text.json`, with the text index that its group says, in memory and from a disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from corpus.cases import HERE, Case, differences, load, perform, run_blocking
from corpus.values import read_file
from nosqlpy import AsyncClient, Client

pytest.importorskip("snowballstemmer", reason="the extra `text` is not installed")

FILE = HERE / "text.json"
INDEXES = {group["name"]: group["index"] for group in read_file(FILE)["groups"]}
CASES = list(load(FILE))


@pytest.fixture(scope="module", params=["memory", "evicted"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    place = ":memory:" if request.param == "memory" else f"file://{tmp_path_factory.mktemp('data')}?memory_budget=0"
    with Client(place) as client:
        yield client


def index_of(case: Case) -> tuple[Any, dict[str, Any]]:
    index = INDEXES[case.group.rpartition("::")[2]]
    return index["keys"], {name: value for name, value in index.items() if name != "keys"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_text_search_gives_mongodbs_answer(client: Client, case: Case) -> None:
    collection = client[f"c{CASES.index(case)}"]
    collection.insert_many(case.documents)
    keys, options = index_of(case)
    collection.create_index(keys, **options)

    assert differences(case, run_blocking(perform(collection, case))) == []


@pytest.mark.anyio
async def test_every_text_search_gives_mongodbs_answer_on_the_async_face_and_an_index_made_first() -> None:
    wrong = []
    async with AsyncClient(":memory:") as client:
        for number, case in enumerate(CASES):
            collection = client[f"c{number}"]
            keys, options = index_of(case)
            await collection.create_index(keys, **options)
            await collection.insert_many(case.documents)
            wrong += [(str(case), each) for each in differences(case, await perform(collection, case))]

    assert wrong == []
