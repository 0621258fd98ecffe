"""Run every fenced code block of Markdown pages, and compare what happens with what the page shows.

`python tests/docs/code_blocks.py README.md …` needs nothing but nosqlpy itself, so that a bare wheel can be checked.

| kind of block     | what is done with it |
|-------------------|----------------------|
| `python`          | run, in one namespace for the page; a top-level `await` runs on the page's event loop |
| `sh`              | run by bash with the `nosqlpy` command on its path; must exit with 0 |
| `console`         | the commands after `$ ` are run, and what is written after each is compared |
| `text`, `json`    | the output of the block before it; `...` stands for anything |
| `ebnf`            | a grammar: nothing to run |

Any other kind is an error, so that no block is left out by accident.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nosqlpy

RUN = {"python", "sh", "console"}
OUTPUT = {"text", "json"}
INERT = {"ebnf"}
INSTALLATION = 2  # the README's first two sh blocks install the package: the CI and the wheel session run them
NEEDS = re.compile(r"^<!-- needs: (?P<names>.+) -->$", re.MULTILINE)
FENCE = re.compile(r"^```(?P<kind>\S*)[^`\n]*\n(?P<text>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (?P<command>.+)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)


class PageError(Exception):
    """A page that shows what does not happen."""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page, and the output that the page shows for it."""

    page: Path
    line: int
    kind: str
    text: str
    shown: str | None

    def refuse(self, problem: str) -> PageError:
        """Return the error that says where the problem is."""
        return PageError(f"{self.page}:{self.line}: {problem}")


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page that are to be run, in their order."""
    source = page.read_text(encoding="utf-8")
    found = [
        Block(page, source.count("\n", 0, match.start()) + 1, match["kind"], match["text"], None)
        for match in FENCE.finditer(source)
    ]
    result: list[Block] = []
    previous = ""
    for block in found:
        if block.kind in OUTPUT and previous in {"python", "sh"}:
            before = result.pop()
            result.append(Block(page, before.line, before.kind, before.text, block.text))
        elif block.kind in RUN:
            result.append(block)
        elif block.kind in OUTPUT:
            raise block.refuse("output is shown, but no block before it writes any")
        elif block.kind not in INERT:
            raise block.refuse(f"a block of kind {block.kind!r}, of which nobody knows how to run it")
        previous = block.kind
    return without_installation(result) if page.name == "README.md" else result


def needs_of(page: Path) -> list[str]:
    """Return the modules that a page needs beside nosqlpy, as its line ``<!-- needs: … -->`` says."""
    found = NEEDS.search(page.read_text(encoding="utf-8"))
    return found["names"].split() if found else []


def without_installation(blocks: list[Block]) -> list[Block]:
    """Return the blocks of the README but for its first two commands."""
    installation = [block for block in blocks if block.kind == "sh"][:INSTALLATION]
    return [block for block in blocks if block not in installation]


def compare(block: Block, shown: str, written: str) -> None:
    """Refuse a block that writes something else than the page shows."""
    if not doctest.OutputChecker().check_output(shown.rstrip() + "\n", written.rstrip() + "\n", doctest.ELLIPSIS):
        raise block.refuse(f"the page shows\n{shown.rstrip()}\nbut this was written\n{written.rstrip()}")


def run_python(block: Block, namespace: dict[str, object], loop: asyncio.Runner) -> None:
    """Run a block in the namespace of its page."""
    source = "\n" * block.line + block.text  # so that a traceback names the page's own lines
    code = compile(source, str(block.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        if code.co_flags & inspect.CO_COROUTINE:
            loop.run(awaited(eval(code, namespace)))
        else:
            exec(code, namespace)
    if block.shown is not None:
        compare(block, block.shown, written.getvalue())


async def awaited(coroutine: object) -> None:
    """Await what a block with a top-level `await` compiles to."""
    await coroutine  # type: ignore[misc]


def run_shell(block: Block, script: str, path: str) -> str:
    """Return what a script writes to both of its streams."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NOSQLPY_")}
    places = (path, str(Path(sys.executable).parent), environment["PATH"])
    environment |= {"PATH": os.pathsep.join(places), "COLUMNS": "100", "NO_COLOR": "1"}
    # what an installation does by an entry point, also where the package is imported from its source
    environment |= {"PYTHONPATH": str(Path(nosqlpy.__file__).parents[1]), "PYTEST_PLUGINS": "nosqlpy_pytest"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise block.refuse(f"exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def run_console(block: Block, path: str) -> None:
    """Run each command of a console session and compare its output."""
    commands = list(COMMAND.finditer(block.text))
    if not commands:
        raise block.refuse("a console block without a line that begins with '$ '")
    for match in commands:
        compare(block, match["output"], run_shell(block, match["command"], path))


@contextlib.contextmanager
def command_path() -> Iterator[str]:
    """Give a directory with the `nosqlpy` command: the installed one, or one that runs the imported package."""
    here = Path(sys.executable).parent
    if (here / "nosqlpy").exists():
        yield str(here)
        return
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "nosqlpy")
        source = str(Path(nosqlpy.__file__).parents[1])
        script.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {source!r})\n"
            "from nosqlpy.cli.main import main\nraise SystemExit(main())\n"
        )
        script.chmod(0o700)
        yield directory


@contextlib.contextmanager
def main_module() -> Iterator[dict[str, object]]:
    """Give the namespace of a fresh ``__main__``, so that classes of a page are found where they say they are."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module = ModuleType("__main__")
    try:
        yield module.__dict__
    finally:
        sys.modules["__main__"] = before


def run_page(page: Path) -> int:
    """Run the blocks of a page in the current directory; return how many there were."""
    blocks = blocks_of(page)
    with command_path() as path, main_module() as namespace, asyncio.Runner() as loop:
        for block in blocks:
            if block.kind == "python":
                run_python(block, namespace, loop)
            elif block.kind == "console":
                run_console(block, path)
            else:
                written = run_shell(block, block.text, path)
                compare(block, written if block.shown is None else block.shown, written)
    return len(blocks)


def main(pages: list[str]) -> None:
    """Run each page in an empty directory of its own."""
    for page in [Path(name).resolve() for name in pages]:
        directory = tempfile.mkdtemp()
        with contextlib.chdir(directory):
            count = run_page(page)
        shutil.rmtree(directory)
        print(f"{page.name}: {count} code blocks do what the page shows")


if __name__ == "__main__":
    main(sys.argv[1:])
