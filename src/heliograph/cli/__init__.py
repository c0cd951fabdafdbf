"""The command ``heliograph``: what is stored, shown to people. It reads with the public functions alone."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process, and exit with the code that `cli.app` documents."""
    from heliograph.cli.app import run

    sys.exit(run(sys.argv[1:]))
