"""Other libraries' interfaces over nosqlpy, so that a program changes one import; written on the public API only."""
