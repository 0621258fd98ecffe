"""The demonstration: the main job on real data, with every claim checked."""

from __future__ import annotations

import argparse


def run_demo(arguments: argparse.Namespace) -> int:
    """Run the demonstration; return 1 if a check failed.

    Both faces, which it shows, take as long to load as all else: other commands do without them.
    """
    from nosqlpy.cli.demo.command import demonstrate  # noqa: PLC0415

    return demonstrate(arguments)
