"""Seeds in several processes at once: what is computed by one number needs no other."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")

PROCESSES = min(4, os.cpu_count() or 1)
CHUNK = 50


def mapped(function: Callable[..., T], *arguments: Iterable[Any]) -> list[T]:
    """Return the results of `function` for all arguments; the first error is raised.

    It stands in a module of helpers, which the others can import; one of tests they cannot. They are not
    forked: a child would have the locks of the parent's threads, and none of the threads.
    """
    context = get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=silence) as pool:
        return list(pool.map(function, *arguments))


def chunks(count: int) -> list[range]:
    """Return the numbers up to `count` in pieces."""
    return [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


def silence() -> None:
    """Let the engine log nothing: refused operations are what is wanted here."""
    logging.getLogger("nosqlpy").setLevel(logging.CRITICAL)
    logging.getLogger("nosqlpy.storage").setLevel(logging.CRITICAL)
