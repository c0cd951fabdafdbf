"""A report of one workflow as one page of HTML: it opens from a file, and asks nothing of any network.

All that comes from tasks and users is escaped, and the page itself forbids what it doesn't need: there are no
scripts in it.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from html import escape as escaped
from typing import Final

from heliograph.insight.exports.dag import COLOURS
from heliograph.insight.exports.identity import iso
from heliograph.insight.extent import took
from heliograph.insight.profile import Profile, profile
from heliograph.insight.timeline import Bar, Timeline, timeline
from heliograph.insight.wording import duration, size, text_of, visible
from heliograph.records import type_names
from heliograph.records.status import TaskStatus
from heliograph.records.trace import Trace

MOST_ROWS: Final = 500
"""A page is for people: of more tasks or attempts, the longest are shown."""

_WIDTH, _ROW, _NAMES = 1000, 18, 220
_PHASES: Final = (
    ("queue", "#fbbf24"),
    ("load", "#c084fc"),
    ("compute", "#22c55e"),
    ("store", "#60a5fa"),
)
_STYLE: Final = """
:root { color-scheme: light dark }
:root { --back: #fff; --text: #111827; --soft: #6b7280; --line: #e5e7eb; --pre: #f3f4f6 }
@media (prefers-color-scheme: dark) {
:root { --back: #101318; --text: #e8ebf0; --soft: #a0a9b8; --line: #2b313b; --pre: #1b2028 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back) }
body { max-width: 1240px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em } h1, h2 { overflow-wrap: anywhere }
table { border-collapse: collapse }
td, th { padding: .15em 1em .15em 0; text-align: left; vertical-align: top }
th { color: var(--soft); font-weight: normal } td.n { text-align: right; font-variant-numeric: tabular-nums }
td.n, th { white-space: nowrap } td:not(.n) { min-width: 9em; max-width: 40em }
td:not(.n), li { overflow-wrap: anywhere }
.status { padding: .1em .6em; border-radius: 1em; border: 1px solid; color: #111827; white-space: nowrap }
pre { background: var(--pre); padding: .8em; white-space: pre-wrap; overflow-wrap: anywhere }
.wide { overflow-x: auto } svg { width: 100%; min-width: 760px; max-width: 1220px }
svg text { font: 11px system-ui, sans-serif; fill: var(--text) } svg line { stroke: var(--line) }
.key span { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em; vertical-align: -.1em }
""".strip()


def html(trace: Trace, run: int | None = None) -> Iterator[str]:
    """A run as a page.

    Args:
        trace: the workflow.
        run: number of the run; None: the newest.
    """
    found, drawn = profile(trace, run), timeline(trace, run)
    title = escape(trace.workflow.workflow_id)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    yield "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title} - heliograph</title>",
            f"<style>\n{_STYLE}\n</style>",
            "</head>",
            "<body>",
            f"<h1>{title} {_status(found.status)}</h1>",
            *_facts(trace, found),
            *_error(trace, found),
            *_bottlenecks(found),
            *_timeline(drawn),
            *_path(found),
            *_tasks(trace),
            "</body>",
            "</html>",
            "",
        ]
    )


def escape(text: str) -> str:
    r"""Text of anybody's as HTML; see `visible`.

    >>> print(escape("<b>\x1b[31m\u202ex"))
    &lt;b&gt;\x1b[31m\u202ex
    """
    return escaped(visible(text))


def _status(status: str) -> str:
    fill, frame = COLOURS.get(TaskStatus.__members__.get(status, TaskStatus.WAITING), ("#fff", "#000"))
    return f'<span class="status" style="background:{fill};border-color:{frame}">{escape(status)}</span>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> list[str]:
    """A table; cells are HTML already."""
    lines = ['<div class="wide"><table>']
    if heads:
        lines.append("<tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr>")
    for row in rows:
        cells = (
            f'<td class="n">{cell}</td>' if at in numbers else f"<td>{cell}</td>"
            for at, cell in enumerate(row)
        )
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return [*lines, "</table></div>"]


def _facts(trace: Trace, found: Profile) -> list[str]:
    workflow = trace.workflow
    counts = ", ".join(f"{count} {status}" for status, count in workflow.progress.by_status.items() if count)
    facts = [
        ("output of", escape(workflow.name)),
        ("run", f"{found.run} of {len(trace.runs)}"),
        ("began", iso(found.begin)),
        ("took", duration(found.wall)),
        ("tasks", escape(counts)),
        ("workers", f"{len(found.workers)}, busy {found.efficiency:.0%} of the time"),
        ("CPU", duration(found.cpu_time)),
        ("at once", f"{found.parallelism.mean:.1f} on average, {found.parallelism.peak} at most"),
    ]
    given = json.loads(workflow.user_metadata)
    facts += [(f"metadata: {key}", escape(text_of(value))) for key, value in given.items()]
    return _table((), [(f"<span>{escape(name)}</span>", value) for name, value in facts])


def _error(trace: Trace, found: Profile) -> list[str]:
    run = trace.runs[found.run - 1]
    if run.error_type is None:
        return []
    where = f" in task {escape(run.error_task)}" if run.error_task else ""
    return [
        f"<h2>Error{where}</h2>",
        f"<pre>{escape(f'{type_names.said(run.error_type)}: {run.error_message}')}</pre>",
    ]


def _bottlenecks(found: Profile) -> list[str]:
    if not found.bottlenecks:
        return []
    items = [f"<li>{escape(bottleneck.sentence)}</li>" for bottleneck in found.bottlenecks]
    return ["<h2>Bottlenecks</h2>", "<ol>", *items, "</ol>"]


def _timeline(drawn: Timeline) -> list[str]:
    if not drawn.bars:
        return []
    bars: Sequence[Bar] = drawn.bars
    if len(bars) > MOST_ROWS:
        bars = heapq.nlargest(MOST_ROWS, bars, key=lambda bar: (bar.critical, bar.stored - bar.ready))
    bars = sorted(bars, key=lambda bar: (bar.ready, bar.started, bar.task, bar.attempt))
    cut = f", {len(bars)} of {len(drawn.bars)} attempts" if len(bars) < len(drawn.bars) else ""
    key = "".join(f'<span style="background:{colour}"></span>{name}' for name, colour in _PHASES)
    height = _ROW * (len(bars) + 1) + 6
    lines = [
        f"<h2>Timeline{cut}</h2>",
        f'<p class="key">{key}<span style="border:2px solid #b91c1c"></span>critical path</p>',
        f'<div class="wide"><svg viewBox="0 0 {_WIDTH + _NAMES} {height}" role="img">',
        "<title>When each attempt went through its phases</title>",
    ]
    whole = drawn.end - drawn.begin
    for quarter in range(5):
        x = _NAMES + quarter * (_WIDTH - 60) / 4
        lines.append(f'<line x1="{x:.1f}" y1="{_ROW}" x2="{x:.1f}" y2="{height}"/>')
        lines.append(f'<text x="{x:.1f}" y="12">{duration(whole * quarter / 4)}</text>')
    for number, bar in enumerate(bars, 1):
        lines += _drawn(drawn, bar, number * _ROW)
    return [*lines, "</svg></div>"]


def _drawn(drawn: Timeline, bar: Bar, y: int) -> list[str]:
    scale = (_WIDTH - 60) / (drawn.end - drawn.begin) if drawn.end > drawn.begin else 0.0

    def x(moment: float) -> float:
        return _NAMES + (moment - drawn.begin) * scale

    short = bar.name if len(bar.name) <= 32 else f"{bar.name[:31]}…"
    moments = (bar.ready, bar.started, bar.loaded, bar.finished, bar.stored)
    spans = zip(_PHASES, moments, moments[1:], strict=False)
    words = ", ".join(f"{name} {duration(until - since)}" for (name, _), since, until in spans)
    lines = [f"<g><title>{escape(f'{bar.name}: {bar.status}, {words}')}</title>"]
    lines.append(f'<text x="0" y="{y + 13}">{escape(short)}</text>')
    for (_, colour), since, until in zip(_PHASES, moments, moments[1:], strict=False):
        if until > since:
            wide = max(x(until) - x(since), 0.5)
            place = f'x="{x(since):.2f}" y="{y + 3}" width="{wide:.2f}" height="{_ROW - 6}"'
            lines.append(f'<rect {place} fill="{colour}"/>')
    if bar.critical:
        wide = max(x(bar.stored) - x(bar.ready), 2.0)
        lines.append(
            f'<rect x="{x(bar.ready):.2f}" y="{y + 2}" width="{wide:.2f}" height="{_ROW - 4}" '
            'fill="none" stroke="#b91c1c"/>'
        )
    return [*lines, "</g>"]


def _path(found: Profile) -> list[str]:
    if not found.path:
        return []
    links: Sequence[int] = range(len(found.path))
    if len(links) > MOST_ROWS:
        links = sorted(heapq.nlargest(MOST_ROWS, links, key=lambda at: found.path[at].parts.total))
    rows = []
    for link in (found.path[at] for at in links):
        parts = link.parts
        seconds = (link.begin - found.begin, parts.total, parts.wait + parts.backoff)
        spent = (parts.queue, parts.load, parts.compute, parts.store)
        rows.append((escape(link.task_id), str(link.attempt), *(duration(one) for one in (*seconds, *spent))))
    heads = ("task", "attempt", "at", "took", "wait", "queue", "load", "compute", "store")
    return ["<h2>Critical path</h2>", *_table(heads, rows, numbers=range(1, 9))]


def _tasks(trace: Trace) -> list[str]:
    of, tasks = trace.attempts, trace.tasks
    last = {task: place for place, task in enumerate(of.task)}
    seconds = {task: took(trace, place) for task, place in last.items()}
    shown = heapq.nlargest(MOST_ROWS, range(len(tasks)), key=lambda task: seconds.get(task) or 0.0)
    rows = []
    for task in shown:
        place = last.get(task)
        error = of.error_message[place] if place is not None else None
        rows.append(
            (
                escape(tasks.task_id[task]),
                _status(tasks.status[task]),
                str(of.attempt[place]) if place is not None else "",
                duration(seconds.get(task)),
                duration(of.cpu_time[place] if place is not None else None),
                size(of.peak_rss[place] if place is not None else None),
                escape(", ".join(tasks.task_id[need] for need in tasks.upstream[task][:8])),
                escape((error or "")[:200]),
            )
        )
    cut = f", the slowest {len(rows)} of {len(tasks)}" if len(rows) < len(tasks) else ""
    heads = ("task", "status", "attempts", "took", "CPU", "memory", "needs", "error")
    return [f"<h2>Tasks{cut}</h2>", *_table(heads, rows, numbers=(2, 3, 4, 5))]
