"""Plots as SVG, drawn by hand: how fast everybody is beside heliograph, and memory over time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from benchmarks.measure import HELIOGRAPH, Figure

_ROW: Final = 26
_LEFT: Final = 380
_WIDTH: Final = 1_000
_DECADES: Final = (-4, 3)
_COLOURS: Final = (
    "#1f77b4",
    "#d62728",
    "#2ca02c",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#17becf",
    "#bcbd22",
)


def speed_plot(figures: Sequence[Figure]) -> str:
    """A row a case, a mark for each who was measured: how many times as fast as heliograph, in decades."""
    rows = [figure for figure in figures if HELIOGRAPH in figure.measured and len(figure.measured) > 1]
    names = list(dict.fromkeys(who for figure in rows for who in figure.measured if who != HELIOGRAPH))
    top = 50 + 18 * math.ceil(len(names) / 4)
    height = top + _ROW * len(rows) + 40
    return _svg(height, [*_legend(names), *_scale(top, height - 40), *_rows(rows, names, top)])


def _rows(rows: Sequence[Figure], names: Sequence[str], top: int) -> Iterator[str]:
    for at, figure in enumerate(rows):
        y = top + _ROW * at + _ROW / 2
        yield _text(_LEFT - 10, y + 4, figure.name, anchor="end")
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y}" y2="{y}" stroke="#eee"/>'
        for who in figure.measured:
            if who != HELIOGRAPH:
                x = _x(1 / figure.times_as_fast(who))
                title = f"<title>{escape(who)}: {1 / figure.times_as_fast(who):.3g} times as fast</title>"
                yield _mark(names.index(who), x, y, title)


def _mark(number: int, x: float, y: float, title: str = "") -> str:
    """Everybody's own: a circle, a square or a diamond, in one of the colours."""
    colour = _COLOURS[number % len(_COLOURS)]
    if number < len(_COLOURS):
        return f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}">{title}</circle>'
    turned = f' transform="rotate(45 {x:.1f} {y})"' if number >= 2 * len(_COLOURS) else ""
    place = f'x="{x - 4.5:.1f}" y="{y - 4.5}" width="9" height="9"'
    return f'<rect {place} fill="{colour}"{turned}>{title}</rect>'


def _x(times: float) -> float:
    low, high = _DECADES
    share = (min(max(math.log10(times), low), high) - low) / (high - low)
    return _LEFT + share * (_WIDTH - 20 - _LEFT)


def _scale(top: int, bottom: int) -> Iterator[str]:
    for decade in range(_DECADES[0], _DECADES[1] + 1):
        x = _x(10.0**decade)
        stroke = "#333" if decade == 0 else "#ccc"
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{stroke}"/>'
        yield _text(x, bottom + 16, "heliograph" if decade == 0 else f"{10.0**decade:g}x", anchor="middle")
    yield _text(_LEFT, bottom + 34, "slower than heliograph")
    yield _text(_WIDTH - 20, bottom + 34, "faster", anchor="end")


def _legend(names: Sequence[str]) -> Iterator[str]:
    yield _text(10, 20, "How many times as fast as heliograph, same work, one run", bold=True)
    for at, who in enumerate(names):
        x, y = 20 + at % 4 * 245, 42 + 18 * (at // 4)
        yield _mark(at, x, y - 4) + _text(x + 10, y, who)


def memory_plot(figures: Sequence[Figure]) -> str:
    """Megabytes over seconds, a line for each case that watched them."""
    lines = {figure.name: figure.series[HELIOGRAPH] for figure in figures if figure.series}
    most_seconds = max((point[0] for points in lines.values() for point in points), default=1.0)
    most_memory = max((point[1] for points in lines.values() for point in points), default=1.0) * 1.1
    left, top, bottom, right = 70, 50 + 18 * len(lines), 340 + 18 * len(lines), _WIDTH - 20

    def at(point: Sequence[float]) -> str:
        x = left + point[0] / most_seconds * (right - left)
        return f"{x:.1f},{bottom - point[1] / most_memory * (bottom - top):.1f}"

    drawn = [_text(10, 20, "Resident memory of the program and its workers, MB over seconds", bold=True)]
    drawn.append(f'<path d="M{left},{top} V{bottom} H{right}" fill="none" stroke="#333"/>')
    for share in (0.25, 0.5, 0.75, 1.0):
        y, x = bottom - share * (bottom - top), left + share * (right - left)
        drawn.append(_text(left - 8, y + 4, f"{share * most_memory:,.0f}", anchor="end"))
        drawn.append(_text(x, bottom + 18, f"{share * most_seconds:.1f} s", anchor="end"))
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(at(point) for point in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn.append(f'<circle cx="20" cy="{38 + 18 * number}" r="5" fill="{colour}"/>')
        drawn.append(_text(30, 42 + 18 * number, name))
    return _svg(bottom + 40, drawn)


def _text(x: float, y: float, text: str, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _svg(height: float, drawn: Sequence[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}"'
            ' font-family="sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{height:.0f}" fill="white"/>',
            *drawn,
            "</svg>\n",
        ]
    )
