"""Random documents, filters and updates, the same for the same seed."""

from __future__ import annotations

from random import Random
from typing import Any

FIELDS = ("a", "b", "c")
PATHS = ("a", "b", "c", "a", "b", "c", "a.b", "a.c", "b.a", "a.0", "a.b.c", "a.0.b")
STRINGS = ("", "a", "ab", "b", "B")
QUERY_OPERATORS = (
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$exists",
    "$size",
    "$all",
    "$not",
    "$mod",
    "$elemMatch",
    "$type",
    "$regex",
)
UPDATE_OPERATORS = (
    "$set",
    "$set",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$rename",
    "$push",
    "$addToSet",
    "$pop",
    "$pull",
    "$pullAll",
    "$setOnInsert",
)
SCALARS: dict[str, tuple[Any, ...]] = {
    "number": (0, 1, 2, 3, -1, 1.0, 1.5, 2.5),
    "string": STRINGS,
    "bool": (True, False),
    "null": (None,),
}


class Generator:
    """Makes random things of one seed; each seed draws its own kinds of values, so that no kind is in all cases."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.kinds = ["number", *self.random.sample(["string", "bool", "null"], self.random.randint(0, 3))]
        self.depth = self.random.choice((0, 1, 1, 2))
        self.containers = self.random.choice(((), ("document",), ("array",), ("document", "array")))
        self.seen: list[Any] = []  # values of the documents, so that filters and updates meet some

    def scalar(self) -> Any:
        """Return a number, string, bool or null."""
        return self.random.choice(SCALARS[self.random.choice(self.kinds)])

    def value(self, depth: int | None = None) -> Any:
        """Return a value, perhaps an array or a document."""
        depth = self.depth if depth is None else depth
        if not depth or not self.containers or self.random.random() < 0.5:
            return self.scalar()
        if self.random.choice(self.containers) == "array":
            return [self.value(depth - 1) for _ in range(self.random.randint(0, 3))]
        return self.document(depth - 1)

    def document(self, depth: int | None = None) -> dict[str, Any]:
        """Return a document of some of the fields."""
        depth = self.depth + 1 if depth is None else depth
        names = self.random.sample(FIELDS, self.random.randint(0, len(FIELDS)))
        return {name: self.value(depth) for name in names}

    def documents(self) -> list[dict[str, Any]]:
        """Return a few documents with ids."""
        documents = [{"_id": number, **self.document()} for number in range(self.random.randint(1, 6))]
        for document in documents:
            self._remember([value for name, value in document.items() if name != "_id"])
        return documents

    def _remember(self, values: list[Any]) -> None:
        for value in values:
            self.seen.append(value)
            if isinstance(value, dict | list):
                self._remember(list(value.values() if isinstance(value, dict) else value))

    def operand(self) -> Any:
        """Return a value that a document has, or another one."""
        if self.seen and self.random.random() < 0.6:
            return self.random.choice(self.seen)
        return self.value(1)

    def path(self) -> str:
        """Return a path, dotted where documents or arrays are about."""
        return self.random.choice(PATHS if self.containers else FIELDS)

    # ── filters ──────────────────────────────────────────────────────────────────

    def filter(self, depth: int = 2) -> dict[str, Any]:
        """Return a filter of up to two conditions."""
        if depth and self.random.random() < 0.25:
            name = self.random.choice(("$and", "$or", "$nor"))
            return {name: [self.filter(depth - 1) for _ in range(self.random.randint(1, 2))]}
        return {self.path(): self.condition(depth) for _ in range(self.random.randint(1, 2))}

    def condition(self, depth: int = 2) -> Any:
        """Return a value to equal, or operators."""
        if self.random.random() < 0.3:
            return self.operand()
        operators = [self._operator(depth) for _ in range(self.random.choice((1, 1, 1, 2)))]
        return dict(operators)

    def _operator(self, depth: int) -> tuple[str, Any]:
        name = self.random.choice(QUERY_OPERATORS)
        if name in ("$in", "$nin", "$all"):
            return name, [self.operand() for _ in range(self.random.randint(1, 3))]
        if name == "$not":
            return name, dict([self._operator(depth - 1)]) if depth else {"$gt": self.scalar()}
        if name == "$elemMatch":
            inner = dict([self._operator(0)]) if self.random.random() < 0.5 else {"b": self.scalar()}
            return name, {key: item for key, item in inner.items() if key != "$not"} or {"$gt": 1}
        choices: dict[str, tuple[Any, ...]] = {
            "$exists": (True, False),
            "$size": (0, 1, 2),
            "$mod": ([2, 0], [2, 1], [3, 1]),
            "$type": ("number", "string", "array", "object", "bool", "null", "double", "int"),
            "$regex": ("a", "^a", "b$", "^$"),
        }
        return name, self.random.choice(choices[name]) if name in choices else self.operand()

    # ── the rest of a query ──────────────────────────────────────────────────────

    def sort(self) -> list[tuple[str, int]]:
        """Return a sort; the ``_id`` settles ties."""
        keys = {self.path(): self.random.choice((1, -1)) for _ in range(self.random.randint(1, 2))}
        return [*keys.items(), ("_id", 1)]

    # ── updates ──────────────────────────────────────────────────────────────────

    def update(self) -> dict[str, Any]:
        """Return an update of up to two operators."""
        update: dict[str, dict[str, Any]] = {}
        for _ in range(self.random.choice((1, 1, 2))):
            name, path, operand = self._change()
            update.setdefault(name, {})[path] = operand
        return update

    def _change(self) -> tuple[str, str, Any]:
        name = self.random.choice(UPDATE_OPERATORS)
        path = self.path()
        if name in ("$inc", "$mul"):
            return name, path, self.random.choice((0, 1, 2, -1, 1.5))
        if name == "$rename":
            return name, path, self.random.choice(("d", "b", "d.e"))
        if name == "$pop":
            return name, path, self.random.choice((1, -1))
        if name == "$pullAll":
            return name, path, [self.operand() for _ in range(self.random.randint(0, 2))]
        if name == "$pull":
            return name, path, self._pulled()
        if name == "$push":
            return name, path, self._pushed()
        return name, path, self._added() if name == "$addToSet" else self.operand()

    def _pulled(self) -> Any:
        choices = (
            self.scalar(),
            {"$gt": self.scalar()},
            {"b": self.scalar()},
            {"$in": [self.scalar(), self.scalar()]},
            {"b": {"$gte": self.scalar()}},
            {"b": self.scalar(), "c": self.scalar()},
        )
        return self.random.choice(choices)

    def _pushed(self) -> Any:
        added = self._added()
        if not isinstance(added, dict) or "$each" not in added:
            return added
        for modifier, choices in (("$position", (0, 1, 5, -1)), ("$sort", (1, -1)), ("$slice", (0, 1, 2, -1, -2))):
            if self.random.random() < 0.3:
                added[modifier] = self.random.choice(choices)
        return added

    def _added(self) -> Any:
        if self.random.random() < 0.5:
            return self.operand()
        return {"$each": [self.operand() for _ in range(self.random.randint(0, 3))]}
