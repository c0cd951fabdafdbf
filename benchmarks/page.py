"""The results as a page: `python -m benchmarks.page` writes docs/benchmarks.json into docs/benchmarks.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import HELIOGRAPH, Bar, Figure
from benchmarks.peers.peer import ROOT
from benchmarks.plot import memory_plot, speed_plot
from benchmarks.report import number, shown, times, verdict, wanted

DOCS: Final = ROOT / "docs"
RESULTS: Final = DOCS / "benchmarks.json"
PAGE: Final = DOCS / "benchmarks.md"
_BEGIN: Final = "<!-- results: written by `make bench` from benchmarks.json; don't edit -->"
_END: Final = "<!-- end of results -->"


def figures_of(result: dict[str, Any]) -> list[Figure]:
    """The figures of a result that was read."""
    return [
        Figure(
            **figure
            | {
                "bars": tuple([Bar(**bar) for bar in figure["bars"]]),
                "measured": {who: tuple(values) for who, values in figure["measured"].items()},
            }
        )
        for figure in result["figures"]
    ]


def write_page(result: dict[str, Any]) -> None:
    """Put the results between the page's marks, and draw the plots beside it."""
    figures = figures_of(result)
    page = PAGE.read_text()
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text("".join([before, _BEGIN, "\n\n", "\n".join(_lines(result, figures)), "\n", _END, after]))
    (DOCS / "images" / "benchmarks.svg").write_text(speed_plot(figures))
    (DOCS / "images" / "benchmarks-memory.svg").write_text(memory_plot(figures))


def _lines(result: dict[str, Any], figures: list[Figure]) -> Iterator[str]:
    told = result["machine"] | result["versions"]
    yield f"`{result['command']}`: " + ", ".join(f"{name} {value}" for name, value in told.items()) + ". "
    yield f"Medians of {result['scale']['repeat']} rounds, with the lowest and the highest."
    yield ""
    yield "![heliograph's speed beside each of the others, one case a row](images/benchmarks.svg)"
    yield ""
    yield "![memory of 100,000 tasks over time](images/benchmarks-memory.svg)"
    yield ""
    yield "### Bars"
    yield ""
    yield "| case | who | has to be | is | |"
    yield "| --- | --- | ---: | ---: | --- |"
    for figure in figures:
        for bar in figure.bars:
            value = figure.reached(bar)
            if value is not None:
                is_now = times(value) if bar.against else f"{number(value)} {figure.unit}"
                reached = verdict(figure, bar).replace("short", "**short**")
                yield f"| {figure.name} | {bar.who} | {wanted(figure, bar)} | {is_now} | {reached} |"
    yield ""
    yield "### All that was measured"
    yield ""
    yield "| case | who | measured | heliograph is so many times as fast |"
    yield "| --- | --- | ---: | ---: |"
    for figure in figures:
        for who in figure.measured:
            ratio = "" if who == HELIOGRAPH else times(figure.times_as_fast(who))
            name = f"{figure.name}, {figure.unit}" if who == HELIOGRAPH else ""
            yield f"| {name} | {who} | {shown(figure, who)} | {ratio} |"
    yield ""
    for note in dict.fromkeys(figure.note for figure in figures if figure.note):
        yield f"- {'; '.join(figure.name for figure in figures if figure.note == note)}: {note}."
    yield ""


def main(argv: list[str]) -> int:
    write_page(json.loads(Path(argv[0] if argv else RESULTS).read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
