"""What stands on a terminal of comparisons and profiles made by hand."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

from heliograph.cli.views import comparison as comparison_view
from heliograph.cli.views import profile as profile_view
from heliograph.insight.comparison import compare
from heliograph.insight.profile import profile
from heliograph.records.trace import Trace
from tests.pure.tracing import Made, run_of, trace_of, tried

MB = 1_000_000


def printed(view: RenderableType, width: int = 100) -> str:
    """What a terminal of this width shows."""
    into = StringIO()
    Console(file=into, width=width).print(view)
    return into.getvalue()


def test_a_task_that_needs_more_memory_and_no_more_time_changed() -> None:
    def used(peak: int) -> Trace:
        attempts = {"small": 25 * MB, "large": peak}
        tasks = [
            Made(name, attempts=[tried(0.0, compute=5.0, peak_rss=bytes)]) for name, bytes in attempts.items()
        ]
        return trace_of(tasks, [run_of(end=5.0)])

    told = printed(comparison_view.view(compare(used(25 * MB), used(425 * MB)), 100))
    assert "Tasks that changed: 1 of 2" in told
    assert "25 MB → 425 MB" in told
    told = printed(comparison_view.view(compare(used(420 * MB), used(425 * MB)), 100))
    assert "none of the 2 common tasks changed much" in told


def test_loading_has_a_column_where_it_took_a_good_part() -> None:
    def heads(load: float) -> list[str]:
        trace = trace_of([Made("a", attempts=[tried(0.0, load=load, compute=5.0)])], [run_of(end=5.0 + load)])
        lines = printed(profile_view.view(profile(trace), 100)).splitlines()
        (head,) = (line for line in lines if "TOOK" in line)
        return head.split()

    assert "LOAD" in heads(3.0)
    assert "LOAD" not in heads(0.1)
