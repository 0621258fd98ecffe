"""The garbage collector, paused while many documents are made: it would look at all that there are, over and over."""

from __future__ import annotations

import gc


class CollectorPaused:
    """Inside of ``with CollectorPaused():`` no garbage is collected, in any thread."""

    def __enter__(self) -> None:
        self._enabled: bool = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            gc.enable()
