"""Reading the log of changes, and what tasks said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from heliograph.records.change import Change, ChangeKind
from heliograph.records.status import WorkflowStatus
from heliograph.storage import rows
from heliograph.storage.databases.database import Database, patient
from heliograph.storage.questions.task_queries import TaskQueries
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.tables.layout import SaidKind
from heliograph.storage.tables.soundness import there

_COMMITS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class SaidRecord:
    """A line of a log, or a value of a metric.

    Attributes:
        number: counted within the workflow, from 0.
        task_id: the task that said it.
        attempt: which of its attempts.
        time: when, Unix seconds.
        text: the line, or the metric's name.
        value: of the metric; None: it is a line.
        step: of the value, if its task counts.
    """

    number: int
    task_id: str
    attempt: int
    time: float
    text: str
    value: float | None
    step: int | None


class Watching:
    """Reads what changed, and what tasks said, from one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks = TaskQueries(database)
        self._statements = statements(database.kind, "watching")
        self._last_change = statements(database.kind, "queries").last_change

    @patient
    def changes(self, key: int, number: int, place: int) -> list[Change]:
        """Changes of a workflow behind a place, in order; not all, if there are many.

        Args:
            key: of the workflow.
            number: of the commit to begin with.
            place: so many of that commit's changes are known.
        """
        with self._database.snapshot() as connection:
            found = self._statements.changes.ask(
                connection, of_workflow=key, first=number, most=_COMMITS_AT_ONCE
            ).all()
            stories = [(row.number, row.run, row.time, json.loads(row.what)) for row in found]
            names = self._names(connection, key, [story for *_, story in stories])
            made: list[Change] = []
            if number == 0:
                made += self._submission(connection, key)
            for at, run, time, story in stories:
                told = (told for item in story for told in self._told(connection, key, item, names))
                for at_place, (kind, what, task, attempt, said_at) in enumerate(told, 1):
                    task_id = None if task is None else there(names, task, key, "tasks")
                    made.append(
                        Change(
                            key,
                            at,
                            at_place,
                            run,
                            time if said_at is None else said_at,
                            kind,
                            what,
                            task_id,
                            attempt,
                        )
                    )
        return [change for change in made if change.number > number or change.place > place]

    @patient
    def last_change(self, key: int) -> int:
        """The number of the last commit that changed something of a workflow; 0: its submission."""
        with self._database.read() as connection:
            return self._last_change.ask(connection, of_workflow=key).scalar_one() or 0

    @patient
    def said(self, key: int, kind: SaidKind, task_id: str | None, after: int, limit: int) -> list[SaidRecord]:
        """Lines or points of a workflow, or of one of its tasks, in the order in which they were stored.

        Args:
            key: of the workflow.
            kind: lines or points.
            task_id: of this task only.
            after: those behind the one with this number.
            limit: at most so many.
        """
        page, of_task = self._statements.page, dict[str, str]()
        if task_id is not None:
            page, of_task = self._statements.page_of_task, {"of_task_id": task_id}
        with self._database.snapshot() as connection:
            found = page.ask(
                connection, of_workflow=key, of_kind=kind, first=after + 1, most=limit, **of_task
            )
            return [_said_record(row) for row in found]

    def _submission(self, connection: Connection, key: int) -> list[Change]:
        row = self._statements.first_run.ask(connection, of_workflow=key).first()
        if row is None:
            return []
        at_once = row.start_time is not None and row.start_time == row.created_time
        status = WorkflowStatus.RUNNING if at_once else WorkflowStatus.PENDING
        return [Change(key, 0, 1, 1, row.created_time, ChangeKind.RUN, {"status": status.value})]

    def _told(
        self, connection: Connection, key: int, item: Sequence[Any], names: Mapping[int, str]
    ) -> Iterator[tuple[ChangeKind, dict[str, Any], int | None, int | None, float | None]]:
        """What an item of the log says; see `storage.journal.changelog`."""
        match item:
            case ["run", _run, status]:
                yield ChangeKind.RUN, {"status": status}, None, None, None
            case ["added", first, count]:
                added = [there(names, task, key, "tasks") for task in range(first, first + count)]
                yield ChangeKind.ADDED, {"task_ids": added}, None, None, None
            case ["task", task, status]:
                yield ChangeKind.TASK, {"status": status}, task, None, None
            case ["tasks", tasks, status]:
                for task in tasks:
                    yield ChangeKind.TASK, {"status": status}, task, None, None
            case ["attempt", task, attempt, status]:
                yield ChangeKind.ATTEMPT, {"status": status}, task, attempt, None
            case ["metadata", task, attempt, update]:
                yield ChangeKind.METADATA, {"update": update}, task, attempt, None
            case ["progress", task, attempt, done, total, message, time]:
                standing = {"done": done, "total": total, "message": message}
                yield ChangeKind.PROGRESS, standing, task, attempt, time
            case ["said", first, last]:
                for row in self._statements.said.ask(connection, of_workflow=key, first=first, last=last):
                    if row.kind == SaidKind.LINE:
                        yield ChangeKind.LINE, {"text": row.text}, row.task, row.attempt, row.time
                    else:
                        point = {"key": row.text, "value": rows.whole(row.value), "step": row.step}
                        yield ChangeKind.METRIC, point, row.task, row.attempt, row.time

    def _names(
        self, connection: Connection, key: int, stories: Sequence[Sequence[Sequence[Any]]]
    ) -> Mapping[int, str]:
        numbers: list[int] = []
        for item in (item for story in stories for item in story):
            match item:
                case ["added", first, count]:
                    numbers += (first, first + count - 1)
                case ["tasks", [_, *_] as tasks, _status]:
                    numbers += (min(tasks), max(tasks))
                case ["task" | "attempt" | "metadata" | "progress", int(task), *_]:
                    numbers.append(task)
                case ["said", first, last]:
                    said = self._statements.said.ask(connection, of_workflow=key, first=first, last=last)
                    numbers += {row.task for row in said}
        if not numbers:
            return {}
        return self._tasks.ids(connection, key, min(numbers), max(numbers))


def _said_record(row: Any) -> SaidRecord:
    value = None if row.value is None else rows.whole(row.value)
    return SaidRecord(row.number, row.task_id, row.attempt, row.time, row.text, value, row.step)
