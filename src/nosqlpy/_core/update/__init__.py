"""Updates: what the user writes to a function from document to document."""
