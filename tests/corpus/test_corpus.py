"""Every case of the corpus, in every way in which the answer could come about: MongoDB's answer is in the data."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from corpus.cases import CASES, Case, differences, perform, run_blocking, unsupported
from corpus.typed import KINDS, Hidden, names_of
from nosqlpy import AsyncClient, Client, NosqlpyError, WriteError
from nosqlpy._core.aggregate.pipeline import STARTS
from nosqlpy._core.engine import columns
from nosqlpy._core.query.filter import LOOP_LEAST, compile_filter
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy._core.values.collation_spec import compile_collation

LACKING = unsupported()
SUPPORTED = [case for case in CASES if case.id not in LACKING]
REFUSED = [case for case in CASES if case.id in LACKING]
QUERIES = [case for case in SUPPORTED if case.reads_only and "error" not in case.body]
PLAIN_QUERIES = [case for case in QUERIES if case.is_plain_query]
AGGREGATIONS = [case for case in SUPPORTED if "aggregate" in case.body]
COLLATED = [
    case
    for case in SUPPORTED
    # ids that are strings may be one under a collation
    if "collation" in case.body
    and "error" not in case.body
    and all(type(each["_id"]) is int for each in case.documents)
]
FILES = {name: list(cases) for name, cases in groupby(SUPPORTED, key=lambda case: case.id.partition("::")[0])}


def makes_its_documents(case: Case) -> bool:
    """Return whether the first stage makes documents itself, so that no other can come before it."""
    pipeline = case.body["aggregate"]
    return bool(pipeline) and isinstance(pipeline[0], dict) and not STARTS.isdisjoint(pipeline[0])


def paths_to_index(case: Case) -> set[str]:
    """Return the paths by which stages find documents, and all that documents have at the top."""

    def named(value: Any) -> Iterator[str]:
        for name, item in value.items() if isinstance(value, dict) else ():
            if name in ("foreignField", "connectToField") and isinstance(item, str):
                yield item
            yield from named(item)
        for item in value if isinstance(value, list) else ():
            yield from named(item)

    top = {name for document in case.documents for name in document}
    return {path for path in (*top, *named(case.body["aggregate"])) if path not in ("", "_id")}


def is_indexable(path: str) -> bool:
    """Return whether MongoDB has indexes on such a path: no part is empty or begins with ``$``."""
    return all(part and part[0] != "$" for part in path.split("."))


def create_index(collection: Any, path: str) -> None:
    """Make an index, unless a number in the path is a position and a name in one of the documents, as on a server."""
    try:
        collection.create_index(path)
    except WriteError as error:
        if error.code != 16746:
            raise


@pytest.fixture(scope="module", params=["memory", "evicted"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A database for all tests, in memory, or on a disk from which every document is read.

    Each case or group of queries has a collection of its own.
    """
    place = ":memory:" if request.param == "memory" else f"file://{tmp_path_factory.mktemp('data')}?memory_budget=0"
    with Client(place) as client:
        yield client


@pytest.fixture(scope="module")
def filled(client: Client) -> Callable[[Case], Any]:
    """Returns the collection with a case's documents; queries on the same documents share it."""
    shared: dict[tuple[str, int], Any] = {}
    names = iter(range(1_000_000))

    def fill(case: Case) -> Any:
        key = (case.group, id(case.documents) if case.reads_only else -next(names))
        if key not in shared:
            shared[key] = client[f"c{next(names)}"]
            shared[key].insert_many(case.documents)
        return shared[key]

    return fill


@pytest.mark.parametrize("case", SUPPORTED, ids=str)
def test_a_case_has_mongodbs_answer(case: Case, filled: Callable[[Case], Any]) -> None:
    answer = run_blocking(perform(filled(case), case))

    assert differences(case, answer) == [], case.page


@pytest.mark.parametrize("case", QUERIES, ids=str)
def test_an_index_on_each_field_of_the_filter_changes_no_answer(case: Case, client: Client) -> None:
    collection = client["indexed"]
    collection.drop()
    collection.insert_many(case.documents)
    for path in filter(is_indexable, sorted(compile_filter(case.filter).paths - {"_id"})):
        create_index(collection, path)

    answer = run_blocking(perform(collection, case))

    assert differences(case, answer) == [], case.page


@pytest.mark.parametrize("case", QUERIES, ids=str)
def test_an_index_on_all_fields_of_the_filter_changes_no_answer_and_no_order(case: Case, client: Client) -> None:
    collection = client["compound"]
    collection.drop()
    collection.insert_many(case.documents)
    paths = list(filter(is_indexable, sorted(compile_filter(case.filter).paths - {"_id"})))
    for keys in (paths, paths[::-1]):
        if keys:
            with contextlib.suppress(WriteError):  # two paths through different arrays of a document
                collection.create_index([(path, (-1) ** place) for place, path in enumerate(keys)])

    answer = run_blocking(perform(collection, case))

    assert differences(case, answer) == [], case.page


