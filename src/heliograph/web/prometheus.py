"""``/metrics``: how many workflows and tasks have which status, for Prometheus."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from heliograph import workflow
from heliograph.records.status import TaskStatus, WorkflowStatus


def metrics(_request: Request) -> Response:
    """The counts, in the text format."""
    lines: list[str] = []
    for what, statuses, tasks in (("workflows", WorkflowStatus, False), ("tasks", TaskStatus, True)):
        found = {group["by"]["status"]: group["count"] for group in workflow.summarize("status", tasks=tasks)}
        name = f"heliograph_{what}"
        lines += [f"# HELP {name} Stored {what} by status.", f"# TYPE {name} gauge"]
        lines += [f'{name}{{status="{status}"}} {found.get(status, 0)}' for status in statuses]
    return PlainTextResponse("\n".join([*lines, ""]), media_type="text/plain; version=0.0.4")
