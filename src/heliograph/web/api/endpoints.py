"""What can be asked under ``/api``: one table, of which the routes and the OpenAPI description are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request

from heliograph import workflow
from heliograph.web import asking
from heliograph.web.pages import graph


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A question.

    Attributes:
        path: below ``/api/``.
        summary: what it answers.
        parameters: by name, what each means; those in `required` have to be given.
        answer: gives the value that the JSON is of.
        required: names of parameters.
        heavy: it reads all of a workflow.
        holds: the answer is a list of these; None: it is an object.
    """

    path: str
    summary: str
    parameters: Mapping[str, str]
    answer: Callable[[Request], Any]
    required: tuple[str, ...] = ()
    heavy: bool = False
    holds: str | None = None


NUMBERS: Final = frozenset({"limit", "run", "after_number", "parts"})
_ID: Final = {"id": "the workflow's id"}
_TASK: Final = {"task": "the task's id"}
_RUN: Final = {"run": "number of the run; without it, the newest"}
_PAGE: Final = {
    "limit": f"at most so many, {asking.MOST} at most",
    "after": "what an earlier answer gave as after",
}
_SEARCH: Final = {
    "q": "a condition in the search language",
    "order": "a field; with - before it, the largest first",
    **_PAGE,
}


def _id(request: Request) -> str:
    return asking.needed(request, "id")


def _run(request: Request) -> int | None:
    return asking.number(request, "run")


def _search(request: Request, *, tasks: bool) -> dict[str, Any]:
    q, order, after = (asking.text(request, name) for name in ("q", "order", "after"))
    return workflow.search(q, order, asking.limit(request, 50), after, tasks=tasks)


def _summarize(request: Request) -> list[dict[str, Any]]:
    by, of = (request.query_params.getlist(name) for name in ("by", "of"))
    return workflow.summarize(by, of, where=asking.text(request, "q"), tasks=asking.flag(request, "tasks"))


def _tasks(request: Request) -> dict[str, Any]:
    after = asking.text(request, "after")
    return workflow.get_metadata(_id(request), tasks=True, limit=asking.limit(request, 200), after=after)


def _history(request: Request) -> dict[str, Any]:
    after = asking.text(request, "after")
    return workflow.history(_id(request), limit=asking.limit(request, 1000), after=after)


def _said(call: Callable[..., list[dict[str, Any]]], request: Request) -> list[dict[str, Any]]:
    after = asking.number(request, "after_number")
    task = asking.text(request, "task")
    return call(_id(request), task, limit=asking.limit(request, 1000), after=after)


_SAID: Final = _ID | {
    "task": "of this task only",
    "limit": _PAGE["limit"],
    "after_number": "those behind the one with this number",
}

ENDPOINTS: Final = (
    Endpoint(
        "workflows", "Workflows that a condition holds for.", _SEARCH, lambda r: _search(r, tasks=False)
    ),
    Endpoint("tasks", "Tasks of all workflows.", _SEARCH, lambda r: _search(r, tasks=True)),
    Endpoint(
        "summary",
        "Workflows or tasks counted by what they have in common.",
        {
            "by": "a field whose values those of a group share; may be repeated",
            "of": "a field of numbers that are summed up; may be repeated",
            "q": _SEARCH["q"],
            "tasks": "true: of tasks",
        },
        _summarize,
        holds="object",
    ),
    Endpoint("workflow", "One workflow.", _ID, lambda r: workflow.get_metadata(_id(r)), ("id",)),
    Endpoint("workflow/tasks", "A workflow with its tasks.", _ID | _PAGE, _tasks, ("id",)),
    Endpoint(
        "workflow/task",
        "One task with its attempts.",
        _ID | _TASK,
        lambda r: workflow.get_metadata(_id(r), name=asking.needed(r, "task")),
        ("id", "task"),
    ),
    Endpoint(
        "workflow/history", "Its runs, and the attempts of all of them.", _ID | _PAGE, _history, ("id",)
    ),
    Endpoint(
        "workflow/logs",
        "Lines that its tasks logged.",
        _SAID,
        lambda r: _said(workflow.get_logs, r),
        ("id",),
        holds="object",
    ),
    Endpoint(
        "workflow/metrics",
        "Metrics that its tasks reported.",
        _SAID,
        lambda r: _said(workflow.get_metrics, r),
        ("id",),
        holds="object",
    ),
    Endpoint(
        "workflow/profile",
        "Where its time went: critical path, bottlenecks.",
        _ID | _RUN,
        lambda r: workflow.profile(_id(r), _run(r)).to_dict(),
        ("id",),
        heavy=True,
    ),
    Endpoint(
        "workflow/timeline",
        "What ran when, and in which lane of which worker.",
        _ID | _RUN,
        lambda r: workflow.timeline(_id(r), _run(r)).to_dict(),
        ("id",),
        heavy=True,
    ),
    Endpoint(
        "workflow/estimate",
        "How long it will take yet.",
        _ID,
        lambda r: workflow.estimate(_id(r)).to_dict(),
        ("id",),
        heavy=True,
    ),
    Endpoint(
        "workflow/graph",
        "Its tasks and what they need: a node a function, or a task of those that are opened.",
        _ID
        | {
            "open": "a function whose tasks are nodes by themselves; may be repeated",
            "by": "function: none is open unasked, not even of a small workflow",
        },
        graph.graph,
        ("id",),
        heavy=True,
    ),
    Endpoint(
        "workflow/downstream",
        "Ids of the tasks that take a task's output.",
        _ID | _TASK | {"limit": _PAGE["limit"]},
        lambda r: workflow.get_downstream(_id(r), asking.needed(r, "task"), asking.limit(r, 200)),
        ("id", "task"),
        holds="string",
    ),
    Endpoint(
        "workflows/over_time",
        "Workflows by when they were submitted, and how many of them failed.",
        {"q": _SEARCH["q"], "parts": f"into how many parts the time is divided, {asking.MOST} at most"},
        lambda r: workflow.over_time(asking.text(r, "q"), asking.counted(r, "parts", 60)),
        holds="object",
    ),
    Endpoint(
        "fields",
        "Fields that can be searched, and what they hold.",
        {"tasks": "true: of tasks"},
        lambda r: workflow.search_fields(tasks=asking.flag(r, "tasks")),
    ),
    Endpoint(
        "functions",
        "Names of the functions that stored workflows have.",
        {"limit": _PAGE["limit"], "after": "names behind this one"},
        lambda r: workflow.functions(asking.limit(r, 1000), asking.text(r, "after")),
        holds="string",
    ),
    Endpoint(
        "function",
        "A function over time: seconds, memory and failures by workflow, and what got worse.",
        {"name": "its dotted name", "limit": "the newest workflows that have it, so many at most"},
        lambda r: workflow.trend(asking.needed(r, "name"), asking.limit(r, 60)).to_dict(),
        ("name",),
        heavy=True,
    ),
    Endpoint(
        "compare",
        "What differs between two workflows.",
        {"a": "id of the first", "b": "id of the second"},
        lambda r: workflow.compare(asking.needed(r, "a"), asking.needed(r, "b")).to_dict(),
        ("a", "b"),
        heavy=True,
    ),
)
ACTIONS: Final = {
    "cancel": "Cancel workflows; their checkpoints stay.",
    "resume": "Resume workflows, each in a process of its own.",
    "delete": "Delete workflows and all that was stored of them.",
}
