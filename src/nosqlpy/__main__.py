"""``python -m nosqlpy`` is the command ``nosqlpy``."""

from __future__ import annotations

import sys

from nosqlpy.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
