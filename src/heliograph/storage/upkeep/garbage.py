"""Files of the value store that no row names, and that nobody is about to name.

What an engine may still name, or read unnamed, is in the folder of an active workflow: nothing there is
touched, but what a killed writer left unfinished. Of the others, the workflow is locked while its files go:
whoever resumes it comes before, and then it is active, or after, and then finds them gone. What a stopped
attempt of a cancelled or deleted workflow writes late can never be named: its run's fence keeps it out.

Large arguments of a submission are there before their workflow is. What is too old for `STAGED_SECONDS`
can't be stored any more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from heliograph.records.status import ACTIVE
from heliograph.storage.databases.database import Database
from heliograph.storage.statements.connection import Connection
from heliograph.storage.tables import schema
from heliograph.storage.values.arguments import STAGED_SECONDS
from heliograph.storage.values.folder import StoredFile
from heliograph.storage.values.value_store import ValueStore

LEAST_AGE: Final = 2 * STAGED_SECONDS
"""Younger files are never garbage, in seconds."""
_UNFINISHED_AGE: Final = 24 * 3600.0  # of an active workflow; nobody writes at one file for so long
_AT_ONCE: Final = 100  # files that are removed while a workflow is locked


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found.

    Attributes:
        garbage: files that were removed, or would be.
        kept: how many files stay: they are named, young, or of an active workflow.
        kept_bytes: their size.
    """

    garbage: tuple[StoredFile, ...]
    kept: int
    kept_bytes: int


class Collector:
    """Looks through a value store.

    Args:
        database: with the rows that name its files.
        values: the store.
        clock: gives Unix seconds.
        age: how old a file has to be, in seconds; `LEAST_AGE` or more.
        remove: remove what is found; else only tell.
    """

    def __init__(
        self, database: Database, values: ValueStore, clock: Callable[[], float], age: float, remove: bool
    ) -> None:
        self._database = database
        self._values = values
        self._clock = clock
        self._age = age
        self._remove = remove

    def collect(self) -> Collected:
        """Look through all of it.

        Raises:
            StorageError: the storage can't be read, or a file not be removed.
        """
        garbage: list[StoredFile] = []
        kept = kept_bytes = 0
        folders = itertools.groupby(self._values.files(), lambda file: file.name.partition("/")[0])
        for folder, found in folders:
            files = list(found)
            gone = self._of_workflow(int(folder), files) if folder.isdigit() else self._staged(folder, files)
            garbage += gone
            kept += len(files) - len(gone)
            kept_bytes += sum(file.size for file in files) - sum(file.size for file in gone)
        return Collected(tuple(garbage), kept, kept_bytes)

    def _of_workflow(self, key: int, files: Sequence[StoredFile]) -> list[StoredFile]:
        old = self._old(files, self._age)
        gone: list[StoredFile] = []
        for start in range(0, len(old), _AT_ONCE):
            some = old[start : start + _AT_ONCE]
            if not self._remove:
                with self._database.snapshot() as connection:
                    gone += self._garbage(connection, key, some)
                continue
            with self._database.write() as connection:
                self._database.lock(connection, keys=[key])
                garbage = self._garbage(connection, key, some)
                self._delete(garbage)
            gone += garbage
        return gone

    def _garbage(self, connection: Connection, key: int, files: Sequence[StoredFile]) -> list[StoredFile]:
        workflows, values = schema.workflows, schema.stored_values
        status = connection.execute(
            select(workflows.c.status).where(workflows.c.key == key)
        ).scalar_one_or_none()
        if status in ACTIVE:
            return self._old([file for file in files if file.is_unfinished], _UNFINISHED_AGE)
        rows = select(values.c.location).where(values.c.workflow == key, values.c.location.is_not(None))
        named = set(connection.execute(rows).scalars())
        return [file for file in files if file.name not in named]

    def _staged(self, folder: str, files: Sequence[StoredFile]) -> list[StoredFile]:
        if len(self._old(files, self._age)) < len(files):  # the last of them tells when it was submitted
            return []
        values = schema.stored_values
        with self._database.read() as connection:
            named = connection.execute(
                select(values.c.workflow).where(values.c.location.startswith(f"{folder}/")).limit(1)
            ).first()
        if named is not None:
            return []
        if self._remove:
            self._delete(files)
        return list(files)

    def _old(self, files: Iterable[StoredFile], age: float) -> list[StoredFile]:
        now = self._clock()
        return [file for file in files if now - file.modified > age]

    def _delete(self, files: Iterable[StoredFile]) -> None:
        for file in files:
            self._values.delete(file.name)
