"""``python -m heliograph.cli``: the command, where no entry point is installed."""

from heliograph.cli import main

main()
