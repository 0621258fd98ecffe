"""Text indexes without any storage: definitions, what stands in one, plans, scores, and views of transactions."""

from __future__ import annotations

from typing import Any

import pytest

from core.engine.logged import Inside, Logged, find, request
from nosqlpy._core.aggregate.pipeline import compile_pipeline
from nosqlpy._core.engine import definitions, writes
from nosqlpy._core.engine.aggregation import AggregateRequest, aggregate
from nosqlpy._core.engine.explaining import explain
from nosqlpy._core.engine.reads import compile_query, count, execute
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.index.catalogue import definition_of
from nosqlpy._core.index.extraction import building, checking, extraction, paths_of
from nosqlpy._core.index.options import define_index
from nosqlpy._core.index.textual import TextIndex
from nosqlpy._core.query.buckets import finished
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.query.partial import layout_of
from nosqlpy._core.text.search import Search, terms_of
from nosqlpy._core.update.compile import compile_update
from nosqlpy._core.values.codec import encode_document
from nosqlpy._core.values.metadata import ScoredBytes, carry_score, score_of, without_score
from nosqlpy.errors import NotSupportedError, OperationFailure, QueryError, WriteError

NONE = {"default_language": "none"}
SCORE = {"$meta": "textScore"}


def search(text: str, **options: Any) -> dict[str, Any]:
    return {"$text": {"$search": text, **{f"${name}": value for name, value in options.items()}}}


def made(keys: Any, *documents: dict[str, Any], **options: Any) -> Engine:
    """Return an engine whose collection ``c`` has documents and a text index."""
    db = Logged()
    db.insert("c", *documents)
    db.run(definitions.create_index, "c", define_index(keys, None, {**NONE, **options}))
    return db.engine


@pytest.fixture
def pages() -> Engine:
    return made(
        {"title": "text", "body": "text"},
        {"_id": 1, "title": "red", "body": "green blue"},
        {"_id": 2, "title": "green", "body": "red red"},
        {"_id": 3, "title": "blue"},
        {"_id": 4, "body": ["red", "green"]},
        weights={"title": 10},
    )


def ids(engine: Engine, filter: Any, **options: Any) -> list[Any]:
    return [document["_id"] for document in find(engine, "c", filter, **options)]


# ── definitions ──────────────────────────────────────────────────────────────────


def test_the_catalogue_has_the_keys_of_a_server_and_says_them_again() -> None:
    made_of = define_index([("x", 1), ("b", "text"), ("a", "text"), ("y", -1)], None, {"weights": {"c.d": 3.7}})

    assert made_of.keys == (("x", 1), ("_fts", "text"), ("_ftsx", 1), ("y", -1))
    assert made_of.name == "x_1_b_text_a_text_y_-1"
    assert dict(made_of.weights or {}) == {"a": 1, "b": 1, "c.d": 3}
    assert (made_of.default_language, made_of.language_override, made_of.text_version) == ("english", "language", 3)
    assert definition_of(made_of.to_payload()) == made_of


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ({"a": "text"}, {"unique": True}),
        ({"a": "text"}, {"weights": 5}),
        ({"a": "text"}, {"weights": {"a": 0}}),
        ({"a": "text"}, {"weights": {"a.": 1}}),
        ({"a": "text"}, {"default_language": "englsh"}),
        ({"a": "text"}, {"language_override": "a.b"}),
        ({"a": "text"}, {"textIndexVersion": "3"}),
        ({"a": "text"}, {"collation": {"locale": "fr"}}),
        ({"a": "text"}, {"expireAfterSeconds": 5}),
        ({"a": "text", "x": 1, "b": "text"}, {}),
        ({"a": "text", "_ftsx": 1, "x": 1}, {}),
        ({"_fts": "text", "_ftsx": 1}, {}),
        ({"a": "text", "x": "hashed"}, {}),
        ({"a": 1}, {"weights": {"a": 1}}),
    ],
)
def test_what_is_no_text_index_is_refused(keys: Any, options: Any) -> None:
    with pytest.raises(QueryError) as caught:
        define_index(keys, None, options)

    assert caught.value.code == 67


