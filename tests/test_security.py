"""The gate for what files and names may do: no source executes data, and no name becomes a path."""

from __future__ import annotations

import ast
import contextlib
import gc
import re
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nosqlpy
from nosqlpy import Client, InvalidName
from nosqlpy._core.query import generated
from nosqlpy._core.query.filter import compile_filter
from nosqlpy._core.values.codec import encode_document
from test_source import SOURCE, every_module, imports, parse

EXECUTES_DATA = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "ctypes", "code"}
EXECUTES_TEXT = {"eval", "exec", "compile", "__import__", "execfile", "input", "breakpoint"}
# the one module that writes source; a test below looks at what it writes
WRITES_SOURCE = "_core/query/generated.py"
# whoever opens files: the storage of a database, and what reads and writes a file that the caller names
OPENERS = {
    *("_io/storage/", "_io/places.py", "_io/dump.py", "_io/profiling.py", "_io/transfer.py", "cli/"),
    *("compat/tinydb/storages.py", "compat/fluxdb/records.py", "compat/mongodump.py", "compat/seed_log.py"),
}
STARTS_PROCESSES = {"cli/demo/crash.py"}
OUR_FILES = re.compile(
    r"LOCK|SHM|SYNC-0|COMPACT|MANIFEST|seg-[0-9a-f]{8}\.nql|base-[0-9a-f]{16}\.hint|torn-[0-9a-f]{8}\.bin"
)

HOSTILE_NAMES = [
    "../evil", "..", ".", "/etc/passwd", "a/b", "a\\b", "C:\\x", "CON", "NUL.txt", "a" * 120, "MANIFEST", "LOCK",
    "seg-00000001.nql", "~", "-rf", "a b", "%2e%2e", "\u202egnp.exe", "é", "é", "*", "|", "a\nb", "\uff41", ".hidden",
]  # fmt: skip


def where(module: Path) -> str:
    return module.relative_to(SOURCE).as_posix()


