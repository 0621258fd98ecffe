"""Documents as rows of text, for tables and CSV.

from nosqlpy.tabular import cell, flatten
"""

from nosqlpy._core.values.flat import cell, flatten

__all__ = ["cell", "flatten"]
