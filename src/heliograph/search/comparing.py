"""What fields can be compared with; all else is refused before it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from heliograph.errors import SearchError
from heliograph.records.status import TaskStatus, WorkflowStatus
from heliograph.search.expressions import (
    WHOLE_LIMIT,
    And,
    Comparison,
    Condition,
    Exists,
    FromNow,
    Name,
    Not,
    OneOf,
    Operator,
    Or,
    Source,
    Value,
)
from heliograph.search.fields import FieldAsked, FieldKind, asked
from heliograph.search.units import SIZES, SPANS

NOW: Final = "now"
TIMES: Final = f"2026-11-24, 2026-11-24T08:30 or {NOW} - 24h"
"""Times as people write them."""
_WRITTEN: Final[Mapping[FieldKind, str]] = {
    FieldKind.SECONDS: "90s, 5min or 2h",
    FieldKind.BYTES: "500MB or 2GiB",
    FieldKind.TIME: TIMES,
}
"""How people write what fields of a kind hold."""
_UNITS: Final[Mapping[FieldKind, Mapping[str, float]]] = {FieldKind.SECONDS: SPANS, FieldKind.BYTES: SIZES}
_ORDERING: Final = frozenset({Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST})
_OF_TEXT: Final = frozenset({Operator.CONTAINS, Operator.PREFIX})
_DAY: Final = re.compile(r"(19[7-9]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
"""What somebody may mean by a number such as 20261124."""


def check(condition: Condition, tasks: bool, text: str | None = None) -> None:
    """See that a condition can be asked.

    Args:
        condition: what is to be searched for.
        tasks: tasks are searched, not workflows.
        text: what it was read from.

    Raises:
        SearchError: a field that there is not, or one that can't be compared so.
    """
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                check(part, tasks, text)
        case Not(part):
            check(part, tasks, text)
        case Exists(name):
            asked(name, tasks, text)
        case OneOf(name):
            field = asked(name, tasks, text)
            for value, source in condition.sourced:
                _Compared(field, name, Operator.EQUAL, value, source).check(tasks, text)
        case Comparison(name, operator, value, source):
            _Compared(asked(name, tasks, text), name, operator, value, source).check(tasks, text)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A field compared with a value."""

    field: FieldAsked
    name: Name
    operator: Operator
    value: Value
    source: Source | None

    def check(self, tasks: bool, text: str | None) -> None:
        """See that it can be."""
        why_not = self._against_operator() or self._against_value() or self._against_status(tasks)
        if why_not:
            raise SearchError(why_not, text, self.source and self.source.at)

    def _against_operator(self) -> str | None:
        kind, how = self.field.kind, self.operator
        if how is Operator.PREFIX and not self._is_text:
            return f'prefix takes text, not {self._shown}: write "{self._shown}"'
        if how in _ORDERING and not (self._is_text or self._is_number or isinstance(self.value, FromNow)):
            return f"{how} compares text or numbers, not {self._shown}"
        if how in _OF_TEXT and kind not in (FieldKind.TEXT, FieldKind.STATUS, FieldKind.METADATA):
            return f"{how} is for text, and {self.name} is {kind}"
        return None

    def _against_value(self) -> str | None:
        kind, name, value, shown = self.field.kind, self.name, self.value, self._shown
        if isinstance(value, int) and abs(value) >= WHOLE_LIMIT:
            return "a whole number here has at most 64 bits: write it with a point, as 1.5e30"
        if kind is FieldKind.METADATA:
            how = "compare it with a number, or with text in quotes"
            why = f"{name} is metadata, and no time to be compared with {NOW}: {how}"
            return why if isinstance(value, FromNow) or self._is_ordered_by_now else None
        if value is None:
            return f"{name} is never null; ask whether it exists: {name} exists, or not {name} exists"
        if kind is FieldKind.TEXT and not self._is_text:
            return f'{name} is text, and {shown} is not: write "{shown}"'
        if kind is FieldKind.TIME:
            return self._against_time()
        if kind in (FieldKind.NUMBER, *_UNITS) and not (self._is_number and self._suits):
            how = _WRITTEN.get(kind, "one such as 3, without quotes or a unit")
            return f"{name} is {kind}, and {shown} is not: write {how}"
        return None

    def _against_time(self) -> str | None:
        if isinstance(self.value, str | FromNow):
            return None
        if self._is_number and self._unit is None:
            day = _DAY.fullmatch(f"{self.value}")
            why = f"{self.name} is a time, and {self._shown} is a second of the year 1970"
            return f"{why}: write {'-'.join(day.groups())}" if day else None
        # As Unix seconds, `created_time > 24h` is true of everything since 1970.
        how = f"{NOW} - {self._shown.lstrip('-')}" if self._unit in SPANS else TIMES
        return f"{self.name} is a time, and {self._shown} is none: write {how}"

    def _against_status(self, tasks: bool) -> str | None:
        if self.field.kind is not FieldKind.STATUS:
            return None
        statuses = TaskStatus if tasks and self.field.name == "status" else WorkflowStatus
        if self.value not in list(statuses):
            return f"there is no status {self._shown}; there are {', '.join(statuses)}"
        if self.operator not in (Operator.EQUAL, Operator.UNEQUAL):
            return f"a status is equal or it is not; {self.operator} says nothing of it"
        return None

    @property
    def _is_ordered_by_now(self) -> bool:
        """Whether it is more or less than a bare `now`, which is text where nothing is a time."""
        is_now = self.source is not None and self.source.written.lower() == NOW
        return is_now and self.operator in _ORDERING

    @property
    def _suits(self) -> bool:
        """Whether the unit is one of the field's."""
        return self._unit is None or self._unit in _UNITS.get(self.field.kind, ())

    @property
    def _is_text(self) -> bool:
        return isinstance(self.value, str)

    @property
    def _is_number(self) -> bool:
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)

    @property
    def _unit(self) -> str | None:
        return None if self.source is None else self.source.unit

    @property
    def _shown(self) -> str:
        """The value, as it was said."""
        return repr(self.value) if self.source is None or self._is_text else self.source.written
