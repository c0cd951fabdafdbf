"""The tables.

A workflow's tasks are numbered: a task's number is its position in the plan. Rows of tasks, dependencies,
attempts and values are told apart by numbers only, which keeps them and their indexes small, and appended in
order.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from heliograph.graph.identifiers import MAX_LENGTH
from heliograph.records.event import EventState
from heliograph.records.status import AttemptStatus, RunReason, TaskStatus, WorkflowStatus
from heliograph.storage.tables.layout import Role, SaidKind

metadata = MetaData()

# Ordered by code point everywhere: PostgreSQL's own default depends on how the server was set up.
_Text = Text().with_variant(Text(collation="C"), "postgresql")


def _word(length: int) -> Any:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Moment(Double[float]):
    """Unix seconds."""


# SQLite makes only a column of type INTEGER its row id; elsewhere 32 bits would run out.
_Key = BigInteger().with_variant(Integer, "sqlite")


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    # Not IN: of more than two values SQLite makes a table each time, a tenth of what a commit takes it.
    rule = " OR ".join([f"{column} = '{value}'" for value in values])
    return CheckConstraint(rule, info={"words": (column, values.__name__)})


def _where(condition: str) -> dict[str, Any]:
    """An index of some rows only; each database has its own word for it: see `say_where`."""
    return {"info": {"where": condition}}


def _json(kind: str) -> dict[str, str]:
    """Text that is JSON, of one of the kinds in `storage.tables.soundness`."""
    return {"json": kind}


# One row: the version; and which part of the folder for values is this store's (`storage.upkeep.own_part`).
schema_version = Table(
    "heliograph_schema",
    metadata,
    Column("version", Integer, nullable=False),
    Column("values_part", _word(32)),
)

owners = Table(
    "owners",
    metadata,
    Column("owner_id", _word(64), primary_key=True),
    Column("host", _Text, nullable=False),
    Column("machine", _Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_start", Double, nullable=False),
    Column("engine", _word(16), nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("code", _Text, nullable=False, server_default="{}", info=_json("object")),
)

workflows = Table(
    "workflows",
    metadata,
    Column("key", _Key, primary_key=True, autoincrement=True),
    Column("workflow_id", _word(MAX_LENGTH), nullable=False, unique=True),
    Column("name", _Text, nullable=False),
    Column("status", _word(12), nullable=False),
    Column("run", Integer, nullable=False),
    Column("created_time", Moment, nullable=False),
    Column("user_metadata", _Text, nullable=False),
    Column("output_task", Integer, nullable=False),
    Column("output_options", _Text, nullable=False, info=_json("options")),
    Column("progress", _Text, nullable=False, info=_json("counts")),
    Column("parent", _word(MAX_LENGTH)),
    # As in its newest run, whose row is long and lies elsewhere: see decision 43.
    Column("owner", _word(64)),
    Column("start_time", Moment),
    Column("end_time", Moment),
    _one_of("status", WorkflowStatus),
    Index("workflows_by_status", "status", "key"),
    Index("workflows_by_time", "created_time"),
    # The key of a deleted workflow must not come back: its value folder may linger.
    sqlite_autoincrement=True,
)

# How many workflows have ended, by status; see `storage.journal.counts`.
workflow_counts = Table(
    "workflow_counts",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("status", _word(12), primary_key=True),
    Column("workflows", BigInteger, nullable=False),
    _one_of("status", WorkflowStatus),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("reason", _word(12), nullable=False),
    Column("status", _word(12), nullable=False),
    Column("owner", _word(64)),
    Column("created_time", Moment, nullable=False),
    Column("start_time", Moment),
    Column("end_time", Moment),
    Column("cancel_time", Moment),
    Column("reused", Integer, nullable=False),
    Column("code", _Text, nullable=False, info=_json("object")),
    Column("login", _Text),
    Column("argv", _Text, nullable=False, info=_json("texts")),
    Column("hostname", _Text),
    Column("error_type", _Text),
    Column("error_message", _Text),
    Column("error_task", Integer),
    Column("error", LargeBinary),
    _one_of("status", WorkflowStatus),
    _one_of("reason", RunReason),
    sqlite_with_rowid=False,
)

functions = Table(
    "functions",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("function", Integer, primary_key=True, autoincrement=False),
    Column("module", _Text, nullable=False),
    Column("qualname", _Text, nullable=False),
    Column("file", _Text),
    Column("line", Integer),
    Column("source_hash", _word(64)),
    Column("payload", LargeBinary, nullable=False),
    Column("is_async", Boolean, nullable=False),
    Index("functions_by_name", "qualname", "workflow"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("task", Integer, primary_key=True, autoincrement=False),
    Column("task_id", _Text, nullable=False),
    Column("function", Integer, nullable=False),
    Column("status", _word(12), nullable=False),
    Column("options", _Text, nullable=False, info=_json("options")),
    Column("user_metadata", _Text, nullable=False),
    Column("reused_in", Integer),
    Column("creator", Integer),
    Column("frame", Integer),
    Column("delivers_to", Integer),
    Column("due", Double),
    _one_of("status", TaskStatus),
    Index("tasks_by_id", "workflow", "task_id", unique=True),
    # Failed tasks are looked for across workflows; the others are many, and would pay for an index of theirs.
    Index("tasks_failed", "workflow", "task", **_where(f"status = '{TaskStatus.FAILED}'")),
    sqlite_with_rowid=False,
)

dependencies = Table(
    "dependencies",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("task", Integer, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("upstream", Integer, nullable=False),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("task", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("run", Integer, nullable=False),
    Column("status", _word(12), nullable=False),
    Column("created", Moment),
    Column("ready", Moment),
    Column("submitted", Moment),
    Column("started", Moment),
    Column("loaded", Moment),
    Column("finished", Moment),
    Column("serialised", Moment),
    Column("stored", Moment),
    Column("backoff", Double, nullable=False),
    Column("inputs_size", BigInteger),
    Column("host", _Text),
    Column("pid", Integer),
    Column("worker_id", _Text),
    Column("node_id", _Text),
    Column("ray", _Text, info=_json("object")),
    Column("measured", _word(12)),
    Column("cpu_time", Double),
    Column("peak_rss", BigInteger),
    Column("start_rss", BigInteger),
    Column("read_bytes", BigInteger),
    Column("write_bytes", BigInteger),
    Column("voluntary_switches", BigInteger),
    Column("involuntary_switches", BigInteger),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("error_type", _Text),
    Column("error_message", _Text),
    Column("error_traceback", _Text),
    Column("died", Boolean),
    _one_of("status", AttemptStatus),
    sqlite_with_rowid=False,
)


# "values" is a word of SQL's own.
stored_values = Table(
    "stored_values",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("role", _word(12), primary_key=True),  # before the task: outputs are appended, in their own pages
    Column("task", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", _word(64), nullable=False),
    Column("kind", _Text),
    Column("data", LargeBinary),
    Column("location", _Text),
    _one_of("role", Role),
    CheckConstraint("(data IS NULL) <> (location IS NULL)"),
    sqlite_with_rowid=False,
)

# User metadata laid out flat, to be searched: a row a value; see `storage.journal.labels`. Where there are
# none, there is nothing here.
workflow_labels = Table(
    "workflow_labels",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("path", _Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("text", _Text),
    Column("number", Double),
    Index("workflow_labels_by_text", "path", "text", "workflow"),
    Index("workflow_labels_by_number", "path", "number", "workflow", **_where("number IS NOT NULL")),
    sqlite_with_rowid=False,
)

task_labels = Table(
    "task_labels",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("task", Integer, primary_key=True, autoincrement=False),
    Column("path", _Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("text", _Text),
    Column("number", Double),
    Index("task_labels_by_text", "path", "text", "workflow", "task"),
    Index("task_labels_by_number", "path", "number", "workflow", "task", **_where("number IS NOT NULL")),
    sqlite_with_rowid=False,
)

# What an attempt said of itself, but for its lines and points: those are in `said`.
reports = Table(
    "reports",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("task", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("done", Double),
    Column("total", Double),
    Column("message", _Text),
    Column("progress_time", Moment),
    Column("lines", Integer, nullable=False),
    Column("points", Integer, nullable=False),
    Column("lines_dropped", Integer, nullable=False),
    Column("points_dropped", Integer, nullable=False),
    sqlite_with_rowid=False,
)


said = Table(
    "said",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("task", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("kind", _word(8), nullable=False),
    Column("time", Moment, nullable=False),
    Column("text", _Text, nullable=False),
    Column("value", Double),
    Column("step", BigInteger),
    _one_of("kind", SaidKind),
    Index("said_by_task", "workflow", "task", "number"),
    sqlite_with_rowid=False,
)

# What changed, in the order in which it was stored: a row for all that one commit changed of a workflow.
changes = Table(
    "changes",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("run", Integer, nullable=False),
    Column("time", Moment, nullable=False),
    Column("what", _Text, nullable=False, info=_json("story")),
    sqlite_with_rowid=False,
)

http_events = Table(
    "http_events",
    metadata,
    Column("event", _Key, primary_key=True, autoincrement=True),
    Column("workflow", _Key, nullable=False),
    Column("event_key", _word(MAX_LENGTH), nullable=False),
    Column("state", _word(12), nullable=False),
    Column("payload", _Text, info=_json("any")),
    Column("is_kept", Boolean, nullable=False),
    Column("sender_key", _word(MAX_LENGTH)),
    Column("sent_time", Moment, nullable=False),
    Column("task_id", _Text),
    Column("attempt", Integer),
    _one_of("state", EventState),
    Index("http_events_by_key", "workflow", "event_key"),
    Index("http_events_by_state", "state"),
    # A sender asks for its event by number: that of a withdrawn one must not come back.
    sqlite_autoincrement=True,
)

http_listeners = Table(
    "http_listeners",
    metadata,
    Column("workflow", _Key, primary_key=True, autoincrement=False),
    Column("task_id", _word(MAX_LENGTH), primary_key=True),
    Column("event_key", _word(MAX_LENGTH), nullable=False),
    Column("run", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Index("http_listeners_by_key", "workflow", "event_key"),
    sqlite_with_rowid=False,
)

OF_WORKFLOW: Final = (
    runs,
    functions,
    tasks,
    dependencies,
    attempts,
    stored_values,
    workflow_labels,
    task_labels,
    reports,
    said,
    changes,
    http_events,
    http_listeners,
)
"""Tables whose rows belong to one workflow, named by their column ``workflow``."""


def say_where(dialect: str) -> None:
    """Say in a database's own word which rows an index is of.

    Only of the one that is used: at a word of another database, all of its dialect would be imported.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            if "where" in index.info:
                index.dialect_kwargs[f"{dialect}_where"] = text(index.info["where"])