def calls(tree: ast.Module) -> Iterator[tuple[str, str, ast.Call]]:
    """Yield what each call is on (empty for a plain name), its name, and the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield "", node.func.id, node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield ast.unparse(node.func.value), node.func.attr, node


@every_module
def test_no_module_loads_what_executes_data(module: Path) -> None:
    assert not set(imports(parse(module))) & EXECUTES_DATA


@every_module
def test_no_text_is_executed(module: Path) -> None:
    tree = parse(module)
    executed = [name for owner, name, _ in calls(tree) if owner in ("", "builtins") and name in EXECUTES_TEXT]
    mentioned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & {"eval", "exec", "__import__"}

    assert executed == (["exec"] if where(module) == WRITES_SOURCE else [])
    assert mentioned == set(executed)


# whatever the source that the filter compiler writes is made of
WRITTEN = re.compile(
    r"def|return|for|in|if|else|or|and|not|is|continue|type|append|PLAIN|decode|constants|blobs|blob|found|row|entry|entries"
    r"|sieve|select|read|value|pass|f\d+|kind\d*(_\d+)?|(operand|rest|struct|detour)\d*(_\d+)?"
)


@given(
    path=st.text("ab.$\n'\"\\(){}:;#é_0", min_size=1, max_size=12).filter(lambda path: path[0] not in "$."),
    operand=st.one_of(st.text("a'\"\n\\{}();"), st.integers(-9, 9), st.floats(), st.none(), st.dates()),
    symbol=st.sampled_from(["$eq", "$gt", "$gte", "$lt", "$lte", "$ne", "$in"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_no_text_of_a_user_is_in_the_source_that_the_filter_compiler_writes(
    monkeypatch: pytest.MonkeyPatch, path: str, operand: object, symbol: str
) -> None:
    sources: list[str] = []
    made = generated._made
    for written in (generated.sieve, generated.plain_sieve, generated._selector, generated._reader):
        written.cache_clear()
    monkeypatch.setattr(generated, "_made", lambda name, source: (sources.append(source), made(name, source))[1])

    blobs = [encode_document({"_id": n, "a": {"b": n}}) for n in range(40)]
    compile_filter({"a.b": {"$gte": 2}}).select(blobs)
    with contextlib.suppress(nosqlpy.NosqlpyError):
        value = [operand, "x"] if symbol == "$in" else operand
        compile_filter({path: {symbol: value}, "a.b": {"$gte": 2}}).select(blobs)
    monkeypatch.undo()

    assert sources
    for source in sources:
        assert [word for word in re.findall(r"[^\W\d]\w*", source) if not WRITTEN.fullmatch(word)] == []
        assert re.sub(r"[\w\s()\[\]=<>:,.]", "", source) == ""


@every_module
def test_a_module_is_only_imported_by_a_name_that_stands_in_the_source(module: Path) -> None:
    """Or by one that begins with a package that does."""
    for _, name, call in calls(parse(module)):
        if name == "import_module":
            text = ast.unparse(call.args[0])

            assert re.match(r"f?'[a-z]|PACKAGE|f'\{PACKAGE\}\.", text), text


@every_module
def test_only_the_storage_and_what_is_given_a_path_open_files(module: Path) -> None:
    """Names of collections and fields come nowhere near these modules."""
    place = where(module)
    opened = [
        f"{owner}.{name}"
        for owner, name, call in calls(parse(module))
        if (owner, name) in {("", "open"), ("os", "open"), ("io", "open"), ("io", "FileIO")}
        or name in {"read_text", "write_text", "write_bytes", "touch"}
        or (name == "open" and call.args and isinstance(call.args[0], ast.Constant))
    ]

    assert not opened or any(place.startswith(opener) for opener in OPENERS), opened


@every_module
def test_only_the_demo_starts_a_process_and_it_is_this_python(module: Path) -> None:
    assert "subprocess" not in set(imports(parse(module))) or where(module) in STARTS_PROCESSES
    assert not [
        name for owner, name, _ in calls(parse(module)) if owner == "os" and re.match("system|popen|exec|spawn", name)
    ]


def test_every_file_of_a_database_is_opened_without_following_links_and_inherited_by_no_program() -> None:
    text = (SOURCE / "_io" / "storage" / "system.py").read_text(encoding="utf-8")
    flags = next(line for line in text.splitlines() if "O_NOFOLLOW" in line)
    opens = [call for owner, name, call in calls(ast.parse(text)) if (owner, name) == ("os", "open")]
    files = [ast.unparse(call) for call in opens if "O_DIRECTORY" not in ast.unparse(call)]

    assert "O_CLOEXEC" in flags
    assert files
    assert all("flags | FLAGS, 384" in call for call in files), files


# ── names ───────────────────────────────────────────────────────────────────────


def store_under(directory: Path, name: str) -> bool:
    """Use a collection, a field and an index of this name; return whether the name is allowed."""
    with Client(directory / "data", segment_size=400) as client:
        try:
            collection = client[name]
        except InvalidName:
            return False
        collection.insert_one({"_id": name, name.replace("$", "").replace(".", "") or "x": name, "pad": "x" * 300})
        collection.create_index("pad")
        client.compact()
        client.backup(directory / "copy")
    return True


def check_files(directory: Path) -> None:
    entries = sorted(path.name for path in directory.iterdir())
    files = [path for place in ("data", "copy") for path in (directory / place).iterdir()]

    assert entries == ["copy", "data"]
    assert [path.name for path in files if not OUR_FILES.fullmatch(path.name)] == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE((directory / place).stat().st_mode) for place in entries} == {0o700}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_refused_or_is_only_a_name(tmp_path: Path, name: str) -> None:
    if store_under(tmp_path, name):
        check_files(tmp_path)
        with Client(tmp_path / "copy") as client:
            assert client.list_collection_names() == [name]


@given(st.text(min_size=1, max_size=130))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_name_no_other_file_appears(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    directory = tmp_path_factory.mktemp("names")
    if store_under(directory, name):
        check_files(directory)


@pytest.mark.parametrize(
    "use",
    [
        lambda users, name: users.insert_one({name: 1}),
        lambda users, name: users.find({name: 1}).to_list(),
        lambda users, name: users.find_one({name: {"$gt": 1}, "n": 2}),
        lambda users, name: users.find({}, [name]).to_list(),
        lambda users, name: users.find().sort(name).to_list(),
        lambda users, name: users.find({"$expr": {"$eq": ["$" + name, 1]}}).to_list(),
        lambda users, name: [users.update_one({}, {"$set": {name: 1}}), users.update_one({}, {"$unset": {name: ""}})],
        lambda users, name: users.update_one({}, {"$set": {"n": name}}),
        lambda users, name: users.aggregate([{"$group": {"_id": "$" + name}}]).to_list(),
    ],
)
def test_long_names_that_strangers_send_are_forgotten(use: Callable[[Any, str], object]) -> None:
    with Client(":memory:") as db:
        users = db["users"]
        users.insert({"n": 1})
        use(users, "first")
        tracemalloc.start()
        try:
            for number in range(40):
                use(users, f"{number}" + "x" * 250_000)
            users.delete_many({})
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert held < 6 << 20  # of 10 MB
