"""Whole storages: brought to a newer version, copied, backed up, checked, cleared up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from heliograph.errors import StorageError
from heliograph.graph.checks import checked_flag, checked_seconds

if TYPE_CHECKING:
    from heliograph.storage.location import Location
    from heliograph.storage.store import Store
    from heliograph.storage.upkeep.copying import Copied

DEFAULT_AGE = 3600.0
"""`collect_garbage` leaves younger files alone, in seconds."""

Place = str | os.PathLike[str]
Told = Callable[[str, int, int], None]


def collect_garbage(*, remove: bool = False, older_than: float = DEFAULT_AGE) -> dict[str, Any]:
    """Find files of the value store that nothing in the database names, and remove them if told to.

    They come from attempts that failed or were killed after they had written their output, from outputs that
    are not checkpointed, and from submissions that were cut short. Engines may run meanwhile: what they may
    still need is left.

    Args:
        remove: remove what is found; else it is only told.
        older_than: seconds since a file was written; 600 or more.

    Returns:
        ``files`` (``name``, ``size``, ``modified``) that were or would be removed, their ``bytes``; how many
        files are ``kept``, and their ``kept_bytes``.

    Raises:
        TypeError: `remove` is not a bool, or `older_than` not a number.
        ValueError: `older_than` is too short.
        StorageError: the storage can't be read, or a file not be removed.

    >>> sorted(collect_garbage())
    ['bytes', 'files', 'kept', 'kept_bytes']
    """
    from heliograph.reading.opened import session
    from heliograph.storage.upkeep.garbage import LEAST_AGE

    checked_flag("remove", remove)
    # Somebody may be about to submit what is younger than the least.
    age = checked_seconds("older_than", older_than, LEAST_AGE)
    found = session().store.collect_garbage(age, remove)
    files = [{"name": file.name, "size": file.size, "modified": file.modified} for file in found.garbage]
    return {
        "files": files,
        "bytes": sum(file.size for file in found.garbage),
        "kept": found.kept,
        "kept_bytes": found.kept_bytes,
    }


def check_values(*, forget: bool = False, progress: Told | None = None) -> dict[str, Any]:
    """Read every row and every value, and find what is damaged or gone.

    Args:
        forget: forget outputs that are: then `resume` makes them again. Not those of tasks with
            ``max_retries=0``, which may run once only; nor arguments, which nothing can make again.
        progress: is told how far it is: of what, how many, and of how many.

    Returns:
        How many ``values`` there are outside of the database, how many ``bytes``, and which are ``damaged``,
        those in the database too: ``workflow_id``, ``task_id``, ``role``, ``error``, and whether it was
        ``forgotten``. How many ``rows`` there are, and the ``damaged_rows``: ``error``, and ``workflow_id``
        where that is known.

    Raises:
        TypeError: `forget` is not a bool.
        StorageError: the storage can't be read.
    """
    from heliograph.reading.opened import session

    checked_flag("forget", forget)
    found = session().store.check_values(forget, progress or _untold)
    damaged = [
        {
            "workflow_id": one.workflow_id,
            "task_id": one.task_id,
            "role": one.role.value,
            "error": one.error,
            "forgotten": one.is_forgotten,
        }
        for one in found.damaged
    ]
    damaged_rows = [
        {"error": str(error)} | ({} if error.workflow_id is None else {"workflow_id": error.workflow_id})
        for error in found.damaged_rows
    ]
    return {
        "values": found.values,
        "bytes": found.values_bytes,
        "damaged": damaged,
        "rows": found.rows,
        "damaged_rows": damaged_rows,
    }


def upgrade_storage(storage: Place | None = None) -> dict[str, Any]:
    """Bring a storage that an older heliograph wrote to the version of this one.

    One in a file is upgraded when it is opened, too; one on a server by this alone, when nobody uses it.

    Args:
        storage: as for `init`.

    Returns:
        The version it had, ``before`` (None: there was none), and it has ``now``; and the file in which it is
        ``kept`` as it was, or None.

    Raises:
        StorageVersionError: it comes from a newer heliograph.
        StorageError: it is in use, or can't be opened.
    """
    from heliograph.storage.databases.database import Database
    from heliograph.storage.location import locate
    from heliograph.storage.tables.layout import VERSION
    from heliograph.storage.versions import migrations

    database = Database(locate(storage))
    try:
        upgraded = migrations.upgrade(database)
    finally:
        database.close()
    kept = None if upgraded.kept is None else os.fspath(upgraded.kept)
    return {"before": upgraded.version, "now": VERSION, "kept": kept}


def copy_storage(source: Place, target: Place, *, progress: Told | None = None) -> dict[str, Any]:
    """Copy all of a storage into another one, of any kind, that is empty; both are compared.

    Engines may write to the source meanwhile: what is copied is how it was at one moment. In the copy no
    engine has anything: what ran reads RESUMABLE.

    Args:
        source: as for `init`.
        target: likewise; it is made where there is none.
        progress: is told how far it is: of what, how many, and of how many.

    Returns:
        ``rows`` by table, ``values``, ``values_bytes``, and what is ``damaged`` in the source, as messages:
        such values are not in the copy, all else is.

    Raises:
        StorageError: the target is not empty, is the source, or does not read the same.
    """
    from heliograph.storage.location import locate

    here, there = locate(source), locate(target)
    _check_apart(here, there)
    with _opened(here) as store, _opened(there) as other:
        return _copied(store.copy_to(other, progress or _untold))


def backup_storage(
    target: Place, storage: Place | None = None, *, progress: Told | None = None
) -> dict[str, Any]:
    """Save a storage to a file or folder where there is none yet, while engines go on writing to it.

    A database file is saved by SQLite's own backup, one on a server as by `copy_storage`. The backup is a
    storage like any other: `init(storage=…)` opens it, `copy_storage` brings it back to a server.

    Args:
        target: a folder, a file ending in ``.db``, or a database URL.
        storage: what to save, as for `init`.
        progress: as for `copy_storage`.

    Returns:
        As `copy_storage`.

    Raises:
        StorageError: there is something at the target already, or it can't be written.
    """
    from heliograph.storage.location import locate

    here, there = locate(storage), locate(target)
    _check_apart(here, there)
    with _opened(here) as store:
        if here.path is None or there.path is None:
            with _opened(there) as other:
                return _copied(store.copy_to(other, progress or _untold))
        return _copied(store.save_to(there, progress or _untold))


def _copied(copied: Copied) -> dict[str, Any]:
    return {
        "rows": dict(copied.rows),
        "values": copied.values,
        "values_bytes": copied.values_bytes,
        "damaged": list(copied.damaged),
    }


@contextmanager
def _opened(location: Location) -> Iterator[Store]:
    from heliograph.storage.store import Store

    store = Store(location)
    try:
        yield store
    finally:
        store.close()


def _check_apart(here: Location, there: Location) -> None:
    if here.url == there.url:
        raise StorageError(f"storage {here.shown} can't be copied to itself: name another target")


def _untold(_what: str, _done: int, _all: int) -> None:
    """Nobody wants to know."""
