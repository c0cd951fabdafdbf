"""Time drawn with characters: bars on a common axis, and how much of each moment was busy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from heliograph.cli.rendering import PHASES, duration

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
