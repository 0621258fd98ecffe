"""The port to the world, and its implementations."""
