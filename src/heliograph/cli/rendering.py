"""What the commands share: text made safe, numbers made readable, bars, and tables that fit.

Names, metadata and errors come from tasks, so from anybody. They reach the terminal as plain text only: never
as rich's markup, and with every character escaped that a terminal would obey instead of showing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from heliograph.cli.standard_output import is_terminal as is_terminal
from heliograph.cli.standard_output import lost, put
from heliograph.insight.answers import finite
from heliograph.insight.wording import NOTHING as NOTHING
from heliograph.insight.wording import duration as duration
from heliograph.insight.wording import size as size

UNLIMITED: Final = 100_000
"""The width of what is no terminal: nothing is cut there."""

STYLES: Final[Mapping[str, str]] = {
    "PENDING": "dim",
    "READY": "blue",
    "RUNNING": "cyan",
    "WAITING": "blue",
    "SUCCESSFUL": "green",
    "FAILED": "bold red",
    "RESUMABLE": "yellow",
    "CANCELED": "magenta",
    "LOST": "yellow",
}

# What a bar shows of an attempt, from the moment its inputs are there. Each phase has a glyph of its own, so
# that the bar can be read without colours.
PHASES: Final[Mapping[str, tuple[str, str]]] = {
    "queue": ("░", "yellow"),
    "load": ("▒", "magenta"),
    "compute": ("█", "green"),
    "store": ("▓", "blue"),
}

# C0 and C1 controls, marks that reorder or hide text, separators of lines, halves of characters.
_OBEYED: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)


def stdout() -> Console:
    """Standard output: as wide as the terminal, and without a limit where it is none."""
    width = None if is_terminal() else UNLIMITED
    return Console(highlight=False, emoji=False, markup=False, width=width)


def stderr() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def output(view: RenderableType, console: Console) -> bool:
    """Print a view; where it goes to no terminal, without the blanks that rich puts at the ends of lines.

    Returns:
        Whether somebody still reads.
    """
    if console.is_terminal:
        console.print(view, crop=False)
        return True
    try:
        with console.capture() as captured:
            console.print(view)
    except OSError as error:  # rich writes the empty text, at which a full device fails too
        raise lost(error) from error
    return put("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def print_json(value: Any) -> None:
    """One JSON document on standard output; what is no number in JSON is null, as over HTTP."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(value), indent=2, ensure_ascii=False)
    # JSON's own escapes, for the characters that json.dumps leaves as they are and a terminal doesn't.
    put(_OBEYED.sub(lambda found: _json_escape(found.group()), text) + "\n")


def raw(text: str) -> None:
    """Text in a format of its own on standard output; on a terminal with what that would obey escaped."""
    if is_terminal():
        text = shown_lines(text)
    put(text)


def write(line: str) -> bool:
    """A line of plain text on standard output.

    Returns:
        Whether somebody still reads.
    """
    return put(f"{line}\n")


def error_line(message: str) -> Text:
    """An error, in red."""
    return Text(f"error: {shown_lines(message)}", "red")


# -- text


def shown(text: str) -> str:
    r"""One line of text, with what a terminal would obey escaped.

    >>> print(shown("a\x1b[31mred\nb\u202etxt"))
    a\x1b[31mred\nb\u202etxt
    """
    return _OBEYED.sub(lambda found: _escape(found.group()), text)


def shown_lines(text: str) -> str:
    r"""As `shown`, for text of several lines.

    >>> print(shown_lines("one\n\ttwo\a"))
    one
        two\x07
    """
    return "\n".join(shown(line) for line in text.replace("\t", "    ").replace("\r\n", "\n").split("\n"))


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def _json_escape(character: str) -> str:
    if character == "\n":  # between the lines of the document; within strings json.dumps escaped it
        return character
    halves = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{halves[at]:02x}{halves[at + 1]:02x}" for at in range(0, len(halves), 2))


def status_text(status: str) -> Text:
    """A status in its colour."""
    return Text(status, STYLES.get(status, ""))


def hint(what: str, command: str) -> Text:
    """A command to paste: in one line, however narrow the terminal."""
    return Text(f"{what}: {shown(command)}", "dim", no_wrap=True, overflow="ignore")


