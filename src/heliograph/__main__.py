"""``python -m heliograph``: the command, where no entry point is on the path."""

from heliograph.cli import main

main()
