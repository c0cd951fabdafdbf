"""The storage that is shown."""

from __future__ import annotations

import os

from heliograph import workflow


def open_storage(storage: str | os.PathLike[str] | None) -> None:
    """Have the storage open; it is already, but in a child that was forked since.

    Raises:
        StorageError: it can't be opened, or the program has opened another one since.
    """
    if storage is not None:
        try:
            workflow.init(storage=storage)
        except ValueError as error:  # no fault of who asks
            raise workflow.StorageError(f"the program has opened another storage since: {error}") from error
