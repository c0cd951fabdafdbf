"""The DAG: tasks of one function are one node, until somebody opens it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from heliograph import workflow
from heliograph.web import asking, rendering
from heliograph.web.answers import answer

FEW: Final = 40
"""Tasks of a workflow that are shown one by one unasked."""
MOST_NODES: Final = 5000
"""More boxes can't be read: beyond, functions stay closed."""


def show(request: Request) -> Response:
    """The page."""
    workflow_id = asking.needed(request, "id")
    with asking.wrong_is_400():
        found = workflow.get_metadata(workflow_id)
    return rendering.page(request, "graph.html", found=found)


def data(request: Request) -> Response:
    """Nodes and edges."""
    return answer(graph(request))


def graph(request: Request) -> dict[str, Any]:
    """Nodes and edges of what a request asks for."""
    workflow_id = asking.needed(request, "id")
    with asking.wrong_is_400():
        columns = workflow.table(workflow_id).columns
    wanted = set(request.query_params.getlist("open"))
    if not wanted and len(columns["task_id"]) <= FEW and asking.text(request, "by") != "function":
        wanted = set(columns["function"])
    return collapsed(columns, wanted)


def collapsed(columns: Any, wanted: set[str]) -> dict[str, Any]:
    """The DAG with a node a function; those of `wanted` with a node a task, as long as they can be read.

    >>> tasks = {"task_id": ["a", "b", "c"], "function": ["f", "f", "g"], "creator": [None] * 3}
    >>> tasks |= {"status": ["FAILED", "PENDING", "PENDING"], "workflow_refs": [[], [], ["a", "b"]]}
    >>> [(edge["from"], edge["to"], edge["count"]) for edge in collapsed(tasks, set())["edges"]]
    [('f:f', 'f:g', 2)]
    """
    functions = Counter(columns["function"])
    opened: set[str] = set()
    nodes_now = len(functions)
    for function in sorted(wanted & set(functions), key=lambda name: functions[name]):
        if nodes_now + functions[function] <= MOST_NODES:
            opened.add(function)
            nodes_now += functions[function] - 1
    nodes: dict[str, dict[str, Any]] = {}
    of: dict[str, str] = {}
    for task_id, function, status in zip(
        columns["task_id"], columns["function"], columns["status"], strict=True
    ):
        key = f"t:{task_id}" if function in opened else f"f:{function}"
        of[task_id] = key
        label = task_id if function in opened else function
        node = nodes.setdefault(
            key,
            {"key": key, "label": label, "function": function, "count": 0, "statuses": Counter()}
            | ({"task": task_id} if function in opened else {}),
        )
        node["count"] += 1
        node["statuses"][str(status)] += 1
    edges: Counter[tuple[str, str, bool]] = Counter()
    for task_id, needs, creator in zip(
        columns["task_id"], columns["workflow_refs"], columns["creator"], strict=True
    ):
        for need in needs:
            edges[of[need], of[task_id], False] += 1
        if creator is not None:
            edges[of[creator], of[task_id], True] += 1
    return {
        "nodes": list(nodes.values()),
        "edges": [
            {"from": since, "to": until, "count": count, "continuation": hands_over}
            for (since, until, hands_over), count in edges.items()
        ],
        "most": MOST_NODES,
        "closed": sorted(wanted & set(functions) - opened),
    }
