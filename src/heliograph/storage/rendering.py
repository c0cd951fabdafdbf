"""Writes `storage.statements.rendered`: what SQLAlchemy makes of tables, views and statements."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from heliograph.storage import composed
from heliograph.storage.statements import rendered
from heliograph.storage.statements.compiling import worded
from heliograph.storage.tables import schema
from heliograph.storage.versions import views

_DIALECTS: Final[dict[str, type[Dialect]]] = {
    "sqlite": SQLiteDialect_pysqlite,
    "postgresql": PGDialect_psycopg,
}


def texts(kind: str) -> str:
    """The file of `storage.statements.rendered` for a kind of database."""
    dialect = _DIALECTS[kind]()
    schema.say_where(kind)
    whole = {
        "tables": sorted(schema.metadata.tables),
        "creation": list(_creation(dialect)),
        "statements": {
            found.name: _statements(found.name, dialect) for found in iter_modules(composed.__path__)
        },
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _creation(dialect: Dialect) -> Iterator[str]:
    for table in schema.metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect)).strip()
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=dialect)).strip()
    for name in views.VIEWS:
        yield views.creation(name, dialect)


def _statements(room: str, dialect: Dialect) -> dict[str, Any]:
    module = import_module(f"{composed.__name__}.{room}")
    made = module.statements(dialect)
    return {name: worded(one.statement, one.columns, dialect)._asdict() for name, one in made.items()}


def write() -> None:
    """Write the files anew."""
    for kind in _DIALECTS:
        rendered.file(kind).write_text(texts(kind), "utf-8")


if __name__ == "__main__":
    write()
