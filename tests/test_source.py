"""Rules that hold for all source files, whatever they do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "nosqlpy"
MODULES = sorted(SOURCE.rglob("*.py"))
CORE = [path for path in MODULES if path.is_relative_to(SOURCE / "_core")]
FACES = [path for path in MODULES if path.relative_to(SOURCE).parts[0] in {"blocking", "aio"}]
ITERATION = "cursor.py"  # the one module of a face that may loop: iterating is what a cursor is for

WORLD = {
    "os",
    "io",
    "pathlib",
    "time",
    "random",
    "threading",
    "asyncio",
    "anyio",
    "socket",
    "logging",
    "subprocess",
    "trio",
}
BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
Function = ast.FunctionDef | ast.AsyncFunctionDef

every_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))


def parse(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the top-level name of everything that a module imports, also inside its functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def public_definitions(node: ast.AST) -> Iterator[Function | ast.ClassDef]:
    """Yield the public functions and classes of a module, and those inside its public classes."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.ClassDef):
            yield from public_definitions(child)
        elif not child.name.startswith("_") and not is_overload(child):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public_definitions(child)


def is_overload(node: Function | ast.ClassDef) -> bool:
    return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)


def test_there_are_sources_to_look_at() -> None:
    assert len(MODULES) > 20
    assert len(CORE) > 10
    assert len(FACES) >= 6


@pytest.mark.parametrize("module", CORE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_core_imports_nothing_that_touches_the_world(module: Path) -> None:
    assert not set(imports(parse(module))) & WORLD


@pytest.mark.parametrize("module", FACES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_face_decides_nothing(module: Path) -> None:
    nodes = list(ast.walk(parse(module)))
    decisions = [ast.unparse(node) for node in nodes if isinstance(node, (*BRANCHES, ast.comprehension))]
    imports_for_types = [text for text in decisions if text.startswith("if TYPE_CHECKING:")]

    assert module.name == ITERATION or decisions == imports_for_types


@every_module
def test_a_module_has_at_most_500_lines(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 500


@every_module
def test_a_function_has_at_most_50_lines(module: Path) -> None:
    functions = [node for node in ast.walk(parse(module)) if isinstance(node, Function)]
    long = [node.name for node in functions if node.end_lineno and node.end_lineno - node.lineno >= 50]

    assert not long


@every_module
def test_what_is_public_has_a_docstring(module: Path) -> None:
    tree = parse(module)

    assert ast.get_docstring(tree)
    assert not [node.name for node in public_definitions(tree) if not ast.get_docstring(node)]
