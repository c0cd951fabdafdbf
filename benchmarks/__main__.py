"""`python -m benchmarks`: measure all cases, or those that are named."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from rich.console import Console

from benchmarks.cases import CASES
from benchmarks.measure import Figure, Scale
from benchmarks.page import RESULTS, write_page
from benchmarks.peers.peer import PEERS
from benchmarks.report import print_report, result, write_json


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"default: all of {', '.join(CASES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value that was measured too")
    parser.add_argument("--repeat", type=int, metavar="N", help="rounds (default: 3, or 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small sizes: only to see that all works")
    parser.add_argument(
        "--page", action="store_true", help=f"write the results into {RESULTS.parent.name}/ too"
    )
    given = parser.parse_args(argv)
    unknown = [name for name in given.cases if name not in CASES]
    if unknown:
        parser.error(f"there is no case {unknown[0]!r}; there are {', '.join(CASES)}")
    if given.repeat is not None and given.repeat < 1:
        parser.error(f"--repeat must be 1 or more, not {given.repeat}")
    if given.page and (given.cases or given.quick):
        parser.error("--page is for a whole run: without cases and without --quick")
    scale = Scale(given.repeat or (1 if given.quick else 3), given.quick)

    progress = Console(stderr=True)
    console = Console(width=None if sys.stdout.isatty() else 150)
    if missing := [peer.name for peer in PEERS if not peer.is_there]:
        progress.print(
            f"not measured, as `make peers` has made no environment for them: {', '.join(missing)}"
        )
    load, figures = os.getloadavg()[0], list[Figure]()
    for name in given.cases or CASES:
        start = time.monotonic()
        with progress.status(f"measuring {name}"):
            figures += CASES[name](scale)
        progress.print(f"{name}: {time.monotonic() - start:.0f} s", highlight=False)
        told = result(figures, scale, " ".join(["python -m benchmarks", *argv]), load)
        if given.json is not None:  # after each case: a later one may fail
            write_json(given.json, told)
    print_report(console, figures, scale)
    if given.page:
        write_json(RESULTS, told)
        write_page(told)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
