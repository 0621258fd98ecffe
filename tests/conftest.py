"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# Shared machines stall: a slow example is no failure. A failing one is printed so that it can be run again.
settings.register_profile("nosqlpy", deadline=None, print_blob=True)
settings.load_profile("nosqlpy")
