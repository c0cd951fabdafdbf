"""The log of changes: what each commit changed of a workflow, in order, for those who watch it.

It is written by whoever makes the change, in the same transaction. A row holds JSON, a list of changes; each
is a list itself, that begins with what it is about:

    ["run", run, status]                the run has this status
    ["added", first, count]             a continuation added tasks
    ["task", task, status]              the task has this status
    ["tasks", [task, ...], status]      these have
    ["attempt", task, attempt, status]  the attempt ended otherwise than well
    ["metadata", task, attempt, update] the task's user metadata were updated; task null: the workflow's
    ["progress", task, attempt, done, total, message, time]
    ["said", first, last]               lines and points with these numbers
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from heliograph.records.status import TASK_OVER, AttemptStatus, WorkflowStatus
from heliograph.storage.entries import RunChanges
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import Row


class Changelog:
    """Writes the log, each entry within the transaction that makes the changes."""

    def __init__(self, kind: str) -> None:
        self._statements = statements(kind, "changelog")

    def note(self, connection: Connection, *stories: Row) -> None:
        """Changes of workflows, each of another one; see `story_row`."""
        self._statements.note.tell(connection, *stories)

    def note_run(
        self, connection: Connection, key: int, run: int, status: WorkflowStatus, now: float
    ) -> None:
        """A run has another status, and nothing else is new."""
        self.note(connection, story_row(key, run, now, f'[["run",{run},"{status!s}"]]'))


def story_row(key: int, run: int, now: float, what: str) -> Row:
    """Changes of a workflow, as JSON."""
    return {"of_workflow": key, "of_run": run, "at": now, "story": what}


def run_story(changes: RunChanges, said: Sequence[Sequence[Any]]) -> str:
    """What a commit changes of a run, as JSON.

    Args:
        changes: what the engine has to say.
        said: what became of what attempts said.
    """
    # By hand, for numbers and statuses need no escaping: it is written with every commit.
    first: list[str] = []
    last: list[str] = []
    if changes.started is not None:
        first.append(f'["run",{changes.run},"{WorkflowStatus.RUNNING!s}"]')
    if changes.expansions:
        first += [f'["added",{one.first},{len(one.plan.tasks)}]' for one in changes.expansions]
    for status, tasks in groupby(changes.tasks, changes.tasks.__getitem__):
        numbers = [str(task) for task in tasks]
        what = f'"task",{numbers[0]}' if len(numbers) == 1 else f'"tasks",[{",".join(numbers)}]'
        (last if status in TASK_OVER else first).append(f'[{what},"{status!s}"]')
    if said:
        first += [json.dumps(item) for item in said]
    for (task, attempt), entry in changes.attempts.items():
        if entry.status not in (AttemptStatus.RUNNING, AttemptStatus.SUCCESSFUL):
            first.append(f'["attempt",{task},{attempt},"{entry.status!s}"]')
    if changes.ending is not None:
        last.append(f'["run",{changes.run},"{changes.ending.status!s}"]')
    return f"[{','.join(first + last)}]"
