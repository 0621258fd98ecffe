"""Every check of the project, by name: `nox -l` lists them, `nox -s lint` runs one.

Without a name, nox runs what must be green before a change is shared.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

PYPROJECT = nox.project.load_toml("pyproject.toml")
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = sorted({"3.11", "3.12", "3.13", CURRENT}, key=lambda version: int(version.split(".")[1]))

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"  # the Pythons that this machine has; a missing one is skipped, also with CI=true
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "oracle", "coverage", "docs", "wheel"]

# pyenv's shims answer only for the versions that are selected at the moment: let nox find all that are installed
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
INSTALLED = [str(path / "bin") for version in PYTHONS for path in sorted(PYENV.glob(f"{version}.*"))]
os.environ["PATH"] = os.pathsep.join([*INSTALLED, os.environ["PATH"]])


def install(session: nox.Session, *groups: str, editable: bool = True) -> None:
    """Install dependency groups, and the project itself so that it can be edited in place."""
    requirements = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install(*requirements, *(["-e", "."] if editable else []))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests on every Python from 3.11 on that is found here."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches of the core the tests of the core and of the faces reach."""
    install(session, "test")
    session.run("coverage", "erase")
    # not those of durability: they interrupt the code by its trace function, which coverage needs for itself
    session.run("coverage", "run", "-m", "pytest", "-q", *(session.posargs or ["tests/core"]))
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and the floors of the architecture."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check all types, and that whoever imports nosqlpy sees complete ones."""
    install(session, "types", "test")
    session.run("mypy")
    session.run("pyright", "--verifytypes", "nosqlpy", "--ignoreexternal")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/site; a broken link or an unknown name fails. `-- serve` shows it live."""
    install(session, "docs")
    command = session.posargs or ["build", "--clean", "--strict"]
    session.run("zensical", command[0], "--config-file", "docs/mkdocs.yml", *command[1:])


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it alone, and run the README, the tutorial and the demo with it."""
    install(session, "build", editable=False)
    built = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--wheel", "--outdir", str(built))
    wheels = sorted(built.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    session.run("python", "-m", "venv", "--clear", str(built / "empty"))
    python = str(built / "empty" / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    session.run(python, "-m", "pip", "install", str(wheels[-1]), external=True)
    pages = ["README.md", *sorted(map(str, Path("docs/tutorial").glob("*.md")))]
    session.run(python, "tests/docs/code_blocks.py", *pages, external=True)
    session.run(str(Path(python).with_name("nosqlpy")), "demo", external=True)


@nox.session
def oracle(session: nox.Session) -> None:
    """Compare answers with those of another implementation of the query language."""
    install(session, "test", "oracle")
    session.run("pytest", "tests/oracle", *session.posargs)


@nox.session
def web(session: nox.Session) -> None:
    """Run web applications on real servers with several workers, and count at once."""
    install(session, "test", "web")
    session.run("pytest", "tests/web", *session.posargs)


@nox.session
def durability(session: nox.Session) -> None:
    """Crash the simulated disk and kill real processes, far more often than the test suite does.

    It prints how many seeds, crashes, kills and acknowledged writes there were. NOSQLPY_SEEDS=1000000 asks for more.
    """
    install(session, "test")
    seeds = os.getenv("NOSQLPY_SEEDS", "100000")
    session.run("pytest", "-s", "tests/durability", *session.posargs, env={"NOSQLPY_SEEDS": seeds})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure nosqlpy beside other stores and floors in one run, and put the figures and pictures into the docs."""
    install(session, "bench")
    session.run("python", "-m", "tests.benchmarks", *(session.posargs or ["--docs"]))
