"""How each sync of the log is marked, so that a process that dies in one cannot keep its failure to itself.

A sync that fails may have lost pages of the log for all processes, and the next one, by
whatever process, then reports success. Who fails says so in the shared words. Who is
killed before he can has left his mark there, and whoever syncs after him does not believe
the system: the end of the log is written anew.
"""

from __future__ import annotations

import errno
import time

from nosqlpy._core.engine import shared
from nosqlpy._core.engine.effects import DoubtfulError
from nosqlpy._core.engine.publish import rotate
from nosqlpy._core.engine.shared import SOUND
from nosqlpy._core.log.segment import segment_number
from nosqlpy._io.following import Following
from nosqlpy._io.options import Options
from nosqlpy._io.storage.lock import PAUSE_MAX_S, PAUSE_MIN_S
from nosqlpy._io.storage.port import Storage


class Marking(Following):
    """Syncs the log beside other processes."""

    def __init__(self, storage: Storage, options: Options) -> None:
        super().__init__(storage, options)
        self._syncs_begun = 0

    def _sync_file(self, name: str) -> None:
        """Sync a segment that is, or was, the active one. The caller holds `_disk_sync`.

        Raises:
            DoubtfulError: One that may have failed came before.
            OSError: The system refuses.
        """
        number = segment_number(name)
        if not self._shares or number is None:
            self.storage.sync(name)
            return
        words, process = self.words, self.storage.process
        self._syncs_begun += 1
        others = shared.begin_sync(words, process, number, self._syncs_begun)
        try:
            self.storage.sync(name)
        except OSError as error:
            if error.errno != errno.ENOENT:
                words[SOUND] = 0  # no call, at whose beginning Ctrl-C would come first
            raise
        except BaseException:
            words[SOUND] = 0
            raise
        finally:
            shared.end_sync(words, process)
        if not self._is_sound(others):
            raise DoubtfulError(errno.EIO, "a sync of the log, by another process, may have failed", name)

    def _is_sound(self, others: dict[int, int]) -> bool:
        """Return whether no sync has failed, among them those of `others`, for whose end this waits."""
        timeout_s = self.options.lock_timeout
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        pause = PAUSE_MIN_S
        while others and (syncing := shared.still_syncing(self.words, others)):
            if not all(map(self.storage.is_living, syncing)) or (deadline is not None and time.monotonic() >= deadline):
                shared.distrust(self.words)
                break
            time.sleep(pause)
            pause = min(pause * 2, PAUSE_MAX_S)
        return shared.is_trusted(self.words, self.engine.manifest)

    def _put_beyond_doubt(self) -> None:
        """Have a durable copy stand for the active segment if a sync of it may have failed. The caller holds all locks.

        Raises:
            InDoubtError: It is unknown whether it does.
            OSError: The system refuses.
        """
        others = shared.other_syncs(self.words, self.storage.process, self.engine.tail.header.number)
        if not self._is_sound(others):
            self._drive(rotate(self.engine, anew=True))
            shared.trust(self.words, self.engine.manifest)
