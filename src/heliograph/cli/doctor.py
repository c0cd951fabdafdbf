"""``heliograph doctor``: whether all is well with the storage, the versions and the engine."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.storage import StorageOption, chosen, open_to_read

UNWELL = 1


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="What workflow.diagnose returns.")] = False,
    storage: StorageOption = None,
) -> None:
    """Check the storage, the versions and the worker processes. Exits with 1 if something is wrong."""
    from rich.text import Text

    from heliograph.cli import rendering
    from heliograph.cli.views.tables import facts

    try:
        open_to_read(chosen(context, storage))
    except workflow.StorageError as error:  # there is no more to be said of one that can't be opened
        checks = [{"check": "storage", "ok": False, "found": str(error)}]
    else:
        checks = workflow.diagnose()
    if as_json:
        rendering.print_json(checks)
    else:
        lines: list[tuple[Text, Text]] = []
        for check in checks:
            mark = Text("ok", "not dim green") if check["ok"] else Text("wrong", "not dim bold red")
            lines.append((mark, Text(f"{check['check']}: {rendering.shown(str(check['found']))}")))
            if "advice" in check:
                lines.append((Text(), Text(rendering.shown(str(check["advice"])), "yellow")))
        rendering.output(facts(lines), rendering.stdout())
    if not all(check["ok"] for check in checks):
        raise typer.Exit(UNWELL)
