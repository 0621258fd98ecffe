"""A document as a table returns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Fields: TypeAlias = dict[str, Any]


class Document(dict[str, Any]):
    """The fields of a document, and its id in `doc_id`."""

    def __init__(self, value: Mapping[str, Any], doc_id: int) -> None:
        super().__init__(value)
        self.doc_id = doc_id