@pytest.mark.parametrize("case", PLAIN_QUERIES, ids=str)
def test_decoding_all_of_a_document_or_a_part_of_it_makes_no_difference(case: Case) -> None:
    predicate = compile_filter(case.filter, collation=compile_collation(case.body.get("collation")))
    blobs = [encode_document(document) for document in case.documents]

    fully = [document for document in map(decode_document, blobs) if predicate.matches(document)]
    selected = predicate.select(blobs)
    partly = [decode_document(blob) for blob in selected]

    assert predicate.select(blobs * LOOP_LEAST) == selected * LOOP_LEAST
    assert differences(case, {"returned": fully}) == [], case.page
    assert differences(case, {"returned": partly}) == [], case.page


@pytest.mark.parametrize("case", COLLATED, ids=str)
def test_the_collation_of_a_collection_and_of_its_indexes_gives_the_same_answers(case: Case) -> None:
    body = {name: value for name, value in case.body.items() if name != "collation"}
    with Client(":memory:") as client:
        own = client.create_collection("own", collation=case.body["collation"])
        own.insert_many(case.documents)
        for path in {name for document in case.documents for name in document if is_indexable(name)} - {"_id"}:
            own.create_index(path)

        assert differences(case, run_blocking(perform(own, replace(case, body=body)))) == [], case.page


@pytest.mark.parametrize("case", AGGREGATIONS, ids=str)
def test_indexes_change_no_answer_of_an_aggregation(case: Case) -> None:
    with Client(":memory:") as client:
        own = client["own"]
        own.insert_many(case.documents)
        for path in filter(is_indexable, paths_to_index(case)):
            for collection in (own, *(client[f"own.{name}"] for name in case.body.get("others", {}))):
                collection.create_index(path)

        assert differences(case, run_blocking(perform(own, case))) == [], case.page


@pytest.fixture(scope="module")
def kept() -> Iterator[Client]:
    """A database that keeps columns of collections however small they are."""
    with Client(":memory:") as client, pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "LEAST", 1)
        yield client


@pytest.mark.parametrize("case", [*QUERIES, *AGGREGATIONS], ids=str)
def test_columns_change_no_answer(case: Case, kept: Client) -> None:
    collection = kept[f"{id(case.documents)}"]
    if not collection.count():
        collection.insert_many(case.documents)
    for _ in range(2):
        with contextlib.suppress(NosqlpyError):
            run_blocking(perform(collection, case))

    answer = run_blocking(perform(collection, case))

    assert differences(case, answer) == [], case.page


@pytest.mark.parametrize("case", [case for case in AGGREGATIONS if not makes_its_documents(case)], ids=str)
def test_decoding_whole_documents_for_an_aggregation_changes_no_answer(case: Case) -> None:
    pipeline = [{"$replaceWith": "$$ROOT"}, *case.body["aggregate"]]
    with Client(":memory:") as client:
        client["own"].insert_many(case.documents)

        answer = run_blocking(perform(client["own"], replace(case, body={**case.body, "aggregate": pipeline})))
        assert differences(case, answer) == [], case.page


@pytest.mark.parametrize("name", FILES)
async def test_the_async_face_gives_the_same_answers(name: str) -> None:
    wrong: dict[str, list[str]] = {}
    async with AsyncClient(":memory:") as client:
        for number, case in enumerate(FILES[name]):
            collection = client[f"c{number}"]
            await collection.insert_many(case.documents)
            wrong[case.id] = differences(case, await perform(collection, case))

    assert {case: found for case, found in wrong.items() if found} == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_a_typed_collection_gives_the_same_answers(name: str, kind: str) -> None:
    wrong: dict[str, list[str]] = {}
    typed = [(case, KINDS[kind](names)) for case in FILES[name] if (names := names_of(case)) is not None]
    with Client(":memory:") as client:
        for number, (case, declared) in enumerate(typed):
            collection = client.collection(f"c{number}", type=declared.type)
            collection.insert_many(list(map(declared.to_object, case.documents)))
            wrong[case.id] = differences(case, run_blocking(perform(Hidden(collection, declared), case)))

    assert {case: found for case, found in wrong.items() if found} == {}


def test_most_cases_can_be_about_typed_documents() -> None:
    assert sum(names_of(case) is not None for case in SUPPORTED) > len(SUPPORTED) * 0.8


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_not_supported_is_refused_by_name(case: Case, filled: Callable[[Case], Any]) -> None:
    answer = run_blocking(perform(filled(case), case))

    assert LACKING[case.id] in answer.get("not supported", "now it is supported: take its line out")


def test_every_entry_of_the_list_of_what_is_missing_is_a_case() -> None:
    assert LACKING.keys() <= {case.id for case in CASES}


def test_the_corpus_has_at_least_1500_cases_and_none_twice() -> None:
    assert len(CASES) >= 1500
    assert len({case.id for case in CASES}) == len(CASES)


def test_every_case_names_the_page_that_it_follows() -> None:
    assert [case.id for case in CASES if not case.page.startswith(("reference/", "tutorial/", "core/"))] == []
