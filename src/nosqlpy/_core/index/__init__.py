"""Indexes: key extraction and the maps from keys to documents."""
