"""Text indexes on every face: definitions, searches, and what is refused. Answers stand in `tests/corpus/text.json`."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from nosqlpy import Client, NotSupportedError, OperationFailure, QueryError, WriteError

NONE = {"default_language": "none"}
SCORE = {"$meta": "textScore"}


def search(text: str, **options: Any) -> dict[str, Any]:
    return {"$text": {"$search": text, **{f"${name}": value for name, value in options.items()}}}


@pytest.fixture
async def pages(users: Any) -> Any:
    """A collection with a text index, and pages that have one or two of three words."""
    await users.create_index({"title": "text", "body": "text"}, weights={"title": 10}, **NONE)
    await users.insert_many(
        [
            {"_id": 1, "title": "red", "body": "green blue", "n": 1},
            {"_id": 2, "title": "green", "body": "red red", "n": 2},
            {"_id": 3, "title": "blue", "body": "", "n": 3},
            {"_id": 4, "body": ["red", "green"], "n": 4},
        ]
    )
    return users


def give_up() -> NoReturn:
    raise ZeroDivisionError


async def found(collection: Any, filter: Any, **options: Any) -> list[Any]:
    return [document["_id"] for document in await collection.find(filter, **options).to_list()]


# ── definitions ──────────────────────────────────────────────────────────────────


async def test_a_text_index_is_named_and_listed_as_on_a_server(pages: Any) -> None:
    listed = await pages.list_indexes().to_list()
    information = await pages.index_information()

    assert listed[1] == {
        "v": 2,
        "key": {"_fts": "text", "_ftsx": 1},
        "name": "title_text_body_text",
        "weights": {"body": 1, "title": 10},
        "default_language": "none",
        "language_override": "language",
        "textIndexVersion": 3,
    }
    assert information["title_text_body_text"]["key"] == [("_fts", "text"), ("_ftsx", 1)]


@pytest.mark.parametrize(
    ("keys", "options", "key", "weights", "name"),
    [
        ([("a", "text")], {}, {"_fts": "text", "_ftsx": 1}, {"a": 1}, "a_text"),
        ({"$**": "text"}, {}, {"_fts": "text", "_ftsx": 1}, {"$**": 1}, "$**_text"),
        ({"a": "text"}, {"weights": "$**"}, {"_fts": "text", "_ftsx": 1}, {"$**": 1, "a": 1}, "a_text"),
        ({"a": "text"}, {"weights": {"b.c": 2.9}}, {"_fts": "text", "_ftsx": 1}, {"a": 1, "b.c": 2}, "a_text"),
        ({"x": -1, "a": "text"}, {}, {"x": -1, "_fts": "text", "_ftsx": 1}, {"a": 1}, "x_-1_a_text"),
        ({"a": "text", "x": 1}, {"name": "mine"}, {"_fts": "text", "_ftsx": 1, "x": 1}, {"a": 1}, "mine"),
        (
            {"_fts": "text", "_ftsx": 1},
            {"weights": {"a": 1}},
            {"_fts": "text", "_ftsx": 1},
            {"a": 1},
            "_fts_text__ftsx_1",
        ),
        ({"a": "text"}, {"textIndexVersion": 3}, {"_fts": "text", "_ftsx": 1}, {"a": 1}, "a_text"),
        ({"a": "text"}, {"collation": {"locale": "simple"}}, {"_fts": "text", "_ftsx": 1}, {"a": 1}, "a_text"),
    ],
)
async def test_keys_and_weights_are_written_in_several_ways(
    users: Any, keys: Any, options: Any, key: Any, weights: Any, name: str
) -> None:
    assert await users.create_index(keys, **NONE, **options) == name

    (_, index) = await users.list_indexes().to_list()
    assert index["key"] == key
    assert list(index["key"]) == list(key)
    assert index["weights"] == weights


@pytest.mark.parametrize(
    ("keys", "options", "message"),
    [
        ({"a": "text"}, {"unique": True}, "unique"),
        ({"a": "text"}, {"weights": 5}, "weights"),
        ({"a": "text"}, {"weights": {"a": "x"}}, "'a'"),
        ({"a": "text"}, {"weights": {"a": 0}}, "'a'"),
        ({"a": "text"}, {"weights": {"a": 100_000}}, "'a'"),
        ({"a": "text"}, {"weights": {"a..b": 1}}, r"'a\.\.b'"),
        ({"a": "text"}, {"weights": {"$a": 1}}, r"'\$a'"),
        ({"a": "text"}, {"default_language": "englsh"}, "'english'"),
        ({"a": "text"}, {"default_language": 5}, "default_language"),
        ({"a": "text"}, {"language_override": ""}, "language_override"),
        ({"a": "text"}, {"language_override": "a.b"}, "language_override"),
        ({"a": "text"}, {"language_override": "$a"}, "language_override"),
        ({"a": "text"}, {"textIndexVersion": 4}, "textIndexVersion"),
        ({"a": "text"}, {"collation": {"locale": "fr"}}, "collation"),
        ({"a": "text", "x": 1, "b": "text"}, {}, "together"),
        ({"a": "text", "_fts": 1}, {}, "_fts"),
        ({"_fts": "text", "_ftsx": 1}, {}, "field"),
        ({"a": "text", "x": "hashed"}, {}, "1 or -1"),
        ({"a": 1}, {"weights": {"a": 1}}, "'weights'"),
        ({"a": 1}, {"default_language": "none"}, "'default_language'"),
    ],
)
async def test_a_text_index_that_cannot_be_is_refused(users: Any, keys: Any, options: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        await users.create_index(keys, **options)

    assert caught.value.code == 67
    assert len(await users.index_information()) < 2


async def test_older_versions_of_text_indexes_are_refused_by_name(users: Any) -> None:
    with pytest.raises(NotSupportedError, match="version 2"):
        await users.create_index({"a": "text"}, textIndexVersion=2)


@pytest.mark.parametrize(
    ("keys", "options", "code"),
    [
        ({"body": "text"}, {}, 85),
        ({"title": "text", "body": "text"}, {"weights": {"title": 2}}, 85),
        ({"title": "text", "body": "text"}, {"weights": {"title": 10}, "name": "other"}, 85),
        ({"title": "text", "n": 1}, {}, 67),
        ({"x": 1, "title": "text"}, {}, 67),
    ],
)
async def test_a_collection_has_one_text_index(pages: Any, keys: Any, options: Any, code: int) -> None:
    with pytest.raises(OperationFailure) as caught:
        await pages.create_index(keys, **NONE, **options)

    assert caught.value.code == code


async def test_creating_it_again_and_from_what_is_listed_changes_nothing(pages: Any) -> None:
    (_, listed) = await pages.list_indexes().to_list()
    again = await pages.create_index({"title": "text", "body": "text"}, weights={"title": 10}, **NONE)
    options = {name: value for name, value in listed.items() if name not in ("v", "key")}
    copied = await pages.create_index(listed["key"], **options)

    assert again == copied == "title_text_body_text"
    assert len(await pages.index_information()) == 2


async def test_pymongos_names_and_models_are_taken(users: Any) -> None:
    pymongo = pytest.importorskip("pymongo")
    await users.create_indexes([pymongo.IndexModel([("a", pymongo.TEXT)], default_language="none")])
    await users.insert({"_id": 1, "a": "red"})

    assert await found(users, search("red")) == [1]
    await users.drop_index([("a", pymongo.TEXT)])
    assert list(await users.index_information()) == ["_id_"]


# ── searches ─────────────────────────────────────────────────────────────────────


async def test_every_reading_method_searches(pages: Any) -> None:
    assert await found(pages, search("red")) == [1, 2, 4]
    assert (await pages.find_one(search("blue")))["_id"] == 1
    assert await pages.count_documents(search("green")) == 3
    assert await pages.exists(search("blue -red"))
    assert await pages.distinct("n", search("blue")) == [1, 3]
    assert await found(pages, {**search("red"), "n": {"$gt": 1}}, skip=1) == [4]


async def test_the_score_is_shown_and_sorted_by(pages: Any) -> None:
    documents = await pages.find(search("red"), {"s": SCORE, "body": 0, "n": 0}, sort={"x": SCORE}).to_list()
    last = await found(pages, search("red"), sort=[("s", SCORE), ("n", -1)], skip=1)

    assert documents == [
        {"_id": 1, "title": "red", "s": 11.0},
        {"_id": 2, "title": "green", "s": 1.5},
        {"_id": 4, "s": 1.1},
    ]
    assert last == [2, 4]


@pytest.mark.parametrize(
    "stages",
    [
        [{"$sort": {"score": SCORE}}],
        [{"$sort": {"score": SCORE, "_id": 1}}, {"$limit": 9}],
        [{"$match": {"n": {"$gt": 0}}}, {"$sort": {"score": SCORE}}, {"$skip": 0}],
        [{"$sort": {"score": SCORE}}, {"$out": "sorted"}],
    ],
    ids=str,
)
async def test_a_pipeline_that_sorts_by_the_score_returns_the_documents_as_they_are(
    pages: Any, db: Any, stages: list[Any]
) -> None:
    sorted_pages = await pages.aggregate([{"$match": search("red")}, *stages]).to_list()
    if "$out" in stages[-1]:
        sorted_pages = await db["sorted"].find().to_list()

    assert sorted_pages == [
        {"_id": 1, "title": "red", "body": "green blue", "n": 1},
        {"_id": 2, "title": "green", "body": "red red", "n": 2},
        {"_id": 4, "body": ["red", "green"], "n": 4},
    ]


async def test_equal_scores_stand_in_natural_order_whatever_the_limit(users: Any) -> None:
    await users.create_index({"t": "text"}, **NONE)
    await users.insert_many([{"_id": n, "t": "x y" if n % 3 else "x"} for n in range(20)])
    everything = await found(users, search("x"), sort={"s": SCORE})

    assert everything == [n for n in range(20) if not n % 3] + [n for n in range(20) if n % 3]
    for limit in (1, 7, 9, 20, 30):
        assert await found(users, search("x"), sort={"s": SCORE}, limit=limit) == everything[:limit]


async def test_every_writing_method_searches(pages: Any) -> None:
    updated = await pages.update_many(search("green"), {"$set": {"body": "violet"}})
    replaced = await pages.find_one_and_replace(search("violet"), {"body": "brown"}, sort={"s": SCORE, "_id": -1})
    deleted = await pages.delete_one(search("violet", caseSensitive=True))

    assert (updated.modified_count, replaced["_id"], deleted.deleted_count) == (3, 4, 1)
    assert await found(pages, search("brown")) == [4]
    assert await found(pages, search("violet")) == [2]
    assert await found(pages, search("green")) == [2]


async def test_a_write_that_returns_a_document_shows_no_score(pages: Any) -> None:
    with pytest.raises(NotSupportedError, match="textScore"):
        await pages.find_one_and_update(search("red"), {"$set": {"n": 0}}, projection={"s": SCORE})

    assert await pages.count({"n": 0}) == 0


async def test_the_positional_operator_and_upserts_go_on_working(pages: Any) -> None:
    await pages.update_one({**search("red"), "body": "green"}, {"$set": {"body.$": "x"}})
    result = await pages.update_one(search("nothing"), {"$set": {"body": "new"}}, upsert=True)

    assert (await pages.get(4))["body"] == ["red", "x"]
    assert await pages.get(result.upserted_id) == {"_id": result.upserted_id, "body": "new"}


async def test_explain_shows_the_terms_and_how_many_documents_they_lead_to(pages: Any) -> None:
    explained = await pages.find(search('red -blue "green"')).explain("executionStats")
    plan, stats = explained["queryPlanner"]["winningPlan"], explained["executionStats"]

    assert plan["stage"] == "TEXT_MATCH"
    assert plan["parsedTextQuery"] == {
        "terms": ["green", "red"],
        "negatedTerms": ["blue"],
        "phrases": ["green"],
        "negatedPhrases": [],
    }
    scans = plan["inputStage"]["inputStage"]
    assert scans["stage"] == "TEXT_OR"
    assert [(scan["term"], scan["candidates"]) for scan in scans["inputStages"]] == [("green", 3), ("red", 3)]
    assert (stats["totalKeysExamined"], stats["totalDocsExamined"], stats["nReturned"]) == (6, 2, 2)


async def test_an_or_needs_an_index_for_each_branch(pages: Any) -> None:
    filter = {"$or": [search("blue"), {"n": 4}]}
    with pytest.raises(OperationFailure) as caught:
        await pages.count(filter)
    await pages.create_index("n")

    assert caught.value.code == 291
    assert await found(pages, filter) == [1, 3, 4]
    assert await pages.find(filter, {"_id": 1, "s": SCORE}).to_list() == [
        {"_id": 1, "s": 0.75},
        {"_id": 3, "s": 11.0},
        {"_id": 4},
    ]


async def test_a_search_needs_an_index_and_takes_no_hint(users: Any, pages: Any, db: Any) -> None:
    calls = [
        (db["nothing"].find(search("x")).to_list, 27),
        (lambda: db["nothing"].count(search("x")), 27),
        (lambda: db["nothing"].update_many(search("x"), {"$set": {"a": 1}}), 27),
        (pages.find(search("x"), hint="title_text_body_text").to_list, 2),
        (pages.find({"n": 1}, hint="title_text_body_text").to_list, 291),
    ]
    for call, code in calls:
        with pytest.raises((OperationFailure, QueryError)) as caught:
            await call()
        assert caught.value.code == code

    await pages.drop_index("title_text_body_text")
    with pytest.raises(OperationFailure) as caught:
        await pages.find(search("x")).to_list()
    assert caught.value.code == 27


async def test_a_hidden_index_is_not_searched_and_stays_exact(pages: Any, db: Any) -> None:
    await db.coll_mod("users", index={"name": "title_text_body_text", "hidden": True})
    with pytest.raises(OperationFailure) as caught:
        await pages.find(search("red")).to_list()
    await pages.insert({"_id": 9, "title": "red"})
    await db.coll_mod("users", index={"name": "title_text_body_text", "hidden": False})

    assert caught.value.code == 291
    assert await found(pages, search("red")) == [1, 2, 4, 9]


async def test_a_document_that_does_not_fit_is_refused_and_leaves_no_trace(users: Any) -> None:
    await users.create_index({"group": 1, "t": "text"}, language_override="lang", **NONE)
    await users.insert({"_id": 1, "group": 1, "t": "red"})
    for document, code in (({"group": [1]}, 201), ({"lang": 5}, 17261), ({"t": "x", "lang": "klingon"}, 17262)):
        with pytest.raises(WriteError) as caught:
            await users.insert({"_id": 2, "group": 1, "t": "red", **document})
        assert caught.value.code == code

    assert await found(users, {"group": 1, **search("red")}) == [1]


async def test_building_on_a_document_that_does_not_fit_is_refused(users: Any) -> None:
    await users.insert({"t": "red", "language": "klingon"})
    with pytest.raises(WriteError) as caught:
        await users.create_index({"t": "text"}, **NONE)

    assert caught.value.code == 17262
    assert list(await users.index_information()) == ["_id_"]


async def test_without_the_extra_a_language_is_refused_with_its_name(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nosqlpy._core.text.analysis import analyzer_of  # noqa: PLC0415 - its cache is all that is needed of it

    monkeypatch.setitem(__import__("sys").modules, "snowballstemmer", None)
    analyzer_of.cache_clear()
    try:
        with pytest.raises(NotSupportedError, match=r"'english'.*nosqlpy\[text\]"):  # there is no document yet
            await users.create_index({"t": "text"})
        await users.insert({"t": "red"})
        await users.create_index({"t": "text"}, **NONE)
        with pytest.raises(NotSupportedError, match=r"'french'.*nosqlpy\[text\]"):
            await users.insert({"t": "rouge", "language": "fr"})
        with pytest.raises(NotSupportedError, match=r"'french'.*nosqlpy\[text\]"):
            await users.find(search("rouge", language="fr")).to_list()
    finally:
        analyzer_of.cache_clear()

    assert await users.count(search("red")) == 1


# ── states ───────────────────────────────────────────────────────────────────────


async def test_a_transaction_searches_what_it_has_written(pages: Any, db: Any) -> None:
    async with db.transaction() as tx:
        own = tx["users"]
        await own.insert({"_id": 5, "title": "red red"})
        await own.update_one({"_id": 1}, {"$set": {"title": "grey"}})
        await own.delete_one({"_id": 2})
        inside = await own.find(search("red grey"), {"_id": 1, "s": SCORE}, sort={"s": SCORE}).to_list()
        outside = await found(pages, search("red"))

    assert [(document["_id"], document["s"]) for document in inside] == [(5, 15.0), (1, 11.0), (4, 1.1)]
    assert outside == [1, 2, 4]
    assert await found(pages, search("red")) == [4, 5]


async def test_a_transaction_that_is_given_up_leaves_the_index_as_it_was(pages: Any, db: Any) -> None:
    async def given_up() -> None:
        async with db.transaction() as tx:
            await tx["users"].update_many({}, {"$set": {"title": "black"}})
            give_up()

    with pytest.raises(ZeroDivisionError):
        await given_up()

    assert await found(pages, search("black")) == []
    assert await found(pages, search("red")) == [1, 2, 4]


def test_a_text_index_is_built_again_after_opening_and_compaction(tmp_path: Path) -> None:
    with Client(f"file://{tmp_path}/db") as client:
        client["c"].insert_many([{"_id": n, "t": f"word{n} all"} for n in range(50)])
        client["c"].create_index({"t": "text"}, weights={"t": 3}, **NONE)
        client["c"].delete_many({"_id": {"$lt": 10}})
    with Client(f"file://{tmp_path}/db") as client:
        assert client["c"].count(search("all")) == 40
        client.compact()
        client["c"].update_one({"_id": 20}, {"$set": {"t": "changed"}})
        shown = client["c"].find_one(search("changed"), {"s": SCORE})
        assert shown == {"_id": 20, "t": "changed", "s": 3 * 1.1}
    with Client(f"file://{tmp_path}/db") as client, Client(f"file://{tmp_path}/db", read_only=True) as reader:
        assert client["c"].count(search("word20 word21")) == 1
        assert reader["c"].count(search("changed all")) == 40


WORDS = st.sampled_from(["red", "Red", "green", "blue", "re", "réd", "green-blue"])
TEXTS = st.lists(WORDS, max_size=4).map(" ".join)
FIELDS = st.one_of(TEXTS, st.lists(TEXTS, max_size=2), st.just(5), st.builds(lambda text: {"t": text}, TEXTS))
BODIES = st.fixed_dictionaries({}, optional={"t": FIELDS, "in": FIELDS, "n": st.integers(0, 2)})
SEARCHES = st.lists(
    st.one_of(WORDS, WORDS.map("-{}".format), TEXTS.map('"{}"'.format), TEXTS.map('-"{}"'.format)), max_size=4
).map(" ".join)
OPTIONS = st.fixed_dictionaries({}, optional={"caseSensitive": st.booleans(), "diacriticSensitive": st.booleans()})


def bare(text: str, *, case: bool, marks: bool) -> str:
    text = text if case else text.lower()
    return text if marks else text.replace("é", "e")


def texts_of(document: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the texts that an index of ``t`` (3) and ``in.t`` (1) has of a document."""
    found: list[tuple[str, int]] = []
    for name, value in document.items():
        if name == "t":
            found += [(item, 3) for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
        elif name == "in" and isinstance(value, dict):
            found.append((value["t"], 1))
    return found


def expected(documents: list[dict[str, Any]], text: str, options: dict[str, Any]) -> dict[Any, float]:
    """Return ids and scores of the documents that a search finds, by looking at each."""
    sensitive = {"case": options.get("caseSensitive", False), "marks": options.get("diacriticSensitive", False)}
    parts = re.findall(r'(-?)(?:"([^"]*)"|([^\s"]+))', text)
    words: list[str] = []
    negated: list[str] = []
    for minus, phrase, word in parts:
        (negated if minus and word else [] if minus else words).extend(re.findall(r"[^\W_]+", phrase or word))
    scores: dict[Any, float] = {}
    for document in documents:
        texts = texts_of(document)
        tokens = [re.findall(r"[^\W_]+", each) for each, _ in texts]
        plain = {bare(word, case=False, marks=False) for word in words}
        held = [[bare(token, case=False, marks=False) for token in each] for each in tokens]
        exact = {bare(token, **sensitive) for each in tokens for token in each}
        if not any(plain.intersection(each) for each in held):
            continue
        if exact.isdisjoint(bare(word, **sensitive) for word in words):
            continue
        if not exact.isdisjoint(bare(word, **sensitive) for word in negated):
            continue
        has = [
            (minus, any(bare(phrase, **sensitive) in bare(each, **sensitive) for each, _ in texts))
            for minus, phrase, word in parts
            if not word
        ]
        if any(bool(minus) is present for minus, present in has):
            continue
        score = 0.0
        for (each, weight), terms in zip(texts, held, strict=True):
            for term in plain.intersection(terms):
                count = terms.count(term)
                value = weight * (2 - 0.5 ** (count - 1)) * (0.5 * count / len(terms) + 0.5)
                score += value * (1.1 if each.lower() == term else 1)
        scores[document["_id"]] = score
    return scores


class Histories(RuleBasedStateMachine):
    """Any history of a collection with a text index: a search finds what looking at every document finds."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Client(":memory:")
        self.collection = self.client["c"]
        self.collection.create_index({"t": "text", "in.t": "text"}, weights={"t": 3}, **NONE)

    def teardown(self) -> None:
        self.client.close()

    @rule(documents=st.lists(BODIES, min_size=1, max_size=4))
    def insert(self, documents: list[dict[str, Any]]) -> None:
        self.collection.insert_many(documents)

    @rule(n=st.integers(0, 2), text=FIELDS)
    def update(self, n: int, text: Any) -> None:
        self.collection.update_many({"n": n}, {"$set": {"t": text}})

    @rule(n=st.integers(0, 2), document=BODIES)
    def replace(self, n: int, document: dict[str, Any]) -> None:
        self.collection.replace_one({"n": n}, document)

    @rule(n=st.integers(0, 2))
    def delete(self, n: int) -> None:
        self.collection.delete_one({"n": n})

    @rule(document=BODIES, keep=st.booleans(), text=SEARCHES)
    def transact(self, document: dict[str, Any], keep: bool, text: str) -> None:
        with suppress(ZeroDivisionError), self.client.transaction() as tx:
            tx["c"].insert(document)
            tx["c"].delete_one({"n": 1})
            self.check(tx["c"], text, {})
            if not keep:
                give_up()

    @rule()
    def rebuild(self) -> None:
        self.collection.drop_index("t_text_in.t_text")
        self.collection.create_index({"t": "text", "in.t": "text"}, weights={"t": 3}, **NONE)

    @rule(text=SEARCHES, options=OPTIONS)
    def search(self, text: str, options: dict[str, Any]) -> None:
        self.check(self.collection, text, options)

    @staticmethod
    def check(collection: Any, text: str, options: dict[str, Any]) -> None:
        documents = collection.find().to_list()
        found = collection.find(search(text, **options), {"_id": 1, "s": SCORE}).to_list()
        wanted = expected(documents, text, options)
        best = collection.find(search(text, **options), sort={"s": SCORE}, limit=2).to_list()

        assert {each["_id"]: each["s"] for each in found} == pytest.approx(wanted)
        assert [each["_id"] for each in found] == [each["_id"] for each in documents if each["_id"] in wanted]
        assert collection.count(search(text, **options)) == len(wanted)
        assert [wanted[each["_id"]] for each in best] == pytest.approx(sorted(wanted.values(), reverse=True)[:2])

    @invariant()
    def no_entry_is_left_of_what_is_gone(self) -> None:
        if not self.collection.count():
            index = self.collection._backend._database.engine.collections["c"].indexes.by_name["t_text_in.t_text"]
            assert not index._entries


def test_any_search_after_any_history_finds_what_looking_at_every_document_finds() -> None:
    run_state_machine_as_test(Histories, settings=settings(max_examples=40, stateful_step_count=12, deadline=None))


@settings(max_examples=100, deadline=None)
@given(st.lists(BODIES, max_size=6), SEARCHES, OPTIONS)
def test_a_partial_index_finds_what_one_of_everything_finds(
    documents: list[dict[str, Any]], text: str, options: dict[str, Any]
) -> None:
    with Client(":memory:") as client:
        whole, part = client["whole"], client["part"]
        for collection in (whole, part):
            collection.insert_many([{"_id": place, **each} for place, each in enumerate(documents)] or [{"_id": 0}])
        whole.create_index({"t": "text"}, **NONE)
        part.create_index({"n": 1, "t": "text"}, partialFilterExpression={"n": {"$gt": 0}}, **NONE)
        for n in (1, 2):
            filter = {"n": n, **search(text, **options)}

            assert part.find(filter, {"s": SCORE}).to_list() == whole.find(filter, {"s": SCORE}).to_list()
