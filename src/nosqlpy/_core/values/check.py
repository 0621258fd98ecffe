"""The fast proof that msgspec writes documents just as they are.

msgspec would write a set as an array and a Decimal, date or UUID as a string,
without a word. So before it encodes a document, `is_plain` (or `are_plain`,
for a batch) proves from the exact types of all values and from keys known to
be good that nothing of the kind is in it. What cannot be proved goes to
`nosqlpy._core.values.storable`, which tells odd documents from wrong ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from gc import get_referents
from itertools import chain
from typing import Any

_DEPTH_MAX = 32  # the proof recurses; what is nested deeper is left to the walk, which counts to the limit
_KEYS_MAX = 16_384
_KEY_LENGTH_MAX = 1024
_INT64_MAX = 2**63 - 1
_GROUP_MAX = 1024  # larger groups are counted before they are taken apart:
_BATCH_VALUES_MAX = 4_000_000  # a document that holds itself would grow without end

# Values of exactly these types are stored as they are; bson's simple types join when first met.
_plain: set[type] = {str, int, float, bool, type(None), bytes}

# Those among them that need no look at the value: an int may be past 64 bits.
_checked: set[type] = _plain - {int}

_ODD_IN_NAME = re.compile(r'["\\\x00-\x1f]')

_NARROW = frozenset({str, float, bool, type(None), bytes})

# Keys seen and found good: text without NUL that UTF-8 can hold.
_keys: set[str] = {"_id"}
_are_known = _keys.issuperset
is_known_key = _keys.__contains__
"""Return whether a key equals one that was found good; one of a subclass of str may."""


def learn_key(key: str) -> None:
    """Let `key` pass from now on, unless it is long; it is text without NUL that UTF-8 can hold."""
    if len(key) > _KEY_LENGTH_MAX:
        return
    if len(_keys) >= _KEYS_MAX:  # documents may use data as keys: begin anew, the shared ones come back soon
        _keys.clear()
    _keys.add(key)


def learn_type(kind: type) -> None:
    """Let all values of exactly this type pass from now on; the encoder's hook knows them."""
    _plain.add(kind)
    _checked.add(kind)


def is_plain_scalar(value: Any) -> bool:
    """Return whether msgspec writes `value`, which holds no other value, exactly as it is."""
    return type(value) in _plain


def is_plain_value(value: Any) -> bool:
    """Return whether msgspec writes `value`, an array or a scalar, exactly as it is, but for integers past 64 bits."""
    if type(value) is not list:
        return type(value) in _plain
    return _plain.issuperset(map(type, value)) or _is_plain_array(value, 1)


def is_plain_field(name: str, value: Any) -> bool:
    """Return whether msgspec writes a field of a document exactly as it is, but for integers past 64 bits."""
    return name in _keys if type(value) in _plain else is_plain({name: value})


def is_struct_field(name: str) -> bool:
    """Return whether msgspec can give a struct's field this name."""
    return _ODD_IN_NAME.search(name) is None


def has_wide_int(value: Any) -> bool:
    """Return whether a plain value is, or holds, an int that unsigned 64 bits can hold and signed ones cannot."""
    kind = type(value)
    if kind is int:
        return bool(value > _INT64_MAX)
    if kind is dict:
        for item in value.values():  # a call for each value would take twice as long
            kind = type(item)
            if kind is int:
                if item > _INT64_MAX:
                    return True
            elif (kind is list or kind is dict) and has_wide_int(item):
                return True
        return False
    if kind is not list:
        return False
    kinds = set(map(type, value))
    if kinds == {int}:  # a list of ints, or of texts, such as the ids of a frame, is told by one call
        return bool(max(value) > _INT64_MAX)
    return not _NARROW.issuperset(kinds) and any(map(has_wide_int, value))


def is_plain(document: dict[str, Any], depth: int = 1) -> bool:
    """Return whether msgspec writes `document` exactly as it is, but for integers past 64 bits."""
    if depth > _DEPTH_MAX or not _are_known(document):
        return False
    for value in document.values():
        kind = type(value)
        if kind in _plain:
            continue
        if kind is dict:
            if not is_plain(value, depth + 1):
                return False
        elif kind is list:
            if not _is_plain_array(value, depth + 1):
                return False
        elif kind is not datetime or value.tzinfo is not UTC:
            return False
    return True


def _is_plain_array(array: list[Any], depth: int) -> bool:
    # The loop stands twice because a call for each value would double the time of the proof.
    if depth > _DEPTH_MAX:
        return False
    for value in array:
        kind = type(value)
        if kind in _plain:
            continue
        if kind is dict:
            if not is_plain(value, depth + 1):
                return False
        elif kind is list:
            if not _is_plain_array(value, depth + 1):
                return False
        elif kind is not datetime or value.tzinfo is not UTC:
            return False
    return True


def are_plain(documents: Sequence[dict[str, Any]]) -> bool:
    """Return whether `is_plain` holds for every document, and no int is past 64 bits, in about half of its time.

    The documents are taken apart group by group: first all, then what one
    field holds in all of them. Where those of a group have equally many fields,
    the values of one field are a slice, so that a few calls compare the types
    of thousands of values.
    """
    groups: list[tuple[type, Sequence[Any], int]] = [(dict, documents, 1)]
    budget = _BATCH_VALUES_MAX
    while groups:
        kind, group, level = groups.pop()
        if len(group) > _GROUP_MAX:
            budget -= sum(map(len, group))
        if budget < 0 or level > _DEPTH_MAX or (kind is dict and not _are_known(chain.from_iterable(group))):
            return False
        # The collector's view of a list is its elements, and of a dict its values; a dict that ever had
        # a key that is no str shows its keys too, which have plain types.
        values = get_referents(*group)
        width = len(group[0]) if kind is dict else 1
        for column, kinds in _columns(values, width):
            for odd in kinds - _checked:
                members: list[Any] = column if len(kinds) == 1 else [v for v in column if type(v) is odd]
                if odd is dict or odd is list:
                    groups.append((odd, members, level + 1))
                elif odd is int:
                    if max(members) > _INT64_MAX:
                        return False
                elif odd is not datetime or any(value.tzinfo is not UTC for value in members):
                    return False
    return True


def _columns(values: list[Any], width: int) -> list[tuple[list[Any], set[type]]]:
    """Return every `width`-th value and their types, for each column that holds more than plain types.

    Values of rows that are not all of that width come in the wrong column, which costs time but hides none.
    """
    types = list(map(type, values))
    if width <= 1 or len(values) % width:
        return [(values, set(types))]
    row = types[:width]
    if row * (len(values) // width) == types:
        return [(values[i::width], {row[i]}) for i in range(width) if row[i] not in _checked]
    columns = ((i, set(types[i::width])) for i in range(width))
    return [(values[i::width], kinds) for i, kinds in columns if not kinds <= _checked]
