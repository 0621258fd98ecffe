"""How much is tested: a normal run takes seconds; NOSQLPY_SEEDS=100000 asks for a night's work."""

from __future__ import annotations

import os

NORMAL = 400
SEEDS = int(os.environ.get("NOSQLPY_SEEDS", str(NORMAL)))
SCALE = min(max(1, SEEDS // NORMAL), 50)
KILLS = max(20, SEEDS // 40)
