"""The kinds of indexes beside the ordered one: what each of them cannot be.

To add a kind: what stands for its direction in `catalogue.WAYS`, its rule here, and how it finds its keys in
`extraction`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nosqlpy._core.index.catalogue import SIMPLE, WILDCARD, IndexDefinition, cannot_create
from nosqlpy._core.text.spec import ALL_FIELDS
from nosqlpy.errors import NotSupportedError, QueryError
from nosqlpy.results import HASHED, TEXT


def check_kind(definition: IndexDefinition) -> None:
    """Refuse an index that its kind does not allow.

    Raises:
        QueryError: Its keys do not go together, or it has an option that its kind cannot have.
    """
    rule = _RULES.get(definition.kind)
    if rule is not None:
        rule(definition)
    if definition.wildcard_projection is not None and definition.kind != WILDCARD:
        message = "the index option 'wildcardProjection' is only for wildcard indexes"
        raise QueryError(message, code=2, code_name="BadValue")


def check_expiring(definition: IndexDefinition) -> None:
    """Refuse an index by which documents cannot expire. Manual: core/index-ttl.

    Raises:
        QueryError: It is on several fields.
    """
    if len(definition.keys) > 1:
        raise cannot_create("documents expire by an index on a single field: no compound one has expireAfterSeconds")


def _check_hashed(definition: IndexDefinition) -> None:
    """Refuse what no hashed index can be. Manual: core/indexes/index-types/index-hashed."""
    hashed = [path for path, way in definition.keys if way == HASHED]
    if len(hashed) > 1:
        message = f"an index has at most one hashed field, not {len(hashed)}: {', '.join(map(repr, hashed))}"
        raise QueryError(message, code=31303, code_name="Location31303")
    if definition.unique:
        message = "a hashed index cannot be unique; create another index on the field that is"
        raise QueryError(message, code=16764, code_name="Location16764")
    if definition.expire_after is not None:
        raise cannot_create("a hashed index cannot have expireAfterSeconds: it has no order of dates")


def _check_text(definition: IndexDefinition) -> None:
    """Refuse what no text index can be. Manual: core/indexes/index-types/index-text."""
    if definition.unique:
        raise cannot_create("a text index cannot be unique")
    if definition.expire_after is not None:
        raise cannot_create("a text index cannot have expireAfterSeconds: it has no order of dates")
    if definition.collation not in (None, SIMPLE):
        raise cannot_create("a text index has no collation but {'locale': 'simple'}")
    if any(way not in (1, -1, TEXT) for _, way in definition.keys):
        raise cannot_create("the fields of a text index that are not 'text' are 1 or -1")


def _check_wildcard(definition: IndexDefinition) -> None:
    """Refuse what no wildcard index can be. Manual: core/indexes/index-types/index-wildcard/reference/restrictions."""
    for option in ("unique", "sparse", "expireAfterSeconds"):
        if option in definition.options:
            raise cannot_create(f"a wildcard index cannot have the option {option!r}")
    if len(definition.keys) > 1:
        raise NotSupportedError("compound wildcard indexes are not supported yet: '$**' is the only field")
    if definition.wildcard_projection is not None and definition.keys[0][0] != ALL_FIELDS:
        message = f"the index option 'wildcardProjection' is for '$**', not for {definition.keys[0][0]!r}"
        raise QueryError(message, code=9, code_name="FailedToParse")


_RULES: Final[dict[str, Callable[[IndexDefinition], None]]] = {
    HASHED: _check_hashed,
    TEXT: _check_text,
    WILDCARD: _check_wildcard,
}
"""The rule of each kind, by its name."""
