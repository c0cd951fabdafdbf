"""``heliograph export``: a workflow in a format that other programs read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for


def export(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    to: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help="perfetto, opentelemetry, openlineage, ro-crate (a folder), graphviz, mermaid or html.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="A file, or a folder (ro-crate).", show_default="stdout"
        ),
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(metavar="N", help="Which of its runs.", show_default="the newest, or all"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document: the files with their texts, by name.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Write a workflow in a format that other programs read."""
    from heliograph.cli import rendering
    from heliograph.insight.exports.formats import format_named

    try:
        to = format_named(to)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    open_for(context, storage, workflow_id)
    made = workflow.export(workflow_id, to, run)
    if as_json:
        rendering.print_json(dict(made.files))
        return
    if output is None:
        if len(made.names) > 1:
            raise typer.BadParameter(f"{to} is a folder: name it with --output")
        rendering.raw(made.blocks())
        return
    if len(made.names) > 1:
        _make_folder(output)
        for name in made.names:
            _write(output / name, made.blocks(name))
    else:
        _write(output, made.blocks())
    rendering.note(f"written: {rendering.shown(str(output))}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} can't be made: {error.strerror}") from error


def _write(path: Path, blocks: Iterable[str]) -> None:
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(blocks)
    except OSError as error:
        raise ValueError(f"{path} can't be written: {error.strerror}") from error
