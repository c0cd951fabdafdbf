"""``heliograph dag``: the tasks of a workflow and what they need, as a tree or for a program that draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from heliograph import workflow
from heliograph.cli.completion import WorkflowArgument
from heliograph.cli.storage import StorageOption, open_for

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

DEFAULT_LIMIT: Final = 200


def dag(
    context: typer.Context,
    workflow_id: WorkflowArgument,
    to: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="dot (Graphviz) or mermaid.", show_default="a tree"),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most so many lines of the tree; 0: all.")
    ] = DEFAULT_LIMIT,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON list: of each task its id, status, time and needs.")
    ] = False,
    storage: StorageOption = None,
) -> None:
    """Show the DAG: every task above the tasks it needs, with status and time."""
    from heliograph.cli import rendering

    if to not in (None, "dot", "mermaid"):
        raise typer.BadParameter(f"there is no format {to!r}; there are dot, mermaid")
    open_for(context, storage, workflow_id)
    if to is not None:
        rendering.raw(workflow.export(workflow_id, to).blocks())
        return
    tasks = workflow.get_tasks(workflow_id)
    if as_json:
        rendering.print_json([_fact(task) for task in tasks])
        return
    console = rendering.stdout()
    tree, left_out = view(tasks, limit)
    rendering.output(tree, console)
    if left_out:
        words = f"the tree is cut after {limit} lines; --limit 0 shows all of it"
        rendering.stderr().print(words, style="dim")


def _fact(task: dict[str, Any]) -> dict[str, Any]:
    kept = ("task_id", "status", "workflow_refs", "creator")
    stats = {key: task["stats"][key] for key in ("start_time", "end_time") if key in task["stats"]}
    return {key: task[key] for key in kept if key in task} | stats


def view(tasks: Sequence[dict[str, Any]], limit: int) -> tuple[RenderableType, bool]:
    """The DAG as a tree: the output on top, below each task what it needs; what was shown is named again.

    Args:
        tasks: what `workflow.get_tasks` returns.
        limit: at most so many lines; 0: all.

    Returns:
        The tree, and whether it was cut.
    """
    from rich.console import Group
    from rich.text import Text

    by_id = {task["task_id"]: task for task in tasks}
    parts: dict[str, list[str]] = {}
    for task in tasks:
        if "creator" in task:
            parts.setdefault(task["creator"], []).append(task["task_id"])
    needed = {need for task in tasks for need in task["workflow_refs"]}
    roots = [task["task_id"] for task in tasks if task["task_id"] not in needed and "creator" not in task]
    seen: set[str] = set()
    lines: list[RenderableType] = []
    # By hand, not by recursion: a chain may be as deep as it likes.
    rest = [(root, "", "", False) for root in reversed(roots)]
    while rest:
        if limit and len(lines) >= limit:
            return Group(*lines), True
        task_id, lead, below, continues = rest.pop()
        line = Text(lead, "dim", no_wrap=True, overflow="ellipsis")
        line.append_text(_line(by_id[task_id], continues))
        children = [(need, False) for need in by_id[task_id]["workflow_refs"]]
        children += [(part, True) for part in parts.get(task_id, ()) if part not in needed]
        if task_id in seen:
            if children:
                line.append("  (see above)", "dim")
            lines.append(line)
            continue
        seen.add(task_id)
        lines.append(line)
        for at, (child, handed) in reversed(list(enumerate(children))):
            is_last = at == len(children) - 1
            rest.append(
                (child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "), handed)
            )
    return Group(*lines), False


def _line(task: dict[str, Any], continues: bool) -> Text:
    from rich.text import Text

    from heliograph.cli.rendering import duration, shown, status_text

    stats = task["stats"]
    line = Text("↳ " if continues else "", "dim").append(shown(task["task_id"]), "default")
    line.append("  ").append_text(status_text(task["status"]))
    if "compute" in stats:
        line.append(
            f"  {duration(sum(stats.get(part, 0.0) for part in ('load', 'compute', 'store')))}", "dim"
        )
    return line
