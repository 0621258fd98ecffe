"""Timing on machines that others use too: in turn, medians, and no time spent waiting for a processor."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

SCHEDULER = Path("/proc/thread-self/schedstat")


def waited_s() -> float:
    """Return how long this thread has waited for a processor, in seconds; 0 where the system does not tell."""
    try:
        return int(SCHEDULER.read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def seconds(run: Callable[[], object]) -> float:
    """Return how long `run` takes, less its wait for a processor."""
    gc.collect()
    return max(1e-9, _elapsed(run) - LOOKING_S)


def _elapsed(run: Callable[[], object]) -> float:
    """Return the time less the wait. Looking at the wait is a part of it: a wait then would count without its time."""
    begun = time.perf_counter()
    waited = waited_s()
    run()
    waited = waited_s() - waited
    return time.perf_counter() - begun - waited


# what looking at the wait takes
LOOKING_S = min(_elapsed(lambda: None) for _ in range(20))


def every_time(
    runs: Mapping[str, Callable[[], object]], *, rounds: int, prepare: Callable[[str], None] | None = None
) -> dict[str, list[float]]:
    """Return all the seconds of each run; every round makes each of them once, in turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            if prepare is not None:
                prepare(name)
            times[name].append(seconds(run))
    return times


def interleaved(
    runs: Mapping[str, Callable[[], object]], *, rounds: int, prepare: Callable[[str], None] | None = None
) -> dict[str, float]:
    """Return the median seconds of each run; every round makes each of them once, in turn."""
    times = every_time(runs, rounds=rounds, prepare=prepare)
    return {name: statistics.median(found) for name, found in times.items()}
