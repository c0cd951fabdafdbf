"""A large store brought to PostgreSQL: its tables copied, row by row, into a database of the same schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg import sql

from heliograph import workflow
from heliograph.storage.tables import schema
from tests.postgresql import plain


def copy(source: Path, target: str) -> None:
    """Copy all that is stored.

    Args:
        source: the folder of a store on SQLite.
        target: URL of a storage on PostgreSQL, in which nothing is stored yet.
    """
    workflow.init(storage=target, workers="threads")  # makes the tables
    workflow.shutdown()
    with closing(sqlite3.connect(source / "heliograph.db")) as read, psycopg.connect(plain(target)) as write:
        write.execute("SET synchronous_commit = off")
        for table in (schema.workflows, *schema.OF_WORKFLOW, schema.owners, schema.workflow_counts):
            names = [column.name for column in table.columns]
            into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
            )
            with write.cursor().copy(into) as rows:
                for row in read.execute(f"SELECT {', '.join(names)} FROM {table.name}"):
                    rows.write_row(row)
        write.execute("SELECT setval(pg_get_serial_sequence('workflows', 'key'), max(key)) FROM workflows")
        write.commit()
        write.autocommit = True
        write.execute("VACUUM ANALYZE")
