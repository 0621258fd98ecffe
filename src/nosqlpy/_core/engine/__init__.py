"""The engine: the only place where state changes."""
