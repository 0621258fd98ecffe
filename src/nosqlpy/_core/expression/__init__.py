"""Expressions: what computes a value from a document, as in aggregation stages, ``$expr`` and projections."""
