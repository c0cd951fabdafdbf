"""The option ``--storage``, and the storage it names: opened to be read, never made."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

import typer

from heliograph import workflow
from heliograph.errors import StorageError, WorkflowNotFoundError

StorageOption = Annotated[
    str | None,
    typer.Option(
        metavar="PLACE",
        help="A folder, a file ending in .db, or a database URL. Default: HELIOGRAPH_STORAGE, "
        "else the user's data directory.",
        show_default=False,
    ),
]


def chosen(context: typer.Context, given: str | None) -> str | None:
    """The storage that a command is to read.

    Args:
        context: of the command; the command ``heliograph`` itself left its own ``--storage`` there.
        given: ``--storage`` of the command, which wins.
    """
    shared: str | None = context.obj
    return given if given is not None else shared


def open_to_read(place: str | None) -> bool:
    """Open the storage for the public functions.

    Returns:
        Whether there is one. The default one comes into being with the first workflow; until then there is
        nothing to see, which is no error.

    Raises:
        StorageError: it was named and isn't there (a typing error must not make an empty one), or it can't
            be opened.
        ValueError: `place` names no storage.
    """
    if place is None and not _is_there(place):
        return False
    require(place)
    workflow.init(storage=place)
    return True


def require(place: str | None) -> None:
    """See that there is a storage: a typing error must not make an empty one.

    Raises:
        StorageError: there is none.
        ValueError: `place` names no storage.
    """
    from heliograph.storage.location import locate

    if not _is_there(place):
        raise StorageError(f"there is no storage at {os.fspath(locate(place).path or '')!r}")


def named(place: str | None) -> str:
    """A storage by the name that another user gives it: with its folder for values, if that was named.

    Args:
        place: None: the default one.

    >>> named("postgresql://ann:s3cret@db/flows?values=s3://team/flows")
    'postgresql://ann@db/flows?values=s3://team/flows'
    >>> named("/data/flows.db")
    '/data/flows.db'
    """
    from heliograph.storage.location import locate, shown

    location = locate(place)
    return shown(location.name) if location.is_values_named else location.shown


def whole_name(place: str | None) -> str:
    """A storage by a name that means the same to every process of this machine; it may hold a password."""
    from heliograph.storage.location import locate

    return locate(place).name


def _is_there(place: str | None) -> bool:
    from heliograph.storage.location import locate

    location = locate(place)
    try:
        return location.path is None or location.path.exists()
    except OSError as error:  # a name that is too long, for one
        raise StorageError(f"storage {location.shown!r} can't be looked for: {error.strerror}") from error


def open_for(context: typer.Context, given: str | None, workflow_id: str) -> str | None:
    """Open the storage that a command is to read, for a workflow in it.

    Returns:
        The storage, as it was named.

    Raises:
        WorkflowNotFoundError: there is nothing yet.
        StorageError, ValueError: as `open_to_read`.
    """
    place = chosen(context, given)
    if not open_to_read(place):
        raise WorkflowNotFoundError(f"No such workflow_id {workflow_id!r}")
    return place


def command(place: str | None, name: str, *arguments: str) -> str:
    """A command line to paste into a shell, for the same storage; without a password.

    >>> command("build/my demo", "show", "nightly")
    "heliograph --storage 'build/my demo' show nightly"
    >>> command(None, "show", "nightly", "-task")
    'heliograph show -- nightly -task'
    """
    from heliograph.storage.location import shown

    storage = [] if place is None else ["--storage", shown(place)]
    dashes = ["--"] if any(argument.startswith("-") for argument in arguments) else []
    return shlex.join(["heliograph", *storage, name, *dashes, *arguments])
