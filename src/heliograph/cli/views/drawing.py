"""Drawn with characters: how far something is, phases as bars, and time with what was busy in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len
from rich.text import Text

from heliograph.cli.rendering import duration, shown

# What a bar shows of an attempt, from the moment its inputs are there. Each phase has a glyph of its own, so
# that the bar can be read without colours.
PHASES: Final[Mapping[str, tuple[str, str]]] = {
    "queue": ("░", "yellow"),
    "load": ("▒", "magenta"),
    "compute": ("█", "green"),
    "store": ("▓", "blue"),
}

_LEVELS: Final = " ▁▂▃▄▅▆▇█"


def placed_bar(moments: Sequence[float], begin: float, end: float, width: int) -> Text:
    """An attempt's phases where they lie in the whole time.

    Args:
        moments: when the phases of `PHASES` began, and when the last of them ended.
        begin: of the whole time.
        end: of the whole time.
        width: of the whole, in characters.

    >>> placed_bar([2, 4, 4, 6, 8], 0, 10, 10).plain
    '  ░░██▓▓  '
    """
    whole = end - begin
    at = [round((moment - begin) / whole * width) if whole > 0 else 0 for moment in moments]
    bar = Text(" " * at[0])
    for (glyph, style), since, until in zip(PHASES.values(), at, at[1:], strict=False):
        bar.append(glyph * (until - since), style)
    if at[0] == at[-1]:  # too short for a character: it is seen all the same
        if bar.cell_len == width:
            bar = bar[:-1]
        bar.append("▏", PHASES["compute"][1])
    return bar.append(" " * (width - bar.cell_len))


def axis(seconds: float, width: int) -> Text:
    """From 0 to the end, with the middle where there is room.

    >>> axis(10, 40).plain
    '0                 5.00 s          10.0 s'
    """
    last = duration(seconds)
    line = "0".ljust(width - len(last)) + last
    middle = duration(seconds / 2)
    at = width // 2 - len(middle) // 2 + 1
    if width >= 40:
        line = line[:at] + middle + line[at + len(middle) :]
    return Text(line, "dim")


def levels(values: Sequence[float], full: float, style: str) -> Text:
    """Values as blocks of different heights; what is more than nothing is seen.

    >>> levels([0, 0.01, 1, 2], 2, "").plain
    ' ▁▄█'
    """
    top = len(_LEVELS) - 1
    heights = [
        max(round(top * min(value, full) / full), 1) if value > 0 and full > 0 else 0 for value in values
    ]
    return Text("".join(_LEVELS[height] for height in heights), style)


def trend(values: Sequence[float], width: int) -> Text:
    """How values went, from the smallest to the largest of them; of one, nothing.

    >>> trend([1, 2, 3, 2], 10).plain, trend([1, 1, 1, 1], 2).plain, trend([7], 10).plain
    ('▁▅█▅', '▁▁', '')
    >>> trend([-1.7e308, 0, 1.7e308], 10).plain  # the difference is none that a float can be
    '▁▅█'
    """
    low, high = min(values) / 2, max(values) / 2
    known = narrowed(values, width) if len(values) > 1 else []
    parts = ((value / 2 - low) / (high - low) if high > low else 0.0 for value in known)
    return Text("".join(_LEVELS[1 + round(part * (len(_LEVELS) - 2))] for part in parts), "green")


def narrowed(values: Sequence[float], room: int) -> list[float]:
    """No more values than there is room for: each the highest of its neighbours.

    >>> narrowed([1, 2, 3, 4, 5], 3), narrowed([1, 2], 3)
    ([2, 4, 5], [1, 2])
    """
    by = max(-(-len(values) // max(room, 1)), 1)
    return [max(values[at : at + by]) for at in range(0, len(values), by)]


def shares(spans: Sequence[tuple[float, float]], begin: float, end: float, width: int) -> list[float]:
    """How much of each part of a time the spans cover; they don't overlap.

    >>> shares([(0, 2.5)], 0, 4, 4)
    [1.0, 1.0, 0.5, 0.0]
    """
    found = [0.0] * width
    if end <= begin:
        return found
    scale = width / (end - begin)
    for since, until in spans:
        first, last = (since - begin) * scale, (until - begin) * scale
        for cell in range(int(first), min(int(last) + 1, width)):
            found[cell] += max(min(last, cell + 1) - max(first, cell), 0.0)
    return found


def progress_bar(done: int, total: int, width: int, style: str) -> Text:
    """How much of the tasks is over."""
    filled = max(width * done // total, min(done, 1)) if total else 0  # what is begun is seen
    return Text.assemble(("━" * filled, style), ("─" * (width - filled), "dim"))


def task_progress(progress: Mapping[str, Any] | None, bar: int = 0) -> Text:
    """How far a task is, by what it says itself.

    Args:
        progress: what it said; None: nothing.
        bar: width of a bar, where the task knows how much there is to do.
    """
    text = Text()
    if progress is None:
        return text
    done, total = progress["done"], progress.get("total")
    if bar and total:
        part = min(max(done / total, 0.0), 1.0)
        text.append_text(progress_bar(round(part * bar), bar, bar, "cyan")).append(" ")
    text.append(f"{done:g}" if total is None else f"{done:g}/{total:g}", "default")
    if progress.get("message"):
        text.append(f" {shown(progress['message'])}", "dim")
    return text


def phase_bar(durations: Mapping[str, float], width: int, longest: float) -> Text:
    """Phases of an attempt, one after the other, each as long as it took.

    Args:
        durations: seconds of each phase; those to be drawn.
        width: of the whole, in characters.
        longest: seconds that the whole width stands for.
    """
    bar = Text()
    if longest <= 0:
        return bar
    position, drawn = 0.0, 0
    for phase, (glyph, style) in PHASES.items():
        position += durations.get(phase, 0.0)
        until = min(round(width * position / longest), width)
        bar.append(glyph * (until - drawn), style)
        drawn = max(until, drawn)
    # What took any time at all is seen.
    return bar if drawn else Text("▏", PHASES["compute"][1])


def bar_width(width: int) -> int:
    """Characters of a bar beside numbers: a terminal of 80 columns has room for the numbers first."""
    return 20 if is_roomy(width) else 10


def is_roomy(width: int) -> bool:
    """Whether a line has room for a bar and words beside it."""
    return width >= 100


def with_legend(title: str, width: int, phases: Iterable[str] = PHASES) -> Text:
    """A title, and behind it, or below where room is short, what the glyphs of `phase_bar` mean."""
    legend = phase_legend(phases)
    gap = "  " if cell_len(title) + 2 + legend.cell_len <= width else "\n"
    return Text.assemble((title, "bold"), gap, legend)


def phase_legend(phases: Iterable[str] = PHASES) -> Text:
    """What the glyphs of `phase_bar` mean."""
    legend = Text()
    for phase in phases:
        glyph, style = PHASES[phase]
        legend.append(f"{glyph * 2} ", style).append(f"{phase}  ", "dim")
    legend.rstrip()
    return legend
