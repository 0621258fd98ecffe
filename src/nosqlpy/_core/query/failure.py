"""What a document or value fails: the answer to "why does it not match", for documents that a validator refuses."""

from __future__ import annotations

from typing import Literal

import msgspec

from nosqlpy.aliases import Document


class Failure(msgspec.Struct, frozen=True):
    """One rule that a value does not satisfy, as MongoDB describes it and in a few words.

    `details` is the server's description, which has the values that were looked at; `text`
    has none. `place` leads to the value below the one that was tested, `rule` to what it fails,
    in what `source` names.
    """

    details: Document
    text: str
    place: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    source: Literal["schema", "filter"] = "schema"

    def within(self, place: tuple[str, ...], rule: tuple[str, ...]) -> Failure:
        """Return the same failure, seen from further outside."""
        return msgspec.structs.replace(self, place=(*place, *self.place), rule=(*rule, *self.rule))

    @property
    def message(self) -> str:
        """The failure in a sentence: where, what must be so, and which rule says it."""
        place = ".".join(self.place) or "the document"
        return f"{place}: {self.text} ({self.source} rule {'.'.join(self.rule)})"
