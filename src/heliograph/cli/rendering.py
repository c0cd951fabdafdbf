"""What all commands write goes through here: text made safe, and numbers made readable.

Names, metadata and errors come from tasks, so from anybody. They reach the terminal as plain text only: never
as rich's markup, and with every character escaped that a terminal would obey instead of showing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.text import Text

from heliograph.cli.standard_output import is_terminal as is_terminal
from heliograph.cli.standard_output import lost, put
from heliograph.insight.answers import finite
from heliograph.insight.wording import NOTHING as NOTHING
from heliograph.insight.wording import counted as counted
from heliograph.insight.wording import duration as duration
from heliograph.insight.wording import size as size
from heliograph.insight.wording import text_of, type_name

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


def raw(pieces: Iterable[str]) -> None:
    """Text in a format of its own on standard output; on a terminal with what that would obey escaped."""
    escape = shown_lines if is_terminal() else str
    for piece in pieces:
        if not put(escape(piece)):
            return


def write(line: str) -> bool:
    """A line of plain text on standard output.

    Returns:
        Whether somebody still reads.
    """
    return put(f"{line}\n")


def note(words: str) -> None:
    """A word to people beside the output, on standard error."""
    stderr().print(words, style="dim", soft_wrap=True)


def first(lines: Sequence[str], most: int) -> None:
    """The first of some lines, and how many more there are."""
    for line in lines[:most]:
        write(line)
    if len(lines) > most:
        note(f"and {len(lines) - most} more")


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


def more(answer: Mapping[str, Any]) -> None:
    """How to see what follows, where an answer is not all there is; on standard error."""
    if answer["truncated"]:
        stderr().print(hint("more", f"--after {answer['after']}"))


def some(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are.

    >>> some(["a", "b", "c"], 2), some(["a"], 2)
    ('a, b and 1 more', 'a')
    """
    rest = len(names) - most
    return ", ".join(map(shown, names[:most])) + (f" and {rest} more" if rest > 0 else "")


def kind_of_error(name: str) -> str:
    """An error's type, as people know it."""
    return shown(type_name(name))


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
    """A value of JSON in one line; nothing for null."""
    return NOTHING if value is None else text_of(value)


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


def amount(kind: str | None, value: float | None, now: float) -> str:
    """A number in the unit of its field.

    Args:
        kind: what the field holds, as `workflow.search_fields` tells it; None: a number of a user's.
        value: the number.
        now: Unix seconds.

    >>> amount("a number of bytes", 61e6, 0), amount("a number of seconds", 0.5, 0), amount(None, 0.25, 0)
    ('61 MB', '500 ms', '0.25')
    """
    if value is None:
        return NOTHING
    match kind:
        case "a number of seconds":
            return duration(value)
        case "a number of bytes":
            return size(round(value))
        case "a time":
            return moment(value, now)
    return f"{value:.6g}"
