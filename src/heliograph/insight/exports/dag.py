"""The DAG of a workflow as a picture to be drawn: by Graphviz or by Mermaid, coloured by status and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from heliograph.insight.extent import run_extent
from heliograph.insight.wording import duration
from heliograph.records.status import TaskStatus
from heliograph.records.trace import Trace

# Fill and frame; light ones, so that black text on them can be read.
COLOURS: Final = {
    TaskStatus.PENDING: ("#f3f4f6", "#9ca3af"),
    TaskStatus.READY: ("#dbeafe", "#3b82f6"),
    TaskStatus.RUNNING: ("#cffafe", "#0891b2"),
    TaskStatus.WAITING: ("#dbeafe", "#3b82f6"),
    TaskStatus.SUCCESSFUL: ("#dcfce7", "#16a34a"),
    TaskStatus.FAILED: ("#fee2e2", "#dc2626"),
    TaskStatus.CANCELED: ("#fae8ff", "#c026d3"),
}
_HEAT: Final = ("#dcfce7", "#fef9c3", "#fed7aa", "#fecaca")
"""Fills of tasks that succeeded: of the slowest one's time, up to a quarter, a half, three quarters, all."""


@dataclass(frozen=True, slots=True)
class Box:
    """A task in the picture.

    Attributes:
        number: the task's.
        task_id: the task.
        status: how it stands.
        took: what it says of its time.
        fill: colour.
        frame: colour.
    """

    number: int
    task_id: str
    status: TaskStatus
    took: str
    fill: str
    frame: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a task to one that needs its output, or that it handed over to.

    Attributes:
        since: number of the one.
        until: number of the other.
        hands_over: whether the other is a part of the one's continuation.
    """

    since: int
    until: int
    hands_over: bool


def boxes(trace: Trace) -> Iterator[Box]:
    """All tasks: with what they took, and the slower, the redder."""
    of = trace.attempts
    took: dict[int, float] = {}
    ends = {run.run: run_extent(trace, run)[1] for run in trace.runs}  # what was lost ended with its run
    for task, run, started, stored in zip(of.task, of.run, of.started, of.stored, strict=True):
        if started is not None:
            took[task] = took.get(task, 0.0) + max((ends[run] if stored is None else stored) - started, 0.0)
    longest = max(took.values(), default=0.0)
    for task, status in enumerate(trace.tasks.status):
        fill, frame = COLOURS[status]
        if status is TaskStatus.SUCCESSFUL and task in took and longest > 0:
            fill = _HEAT[min(int(took[task] / longest * len(_HEAT)), len(_HEAT) - 1)]
        words = duration(took[task]) if task in took else ""
        yield Box(task, trace.tasks.task_id[task], status, words, fill, frame)


def arrows(trace: Trace) -> Iterator[Arrow]:
    """All dependencies, and what continuations handed over."""
    tasks = trace.tasks
    for task, upstream in enumerate(tasks.upstream):
        for need in dict.fromkeys(upstream):
            yield Arrow(need, task, hands_over=False)
        creator = tasks.creator[task]
        if creator is not None:
            yield Arrow(creator, task, hands_over=True)


def graphviz(trace: Trace, run: int | None = None) -> Iterator[str]:
    """The DAG in Graphviz's language, for ``dot``.

    Args:
        trace: the workflow.
        run: has no influence: the DAG is that of all runs.
    """
    yield f"digraph {_quoted(trace.workflow.workflow_id)} {{\n"
    yield "  rankdir=LR;\n"
    yield '  node [shape=box style="rounded,filled" fontname="sans-serif" fontsize=10];\n'
    yield '  edge [color="#6b7280" arrowsize=0.7];\n'
    for box in boxes(trace):
        label = "\n".join(line for line in (box.task_id, f"{box.status} {box.took}".strip()) if line)
        yield f'  t{box.number} [label={_quoted(label)} fillcolor="{box.fill}" color="{box.frame}"];\n'
    for arrow in arrows(trace):
        style = " [style=dashed]" if arrow.hands_over else ""
        yield f"  t{arrow.since} -> t{arrow.until}{style};\n"
    yield "}\n"


def _quoted(text: str) -> str:
    r"""Text as a string of Graphviz's.

    >>> print(_quoted('say "hi"\n\\N'))
    "say \"hi\"\n\\N"
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    return (
        '"'
        + "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in escaped)
        + '"'
    )


def mermaid(trace: Trace, run: int | None = None) -> Iterator[str]:
    """The DAG in Mermaid's language, as GitHub and others draw it in Markdown.

    Args:
        trace: the workflow.
        run: has no influence: the DAG is that of all runs.
    """
    yield "flowchart LR\n"
    styles: dict[tuple[str, str], list[int]] = {}
    for box in boxes(trace):
        yield f'  t{box.number}["{_entities(box.task_id)}<br/>{box.status} {box.took}"]\n'
        styles.setdefault((box.fill, box.frame), []).append(box.number)
    for arrow in arrows(trace):
        yield f"  t{arrow.since} {'-.->' if arrow.hands_over else '-->'} t{arrow.until}\n"
    for number, ((fill, frame), tasks) in enumerate(styles.items()):
        yield f"  classDef c{number} fill:{fill},stroke:{frame},color:#111827\n"
        yield f"  class {','.join(f't{task}' for task in tasks)} c{number}\n"


def _entities(text: str) -> str:
    """Text in which nothing is left that Mermaid, Markdown or HTML would obey.

    >>> _entities('a.b_1 "<script>"')
    'a.b_1 #34;#60;script#62;#34;'
    """
    return "".join(letter if letter.isalnum() or letter in " ._-" else f"#{ord(letter)};" for letter in text)
