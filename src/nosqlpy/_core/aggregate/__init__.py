"""Aggregation: stages, and the accumulators of groups."""
