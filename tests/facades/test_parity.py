"""The two faces promise the same."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import nosqlpy
from nosqlpy import (
    AsyncClient,
    AsyncCollection,
    AsyncCursor,
    AsyncTransaction,
    Client,
    Collection,
    Cursor,
    Database,
    SeedCollection,
    Transaction,
)

PAIRS = [(Client, AsyncClient), (Collection, AsyncCollection), (Cursor, AsyncCursor), (Transaction, AsyncTransaction)]
# names of the async face that say what they do there, and what they are called on the blocking one
RENAMED = {
    "aclose": "close",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
}
ONLY_ASYNC = {"__await__"}
TYPES = {
    "AsyncClient": "Client",
    "AsyncCollection": "Collection",
    "AsyncCursor": "Cursor",
    "AsyncIterator": "Iterator",
    "AsyncLocalBackend": "LocalBackend",
    "AsyncTransaction": "Transaction",
}
# builders return at once, on both faces; everything else that is a method waits on the async one
AT_ONCE = {
    *("aggregate", "profile"),
    *("collection", "with_session", "transaction", "with_type", "find", "list_collections", "list_indexes", "from_env"),
    *("sort", "skip", "limit", "project", "hint", "collation", "batch_size", "max_time_ms", "comment", "clone"),
}

every_pair = pytest.mark.parametrize(("blocking", "aio"), PAIRS, ids=lambda face: face.__name__)


def members(face: type) -> dict[str, Any]:
    """Return what a face promises: its public names and the protocols that it takes part in."""
    names = [
        name for name in dir(face) if not name.startswith("_") or name in {*RENAMED.values(), *RENAMED, *ONLY_ASYNC}
    ]
    return {name: inspect.getattr_static(face, name) for name in names}


def methods(face: type) -> dict[str, Any]:
    plain = {name: getattr(member, "__func__", member) for name, member in members(face).items()}
    return {RENAMED.get(name, name): member for name, member in plain.items() if inspect.isfunction(member)}


def as_blocking(annotation: object) -> str:
    text = str(annotation).replace("Awaitable[R]", "R")  # what a coroutine function returns
    for name, other in TYPES.items():
        text = re.sub(rf"\b{name}\b", other, text)
    return text


@every_pair
def test_both_faces_have_the_same_names(blocking: type, aio: type) -> None:
    names = {RENAMED.get(name, name) for name in members(aio)} - ONLY_ASYNC

    assert names == set(members(blocking))


@every_pair
def test_a_method_has_the_same_parameters_and_defaults_on_both_faces(blocking: type, aio: type) -> None:
    twins = methods(aio)

    for name, method in methods(blocking).items():
        ours, theirs = (list(inspect.signature(function).parameters.values()) for function in (method, twins[name]))

        assert [(p.name, p.kind, p.default, str(p.annotation)) for p in ours] == [
            (p.name, p.kind, p.default, as_blocking(p.annotation)) for p in theirs
        ], name


@every_pair
def test_a_method_returns_the_same_type_on_both_faces(blocking: type, aio: type) -> None:
    twins = methods(aio)

    for name, method in methods(blocking).items():
        assert as_blocking(inspect.signature(twins[name]).return_annotation) == str(
            inspect.signature(method).return_annotation
        ), name


@every_pair
def test_a_docstring_begins_with_the_same_line_on_both_faces(blocking: type, aio: type) -> None:
    twins = {RENAMED.get(name, name): member for name, member in members(aio).items()}

    for name, member in members(blocking).items():
        if not name.startswith("__"):
            ours, theirs = ((inspect.getdoc(m) or "").partition("\n")[0] for m in (member, twins[name]))

            assert ours, name
            assert ours == as_blocking(theirs), name


@every_pair
def test_overloads_are_the_same_on_both_faces(blocking: type, aio: type) -> None:
    def shapes(face: type) -> dict[str, list[str]]:
        source = "\n".join(inspect.getsource(kind) for kind in face.__mro__ if kind.__module__.startswith("nosqlpy."))
        found = re.findall(r"@overload\n\s+(?:async )?def (\w+)\((.*?)\) -> (.*?): \.\.\.", source, re.DOTALL)
        shown: dict[str, list[str]] = {}
        for name, parameters, result in found:
            shown.setdefault(name, []).append(as_blocking("".join(f"{parameters}->{result}".split())))
        return shown

    assert shapes(aio) == shapes(blocking)


@pytest.mark.parametrize("aio", [AsyncClient, AsyncCollection, AsyncCursor, AsyncTransaction])
def test_what_can_take_time_is_a_coroutine_on_the_async_face(aio: type) -> None:
    at_once = {name for name, method in methods(aio).items() if not inspect.iscoroutinefunction(method)}

    assert {name for name in at_once if not name.startswith("__")} <= AT_ONCE


@pytest.mark.parametrize(("seed", "base"), [(Database, AsyncClient), (SeedCollection, AsyncCollection)])
def test_the_class_of_the_first_seed_takes_what_its_base_takes(seed: type, base: type) -> None:
    for name, method in methods(seed).items():
        ours, theirs = (inspect.signature(function).parameters for function in (method, methods(base)[name]))

        assert [(p.name, p.kind, p.default) for p in ours.values()] == [
            (p.name, p.kind, p.default) for p in theirs.values()
        ], name


def test_every_public_name_is_exported() -> None:
    missing = [name for name in nosqlpy.__all__ if not hasattr(nosqlpy, name)]

    assert missing == []
    assert len(nosqlpy.__all__) == len(set(nosqlpy.__all__))
