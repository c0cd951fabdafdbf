"""One workflow: how it stands, what ran it, where its time went, what went wrong, its tasks."""

from __future__ import annotations

import heapq
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.records.status import ACTIVE
from heliograph.web import asking, charts, rendering
from heliograph.web.completing import completions
from heliograph.web.live import mark
from heliograph.web.site import site_of

PAGE: Final = 50
_FEW: Final = 5000
"""Of a workflow that goes on and has no more tasks, those that began last are shown first."""
_MOST_KINDS: Final = 10
_LONGEST_PATH: Final = 12


def show(request: Request) -> Response:
    """The page."""
    workflow_id = asking.needed(request, "id")
    with asking.wrong_is_400():
        found = _standing(workflow_id)
    runs = workflow.get_history(workflow_id)
    run = asking.number(request, "run")
    wanted = {
        "q": asking.text(request, "q"),
        "order": asking.text(request, "order"),
        "after": asking.text(request, "after"),
    }
    if wanted["q"] is wanted["order"] is wanted["after"] is None and found["status"] in ACTIVE:
        wanted["order"] = "-stats.start_time" if found["progress"]["total"] <= _FEW else None
    try:
        tasks, wrong = _tasks(workflow_id, wanted), None
    except workflow.SearchError as error:
        tasks, wrong = {"found": []}, error
    return rendering.page(
        request,
        "workflow.html",
        400 if wrong else 200,
        found=found,
        runs=list(reversed(runs)),
        run=run,
        wanted=wanted,
        tasks=tasks,
        completions=completions(tasks["found"], tasks=True),
        wrong=wrong,
        errors=_errors(workflow_id) if found["counts"].get("FAILED") else [],
        is_active=found["status"] in ACTIVE,
        seen=_mark(found),
        bar=charts.bar(found["counts"]),
    )


def insight(request: Request) -> Response:
    """Where the time went, in words and drawings: a part of the page, loaded behind it."""
    workflow_id, run = asking.needed(request, "id"), asking.number(request, "run")
    with asking.wrong_is_400():
        profile = workflow.profile(workflow_id, run)
    estimate = None
    if profile.status in ACTIVE:
        estimate = workflow.estimate(workflow_id)
    links = range(len(profile.path))
    longest = heapq.nlargest(_LONGEST_PATH, links, key=lambda at: profile.path[at].parts.total)
    return rendering.page(
        request,
        "insight.html",
        id=workflow_id,
        profile=profile,
        parts=charts.bar(profile.parts.to_dict() | {"tail": profile.tail}),
        path=[profile.path[at] for at in sorted(longest)],
        parallelism=charts.line(profile.parallelism.over_time, least=0.0),
        memory=charts.line(profile.memory, least=0.0),
        estimate=estimate,
    )


def live(request: Request) -> Response:
    """Says when the workflow has changed."""
    workflow_id = asking.needed(request, "id")
    stream = site_of(request).live.stream
    return stream(request, f"workflow {workflow_id}", lambda: _mark(_standing(workflow_id)))


def _standing(workflow_id: str) -> dict[str, Any]:
    """The workflow at one moment, with the counts and the cursor that come with tasks; one will do."""
    return workflow.get_metadata(workflow_id, tasks=True, limit=1)


def _mark(found: dict[str, Any]) -> str:
    """Of what is shown: what changes while a page is made is told to it afterwards."""
    return mark([found["status"], found["counts"], found["user_metadata"], found["cursor"]])


def _tasks(workflow_id: str, wanted: dict[str, str | None]) -> dict[str, Any]:
    condition = workflow.field("workflow_id") == workflow_id
    if wanted["q"] and wanted["q"].strip():
        condition = condition & workflow.condition(wanted["q"], tasks=True)
    with asking.wrong_is_400():
        return workflow.search(condition, wanted["order"], PAGE, wanted["after"], tasks=True)


def _errors(workflow_id: str) -> list[dict[str, Any]]:
    """Tasks that failed, by kind of error, each with the first of them."""
    failed = (workflow.field("workflow_id") == workflow_id) & (workflow.field("status") == "FAILED")
    kinds = workflow.summarize("error.type", where=failed, tasks=True)[:_MOST_KINDS]
    errors = []
    for kind in kinds:
        name = kind["by"]["error.type"]
        of = failed if name is None else failed & (workflow.field("error.type") == name)
        first = workflow.search(of, "stats.end_time", 1, tasks=True)["found"]
        errors.append({"type": name, "count": kind["count"], "first": first[0] if first else {}})
    return errors
