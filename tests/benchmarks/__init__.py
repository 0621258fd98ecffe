"""Speed, as ratios of competitors that run in turn in one process. Nothing here decides whether the tests pass."""
