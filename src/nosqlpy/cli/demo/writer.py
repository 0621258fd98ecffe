"""The process that the demonstration kills: it writes, and says of each write that it was acknowledged."""

from __future__ import annotations

import os
import sys

from nosqlpy import Client

COLLECTION = "writes"
COUNTER = "counter"


def write(path: str) -> None:
    """Insert numbered documents and count them in another one, until killed; print each number once both are done."""
    with Client(path, slow_ms=None) as db:
        writes = db[COLLECTION]
        number = writes.count({"_id": {"$ne": COUNTER}})
        # the last writer may have been killed between the two
        writes.update_one({"_id": COUNTER}, {"$set": {"written": number}}, upsert=True)
        while True:
            number += 1
            writes.insert({"_id": number, "squared": number * number, "by": os.getpid()})
            writes.update_one({"_id": COUNTER}, {"$inc": {"written": 1}})
            os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    try:
        write(sys.argv[1])
    except BrokenPipeError:  # the demonstration itself was killed
        sys.exit(1)
