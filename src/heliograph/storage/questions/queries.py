"""Questions that people ask of the store. Each answers from one moment, and loads no value."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, NamedTuple

from heliograph.errors import StorageCorruptError
from heliograph.records.attempt import AttemptRecord
from heliograph.records.status import ACTIVE, LEFT_ATTEMPT, WorkflowStatus
from heliograph.records.workflow import RunRecord, TaskRecord, WorkflowRecord, left
from heliograph.storage import rows
from heliograph.storage.databases.database import Database, patient
from heliograph.storage.engines import Engines, KnownEngines
from heliograph.storage.liveness import derived_status
from heliograph.storage.questions.listings import Listing, apart
from heliograph.storage.questions.task_queries import TaskPage, TaskQueries
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import Answer, Statement, listed
from heliograph.storage.tables.soundness import UnsoundError, gone, there

ENDED: Final = sorted(set(WorkflowStatus) - ACTIVE - {WorkflowStatus.RESUMABLE})
"""The statuses of workflows that have ended."""
_MOST: Final = 2**62
"""More than there can be: databases take no larger numbers."""
_TAKEN_FOR: Final = 10
"""So many a server takes a list for when it keeps a plan; a shorter one of tables that it knows nothing of
yet it would rather plan each time."""
_LISTINGS: Final = 64
"""Of so many limits and sets of statuses statements are kept."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A workflow and some of its tasks, at one moment.

    Attributes:
        workflow: the workflow.
        page: the tasks.
        change: number of the last change before that moment.
    """

    workflow: WorkflowRecord
    page: TaskPage
    change: int


class Tried(NamedTuple):
    """An attempt among those of all tasks of a workflow.

    Attributes:
        task: number of its task.
        task_id: id of its task.
        attempt: it.
        before: the attempt of the same task before it.
    """

    task: int
    task_id: str
    attempt: AttemptRecord
    before: AttemptRecord | None


class Queries:
    """Reads workflows, runs and tasks of one database.

    Args:
        database: where from.
        clock: gives Unix seconds; a lease is measured against it.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._statements = statements(database.kind, "queries")
        self._task_queries = TaskQueries(database)
        self._engines = KnownEngines(database.kind, clock)
        self._listing = functools.lru_cache(_LISTINGS)(self._made)

    def _made(self, name: str, values: tuple[tuple[str, Any], ...]) -> Statement:
        made: Statement = getattr(self._statements, name)
        return made.saying(dict(values))

    @patient
    def workflow(self, workflow_id: str) -> WorkflowRecord | None:
        """A workflow with its newest run; None: there is none of this id."""
        with self._database.read() as connection:
            return self.workflow_in(connection, workflow_id)

    def workflow_in(self, connection: Connection, workflow_id: str) -> WorkflowRecord | None:
        """As `workflow`, of the moment that the connection sees."""
        row = self._statements.workflow.row(connection, of_id=workflow_id)
        return None if row is None else rows.workflow_record(row, self._engines.at_once(connection))

    @patient
    def workflows(
        self,
        statuses: Collection[WorkflowStatus] | None = None,
        *,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Listing[WorkflowRecord]:
        """Workflows that have one of the statuses (None: any), in order of submission.

        Args:
            statuses: those that are wanted.
            newest_first: the other way round.
            limit: at most so many, the damaged among them; None: all.
        """
        wanted = None if statuses is None else frozenset(statuses)
        if wanted is not None and not wanted:
            return Listing([])
        values = _of_statuses(wanted) | {"most": _MOST if limit is None else limit}
        name = f"{'newest' if newest_first else 'oldest'}{'' if wanted is None else '_of'}"
        listing = self._listing(name, tuple(values.items()))
        try:
            with self._database.read() as connection:
                engines = self._engines.at_once(connection)
                found = listing.ask(connection, **values).rows()
                if wanted is None:
                    return Listing([rows.workflow_record(row, engines) for row in found])
                # Lazily: where the status is derived, SQL can't count to the limit.
                records = (rows.workflow_record(row, engines) for row in found)
                return Listing(list(islice((one for one in records if one.status in wanted), limit)))
        except StorageCorruptError:
            with self._database.careful() as connection:
                each = self._each(connection, listing.ask(connection, **values))
                looked_at = islice((one for _, one in each if wanted is None or _reads(one, wanted)), limit)
                return apart(looked_at)

    def records(self, connection: Connection, keys: Sequence[int]) -> list[WorkflowRecord]:
        """Workflows by their keys, in the order of these; the last that is asked on a snapshot."""
        if not keys:
            return []
        with self._database.together(connection, last=True):
            asked = self._asked(connection, keys)
        found = self._by_key(connection, asked)
        return [there(found, key, key, "workflows") for key in keys]

    def _asked(self, connection: Connection, keys: Sequence[int]) -> Answer:
        wanted = [*keys, *[keys[0]] * (_TAKEN_FOR - len(keys))]
        return self._statements.of_keys.ask(connection, of_keys=listed(wanted, self._database.kind))

    def _by_key(self, connection: Connection, asked: Answer) -> dict[int, WorkflowRecord]:
        return {record.key: record for record in self.made(connection, asked.rows())}

    def carefully(
        self, connection: Connection, keys: Sequence[int]
    ) -> list[WorkflowRecord | StorageCorruptError]:
        """As `records`, on a careful snapshot; in the place of one that is damaged, what is wrong with it."""
        asked = self._statements.of_keys.ask(connection, of_keys=listed(keys, self._database.kind))
        found = dict(self._each(connection, asked))
        return [found.get(key) or self._database.damage(gone("workflows", key)) for key in keys]

    def _each(
        self, connection: Connection, answer: Answer
    ) -> Iterator[tuple[int | None, WorkflowRecord | StorageCorruptError]]:
        """The workflows of an answer by their keys, each looked at by itself."""
        engines = self._engines.at_once(connection)
        while True:
            try:
                for row in answer.rows():
                    yield row[0], _record(row, engines)
            except UnsoundError as error:  # the answer goes on behind that row
                yield error.key, self._database.damage(error)
            else:
                return

    def made(self, connection: Connection, found: Iterable[Sequence[Any]]) -> list[WorkflowRecord]:
        """Workflows, of rows as the statements of this room have them; on a snapshot."""
        engines = self._engines.at_once(connection)
        return [rows.workflow_record(row, engines) for row in found]

    def task_records(
        self, connection: Connection, keys: Sequence[tuple[int, int]], *, last: bool = True
    ) -> list[tuple[str, TaskRecord]]:
        """Tasks by the keys of their workflows and their numbers, with the workflows' ids.

        Args:
            connection: on a snapshot.
            keys: theirs.
            last: nothing more is asked on it.
        """
        if not keys:
            return []
        with self._database.together(connection, last=last):
            workflows = self._asked(connection, sorted({key for key, _ in keys}))
            tasks = self._task_queries.asked(connection, keys)
        of, found = self._by_key(connection, workflows), tasks.records()
        return [
            (of[key].workflow_id, _as_read(of[key], there(found, (key, number), key, "functions")))
            for key, number in keys
        ]

    def tasks_carefully(
        self, connection: Connection, keys: Sequence[tuple[int, int]]
    ) -> list[tuple[str, TaskRecord] | StorageCorruptError]:
        """As `task_records`, on a careful snapshot; in the place of a damaged one, what is wrong with it."""
        found: list[tuple[str, TaskRecord] | StorageCorruptError] = []
        for key in keys:
            try:
                found += self.task_records(connection, [key], last=False)
            except UnsoundError as error:
                found.append(self._database.damage(error))
        return found

    @patient
    def runs(self, key: int) -> list[RunRecord]:
        """All runs of a workflow, oldest first; the newest reads RESUMABLE where its workflow does."""
        with self._database.read() as connection:
            return self.runs_in(connection, key)

    def runs_in(self, connection: Connection, key: int) -> list[RunRecord]:
        """As `runs`, of the moment that the connection sees."""
        found = [rows.run_record(row) for row in self._statements.runs.ask(connection, of_workflow=key)]
        now = self._clock()
        return [replace(run, status=derived_status(run.status, run.owner, now)) for run in found]

    @patient
    def task(self, of: WorkflowRecord, task_id: str) -> TaskRecord | None:
        """A task of a workflow with its attempts; None: it has none of this id."""
        found = self._task_queries.task(of.key, task_id)
        return None if found is None else _as_read(of, found)

    @patient
    def downstream(self, key: int, task_id: str, limit: int) -> list[str] | None:
        """See `TaskQueries.downstream`."""
        return self._task_queries.downstream(key, task_id, limit)

    @patient
    def tasks(self, of: WorkflowRecord) -> list[TaskRecord]:
        """All tasks of a workflow with their attempts, dependencies first."""
        return [_as_read(of, task) for task in self._task_queries.tasks(of.key)]

    @patient
    def snapshot(self, workflow_id: str, after: str | None, limit: int) -> Snapshot | None:
        """A workflow and some of its tasks, at one moment.

        Args:
            workflow_id: its id.
            after: id of the task before the first of them; None: from the first one.
            limit: at most so many.

        Returns:
            Both; None: there is no such workflow, or no such task in it.
        """
        with self._database.snapshot() as connection:
            record = self.workflow_in(connection, workflow_id)
            if record is None:
                return None
            change = self._statements.last_change.ask(connection, of_workflow=record.key).scalar_one()
            page = self._task_queries.page(connection, record.key, after, limit)
        if page is None:
            return None
        tasks = tuple(_as_read(record, task) for task in page.tasks)
        return Snapshot(record, replace(page, tasks=tasks), change or 0)

    @patient
    def attempts(self, of: WorkflowRecord, after: tuple[int, int], limit: int) -> list[Tried]:
        """Attempts of a workflow by task and number.

        Args:
            of: the workflow.
            after: numbers of the task and attempt before the first of them.
            limit: at most so many.
        """
        with self._database.snapshot() as connection:
            # From that one on: it may be the attempt before the first of them.
            task, attempt = after
            found = self._task_queries.attempts(connection, of.key, (task, attempt - 1), limit + 1)
            if not found:
                return []
            ids = self._task_queries.ids(connection, of.key, found[0][0], found[-1][0])
            is_left = of.status is WorkflowStatus.RESUMABLE
            tried: list[Tried] = []
            for number, one in found:
                read = replace(one, status=LEFT_ATTEMPT.get(one.status, one.status)) if is_left else one
                before = tried[-1].attempt if tried and tried[-1].task == number else None
                tried.append(Tried(number, there(ids, number, of.key, "tasks"), read, before))
        return [one for one in tried if (one.task, one.attempt.attempt) > after][:limit]


def _of_statuses(wanted: frozenset[WorkflowStatus] | None) -> dict[str, Any]:
    """What statements are told of the statuses that are wanted.

    >>> _of_statuses(frozenset({WorkflowStatus.FAILED, WorkflowStatus.RUNNING}))
    {'ended_0': None, 'ended_1': <WorkflowStatus.FAILED: 'FAILED'>, 'ended_2': None, 'active': 1}
    """
    if wanted is None:
        return {}
    ended = {f"ended_{place}": status if status in wanted else None for place, status in enumerate(ENDED)}
    return ended | {"active": int(not wanted.issubset(ENDED))}


def _as_read(of: WorkflowRecord, task: TaskRecord) -> TaskRecord:
    return left(task) if of.status is WorkflowStatus.RESUMABLE else task


def _record(row: Sequence[Any], engines: Engines) -> WorkflowRecord:
    try:
        return rows.workflow_record(row, engines)
    except UnsoundError as error:  # it may be of another table, and then it does not say whose it is
        key, workflow_id, *_ = row
        raise UnsoundError(error.table, error.what, key, workflow_id) from error


def _reads(one: WorkflowRecord | StorageCorruptError, wanted: Collection[WorkflowStatus]) -> bool:
    """Whether a workflow has one of the statuses, as far as that is known."""
    return isinstance(one, StorageCorruptError) or one.status in wanted
