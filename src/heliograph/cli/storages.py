"""``heliograph storage``: whole storages, brought to a newer version, copied, backed up and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from heliograph import workflow
from heliograph.cli.doctor import UNWELL
from heliograph.cli.storage import StorageOption, chosen, command, open_to_read, require

_JSON = Annotated[
    bool, typer.Option("--json", help="One JSON document: what the function of Python returns.")
]
_TARGET = Annotated[str, typer.Argument(metavar="TARGET", help="A new folder, file or database URL.")]


def upgrade(context: typer.Context, as_json: _JSON = False, storage: StorageOption = None) -> None:
    """Upgrade a storage of an older heliograph to this version. Of a file, a copy as it was is kept.

    Files are upgraded when they are opened, too. On a server, end what uses it, and make a backup first.
    """
    from heliograph.cli import rendering

    place = chosen(context, storage)
    require(place)
    done = workflow.upgrade_storage(place)
    if as_json:
        rendering.print_json(done)
        return
    if done["before"] == done["now"]:
        rendering.write(f"it has version {done['now']} already: nothing was done")
        return
    rendering.write(f"upgraded from version {done['before']} to {done['now']}")
    if done["kept"] is not None:
        rendering.write(f"as it was, it is kept in {rendering.shown(done['kept'])}")


def copy(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder, file or database URL.")],
    target: _TARGET,
    as_json: _JSON = False,
) -> None:
    """Copy all of a storage into an empty one, and compare the two. Each is of any kind; the source stays."""
    require(source)
    with _progress() as told:
        done = workflow.copy_storage(source, target, progress=told)
    _tell_copied(done, target, as_json)


def backup(
    context: typer.Context, target: _TARGET, as_json: _JSON = False, storage: StorageOption = None
) -> None:
    """Back up a storage while engines go on writing to it."""
    place = chosen(context, storage)
    require(place)
    with _progress() as told:
        done = workflow.backup_storage(target, place, progress=told)
    _tell_copied(done, target, as_json)


def check(
    context: typer.Context,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget damaged outputs, so that a resume makes them again.")
    ] = False,
    as_json: _JSON = False,
    storage: StorageOption = None,
) -> None:
    """Read every row and value, and tell which are damaged or gone. Exits with 1 if any are."""
    from heliograph.cli import rendering

    place = chosen(context, storage)
    found: dict[str, Any] = {"values": 0, "bytes": 0, "damaged": [], "rows": 0, "damaged_rows": []}
    if open_to_read(place):
        with _progress() as told:
            found = workflow.check_values(forget=forget, progress=told)
    if as_json:
        rendering.print_json(found)
    else:
        for one in found["damaged"]:
            whose = f"{one['workflow_id']} {one['task_id']} {one['role']}"
            rendering.write(f"{rendering.shown(whose)}: {rendering.shown(one['error'])}")
            if one["forgotten"]:
                again = command(place, "resume", one["workflow_id"])
                rendering.write(f"  forgotten: {rendering.shown(again)} makes it again")
        for one in found["damaged_rows"]:
            rendering.write(rendering.shown(one["error"]))
        rendering.note(f"{rendering.counted(found['rows'], 'row')}, {len(found['damaged_rows'])} damaged")
        values = f"{rendering.counted(found['values'], 'value')}, {rendering.size(found['bytes'])}"
        rendering.note(f"{values}, {len(found['damaged'])} damaged")
    if found["damaged"] or found["damaged_rows"]:
        raise typer.Exit(UNWELL)


def _tell_copied(done: dict[str, Any], target: str, as_json: bool) -> None:
    from heliograph.cli import rendering

    if as_json:
        rendering.print_json(done)
    else:
        for one in done["damaged"]:
            rendering.write(f"not copied: {rendering.shown(one)}")
        workflows = rendering.counted(done["rows"]["workflows"], "workflow")
        rows = rendering.counted(sum(done["rows"].values()), "row")
        values = f"{rendering.counted(done['values'], 'value')} of {rendering.size(done['values_bytes'])}"
        rendering.write(f"copied and compared: {workflows}, {rows}, {values}")
        rendering.write(f"look at it: {rendering.shown(command(target, 'ls'))}")
    if done["damaged"]:
        raise typer.Exit(UNWELL)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that is being done, on a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from heliograph.cli import rendering

    console = rendering.stderr()
    if not console.is_terminal:
        yield lambda what, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        bar_of: dict[str, Any] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in bar_of:
                bar_of[what] = bars.add_task(what, total=total)
            bars.update(bar_of[what], completed=done, total=total)

        yield told
