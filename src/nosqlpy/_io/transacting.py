"""What the transactions of both faces have in common: their state, and what cannot be done within one."""

from __future__ import annotations

import _thread
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, NoReturn, Protocol, TypeVar

from nosqlpy._core.engine import definitions
from nosqlpy._core.engine.transaction import TransactionView
from nosqlpy._io.database import Database
from nosqlpy._io.gate import Turn
from nosqlpy._io.outgoing import write_result
from nosqlpy.aliases import Durability
from nosqlpy.errors import ClosedError, TransactionError

# what the engine plans that changes the catalogue, by the name of the method that asks for it
CATALOGUE: dict[object, str] = {
    definitions.create_collection: "create_collection",
    definitions.change_options: "coll_mod",
    definitions.drop_collection: "drop",
    definitions.clear_collection: "clear",
    definitions.rename_collection: "rename",
    definitions.create_index: "create_index",
    definitions.create_indexes: "create_indexes",
    definitions.drop_index: "drop_index",
    definitions.drop_indexes: "drop_indexes",
}


class _Backend(Protocol):
    @property
    def closed(self) -> bool: ...


B = TypeVar("B")


class Session(Generic[B]):
    """What a transaction of either face is: the backend of its client, and that of what is done within it."""

    def __init__(self, outer: B, within: B) -> None:
        self._outer = outer
        self._within = within


def backend_of(session: object, backend: B) -> B:
    """Return the backend of what is done within a transaction of the client with this `backend`.

    Raises:
        TransactionError: `session` is no transaction of that client.
    """
    if not isinstance(session, Session):
        raise TransactionError(f"session= takes a transaction of the client, not {type(session).__name__}")
    if session._outer is not backend:  # noqa: SLF001 - ours, and no name that users see
        raise TransactionError("the transaction belongs to another client: pass one that this client has begun")
    return session._within  # type: ignore[no-any-return]  # noqa: SLF001 - likewise


class Unit:
    """One transaction: not begun, in progress, or ended; and in the middle of an operation, or not.

    One that is garbage before it has ended is rolled back.
    """

    def __init__(self, backend: _Backend, durability: Durability | None) -> None:
        self.backend = backend
        self.durability = durability
        self.ended = False
        self.database: Database
        self.turn: Turn | None = None
        self._view: TransactionView | None = None
        self._busy = threading.Lock()
        # notes that an operation is done
        self.leave: Callable[[], None] = self._busy.release

    # ── beginning and ending ─────────────────────────────────────────────────────

    @property
    def in_progress(self) -> bool:
        """Whether the transaction has begun, and has not ended."""
        return self._view is not None and not self.ended and not self.backend.closed

    @property
    def state(self) -> str:
        """What `in_progress` says, in words."""
        return "in progress" if self.in_progress else "not begun" if not self.ended and self._view is None else "ended"

    def expect(self, database: Database, turn: Turn) -> None:
        """Note that the transaction begins once it has its turn. Whatever happens, it ends that.

        Raises:
            TransactionError: It has begun before.
        """
        self.check_new()
        self.database, self.turn = database, turn

    def check_new(self) -> None:
        """Refuse to begin twice.

        Raises:
            TransactionError: The transaction has begun before.
        """
        if self.turn is not None or self.ended:
            raise TransactionError("the transaction has begun before: each one is used once")

    def begin(self) -> None:
        """Begin: nobody else writes from now on."""
        engine = self.database.engine
        self._view = TransactionView(engine, self.database.expiry() if engine.expiring else None)

    def spoil(self) -> None:
        """Note that nobody knows what the view is: another thread works on it, and nobody waits for that."""
        if self._view is not None:
            self._view.spoil()

    def conclude(self) -> Turn:
        """Note that the transaction ends with a commit, which is to be made now; return its turn."""
        self.ended = True
        assert self.turn is not None, "it is in progress"
        return self.turn

    def release(self) -> None:
        """Let others write, and forget what was written, if that was not committed. Doing so again does nothing."""
        self.ended = True
        view, self._view = self._view, None
        if view is not None:
            view.spoil()  # cursors that have begun look at what they have taken
        turn = self.turn
        if turn is not None:
            self.database.end_turn(turn)
            self.turn = None

    def __del__(self) -> None:
        if self.turn is not None and not self.ended:
            # the collector may strike while its thread holds the very locks that this needs
            with suppress(RuntimeError):  # the interpreter is ending
                _thread.start_new_thread(self.database.end_turn, (self.turn,))
            message = "a transaction was neither committed nor rolled back; use it in a with statement"
            warnings.warn(message, ResourceWarning, stacklevel=1)

    # ── operations ───────────────────────────────────────────────────────────────

    def enter(self) -> TransactionView:
        """Return what the next operation works on; `leave` when it is done.

        Raises:
            TransactionError: The transaction is not in progress, or in the middle of another operation.
            ClosedError: The client was closed, which has rolled it back.
        """
        if not self._busy.acquire(False):  # it does not wait
            raise TransactionError(
                "the transaction is in the middle of an operation: it is for one thread, or one task, at a time"
            )
        view = self._view
        if view is not None and view.begun == view.applied and not self.ended:
            database = self.database
            if database.gate.owner is self.turn and not database.closed:  # a client that is closed ends its turn
                return view
        self._busy.release()
        self.check_in_progress()
        raise TransactionError("an operation of the transaction was interrupted half-way: roll it back")

    def check_in_progress(self) -> TransactionView:
        """Refuse to end what has ended, or not begun; return the view.

        Raises:
            TransactionError: The transaction is not in progress.
            ClosedError: The client was closed, which has rolled it back.
        """
        view = self._view
        if self.ended:
            raise TransactionError("the transaction has ended: begin another one")
        if view is None:
            raise TransactionError("the transaction has not begun: use it in a with statement")
        if self.backend.closed or self.database.closed:
            raise ClosedError("the client was closed, and its transaction rolled back")
        return view

    @staticmethod
    def refuse(durability: Durability | None, plan: Any) -> NoReturn:
        """Refuse a write that no transaction can do.

        Raises:
            TransactionError: It has a `durability` of its own, or `plan` changes the catalogue.
        """
        if durability is not None:
            raise TransactionError("a transaction is as durable as transaction(durability=) says, all of it")
        raise _cannot(CATALOGUE[plan])


def refusal(method: Any) -> TransactionError:
    """Return the error that says that a transaction cannot do what a method of the database does."""
    if method is write_result:
        message = "$out and $merge cannot be part of a transaction: aggregate before, or after it"
        return TransactionError(message, code=263, code_name="OperationNotSupportedInTransaction")
    return _cannot(method.__name__)


def _cannot(name: str) -> TransactionError:
    return TransactionError(f"{name}() cannot be part of a transaction: call it before, or after it")
