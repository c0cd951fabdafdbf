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
    """Find files of the value store that the database does not know, and remove them if wanted.

    Such files come from attempts that failed or were killed after they had written their output, from outputs
    without a checkpoint, and from submissions that were interrupted. Engines may run meanwhile: files that
    they may still need are kept.

    Args:
        remove: remove the files. False: only report them.
        older_than: only files that were written so many seconds ago, or earlier; 600 or more.

    Returns:
        ``files`` (``name``, ``size``, ``modified``) that were removed or would be, and their ``bytes``;
        ``kept``, the number of files that are needed, and their ``kept_bytes``.

    Raises:
        TypeError: `remove` is not a bool, or `older_than` is not a number.
        ValueError: `older_than` is too small.
        StorageError: the storage can't be read, or a file can't be removed.

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
    """Read every row and every value of the storage, and find those that are damaged or gone.

    Args:
        forget: forget such outputs, so that `resume` runs their tasks again. Outputs of tasks with
            ``max_retries=0`` are kept, since these may run only once; and so are arguments.
        progress: called with what is being read, how many of it are done, and how many there are.

    Returns:
        ``values`` and ``bytes``: how many values are stored outside of the database, and their size;
        ``damaged``: the values that are (inside the database too), each with ``workflow_id``, ``task_id``,
        ``role``, ``error``, and whether it was ``forgotten``; ``rows``, and ``damaged_rows``, each with its
        ``error``, and its ``workflow_id`` if that is known.

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
    """Upgrade a storage that an older version of heliograph wrote.

    A SQLite storage is also upgraded whenever it is opened. One on a server is upgraded only by this, while
    nobody uses it.

    Args:
        storage: as for `init`.

    Returns:
        ``before`` and ``now``: the version that it had (None: none yet) and has; ``kept``: the file with the
        storage as it was, or None.

    Raises:
        StorageVersionError: a newer version of heliograph wrote it.
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
    """Copy a whole storage into another one, of any kind, that is empty; then compare the two.

    Engines may write to the source meanwhile: the copy is of one moment. In the copy no engine owns a
    workflow: those that were running read RESUMABLE.

    Args:
        source: as for `init`.
        target: likewise; it is created if it does not exist.
        progress: called with what is being copied, how many of it are done, and how many there are.

    Returns:
        ``rows`` by table, ``values``, ``values_bytes``, and ``damaged``: messages about values of the source
        that are damaged, and not in the copy.

    Raises:
        StorageError: the target is not empty or is the source, or the copy does not read the same.
    """
    from heliograph.storage.location import locate

    here, there = locate(source), locate(target)
    _check_apart(here, there)
    with _opened(here) as store, _opened(there) as other:
        return _copied(store.copy_to(other, progress or _untold))


def backup_storage(
    target: Place, storage: Place | None = None, *, progress: Told | None = None
) -> dict[str, Any]:
    """Back up a storage to a new file or folder, while engines go on writing to it.

    A SQLite database is saved with SQLite's own backup; one on a server is saved as `copy_storage` does. The
    backup is a storage like any other: `init(storage=…)` opens it, `copy_storage` copies it to a server.

    Args:
        target: a folder, a file ending in ``.db``, or a database URL.
        storage: the storage to back up, as for `init`.
        progress: as for `copy_storage`.

    Returns:
        As `copy_storage`.

    Raises:
        StorageError: something exists at the target already, or it can't be written.
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
    """Tell nobody of the progress."""
