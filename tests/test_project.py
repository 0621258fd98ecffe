"""What pyproject.toml and the pages at the top say fits together."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nosqlpy

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LAYERS = [
    name
    for layer in PYPROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    for name in re.findall(r"[\w.]+", layer)
]


def test_only_anyio_and_msgspec_are_needed_at_run_time() -> None:
    names = {re.split(r"[^a-z]", requirement)[0] for requirement in PYPROJECT["project"]["dependencies"]}

    assert names == {"anyio", "msgspec"}


def test_the_dev_extra_installs_what_the_test_group_installs() -> None:
    assert PYPROJECT["project"]["optional-dependencies"]["dev"] == PYPROJECT["dependency-groups"]["test"]


def test_the_test_group_has_all_of_the_web_group() -> None:
    groups = PYPROJECT["dependency-groups"]

    assert set(groups["web"]) <= set(groups["test"])


def test_every_module_stands_on_a_floor() -> None:
    source = ROOT / "src"
    modules = [".".join(path.relative_to(source).with_suffix("").parts) for path in source.rglob("*.py")]
    packages = {"nosqlpy.__init__", "nosqlpy._core.__init__", "nosqlpy_pytest"}  # pytest's plugin stands outside
    homeless = [name for name in modules if not any(f"{name}.".startswith(f"{floor}.") for floor in LAYERS)]

    assert sorted(set(homeless) - packages) == []


def test_every_ignored_lint_rule_is_explained() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    rules = re.findall(r'^    "[A-Z]+[0-9]*",(?! ")(.*)$', text, re.MULTILINE)

    assert len(rules) >= 10
    assert all(re.fullmatch(r" +# .{15,}", explanation) for explanation in rules)


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    entries = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert entries[0] == nosqlpy.__version__


def test_pytest_loads_the_plugin_by_its_entry_point() -> None:
    assert PYPROJECT["project"]["entry-points"]["pytest11"] == {"nosqlpy_pytest": "nosqlpy_pytest"}
    assert "src/nosqlpy_pytest.py" in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_a_program_that_blocks_loads_nothing_of_the_async_face() -> None:
    program = (
        "import sys, nosqlpy\n"
        "with nosqlpy.Client(':memory:') as db: db['x'].insert({'a': 1}), list(db['x'].find({'a': 1}))\n"
        "print(sorted(name for name in sys.modules if name in ('anyio', 'nosqlpy.aio.client')))\n"
        "print(nosqlpy.AsyncClient.__module__)\n"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert printed.split() == ["[]", "nosqlpy.aio.client"]


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Cleint'"):
        getattr(nosqlpy, "Cleint")  # noqa: B009 - a checker of types would refuse the attribute
    assert {"AsyncClient", "Client"} <= set(dir(nosqlpy))