def test_older_versions_are_refused_by_name() -> None:
    with pytest.raises(NotSupportedError, match="version 1"):
        define_index({"a": "text"}, None, {"textIndexVersion": 1})


def test_a_second_text_index_is_refused(pages: Engine) -> None:
    with pytest.raises(OperationFailure) as caught:
        definitions.create_index(pages, "c", define_index({"x": 1, "a": "text"}, None, NONE))

    assert caught.value.code == 67


# ── what stands in an index ──────────────────────────────────────────────────────


def test_an_index_grows_shrinks_and_counts_what_is_in_it() -> None:
    index = TextIndex(define_index({"t": "text"}, None, NONE))
    for key in (1, 2, 2, 3):
        index.add([("red", 1.5), (f"only{key}", 1.0)], key)
    index.add([("only1", 2.0)], 1)

    assert index.stats()["keys"] == 4
    assert index.stats()["entries"] == 6
    assert index.search((), terms_of(Search("red only1 -only2"), "none")) == {1: 3.5, 3: 1.5}
    assert index.leads_to((), ["red", "only1", "nothing"]) == 4

    for key in (1, 1, 2, 3):
        index.discard([("red", 1.5), (f"only{key}", 1.0)], key)
    assert index.stats()["entries"] == index.stats()["keys"] == len(index) == 0

    index.add([("red", 1.0)], 1)
    index.clear()
    assert index.search((), terms_of(Search("red"), "none")) == {}
    assert index.stats()["entries"] == 0


def entries(keys: Any, *documents: dict[str, Any], check: bool = False, **options: Any) -> list[Any]:
    index = TextIndex(define_index(keys, None, {**NONE, **options}))
    layout = layout_of(paths_of(index))
    blobs = [encode_document(document) for document in documents]
    extract = checking(index, layout, extraction(index, layout)) if check else building(index, layout)
    return list(extract(layout.rows(blobs), blobs))


def test_a_document_stands_under_its_terms_and_what_is_before_them() -> None:
    found = entries({"x": 1, "t": "text", "y": 1}, {"x": 5, "t": "red"}, {"t": "a b", "y": 1}, {"x": 1.0})

    assert found == [[(((5,), "red"), 1.1)], [(((None,), "a"), 0.75), (((None,), "b"), 0.75)], []]


def test_documents_with_the_same_texts_have_the_same_entries_and_a_partial_index_leaves_some_out() -> None:
    first, second, third = entries({"t": "text"}, {"t": "a", "n": 1}, {"t": "a", "n": 2}, {"t": "b"})
    kept = entries({"t": "text"}, {"t": "a", "n": 1}, {"t": "b"}, partialFilterExpression={"n": 1})

    assert first is second
    assert third == [("b", 1.1)]
    assert kept == [[("a", 1.1)], []]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"x": [1], "t": "a"}, 201),
        ({"x": 1, "y": [1]}, 201),
        ({"language": 5}, 17261),
        ({"t": "a", "language": "x"}, 17262),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_document_that_does_not_fit_is_refused(document: Any, code: int, check: bool) -> None:
    with pytest.raises(WriteError) as caught:
        entries({"x": 1, "t": "text", "y": 1}, document, check=check)

    assert caught.value.code == code


def test_a_write_that_does_not_fit_here_leaves_an_index_that_says_so() -> None:
    index = TextIndex(define_index({"t": "text"}, None, NONE))
    layout, blob = layout_of(frozenset()), encode_document({"t": "a", "language": "klingon"})

    assert extraction(index, layout)(layout.rows([blob]), [blob]) == [[]]
    with pytest.raises(NotSupportedError, match=r"'t_text'.*language"):
        index.ready()


