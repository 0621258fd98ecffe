"""What the README and the documentation show is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.code_blocks import PageError, blocks_of, needs_of, run_page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_code_block_does_what_its_page_shows(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in needs_of(page):
        pytest.importorskip(name, reason="the dependency group `test` installs it")

    assert run_page(page) == len(blocks_of(page))


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial/blocking.md", "docs/tutorial/async.md"])
def test_pages_with_examples_have_blocks_that_run(name: str) -> None:
    assert len(blocks_of(ROOT / name)) >= 2


def test_the_readme_begins_with_two_commands_of_one_line() -> None:
    commands = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)[:2]

    assert [command.count("\n") for command in commands] == [1, 1]
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)
    assert "nosqlpy demo" in commands[0]
    assert "pytest" in commands[1]


def page(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("```python\nprint(1)\n```\n```text\n2\n```\n", "page.md:1: the page shows"),
        ("```python\nawait None\n```\n", "object NoneType can't be used in 'await' expression"),
        ("```rust\n```\n", "page.md:1: a block of kind 'rust'"),
        ("```\n```\n", "page.md:1: a block of kind ''"),
        ("\n```text\nout\n```\n", "page.md:2: output is shown"),
        ("```sh\nexit 3\n```\n", "page.md:1: exit code 3"),
        ("```sh\necho a\n```\n```text\nb\n```\n", "page.md:1: the page shows"),
        ("```console\n$ echo a\nb\n```\n", "page.md:1: the page shows"),
        ("```console\necho a\n```\n", "page.md:1: a console block without"),
    ],
)
def test_a_page_that_shows_something_else_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises((PageError, TypeError)) as caught:
        run_page(page(tmp_path, text))

    assert problem in str(caught.value)


def test_blocks_of_one_page_share_a_namespace_and_an_event_loop(tmp_path: Path) -> None:
    text = """
```python
import asyncio
event = asyncio.Event()
```
```python
async def wait():
    await event.wait()
task = asyncio.create_task(wait())
event.set()
await task
print("done", asyncio.get_running_loop() is task.get_loop())
```
```text
done ...
```
```console
$ echo a; echo b
a
b
$ true
$ echo c
c
```
"""

    assert run_page(page(tmp_path, text)) == 3
