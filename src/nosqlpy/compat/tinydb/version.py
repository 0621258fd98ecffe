"""The version of TinyDB whose interface this is."""

__version__ = "4.9.0"
