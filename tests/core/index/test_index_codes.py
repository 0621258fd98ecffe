"""The codes of definitions that mean nothing, as the server's index_key_validate.cpp gives them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nosqlpy import QueryError
from nosqlpy._core.index.options import define_index

NAN = float("nan")


@pytest.mark.parametrize(
    ("keys", "options", "code"),
    [
        *(([("a", way)], {}, 67) for way in (0, NAN, True, None, {}, "", "foo")),
        *(([(path, 1)], {}, 67) for path in ("", "a..b", "a.", ".a", "$a", "a.$b", "a.$ref.$c")),
        ([], {}, 67),
        (7, {}, 14),
        ([("a", 1), ("a", -1)], {}, 67),
        *(("a", {"name": name}, code) for name, code in (("", 67), ("a\0b", 67), (1, 14), ("*", 2))),
        *(("a", {option: "yes"}, 14) for option in ("unique", "sparse", "hidden")),
        ("a", {"bogus": 1}, 197),
        ("a", {"partialFilterExpression": 1}, 14),
        ("a", {"partialFilterExpression": {"a": {"$foo": 1}}}, 2),
        ("a", {"partialFilterExpression": {"a": {"$ne": 1}}}, 67),
        ("a", {"partialFilterExpression": {"a": re.compile("b")}}, 67),
        ("a", {"expireAfterSeconds": -1}, 67),
        ([("a", 1), ("b", 1)], {"expireAfterSeconds": 5}, 67),
        ("a", {"sparse": True, "partialFilterExpression": {"a": 1}}, 67),
    ],
)
def test_what_is_no_index_has_the_servers_code(keys: Any, options: dict[str, Any], code: int) -> None:
    others = {option: value for option, value in options.items() if option != "name"}
    with pytest.raises(QueryError) as caught:
        define_index(keys, options.get("name"), others)

    assert caught.value.code == code
