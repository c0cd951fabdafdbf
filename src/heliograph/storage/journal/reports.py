"""What attempts said while they run, on its way into the tables: within a transaction of the journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from heliograph.records.report import Line, Point, Progress, Report
from heliograph.storage.entries import AttemptReport
from heliograph.storage.journal.labels import Labels
from heliograph.storage.rows import cleaned
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.tables.layout import SaidKind
from heliograph.storage.tables.numbers import counted_so_far
from heliograph.storage.tables.soundness import UnsoundError, is_json


class Reports:
    """Stores reports."""

    def __init__(self, kind: str) -> None:
        self._statements = statements(kind, "reports")
        self._labels = Labels(kind)

    def store(self, connection: Connection, key: int, said: Iterable[AttemptReport]) -> list[list[Any]]:
        """Store what attempts of a workflow said, in order.

        Returns:
            What changed by it, for the log of changes.
        """
        changed: list[list[Any]] = []
        for one in said:
            report = one.report
            if report.metadata:
                self._update_task(connection, key, one.task, report.metadata)
                changed.append(["metadata", one.task, one.attempt, dict(report.metadata)])
            if report.of_workflow:
                self._update_workflow(connection, key, report.of_workflow)
                changed.append(["metadata", None, one.attempt, dict(report.of_workflow)])
            if report.progress is not None:
                changed.append(["progress", one.task, one.attempt, *_standing(report.progress)])
            if report.said:
                first = self._store_said(connection, key, one, report.said)
                changed.append(["said", first, first + len(report.said) - 1])
            self._count(connection, key, one, report)
        return changed

    def _count(self, connection: Connection, key: int, one: AttemptReport, report: Report) -> None:
        progress = report.progress
        counts = {
            "workflow": key,
            "task": one.task,
            "attempt": one.attempt,
            "lines": report.lines,
            "points": report.points,
            "lines_dropped": report.lines_dropped,
            "points_dropped": report.points_dropped,
        }
        if progress is None:
            self._statements.count.tell(connection, counts)
            return
        done, total, message, when = _standing(progress)
        standing = {"done": done, "total": total, "message": message, "progress_time": when}
        self._statements.stand.tell(connection, counts | standing)

    def _store_said(
        self, connection: Connection, key: int, one: AttemptReport, said: tuple[Line | Point, ...]
    ) -> int:
        last = self._statements.last.ask(connection, of_workflow=key).scalar_one()
        first = 0 if last is None else counted_so_far(last, "said", "number", key) + 1
        of_attempt = {"workflow": key, "task": one.task, "attempt": one.attempt}
        self._statements.said.tell(
            connection,
            *[of_attempt | {"number": number} | _said_row(item) for number, item in enumerate(said, first)],
        )
        return first

    def _update_task(self, connection: Connection, key: int, task: int, update: Mapping[str, Any]) -> None:
        known = self._statements.of_task.ask(connection, of_workflow=key, of_task=task).scalar_one()
        text = _merged("tasks", key, known, update)
        of_task = {"of_workflow": key, "of_task": task, "user_metadata": text}
        self._statements.set_of_task.tell(connection, of_task)
        self._labels.replace_of_task(connection, key, task, text)

    def _update_workflow(self, connection: Connection, key: int, update: Mapping[str, Any]) -> None:
        known = self._statements.of_workflow.ask(connection, of_key=key).scalar_one()
        text = _merged("workflows", key, known, update)
        self._statements.set_of_workflow.tell(connection, {"of_key": key, "user_metadata": text})
        self._labels.replace(connection, key, text)


def _merged(table: str, key: int, known: str, update: Mapping[str, Any]) -> str:
    if not is_json(known, "object"):
        raise UnsoundError(table, f"user_metadata is {known[:100]!r}", key)
    return json.dumps(json.loads(known) | dict(update), allow_nan=False)


def _standing(progress: Progress) -> tuple[float, float | None, str | None, float]:
    message = None if progress.message is None else cleaned(progress.message)
    return progress.done, progress.total, message, progress.time


def _said_row(item: Line | Point) -> dict[str, Any]:
    if isinstance(item, Line):
        what: dict[str, Any] = {
            "kind": SaidKind.LINE.value,
            "text": cleaned(item.text),
            "value": None,
            "step": None,
        }
    else:
        what = {
            "kind": SaidKind.POINT.value,
            "text": cleaned(item.key),
            "value": item.value,
            "step": item.step,
        }
    return what | {"time": item.time}
