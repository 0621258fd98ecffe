"""The commands that move data between a database and files, or other databases."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from nosqlpy import Client
from nosqlpy.cli.opening import STANDARD, existing, reader, writer
from nosqlpy.cli.output import Output


def load(arguments: argparse.Namespace) -> int:
    """Import a file or stdin."""
    source: Any = sys.stdin.buffer if arguments.file == STANDARD else arguments.file
    with writer(arguments, create=True) as db:
        imported = db[arguments.collection].import_file(
            source, format=arguments.format, mode=arguments.mode, durability=arguments.durability
        )
    Output(arguments.form).fields({"imported": imported})
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Export to a file or stdout."""
    target: Any = sys.stdout.buffer if arguments.file == STANDARD else arguments.file
    with reader(arguments) as db:
        exported = existing(db, arguments.collection).export_file(
            target, format=arguments.format, filter=arguments.filter, projection=arguments.projection
        )
    if arguments.file != STANDARD:
        Output(arguments.form).fields({"exported": exported})
    return 0


def backup(arguments: argparse.Namespace) -> int:
    """Copy a database to a new directory."""
    with reader(arguments) as db:
        Output(arguments.form).fields(db.backup(arguments.target))
    return 0


def dump(arguments: argparse.Namespace) -> int:
    """Write a database to one file or to stdout."""
    target: Any = sys.stdout.buffer if arguments.file == STANDARD else arguments.file
    with reader(arguments) as db:
        report = db.dump(target, collections=arguments.collection, compression=arguments.compression)
    if arguments.file != STANDARD:
        Output(arguments.form).fields(report)
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Make a database of a dump."""
    source: Any = sys.stdin.buffer if arguments.file == STANDARD else arguments.file
    Output(arguments.form).fields(Client.restore(source, arguments.target))
    return 0


def repair(arguments: argparse.Namespace) -> int:
    """Save what can be saved of a damaged database; 1 if anything was lost."""
    report = Client.repair(arguments.path, arguments.target)
    Output(arguments.form).repaired(report)
    return 0 if report["complete"] else 1
