"""Values: their total order, equality keys, dotted paths and the document codec."""
