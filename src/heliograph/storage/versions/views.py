"""Views, to read the database with SQL: names instead of numbers, and columns that keep their meaning.

Tables may change from one version of heliograph to the next; the views stay. They can't be written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Dialect, Select, and_, case, func, literal, select
from sqlalchemy import inspect as inspected

from heliograph.storage import rows
from heliograph.storage.databases.database import Database
from heliograph.storage.statements.composing import constant
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.owners import is_newest, with_owner
from heliograph.storage.tables import schema
from heliograph.storage.tables.layout import Role, SaidKind

_W, _R, _T, _A = schema.workflows, schema.runs, schema.tasks, schema.attempts
_F, _V, _D, _O = schema.functions, schema.stored_values, schema.dependencies, schema.owners
_C = schema.tasks.alias("creators")
_E = schema.tasks.alias("failed")
_U = schema.tasks.alias("upstreams")
_P, _S = schema.reports, schema.said
_OPTIONS: Final = case(
    (_T.c.options == literal(rows.LEFT_OUT), literal(rows.USUAL_OPTIONS)), else_=_T.c.options
)
_OF_ATTEMPT: Final = and_(
    _P.c.workflow == _A.c.workflow, _P.c.task == _A.c.task, _P.c.attempt == _A.c.attempt
)


def _said(kind: SaidKind) -> Any:
    """What was said of one kind, with who said it."""
    of_task = and_(_T.c.workflow == _S.c.workflow, _T.c.task == _S.c.task)
    return _S.join(_W, and_(_W.c.key == _S.c.workflow, _S.c.kind == constant(kind))).join(_T, of_task)


@dataclass(frozen=True, slots=True)
class View:
    """A view.

    Attributes:
        meaning: of a row.
        source: what it selects from.
        columns: expressions with what they mean, by name.
    """

    meaning: str
    source: Any
    columns: Mapping[str, tuple[Any, str]]

    def select(self) -> Select[Any]:
        """What the view stands for."""
        named = [expression.label(name) for name, (expression, _) in self.columns.items()]
        return select(*named).select_from(self.source)


_ERROR: Final = {
    "error_type": (_R.c.error_type, "dotted type of the error that failed it"),
    "error_message": (_R.c.error_message, "its text"),
    "error_task_id": (_E.c.task_id, "the task that raised it"),
}
_WHO: Final = {
    "workflow_id": (_W.c.workflow_id, "the workflow"),
    "task_id": (_T.c.task_id, "the task that said it"),
    "attempt": (_S.c.attempt, "which of its attempts"),
    "number": (_S.c.number, "counts all that was said in the workflow, in order"),
    "time": (_S.c.time, "when, Unix seconds"),
}
_FAILED_BY: Final = and_(_E.c.workflow == _R.c.workflow, _E.c.task == _R.c.error_task)

VIEWS: Final[Mapping[str, View]] = {
    "heliograph_workflows": View(
        "a workflow, with its newest run",
        with_owner().outerjoin(_R, is_newest()).outerjoin(_E, _FAILED_BY),
        {
            "workflow_id": (_W.c.workflow_id, "its id"),
            "name": (_W.c.name, "the function of the task that gives its output"),
            "status": (_W.c.status, "as stored: what reads RESUMABLE is PENDING or RUNNING here"),
            "created_time": (_W.c.created_time, "when it was submitted, Unix seconds"),
            "run": (_W.c.run, "number of the newest run"),
            "start_time": (_W.c.start_time, "of the newest run, Unix seconds"),
            "end_time": (_W.c.end_time, "of the newest run; null while it goes on, and after a cancel"),
            "took": (_W.c.end_time - _W.c.start_time, "seconds from start to end"),
            "progress": (_W.c.progress, "how many tasks have each status, JSON"),
            "user_metadata": (_W.c.user_metadata, "of run(metadata=...), and what tasks set since, JSON"),
            "parent": (_W.c.parent, "id of the workflow that started it"),
            "engine": (_O.c.engine, "who has or had the newest run"),
            "host": (_O.c.host, "where that engine is"),
            "pid": (_O.c.pid, "its process"),
            "lease_until": (_O.c.lease_until, "the engine counts as gone after this, Unix seconds"),
            **_ERROR,
        },
    ),
    "heliograph_runs": View(
        "a start or a resume of a workflow",
        _R.outerjoin(_E, _FAILED_BY).join(_W, _W.c.key == _R.c.workflow),
        {
            "workflow_id": (_W.c.workflow_id, "the workflow"),
            "run": (_R.c.run, "its number, from 1"),
            "reason": (_R.c.reason, "start, resume, retry or recovered"),
            "status": (_R.c.status, "as stored"),
            "created_time": (_R.c.created_time, "when it was asked for, Unix seconds"),
            "start_time": (_R.c.start_time, "when its tasks could begin"),
            "end_time": (_R.c.end_time, "when it ended by itself"),
            "cancel_time": (_R.c.cancel_time, "when it was cancelled"),
            "took": (_R.c.end_time - _R.c.start_time, "seconds from start to end"),
            "reused": (_R.c.reused, "how many tasks it took from checkpoints"),
            "code": (_R.c.code, "program and versions, JSON"),
            "login": (_R.c.login, "login name of who ran it"),
            "argv": (_R.c.argv, "the command line, JSON"),
            "hostname": (_R.c.hostname, "where it ran"),
            **_ERROR,
        },
    ),
    "heliograph_tasks": View(
        "a task of a workflow",
        _T.join(_W, _W.c.key == _T.c.workflow)
        .join(_F, and_(_F.c.workflow == _T.c.workflow, _F.c.function == _T.c.function))
        .outerjoin(
            _V,
            and_(_V.c.workflow == _T.c.workflow, _V.c.task == _T.c.task, _V.c.role == constant(Role.OUTPUT)),
        )
        .outerjoin(_C, and_(_C.c.workflow == _T.c.workflow, _C.c.task == _T.c.creator)),
        {
            "workflow_id": (_W.c.workflow_id, "the workflow"),
            "task_id": (_T.c.task_id, "its id within the workflow"),
            "status": (_T.c.status, "how it stands"),
            "module": (_F.c.module, "of its function"),
            "function": (_F.c.qualname, "its function's qualified name"),
            "file": (_F.c.file, "where that is"),
            "line": (_F.c.line, "and in which line"),
            "source_hash": (_F.c.source_hash, "sha256 of its source text"),
            "options": (_OPTIONS, "task_options, JSON"),
            "user_metadata": (_T.c.user_metadata, "of options(metadata=...), and what it set since, JSON"),
            "reused_in": (_T.c.reused_in, "the last run that took its checkpoint"),
            "creator": (_C.c.task_id, "the task whose continuation it is a part of"),
            "output_type": (_V.c.kind, "dotted type of its stored output"),
            "output_size": (_V.c.size, "bytes of it, pickled"),
            "output_sha256": (_V.c.sha256, "of the pickled bytes"),
            "output_location": (_V.c.location, "in the folder of values; null: in the database"),
        },
    ),
    "heliograph_attempts": View(
        "a try of a task",
        _A.join(_W, _W.c.key == _A.c.workflow)
        .join(_T, and_(_T.c.workflow == _A.c.workflow, _T.c.task == _A.c.task))
        .outerjoin(_P, _OF_ATTEMPT),
        {
            "workflow_id": (_W.c.workflow_id, "the workflow"),
            "task_id": (_T.c.task_id, "the task"),
            "attempt": (_A.c.attempt, "its number, from 1, over all runs"),
            "run": (_A.c.run, "the run it belongs to"),
            "status": (_A.c.status, "RUNNING, SUCCESSFUL, FAILED, CANCELED or LOST"),
            "created": (_A.c.created, "it was planned, Unix seconds"),
            "ready": (_A.c.ready, "its inputs were stored"),
            "submitted": (_A.c.submitted, "the engine's executor had it"),
            "started": (_A.c.started, "a worker had it"),
            "loaded": (_A.c.loaded, "the user's code began"),
            "finished": (_A.c.finished, "the user's code was done"),
            "serialised": (_A.c.serialised, "the output was pickled"),
            "stored": (_A.c.stored, "the record was committed"),
            "backoff": (_A.c.backoff, "seconds it waited because of the attempt before"),
            "wait": (
                _A.c.ready - _A.c.created - _A.c.backoff,
                "seconds from created to ready, without backoff",
            ),
            "queue": (_A.c.started - _A.c.ready, "seconds from ready to started"),
            "load": (_A.c.loaded - _A.c.started, "seconds from started to loaded"),
            "compute": (
                _A.c.finished - func.coalesce(_A.c.loaded, _A.c.started),
                "seconds from loaded to finished; of one that was killed, from started",
            ),
            "store": (_A.c.stored - _A.c.finished, "seconds from finished to stored"),
            "inputs_size": (_A.c.inputs_size, "bytes of its arguments and inputs"),
            "host": (_A.c.host, "of the worker"),
            "pid": (_A.c.pid, "of the worker"),
            "worker_id": (_A.c.worker_id, "the engine's name of the worker"),
            "node_id": (_A.c.node_id, "Ray's name of the node"),
            "ray": (_A.c.ray, "more that Ray knows of it, JSON"),
            "done": (_P.c.done, "so much it said was done"),
            "total": (_P.c.total, "of so much"),
            "message": (_P.c.message, "what it said beside that"),
            "progress_time": (_P.c.progress_time, "when it said so, Unix seconds"),
            "measured": (_A.c.measured, "exclusive: alone in its process; shared: not"),
            "cpu_time": (_A.c.cpu_time, "seconds of CPU"),
            "peak_rss": (_A.c.peak_rss, "most memory resident at once, bytes"),
            "start_rss": (_A.c.start_rss, "memory resident when it began, bytes"),
            "read_bytes": (_A.c.read_bytes, "read from storage devices"),
            "write_bytes": (_A.c.write_bytes, "written to them"),
            "voluntary_switches": (_A.c.voluntary_switches, "times it gave the CPU up"),
            "involuntary_switches": (_A.c.involuntary_switches, "times the CPU was taken away"),
            "exit_code": (_A.c.exit_code, "of the worker, if it exited"),
            "signal": (_A.c.signal, "that killed the worker"),
            "error_type": (_A.c.error_type, "dotted type of its error"),
            "error_message": (_A.c.error_message, "text of its error"),
            "error_traceback": (_A.c.error_traceback, "as Python prints it"),
        },
    ),
    "heliograph_logs": View(
        "a line that a task logged",
        _said(SaidKind.LINE),
        {**_WHO, "text": (_S.c.text, "the line")},
    ),
    "heliograph_metrics": View(
        "a value of a metric",
        _said(SaidKind.POINT),
        {
            **_WHO,
            "key": (_S.c.text, "the metric"),
            "value": (_S.c.value, "its value; none where it was not finite"),
            "step": (_S.c.step, "which of its values it is, by the task's count"),
        },
    ),
    "heliograph_dependencies": View(
        "an output that a task takes",
        _D.join(_W, _W.c.key == _D.c.workflow)
        .join(_T, and_(_T.c.workflow == _D.c.workflow, _T.c.task == _D.c.task))
        .join(_U, and_(_U.c.workflow == _D.c.workflow, _U.c.task == _D.c.upstream)),
        {
            "workflow_id": (_W.c.workflow_id, "the workflow"),
            "task_id": (_T.c.task_id, "the task that takes it"),
            "upstream": (_U.c.task_id, "the task that gives it"),
        },
    ),
}
"""By name."""


def creation(name: str, dialect: Dialect) -> str:
    """The statement that makes a view."""
    body = VIEWS[name].select().compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return f"CREATE VIEW {name} AS {body}"


def create(connection: Connection) -> None:
    """Make the views that are not there yet."""
    there = set(inspected(connection.alchemy).get_view_names())
    for name in VIEWS:
        if name not in there:
            connection.raw.execute(creation(name, connection.dialect))


def renew(connection: Connection) -> None:
    """Make all of them as they are now: tables below them changed."""
    for name in VIEWS:
        connection.raw.execute(f"DROP VIEW IF EXISTS {name}")
    create(connection)


def ensure(database: Database) -> None:
    """Make the views in a store that is older than they are."""
    with database.read() as connection:
        missing = set(VIEWS).difference(inspected(connection.alchemy).get_view_names())
    if missing:
        with database.write() as connection:
            database.lock_schema(connection)
            create(connection)
