"""The core: decides everything, and touches no file, clock, thread or event loop."""
