"""How an open database lets documents expire: reads do not see them, writes remove them, and so does the background."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from nosqlpy._core.engine.expiry import REMOVED_AT_ONCE, seconds_until
from nosqlpy._core.engine.state import Engine
from nosqlpy._core.engine.transaction import TransactionView
from nosqlpy._core.index.deferred import Unloaded
from nosqlpy._io.committing import WouldWait
from nosqlpy._io.gate import Occupied
from nosqlpy._io.options import Options
from nosqlpy._io.storage.port import Storage
from nosqlpy._io.syncing import Syncing
from nosqlpy.aliases import Durability
from nosqlpy.errors import ClosedError

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("nosqlpy.storage")

# the pauses of the background: after a full step, after one that met another writer, at most, and after an error
STEP_PAUSE_S: Final = 0.005
BUSY_PAUSE_S: Final = 0.1
PAUSE_MAX_S: Final = 60.0
# how soon it looks when a reader has met what has expired, and when nobody has yet
MET_S: Final = 0.01
FIRST_S: Final = 1.0


class Expiring(Syncing):
    """Hides what has expired from reads, and removes it on the thread that syncs."""

    def __init__(self, storage: Storage, options: Options) -> None:
        super().__init__(storage, options)
        self._syncer.expire = self._expire_in_background

    def unexpired(
        self, read: Callable[Concatenate[Engine, P], R], engine: Engine, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return what `read` finds in an engine without what has expired by now. That is removed soon."""
        result = read(TransactionView(engine, self.expiry()), *args, **kwargs)
        if not self.engine.read_only and not self.engine.failed:
            self._syncer.expire_in(MET_S if self._known else FIRST_S)
        return result

    def _expire_in_background(self) -> float | None:
        """Remove some of what has expired; return in how many seconds to look again, None if that is not needed."""
        if self.closed or self.engine.failed or not self.engine.expiring:
            return None
        try:
            return self.try_exclusively(self._expire_step)
        except (WouldWait, Occupied):
            return BUSY_PAUSE_S
        except ClosedError:
            return None
        except Unloaded as needed:
            return self._expire_loaded(needed)
        except Exception:
            log.exception("expired documents could not be removed")
            return PAUSE_MAX_S

    def _expire_loaded(self, needed: Any) -> float | None:
        try:
            self.guarded(self._load_needed, needed)
        except ClosedError:
            return None
        except Exception:
            log.exception("expired documents could not be looked for")
            return PAUSE_MAX_S
        return 0.0

    def _load_needed(self, needed: Unloaded) -> None:
        with self.lock:
            if not self.closed:
                self._settle()
                needed.load()

    def _expire_step(self) -> float | None:
        if self.gate.owner is not None:
            raise Occupied
        self._settle()
        durability: Durability = "fast" if self.options.durability == "fast" else "safe"
        if self._remove_expired(durability, self.engine.expiring, REMOVED_AT_ONCE) >= REMOVED_AT_ONCE:
            return STEP_PAUSE_S
        seconds = seconds_until(self.engine, self.expiry().now)
        return PAUSE_MAX_S if seconds is None else min(max(seconds, BUSY_PAUSE_S), PAUSE_MAX_S)
