"""The commands that move data between a database and files, or other databases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

from nosqlpy import Client, CorruptionError, Document, NosqlpyError
from nosqlpy.cli.arguments import STANDARD, UsageError
from nosqlpy.cli.opening import directory_of, existing, filler, reader, writer
from nosqlpy.cli.output import Output
from nosqlpy.cli.progress import counting, is_known, reading_of
from nosqlpy.cli.stopping import Stoppable
from nosqlpy.cli.streams import naming, output
from nosqlpy.compat.mongodump import export_dump, import_dump
from nosqlpy.compat.seed_log import import_log
from nosqlpy.extended_json import encode_json

REJECTED = 1


def load(arguments: argparse.Namespace) -> int:
    """Import a file or stdin; 1 if something was rejected."""
    with ExitStack() as stack:
        rejects = _rejects(arguments, arguments.file, stack)
        source, where = _source(arguments.file, stack)
        db = stack.enter_context(filler(arguments))
        if not isinstance(source, str):
            source = stack.enter_context(Stoppable(source))
        try:
            imported = db[arguments.collection].import_file(
                source,
                format=arguments.format or _by_name(arguments.file),
                mode=arguments.mode,
                types=arguments.types,
                on_reject=rejects.add if arguments.rejects else None,
                durability=arguments.durability,
            )
        except NosqlpyError as error:
            raise type(error)(f"{where}{error}", code=error.code, code_name=error.code_name) from None
    rejected = {"rejected": rejects.count} if arguments.rejects else {}
    Output(arguments.form).fields({"imported": imported, **rejected})
    return REJECTED if rejects.count else 0


def load_mongodump(arguments: argparse.Namespace) -> int:
    """Import a directory of mongodump; 1 if something was rejected."""
    with ExitStack() as stack:
        rejects = _rejects(arguments, arguments.directory, stack)
        db = stack.enter_context(filler(arguments))
        imported = import_dump(
            db,
            arguments.directory,
            mode=arguments.mode,
            metadata=not arguments.no_metadata,
            on_reject=rejects.add if arguments.rejects else None,
            durability=arguments.durability,
        )
    rejected = {"rejected": rejects.count} if arguments.rejects else {}
    Output(arguments.form).fields({"imported": sum(imported.values()), "collections": len(imported), **rejected})
    return REJECTED if rejects.count else 0


def export_mongodump(arguments: argparse.Namespace) -> int:
    """Export a directory that mongorestore reads."""
    with reader(arguments) as db:
        exported = export_dump(db, arguments.directory, collections=arguments.collection, compressed=arguments.gzip)
    Output(arguments.form).fields({"exported": sum(exported.values()), "collections": len(exported)})
    return 0


def load_log(arguments: argparse.Namespace) -> int:
    """Carry out a log of operations."""
    source: Any = sys.stdin.buffer if arguments.file == STANDARD else arguments.file
    operation, id, document = arguments.fields
    with writer(arguments, create=True) as db:
        counts = import_log(
            db[arguments.collection],
            source,
            operation=operation,
            id=id,
            document=document,
            durability=arguments.durability,
        )
    Output(arguments.form).fields(counts)
    return 0


class Rejects:
    """The file of what could not be imported: a JSON line for each, with its place, the reason and the text."""

    def __init__(self, file: BinaryIO | None, name: str | None) -> None:
        self._file = file
        self._name = name
        self.count: int = 0

    def add(self, line: Document) -> None:
        """Write one."""
        assert self._file is not None, "without a file the first one ends the import"
        try:
            self._file.write(encode_json(line) + b"\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._name) from None
        self.count += 1


def _rejects(arguments: argparse.Namespace, source: str, stack: ExitStack) -> Rejects:
    """Return what writes the file of rejects, which is opened, and so emptied.

    Raises:
        UsageError: It is what is imported, or a part of that or of the database.
    """
    name = arguments.rejects
    if name and any(_is_part(name, place) for place in (source, directory_of(arguments.path))):
        raise UsageError(f"{name} is a part of what is imported or of the database: write the rejects to another file")
    # unbuffered: what a full disk refuses is known at once, while it can be said what went in
    return Rejects(stack.enter_context(Path(name).open("wb", buffering=0)) if name else None, name)


def _is_part(file: str, place: str) -> bool:
    """Return whether a file is the one at a place, or lies in the directory there."""
    return Path(file).resolve().is_relative_to(Path(place).resolve())


def _source(file: str, stack: ExitStack) -> tuple[Any, str]:
    """Return what to import from, and what to say before an error if that does not say it itself."""
    if file == STANDARD:
        return sys.stdin.buffer, ""
    if not is_known(file):
        return file, ""
    shown = reading_of(file)
    return stack.enter_context(Path(file).open("rb") if shown is None else shown), f"{file}: "


def _by_name(file: str) -> str | None:
    """Return the format that the ending of a file's name tells: what is read is a stream, which has no name."""
    name = Path(file).name.lower()
    return next((format for format in ("csv", "tsv", "bson", "bson.gz") if name.endswith(f".{format}")), None)


def export(arguments: argparse.Namespace) -> int:
    """Export to a file or stdout."""
    binary = arguments.format if (arguments.format or "").startswith("bson") else None
    target: Any = output(binary) if arguments.file == STANDARD else arguments.file
    with reader(arguments) as db, naming(arguments.file), _written("exporting", arguments.file) as progress:
        exported = existing(db, arguments.collection).export_file(
            target,
            format=arguments.format,
            filter=arguments.filter,
            projection=arguments.projection,
            canonical=arguments.canonical,
            progress=progress,
        )
    if arguments.file != STANDARD:
        Output(arguments.form).fields({"exported": exported})
    return 0


def _written(doing: str, file: str) -> AbstractContextManager[Callable[[int, int], None] | None]:
    """Return what shows how many documents are written; nothing where they themselves are shown."""
    return nullcontext() if file == STANDARD and sys.stdout.isatty() else counting(doing)


def backup(arguments: argparse.Namespace) -> int:
    """Copy a database to a new directory."""
    with reader(arguments) as db:
        Output(arguments.form).fields(db.backup(arguments.target))
    return 0


def dump(arguments: argparse.Namespace) -> int:
    """Write a database to one file or to stdout."""
    target: Any = output("a dump") if arguments.file == STANDARD else arguments.file
    with reader(arguments) as db, naming(arguments.file), _written("dumping", arguments.file) as progress:
        report = db.dump(target, collections=arguments.collection, compression=arguments.compression, progress=progress)
    if arguments.file != STANDARD:
        Output(arguments.form).fields(report)
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Make a database of a dump."""
    with ExitStack() as stack:
        source: Any = sys.stdin.buffer if arguments.file == STANDARD else arguments.file
        shown = None if arguments.file == STANDARD else reading_of(arguments.file, "restoring")
        try:
            report = Client.restore(source if shown is None else stack.enter_context(shown), arguments.target)
        except CorruptionError as error:
            if shown is None:
                raise
            message = str(error).replace("the dump", arguments.file, 1)  # which is a stream, and has no name
            raise CorruptionError(message, details=error.details) from None
    Output(arguments.form).fields(report)
    return 0


def repair(arguments: argparse.Namespace) -> int:
    """Save what can be saved of a damaged database; 1 if anything was lost."""
    report = Client.repair(arguments.path, arguments.target)
    Output(arguments.form).repaired(report)
    return 0 if report["complete"] else 1
