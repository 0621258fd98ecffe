"""TinyDB's interface over nosqlpy: ``from nosqlpy.compat.tinydb import TinyDB, Query, where``.

The modules are named as TinyDB's: `queries`, `table`, `storages`, `middlewares`, `operations`, `utils`. `install` puts
them under TinyDB's own names, and `migrate` makes a database of a JSON file that TinyDB wrote.
"""

from nosqlpy.compat.tinydb import middlewares, operations, utils
from nosqlpy.compat.tinydb.database import TinyDB
from nosqlpy.compat.tinydb.installation import install
from nosqlpy.compat.tinydb.migration import migrate
from nosqlpy.compat.tinydb.queries import Query, where
from nosqlpy.compat.tinydb.storages import JSONStorage, Storage
from nosqlpy.compat.tinydb.version import __version__

__all__ = [
    "JSONStorage",
    "Query",
    "Storage",
    "TinyDB",
    "__version__",
    "install",
    "middlewares",
    "migrate",
    "operations",
    "utils",
    "where",
]
