"""The steps that bring an older store to this version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import inspect, select, text, update

from heliograph.storage.journal import counts
from heliograph.storage.journal.labels import EMPTY, Labels
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.owners import is_newest
from heliograph.storage.tables import schema
from heliograph.storage.versions import views


def _from_1(connection: Connection) -> None:
    """Tables for what tasks say, for changes, and for searching user metadata: which are laid out for it."""
    schema.say_where(connection.dialect.name)
    connection.execute(text("ALTER TABLE owners ADD COLUMN code TEXT NOT NULL DEFAULT '{}'"))
    connection.execute(text("ALTER TABLE attempts ADD COLUMN ray TEXT"))
    known = set(inspect(connection.alchemy).get_table_names())
    for name in ("workflow_labels", "task_labels", "reports", "said", "changes"):
        if name not in known:
            schema.metadata.tables[name].create(connection.alchemy)
    connection.execute(text("DROP INDEX IF EXISTS workflows_by_status"))
    for table in (schema.workflows, schema.functions, schema.tasks):
        there = {index["name"] for index in inspect(connection.alchemy).get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in there:
                index.create(connection.alchemy)
    labels, workflows, tasks = Labels(connection.dialect.name), schema.workflows, schema.tasks
    labelled = select(workflows.c.key, workflows.c.user_metadata).where(workflows.c.user_metadata != EMPTY)
    for row in connection.execute(labelled).all():
        labels.add(connection, row.key, row.user_metadata)
    of_tasks = select(tasks.c.workflow, tasks.c.task, tasks.c.user_metadata)
    for key, task, user_metadata in connection.execute(of_tasks.where(tasks.c.user_metadata != EMPTY)).all():
        labels.add_of_tasks(connection, key, [(task, user_metadata)])


def _from_3(connection: Connection) -> None:
    """How many workflows there are of each status is kept from here on; values stay where they are."""
    part = schema.schema_version.c.values_part
    known = inspect(connection.alchemy).get_columns(schema.schema_version.name)
    if part.name not in {column["name"] for column in known}:
        kind = part.type.compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE heliograph_schema ADD COLUMN {part.name} {kind}"))
    if not inspect(connection.alchemy).has_table(schema.workflow_counts.name):
        schema.workflow_counts.create(connection.alchemy)
    counts.recount(connection)


def _from_4(connection: Connection) -> None:
    """The workflow's row has what most questions want of its newest run."""
    workflows, runs = schema.workflows, schema.runs
    of_newest = {}
    for name in ("owner", "start_time", "end_time"):
        kind = workflows.c[name].type.compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE workflows ADD COLUMN {name} {kind}"))
        of_newest[name] = select(runs.c[name]).where(is_newest()).scalar_subquery()
    connection.execute(update(workflows).values(of_newest))


def _from_5(connection: Connection) -> None:
    """What was resident when an attempt began is kept beside the most that was."""
    connection.execute(text("ALTER TABLE attempts ADD COLUMN start_rss BIGINT"))


STEPS: Final[dict[int, Callable[[Connection], None]]] = {1: _from_1, 3: _from_3, 4: _from_4, 5: _from_5}
"""From each version to the next, where more than the views changed."""


def bring(connection: Connection, version: int) -> None:
    """Bring a store of an older version to this one, in a transaction."""
    for older, step in sorted(STEPS.items()):
        if older >= version:
            step(connection)
    views.renew(connection)
