"""Speed, as ratios of stores that are measured in turn in one process. Nothing here decides whether the tests pass."""
