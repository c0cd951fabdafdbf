"""``heliograph export``: a workflow in a format that other programs read."""

from __future__ import annotations

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
    if len(made.files) > 1:
        if output is None:
            raise typer.BadParameter(f"{to} is a folder: name it with --output")
        _write_folder(output, dict(made.files))
    elif output is None:
        rendering.raw(made.text)
        return
    else:
        _write(output, made.text)
    rendering.stderr().print(f"written: {rendering.shown(str(output))}", style="dim", soft_wrap=True)


def _write_folder(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} can't be made: {error.strerror}") from error
    for name, text in files.items():
        _write(folder / name, text)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise ValueError(f"{path} can't be written: {error.strerror}") from error
