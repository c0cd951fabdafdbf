"""`python -m benchmarks`: measure all cases, or those that are named."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from benchmarks.cases import CASES
from benchmarks.measure import Figure, Scale
from benchmarks.report import print_report, write_json


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"default: all of {', '.join(CASES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value that was measured too")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds (default: 5, or 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small sizes: only to see that all works")
    given = parser.parse_args(argv)
    unknown = [name for name in given.cases if name not in CASES]
    if unknown:
        parser.error(f"there is no case {unknown[0]!r}; there are {', '.join(CASES)}")
    if given.repeat is not None and given.repeat < 1:
        parser.error(f"--repeat must be 1 or more, not {given.repeat}")
    scale = Scale(given.repeat or (1 if given.quick else 5), given.quick)

    progress = Console(stderr=True)
    console = Console(width=None if sys.stdout.isatty() else 110)
    figures: list[Figure] = []
    for name in given.cases or CASES:
        with progress.status(f"measuring {name}"):
            figures += CASES[name](scale)
    print_report(console, figures, scale)
    if given.json is not None:
        write_json(given.json, figures, scale, " ".join(["python -m benchmarks", *argv]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
