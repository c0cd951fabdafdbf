"""``heliograph spans``: what runs, told to OpenTelemetry while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph import workflow
from heliograph.cli.completion import workflows
from heliograph.cli.storage import StorageOption, chosen, open_for, open_to_read


def spans(
    context: typer.Context,
    workflow_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="The workflow.",
            show_default="all that run, until interrupted",
            autocompletion=workflows,
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The collector, such as http://localhost:4318; 'env': that of OTEL_EXPORTER_OTLP_ENDPOINT.",
            show_default="they are printed, a JSON document a line",
        ),
    ] = None,
    storage: StorageOption = None,
) -> None:
    """Send spans to OpenTelemetry while workflows run.

    Each attempt, run and workflow becomes a span once it has ended.
    """
    from heliograph.cli import rendering

    if workflow_id is None:
        open_to_read(chosen(context, storage))
    else:
        open_for(context, storage, workflow_id)
    if endpoint is not None:
        until = "until interrupted" if workflow_id is None else "until it ends"
        where = "where OTEL_EXPORTER_OTLP_ENDPOINT says" if endpoint == "env" else rendering.shown(endpoint)
        rendering.note(f"sending spans to {where} {until}")
        workflow.send_spans(workflow_id, None if endpoint == "env" else endpoint)
        return
    for document in workflow.live_spans(workflow_id):
        if not rendering.write(document):
            break
