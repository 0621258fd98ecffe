"""The command ``nosqlpy``: what it is told, what it answers, and how it ends."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from nosqlpy.cli.advice import in_words, located
from nosqlpy.cli.arguments import UsageError
from nosqlpy.cli.grammar import parse_arguments
from nosqlpy.cli.streams import prepare
from nosqlpy.errors import ConfigurationError, InvalidName, NosqlpyError, StorageError

OK, FAILED, USAGE, STORAGE = 0, 1, 2, 3
INTERRUPTED, BROKEN_PIPE = 130, 141  # as a shell reports SIGINT and SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: it is done. 1: it cannot be done: bad input, no such collection, an ``_id`` that is
    taken, a file that cannot be read or written, a failed check of the demo or the doctor. 2: the
    command line makes no sense. 3: the database cannot be used: it is not there, locked
    by another process, damaged, or its disk refuses. 130: Ctrl-C. 141: nobody reads the
    output any more. Errors are one line on stderr.
    """
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt as stop:
        return _end("; ".join(["interrupted", *getattr(stop, "__notes__", ())]), INTERRUPTED)
    except BrokenPipeError:
        _close_output()
        return BROKEN_PIPE


def _run(argv: Sequence[str]) -> int:
    try:
        prepare()
        return _carry_out(argv)
    except (UsageError, ConfigurationError, InvalidName) as error:
        return _end(str(error), USAGE)
    except StorageError as error:
        return _end(str(error), STORAGE)
    except NosqlpyError as error:
        return _end(str(error), FAILED)
    except BrokenPipeError:
        raise
    except OSError as error:
        # what has no name here is stdout: whatever else is opened has one
        told = f"{error.filename or 'stdout'}: {error.strerror or error}"
        _close_output()
        return _end("; ".join([told, *getattr(error, "__notes__", ())]), FAILED)


def _carry_out(argv: Sequence[str]) -> int:
    try:
        arguments = parse_arguments(argv)
        code = _run_command(arguments)
    except SystemExit as done:  # --help and --version, which argparse has printed
        code = OK if done.code is None else int(done.code)
    sys.stdout.flush()
    return code


def _run_command(arguments: argparse.Namespace) -> int:
    """Run the command; an error of a database says which one."""
    try:
        return int(arguments.run(arguments))
    except StorageError as error:
        place = getattr(arguments, "target" if "must be new or empty" in str(error) else "path", None)
        raise StorageError(located(str(error), place), code=error.code, code_name=error.code_name) from error


def _end(message: str, code: int) -> int:
    """Say on stderr, in one line, why the command ends."""
    with suppress(OSError):
        text = " ".join(in_words(message).split())
        sys.stderr.write(f"nosqlpy: {''.join(c if c.isprintable() else ascii(c)[1:-1] for c in text)}\n")
    return code


def _close_output() -> None:
    """Keep the interpreter from writing the rest of the output, and complaining, when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
