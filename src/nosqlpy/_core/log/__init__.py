"""The log: records, frames, segments and the manifest, as bytes."""
