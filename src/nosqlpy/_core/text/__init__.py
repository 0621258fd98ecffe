"""Text search: from text to terms, and what of a document a search finds."""