def test_a_log_that_is_replayed_once_or_twice_gives_the_same_index_and_so_does_a_transaction() -> None:
    db = Logged()
    db.run(definitions.create_index, "c", define_index({"x": 1, "t": "text"}, None, NONE))
    db.insert("c", {"_id": 1, "t": "red red"}, {"_id": 2, "t": ["red", "blue"]}, {"_id": 3, "x": 1, "t": "red"})
    query = compile_query({"_id": 1})
    db.run(writes.update, "c", query, compile_update({"$set": {"t": "blue", "x": 1}}), None, upsert=False, many=False)
    db.run(writes.delete, "c", compile_query({"_id": 3}), many=False)
    inside = Inside(db)
    inside.insert("c", {"_id": 4, "x": 1, "t": "blue sea"})

    assert inside.ids("c", {"x": 1, **search("blue")}) == [1, 4]
    assert db.ids("c", {"x": 1, **search("blue")}) == [1]
    inside.finish()
    assert db.ids("c", {"x": 1, **search("blue")}, sort={"s": SCORE}) == [1, 4]
    db.check()


# ── plans and answers ────────────────────────────────────────────────────────────


def test_a_search_leads_to_its_documents_in_natural_order(pages: Engine) -> None:
    assert ids(pages, search("red")) == [1, 2, 4]
    assert ids(pages, search("red -blue")) == [2, 4]
    assert ids(pages, search('red "red red"')) == [2]
    assert ids(pages, {**search("red green"), "_id": {"$gt": 1}}) == [2, 4]
    assert ids(pages, search("RED", caseSensitive=True)) == []
    assert finished(count(pages, "c", compile_query(search("red blue")))) == 4


def test_scores_are_shown_sorted_by_and_found_without_reading_the_others(pages: Engine) -> None:
    shown = find(pages, "c", search("red"), projection={"_id": 1, "s": SCORE})

    assert shown == [{"_id": 1, "s": 11.0}, {"_id": 2, "s": 1.5}, {"_id": 4, "s": 1.1}]
    assert ids(pages, search("red"), sort={"s": SCORE}, limit=2) == [1, 2]
    assert ids(pages, search("red"), sort={"s": SCORE}) == [1, 2, 4]
    assert ids(pages, search("red"), sort=[("body", 1), ("s", SCORE)]) == [4, 1, 2]
    assert execute(pages, "c", request(search("red"), sort={"s": SCORE}, limit=1)).several is False


def test_pipelines_hand_scores_on_to_the_last_stage_that_asks(pages: Engine) -> None:
    pipeline = compile_pipeline(
        [
            {"$match": search("red")},
            {"$project": {"title": 1}},
            {"$replaceWith": {"page": "$$ROOT"}},
            {"$set": {"score": SCORE}},
            {"$sort": {"x": SCORE, "page._id": 1}},
            {"$limit": 2},
        ],
        {},
    )
    query = compile_query(pipeline.filter, scored=pipeline.scored)
    running = aggregate(pages, "c", AggregateRequest(pipeline, query, dict))

    assert [document for batch in running.steps() for document in batch] == [
        {"page": {"_id": 1, "title": "red"}, "score": 11.0},
        {"page": {"_id": 2, "title": "green"}, "score": 1.5},
    ]


