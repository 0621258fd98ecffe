"""A directory as a dict: the effects of cold procedures are carried out on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nosqlpy._core.engine import effects
from nosqlpy._core.engine.effects import Procedure
from nosqlpy._core.engine.publish import mark
from nosqlpy._core.engine.reader import Reader
from nosqlpy._core.engine.recovery import Recovered, recover
from nosqlpy._core.engine.slots import Memory
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.log.operation import Define, Operation, Put
from nosqlpy._core.values.codec import decode_document, encode_document
from nosqlpy.errors import StorageError

Files = dict[str, bytes]


class World:
    """Files in a dict, the effects that were carried out on them, and one that fails."""

    def __init__(self, files: Files | None = None, *, failing: type | None = None) -> None:
        self.files = dict(files or {})
        self.done: list[str] = []
        self.failing = failing
        self.parts: list[tuple[str, int, int]] = []
        self._randomness: Iterator[int] = iter(range(1, 1000))

    def run(self, procedure: Procedure[Any]) -> Any:
        answer: Any = None
        resume = procedure.send
        while True:
            try:
                effect = resume(answer)
            except StopIteration as stop:
                return stop.value
            try:
                answer, resume = self._carry_out(effect), procedure.send
            except OSError as error:
                answer, resume = error, procedure.throw

    def _carry_out(self, effect: Any) -> Any:
        if isinstance(effect, effects.RandomBytes):
            return next(self._randomness).to_bytes(effect.size, "little")
        if type(effect) is self.failing:
            if isinstance(effect, effects.WriteFile):
                self.files[effect.name] = effect.data[:10]
            raise OSError(5, "the disk failed")
        self.done.append(type(effect).__name__)
        if isinstance(effect, effects.ReadFile | effects.ReadPart | effects.ReadOn):
            return self._read(effect)
        return self._change(effect)

    def _read(self, effect: effects.ReadFile | effects.ReadPart | effects.ReadOn) -> bytes:
        if effect.name not in self.files:
            raise FileNotFoundError(effect.name)
        data = self.files[effect.name]
        match effect:
            case effects.ReadPart(_, offset, size):
                return data[offset : offset + size]
            case effects.ReadOn(_, offset):
                return data[offset:]
        return data

    def _change(self, effect: Any) -> Any:
        match effect:
            case effects.ListFiles():
                return sorted(self.files)
            case effects.WriteFile(name, data):
                assert name not in self.files
                self.files[name] = data
            case effects.Truncate(name, size):
                self.files[name] = self.files[name][:size]
            case effects.Append(name, data):
                self.files[name] += data
            case effects.Replace(source, target):
                self.files[target] = self.files.pop(source)
            case effects.Remove(name):
                if self.files.pop(name, None) is None:
                    raise FileNotFoundError(name)
        return None

    def open(
        self, *, read_only: bool = False, create: bool = True, strict: bool = False, budget: int | None = None
    ) -> Recovered:
        """Open the database; with a `budget` documents beyond it are read from the files, and hints are used."""
        memory = None if budget is None else Memory(budget, Reader(lambda name: OpenFile(self, name)))
        return self.run(recover(read_only=read_only, create=create, strict=strict, memory=memory))


class OpenFile:
    """A file of a world that can be read on after its name is gone; `World.parts` counts what is read."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        if name not in world.files:
            raise StorageError(f"{name} cannot be opened")
        self._data = world.files[name]

    def _content(self) -> bytes:
        self._data = self._world.files.get(self._name, self._data)
        return self._data

    def __call__(self, offset: int, size: int) -> bytes:
        self._world.parts.append((self._name, offset, size))
        return self._content()[offset : offset + size]

    def size(self) -> int:
        return len(self._content())


def write(world: World, engine: Engine, *operations: Operation) -> None:
    """Append and apply a change as the shell does."""
    change = engine.change(list(operations), None)
    world.files[engine.tail.name] += change.data
    engine.apply(change)


def put(id: Any) -> Put:
    return Put(1, [id], [id], [encode_document({"_id": id})])


def written(*ids: Any, budget: int | None = None) -> tuple[World, Engine]:
    """Return a database that is open and holds documents with these ids in collection ``a``."""
    world = World()
    engine = world.open(budget=budget).engine
    world.run(mark(engine, clean=False))
    write(world, engine, Define(1, "create", {"name": "a"}))
    for id in ids:
        write(world, engine, put(id))
    return world, engine


def ids(engine: Engine) -> list[Any]:
    return [decode_document(data)["_id"] for data in engine.collections["a"].slots.all()]
