"""Plans: which index, if any, answers a filter."""