@pytest.mark.parametrize(
    ("stages", "code"),
    [
        ([{"$limit": 1}, {"$match": search("a")}], 17313),
        ([{"$facet": {"a": [{"$match": {"$and": [search("a")]}}]}}], 40600),
        ([{"$set": {"s": [SCORE]}}], 40218),
    ],
)
def test_a_pipeline_searches_first_or_not_at_all(stages: Any, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        compile_pipeline(stages, {})

    assert caught.value.code == code


def test_a_search_in_the_pipeline_of_another_stage_is_refused_by_name() -> None:
    lookup = {"from": "d", "pipeline": [{"$match": search("a")}], "as": "x"}
    with pytest.raises(NotSupportedError, match=r"\$text.*\$lookup"):
        compile_pipeline([{"$lookup": lookup}], {})


def test_a_literal_that_looks_like_a_score_asks_for_none() -> None:
    assert not compile_pipeline([{"$set": {"s": {"$literal": SCORE}}}], {}).scored


def test_branches_of_an_or_are_united_if_each_has_an_index(pages: Engine) -> None:
    with pytest.raises(OperationFailure) as caught:
        ids(pages, {"$or": [search("blue"), {"title": "green"}]})
    pages.apply(definitions.create_index(pages, "c", define_index("title", None, {})))

    assert caught.value.code == 291
    assert ids(pages, {"$or": [search("blue"), {"title": "green"}]}) == [1, 2, 3]
    assert ids(pages, {"$or": [search("blue -red"), {"_id": 4}]}, sort={"s": SCORE}) == [3, 4]


@pytest.mark.parametrize(
    ("filter", "code"),
    [
        (search("green"), 291),
        ({"x": {"$in": [1, 2]}, **search("green")}, 291),
        ({"x": 1, "n": {"$gt": 0}, **search("green")}, None),
        ({"x": 1, "n": {"$gte": 0}, **search("green")}, 291),
    ],
)
def test_an_index_with_a_field_before_and_a_filter_serves_searches_that_say_both(filter: Any, code: Any) -> None:
    engine = made(
        {"x": 1, "t": "text"}, {"_id": 1, "x": 1, "t": "green", "n": 1}, partialFilterExpression={"n": {"$gt": 0}}
    )
    if code is None:
        assert ids(engine, filter) == [1]
    else:
        with pytest.raises(OperationFailure) as caught:
            ids(engine, {"n": 1, **filter} if "n" not in filter else filter)
        assert caught.value.code == code


def test_explain_shows_what_is_looked_for(pages: Engine) -> None:
    asked = request(search('red -blue "green"'), sort={"s": SCORE})
    explained = explain(pages, "c", asked, execute, "allPlansExecution", lambda: 0.0)
    plan = explained["queryPlanner"]["winningPlan"]

    assert plan["sortPattern"] == {"$computed0": {"$meta": "textScore"}}
    assert plan["inputStage"]["parsedTextQuery"]["negatedTerms"] == ["blue"]
    assert explained["executionStats"]["totalKeysExamined"] == 6


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda engine: ids(engine, search("a"), hint="title_text_body_text"), 2),
        (lambda engine: ids(engine, search("a"), sort="$natural"), 2),
        (lambda engine: ids(engine, {}, hint="title_text_body_text"), 291),
        (lambda engine: find(engine, "nothing", search("a")), 27),
        (lambda engine: ids(engine, {}, sort={"s": SCORE}), 40218),
        (lambda engine: ids(engine, {"$nor": [search("a")]}), 2),
        (lambda engine: ids(engine, {"$or": [search("a"), search("b")]}), 2),
        (lambda engine: compile_filter({"a": {"$elemMatch": search("a")}}), 2),
        (lambda engine: compile_update({"$pull": {"a": search("a")}}), 2),
        (lambda engine: compile_filter(search("a")).select([encode_document({"a": "a"})]), 27),
    ],
)
def test_what_no_search_can_be_is_refused(pages: Engine, call: Any, code: int) -> None:
    with pytest.raises((QueryError, OperationFailure)) as caught:
        call(pages)

    assert caught.value.code == code


def test_a_score_travels_with_bytes_and_documents() -> None:
    data = ScoredBytes.of(encode_document({"a": 1}), 2.5)
    document = carry_score({"a": 1}, data)

    assert score_of(data) == 2.5
    assert score_of(bytes(data)) is None
    assert without_score(document) == {"a": 1}
    assert without_score(5) == 5
    assert carry_score({"a": 1}, bytes(data)) == {"a": 1}
