"""Queries: filters to predicates, projections, sort orders."""
