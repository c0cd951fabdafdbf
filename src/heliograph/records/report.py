"""What tasks say while they run: checked where it is said, and sent on in reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, Protocol

from heliograph.graph.checks import checked_int_or_none
from heliograph.graph.frozen import record
from heliograph.records.cutting import cut

LINES_LIMIT: Final = 100_000
"""Lines an attempt may log; of further ones only the number is kept."""
LINES_SIZE_LIMIT: Final = 16 * 1024 * 1024
"""Characters in all these lines together."""
LINE_LIMIT: Final = 16 * 1024
"""Characters of a line; a longer one is cut in its middle."""
POINTS_LIMIT: Final = 100_000
"""Values of metrics an attempt may report; of further ones only the number is kept."""
NAME_LIMIT: Final = 512
"""Characters of a metric's name, and of the message beside a progress."""


@record
class Progress:
    """How far an attempt is.

    Attributes:
        done: so much of it.
        total: of so much; None: nobody knows.
        message: what it does now.
        time: when that was said, Unix seconds.
    """

    done: float
    total: float | None = None
    message: str | None = None
    time: float = 0.0


@record
class Point:
    """One value of a metric.

    Attributes:
        key: the metric.
        value: a number; None: NaN or an infinity, which no database and no JSON has alike.
        step: which of its values it is, by the task's own count; None: the task does not count.
        time: when it was said, Unix seconds.
    """

    key: str
    value: float | None
    step: int | None = None
    time: float = 0.0


@record
class Line:
    """A line of a log.

    Attributes:
        text: of the line.
        time: when it was said, Unix seconds.
    """

    text: str
    time: float = 0.0


@record
class Report:
    """What an attempt has said since its report before.

    Attributes:
        metadata: keys of the task's user metadata that have new values.
        of_workflow: keys of its workflow's user metadata that have.
        progress: the newest; None: nothing was said of it.
        said: lines and points, in the order in which they were said.
        lines: how many lines it has logged in all.
        points: how many points it has reported in all.
        lines_dropped: how many of the lines were too many to be kept.
        points_dropped: how many of the points were.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    of_workflow: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    said: tuple[Line | Point, ...] = ()
    lines: int = 0
    points: int = 0
    lines_dropped: int = 0
    points_dropped: int = 0


class Reporter(Protocol):
    """Takes what one attempt says, from any of its threads. Whoever runs attempts brings one along."""

    def update(self, metadata: Mapping[str, Any], size: int, of_workflow: bool) -> None:
        """User metadata have changed; `size` is what they have as JSON."""

    def progress(self, progress: Progress) -> None:
        """It got on; the reporter sets the time, here and below."""

    def point(self, point: Point) -> None:
        """A metric has a value."""

    def line(self, line: Line) -> None:
        """A line for the log."""


def checked_progress(done: object, total: object, message: object) -> Progress:
    """A progress, as a user gave it.

    Raises:
        TypeError, ValueError: it can't be.
    """
    known = None if total is None else _number("total", total)
    said = None if message is None else cut(_text("message", message), NAME_LIMIT)
    return Progress(_number("done", done), known, said)


def checked_point(key: object, value: object, step: object) -> Point:
    """A value of a metric, as a user gave it.

    Raises:
        TypeError, ValueError: it can't be.
    """
    name = _text("key", key)
    if not name or len(name) > NAME_LIMIT:
        raise ValueError(f"key must have 1 to {NAME_LIMIT} characters, not {len(name)}")
    number = checked_int_or_none("step", step)
    if number is not None and not -(2**63) <= number < 2**63:
        raise ValueError(f"step must have at most 64 bits, not {number}")
    measured = _any_number("value", value)
    return Point(name, measured if math.isfinite(measured) else None, number)


def checked_line(text: object) -> Line:
    """A line of a log, as a user gave it.

    Raises:
        TypeError: it is no text.
    """
    return Line(cut(_text("text", text), LINE_LIMIT))


def _number(name: str, value: object) -> float:
    number = _any_number(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    if number < 0:
        raise ValueError(f"{name} must be 0 or more, not {value!r}")
    return number


def _any_number(name: str, value: object) -> float:
    """A number, NaN and infinities among them."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number, not {value!r}")
    try:
        number = value if isinstance(value, int | float) else float(value)
        is_long = isinstance(number, int) and not -(2**63) <= number < 2**63
        return float(number) if is_long else number
    except OverflowError:
        raise ValueError(f"{name} is too large a number") from None


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}: {value!r:.200}")
    return value
