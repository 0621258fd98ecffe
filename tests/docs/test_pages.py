"""What a reader of the pages can rely on, beside the blocks doing what the pages show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.code_blocks import blocks_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def needs_a_loop(block: str) -> bool:
    """Whether a block has an `await` outside of a function, which a file may not have."""
    try:
        compile(block, "page", "exec", dont_inherit=True)
    except SyntaxError:
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_whose_blocks_are_no_programs_says_where_they_run(page):
    awaits = any(needs_a_loop(block.text) for block in blocks_of(page) if block.kind == "python")

    assert "python -m asyncio" in page.read_text() or not awaits


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_code_in_a_table_has_a_pipe_for_the_site_would_show_its_backslash(page):
    assert not re.search(r"`[^`\n]*\\\|[^`\n]*`", page.read_text())


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_every_page_can_be_found_from_the_first_one_and_the_navigation(page):
    name = str(page.relative_to(DOCS))

    assert f": {name}\n" in (DOCS / "mkdocs.yml").read_text() or f"- {name}\n" in (DOCS / "mkdocs.yml").read_text()
    assert f"({name}" in (DOCS / "index.md").read_text() or name == "index.md"


@pytest.mark.parametrize(
    "title",
    [
        *["From TinyDB", "From FluxDB", "From nosqlpy 0.1", "From pymongo"],
        *["Use it in FastAPI", "Testing your app", "Which durability?", "Back up and restore"],
    ],
)
def test_a_how_to_has_this_title_on_its_page_and_in_the_navigation(title):
    titles = {re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)[1]: page for page in DOCS.glob("how-to/*.md")}

    assert f"- {title}: how-to/{titles[title].name}\n" in (DOCS / "mkdocs.yml").read_text()


def test_durability_is_promised_in_the_same_words_wherever_it_is():
    promises = [
        re.findall(r"^\| `(?:fast|safe|durable)`.*\|$|^In every mode .*\n.*$", page.read_text(), re.MULTILINE)
        for page in (ROOT / "README.md", DOCS / "how-to" / "durability.md")
    ]

    assert len(promises[0]) == 4
    assert promises[0] == promises[1]
