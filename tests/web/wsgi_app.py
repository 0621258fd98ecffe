"""A plain WSGI application whose client is made, and used, when the module is imported: before gunicorn forks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from nosqlpy import Client

db = Client(os.environ["DATABASE"], lock_timeout=30)
db["counters"].update_one({"_id": "imports"}, {"$inc": {"n": 1}}, upsert=True)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    name = environ["PATH_INFO"].removeprefix("/counters/")
    counter = db["counters"].find_one_and_update({"_id": name}, {"$inc": {"n": 1}}, upsert=True, return_document=True)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"n": counter["n"], "worker": os.getpid()}).encode()]
