"""Tables that fit the room there is, facts one below the other, and frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from heliograph.cli.rendering import NOTHING, duration


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that fits itself to the width there is.

    Attributes:
        title: its head.
        cells: one a row.
        least: it is shown with at least so many characters, or not at all; None: it can't be cut.
        is_number: aligned to the right.
        is_name: its cells are cut in the middle, and not at the end.
    """

    title: str
    cells: Sequence[Text | str]
    least: int | None = None
    is_number: bool = False
    is_name: bool = False

    @property
    def natural(self) -> int:
        """The width that shows all of it."""
        return max(
            cell_len(self.title),
            *(cell.cell_len if isinstance(cell, Text) else cell_len(cell) for cell in self.cells),
            0,
        )


_NOTABLE: Final = 0.1


def where_notable(title: str, parts: Sequence[float], wholes: Sequence[float]) -> Column:
    """Seconds that are parts of wholes, as a column: those that are a tenth at least, so often none."""
    return Column(
        title,
        [
            duration(part) if part > 0 and part >= _NOTABLE * whole else ""
            for part, whole in zip(parts, wholes, strict=True)
        ],
        is_number=True,
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
        whole: titles of columns whose cells are never cut, as they are there to be copied: one that is too
            long has a line of its own above its row, however long that gets.
        keep_empty: columns without any content, too.
    """
    sized = []
    for column in columns:
        if keep_empty or any(map(_has_content, column.cells)):
            natural = column.natural
            letters = _LEAST_WHOLE if column.title in whole else column.least
            least = natural if letters is None else min(natural, max(letters, cell_len(column.title)))
            sized.append((column, least, natural))
    for title in dropped_first:
        if sum(least + GAP for _, least, _ in sized) - GAP <= width:
            break
        sized = [one for one in sized if one[0].title != title]
    kept = [column for column, _, _ in sized]
    rooms = _shared_out(
        [least for _, least, _ in sized],
        [natural for _, _, natural in sized],
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


_LEAST_WHOLE: Final = 20
GAP: Final = 2
"""Between two columns."""


def _line(cells: Sequence[Text], columns: Sequence[Column], rooms: Sequence[int]) -> Text:
    """Cells side by side; what is wider than its room is cut.

    Not by a table of rich's: its releases differ in how wide they make the last column.
    """
    fitting = []
    for cell, column, room in zip(cells, columns, rooms, strict=True):
        cut = Text(shortened(cell.plain, room), cell.style) if column.is_name else cell.copy()
        cut.truncate(max(room, 1), overflow="ellipsis")
        blanks = max(room, 1) - cut.cell_len
        pad = cut.pad_left if column.is_number else cut.pad_right
        pad(blanks)
        fitting.append(cut)
    line = Text(" " * GAP, no_wrap=True, overflow="ignore").join(fitting)
    line.rstrip()
    return line


def shortened(name: str, room: int) -> str:
    """A name, without its middle where there is no room for all of it: beginnings and ends tell names apart.

    >>> shortened("shop.orders.price", 12), shortened("price", 12), shortened("\N{SNOWMAN}" * 9, 7)
    ('sho…rs.price', 'price', '☃☃…☃☃☃☃')
    """
    if cell_len(name) <= room:
        return name
    head, tail = "", ""
    for letter in name:
        if cell_len(head + letter) > (room - 1) // 3:
            break
        head += letter
    for letter in reversed(name):
        if cell_len(head + letter + tail) > room - 1:
            break
        tail = letter + tail
    return f"{head}…{tail}"


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


def facts(pairs: Sequence[tuple[str | Text, RenderableType | None]]) -> Table:
    """Names and what is known by them, one below the other; those that are None are left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in pairs:
        if value is not None:
            table.add_row(name, value if not isinstance(value, str) else Text(value))
    return table


def framed(title: Text, *content: RenderableType, style: str = "dim") -> RenderableType:
    """Content in a frame with a title; one that is too long for that stands above it."""
    return _Framed(title, Group(*content), style)


@dataclass(frozen=True, slots=True)
class _Framed:
    title: Text
    content: RenderableType
    style: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        frame = Panel(self.content, box=box.ROUNDED, border_style=self.style, expand=False)
        if self.title.cell_len + _AROUND_TITLE <= options.max_width:
            frame.title, frame.title_align = self.title, "left"
        else:
            yield Text(str(self.title), self.title.style, no_wrap=True, overflow="ignore")
        yield frame


_AROUND_TITLE: Final = 6
"""What a frame has to the left and to the right of its title."""
