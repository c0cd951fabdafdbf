"""``heliograph gc``: files of large values that nothing needs any more; at first only shown."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from heliograph import workflow
from heliograph.cli.ages import seconds_of
from heliograph.cli.storage import StorageOption, chosen, open_to_read

_SHOWN = 20


def gc(
    context: typer.Context,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Only files written longer ago: 10min or more, 12h, 30d.")
    ] = "1h",
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; else they are only shown.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What workflow.collect_garbage returns.")] = False,
    storage: StorageOption = None,
) -> None:
    """Remove files of large values that nothing needs any more.

    Killed attempts and deleted workflows leave them. Without --yes, what would be removed is only shown.
    Engines may run meanwhile.
    """
    from heliograph.cli import rendering

    age = seconds_of(older_than)
    found: dict[str, Any] = {"files": [], "bytes": 0, "kept": 0, "kept_bytes": 0}
    if open_to_read(chosen(context, storage)):
        try:
            found = workflow.collect_garbage(remove=yes, older_than=age)
        except ValueError as error:  # it is too young
            raise typer.BadParameter(str(error), param_hint="'--older-than'") from None
    if as_json:
        rendering.print_json(found)
        return
    files = found["files"]
    rendering.first(
        [f"{rendering.shown(file['name'])}  {rendering.size(file['size'])}" for file in files], _SHOWN
    )
    count = f"{rendering.counted(len(files), 'file')}, {rendering.size(found['bytes'])},"
    if not files:
        said = "nothing to remove"
    else:
        said = f"{count} removed" if yes else f"{count} would be removed; with --yes they are"
    kept = f"{found['kept']} kept, {rendering.size(found['kept_bytes'])}"
    rendering.note(f"{said}. {kept}")