def kind_of_error(name: str) -> str:
    """An error's type, by the name that its users know it by.

    >>> [kind_of_error(name) for name in ("builtins.OSError", "heliograph.errors.StorageError", "a.b.Broken")]
    ['OSError', 'StorageError', 'a.b.Broken']
    """
    return shown(name.removeprefix("builtins.").removeprefix("heliograph.errors."))


def compact(value: Mapping[str, Any]) -> str:
    """User metadata in one line; nothing where there is none.

    >>> compact({"team": "blue", "tries": 2})
    'team=blue tries=2'
    """
    words = (
        f"{key}={item if isinstance(item, str) and item else json.dumps(item, ensure_ascii=False)}"
        for key, item in value.items()
    )
    return shown(" ".join(words))


def plain(value: Any) -> str:
    """A value of JSON in one word; nothing for null."""
    return value if isinstance(value, str) else NOTHING if value is None else json.dumps(value)


def error_words(error: Mapping[str, Any] | None) -> Text:
    """An error in one line."""
    if error is None:
        return Text()
    kind, message = kind_of_error(error["type"]), error.get("message")
    return Text(f"{kind}: {shown(message)}" if message else kind, "red")


# -- numbers


def moment(when: float | None, now: float) -> str:
    """A time, local, in as few words as its distance allows.

    Args:
        when: Unix seconds.
        now: the present.
    """
    if when is None:
        return NOTHING
    then, today = datetime.fromtimestamp(when), datetime.fromtimestamp(now)
    days = (today.date() - then.date()).days
    if days == 0:
        return f"{then:%H:%M:%S}"
    if days == 1:
        return f"yesterday {then:%H:%M}"
    if 1 < days < 7:
        return f"{then:%a %H:%M}"
    return f"{then.day} {then:%b %H:%M}" if then.year == today.year else f"{then:%Y-%m-%d %H:%M}"


def ago(when: float, now: float) -> str:
    """How long it is since.

    >>> [ago(1000, now) for now in (1000.4, 1042, 1630, 9000, 260000)]
    ['just now', '42 s ago', '10 min ago', '2 h ago', '2 days ago']
    """
    seconds = now - when
    if seconds < 1:
        return "just now"
    for limit, unit, word in ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit:.0f} {word} ago"
    return f"{seconds // 86400:.0f} days ago"


def clock(when: float) -> str:
    """A time of day, local."""
    return f"{datetime.fromtimestamp(when):%H:%M:%S.%f}"[:-3]


def amount(name: str, value: float | None) -> str:
    """A number in the unit that the name of its field says.

    >>> amount("stats.peak_rss", 61e6), amount("stats.compute", 0.5), amount("user_metadata.loss", 0.25)
    ('61 MB', '500 ms', '0.25')
    """
    if value is None:
        return NOTHING
    last = name.rpartition(".")[2]
    if name.startswith("stats.") and last in _DURATIONS:
        return duration(value)
    if last in ("peak_rss", "size", "read_bytes", "write_bytes"):
        return size(round(value))
    return f"{value:.6g}"


_DURATIONS: Final = frozenset(
    {"duration", "wait", "queue", "load", "compute", "store", "backoff", "cpu_time"}
)


# -- bars


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
    return 20 if width >= _ROOMY else 10


_ROOMY: Final = 100


def phase_legend(phases: Sequence[str]) -> Text:
    """What the glyphs of `phase_bar` mean."""
    legend = Text()
    for phase in phases:
        glyph, style = PHASES[phase]
        legend.append(f"{glyph * 2} ", style).append(f"{phase}  ", "dim")
    legend.rstrip()
    return legend


