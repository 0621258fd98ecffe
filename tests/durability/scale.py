"""How much is tested: a normal run takes minutes; NOSQLPY_SEEDS=100000 asks for a night's work."""

from __future__ import annotations

import os

NORMAL = 5000
SEEDS = int(os.environ.get("NOSQLPY_SEEDS", str(NORMAL)))
# seeds of several processes, each of which takes as long as five others
CROWDS = SEEDS // 10
# how often what is tested exhaustively, or at random, is repeated with another damage
SCALE = min(max(1, SEEDS // NORMAL), 50)
# in each of two tests
KILLS = max(5, min(SEEDS // 100, 2000))
