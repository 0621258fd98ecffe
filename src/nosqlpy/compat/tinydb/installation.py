"""`install` lets unmodified programs find these modules under TinyDB's names."""

from __future__ import annotations

import sys
from importlib import import_module

from nosqlpy.errors import InvalidOperation

PACKAGE = "nosqlpy.compat.tinydb"
MODULES = ("database", "middlewares", "operations", "queries", "storages", "table", "utils", "version")


def install() -> None:
    """Make ``import tinydb``, and the imports of its modules, give those of `nosqlpy.compat.tinydb` in this process.

    Raises:
        InvalidOperation: TinyDB itself was imported before: programs hold classes of it.
    """
    package = import_module(PACKAGE)
    if sys.modules.get("tinydb", package) is not package:
        raise InvalidOperation("tinydb was imported before: call install() before the first import of it")
    sys.modules["tinydb"] = package
    for name in MODULES:
        sys.modules[f"tinydb.{name}"] = import_module(f"{PACKAGE}.{name}")