# -- tables


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that fits itself to the width there is.

    Attributes:
        title: its head.
        cells: one a row.
        least: it is shown with at least so many characters, or not at all; None: it can't be cut.
        is_number: aligned to the right.
    """

    title: str
    cells: Sequence[Text | str]
    least: int | None = None
    is_number: bool = False

    @property
    def natural(self) -> int:
        """The width that shows all of it."""
        return max(
            cell_len(self.title),
            *(cell.cell_len if isinstance(cell, Text) else cell_len(cell) for cell in self.cells),
            0,
        )


def fitted(
    columns: Sequence[Column],
    width: int,
    dropped_first: Sequence[str] = (),
    whole: Sequence[str] = (),
    *,
    keep_empty: bool = False,
) -> RenderableType:
    """A table no wider than there is room, one line a row.

    Columns without any content are left out. Where room is short, columns are dropped in the order given
    until the others have their least width; what is left then is shared between them evenly.

    Args:
        columns: from left to right.
        width: the room there is.
        dropped_first: titles of columns that may be dropped.
        keep_empty: columns without any content, too.
        whole: titles of columns whose cells are never cut, as they are there to be copied: one that is too
            long has a line of its own above its row, however long that gets.
    """
    kept = [column for column in columns if keep_empty or any(_has_content(cell) for cell in column.cells)]
    natural = {column.title: column.natural for column in kept}
    least = {
        column.title: min(natural[column.title], max(_LEAST_WHOLE, cell_len(column.title)))
        if column.title in whole
        else natural[column.title]
        if column.least is None
        else min(natural[column.title], max(column.least, cell_len(column.title)))
        for column in kept
    }
    for title in dropped_first:
        if sum(least[column.title] + GAP for column in kept) - GAP <= width:
            break
        kept = [column for column in kept if column.title != title]
    rooms = _shared_out(
        [least[column.title] for column in kept],
        [natural[column.title] for column in kept],
        width - GAP * (len(kept) - 1),
    )
    lines = [_line([Text(column.title, "dim") for column in kept], kept, rooms)]
    for row in zip(*(column.cells for column in kept), strict=True):
        cells = [cell if isinstance(cell, Text) else Text(cell) for cell in row]
        for at, (column, room) in enumerate(zip(kept, rooms, strict=True)):
            if column.title in whole and cells[at].cell_len > room:
                lines.append(Text(str(cells[at]), no_wrap=True, overflow="ignore"))
                cells[at] = Text("")
        lines.append(_line(cells, kept, rooms))
    return Group(*lines)


_LEAST_WHOLE: Final = 16
GAP: Final = 2
"""Between two columns."""


def _line(cells: Sequence[Text], columns: Sequence[Column], rooms: Sequence[int]) -> Text:
    """Cells side by side; what is wider than its room is cut.

    Not by a table of rich's: its releases differ in how wide they make the last column.
    """
    fitting = []
    for cell, column, room in zip(cells, columns, rooms, strict=True):
        cut = cell.copy()
        cut.truncate(max(room, 1), overflow="ellipsis")
        blanks = max(room, 1) - cut.cell_len
        pad = cut.pad_left if column.is_number else cut.pad_right
        pad(blanks)
        fitting.append(cut)
    line = Text(" " * GAP, no_wrap=True, overflow="ignore").join(fitting)
    line.rstrip()
    return line


def _shared_out(least: Sequence[int], natural: Sequence[int], width: int) -> list[int]:
    """Widths between the least and the natural ones; what room there is, is shared evenly.

    >>> _shared_out([4, 4, 2], [20, 6, 2], 18)
    [10, 6, 2]
    """
    rooms, spare = list(least), width - sum(least)
    while spare > 0 and (growing := [at for at, room in enumerate(rooms) if room < natural[at]]):
        for at in growing[:spare]:
            more = min(max(spare // len(growing), 1), natural[at] - rooms[at])
            rooms[at] += more
            spare -= more
    return rooms


def _has_content(cell: Text | str) -> bool:
    return str(cell) not in ("", NOTHING)


def facts(pairs: Sequence[tuple[str, RenderableType | None]]) -> Table:
    """Names and what is known by them, one below the other; those that are None are left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None:
            table.add_row(name, value if not isinstance(value, str) else Text(value))
    return table


def framed(title: Text, *content: RenderableType, style: str = "dim") -> Panel:
    """Content in a frame with a title."""
    return Panel(
        Group(*content), title=title, title_align="left", box=box.ROUNDED, border_style=style, expand=False
    )
