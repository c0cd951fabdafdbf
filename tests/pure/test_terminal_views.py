"""What stands on a terminal of comparisons and profiles made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.console import Console, RenderableType

from heliograph.cli.trend import worst_first
from heliograph.cli.views import comparison as comparison_view
from heliograph.cli.views import profile as profile_view
from heliograph.cli.views import trend as trend_view
from heliograph.insight.comparison import compare
from heliograph.insight.profile import profile
from heliograph.insight.trend import FunctionRun, Trend, function_run, trend
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


def test_whether_a_slower_task_computed_more_is_seen() -> None:
    """One that took longer with the same CPU time waited for something, or for a CPU."""

    def used(seconds: float, cpu: float) -> Trace:
        tasks = [
            Made("starved", attempts=[tried(0.0, compute=seconds, cpu_time=1.0 + cpu / 100)]),
            Made("computed", attempts=[tried(0.0, compute=seconds, cpu_time=cpu)]),
            Made("unknown", attempts=[tried(0.0, compute=seconds)]),
        ]
        return trace_of(tasks, [run_of(end=5.0)])

    told = printed(comparison_view.view(compare(used(2.0, 2.0), used(5.0, 5.0)), 100))
    (_, *rows) = told[told.index("TASK ") :].splitlines()
    cpu = {row.split()[0]: row.split("+150%")[1].strip() for row in rows}
    assert cpu == {"starved": "1.05 s", "computed": "2.00 s → 5.00 s", "unknown": "-"}


def test_loading_has_a_column_where_it_took_a_good_part() -> None:
    def heads(load: float) -> list[str]:
        trace = trace_of([Made("a", attempts=[tried(0.0, load=load, compute=5.0)])], [run_of(end=5.0 + load)])
        lines = printed(profile_view.view(profile(trace), 100)).splitlines()
        (head,) = (line for line in lines if "TOOK" in line)
        return head.split()

    assert "LOAD" in heads(3.0)
    assert "LOAD" not in heads(0.1)


def over_time(
    name: str, seconds: list[float], memory: Sequence[int] = (25 * MB,), attempts: int = 1
) -> Trend:
    """A function that took so long in one workflow after the other."""

    def run(number: int, took: float) -> FunctionRun:
        most = memory[min(number, len(memory)) - 1]
        return function_run(f"night-{number}", float(number), 0, [took] * attempts, [most] * attempts)

    return trend(name, [run(number, took) for number, took in enumerate(seconds, 1)])


def test_a_function_that_got_slower_is_told_with_the_workflow_since_which_it_is() -> None:
    slower = over_time("shop.price", [1.0, 1.1, 0.9, 1.0, 2.0, 2.1, 1.9])
    changed = "1.00 s → 2.00 s since night-5"
    for width in (60, 80, 120):
        told = printed(trend_view.table([slower], width), width)
        assert changed in told
        assert "shop.price" in told
    assert changed in printed(trend_view.by_workflow(slower, 1e9, 80), 80)


def test_a_function_that_hardly_changes_is_drawn_as_a_line() -> None:
    told = printed(trend_view.table([over_time("f.g", [1.0, 1.01, 1.0, 1.02])], 120), 120)
    assert "████" in told
    assert "CHANGED" not in told
    assert "nothing that lasts" in printed(trend_view.by_workflow(over_time("f.g", [1.0] * 9), 1e9, 80), 80)


def test_what_costs_most_comes_first_not_what_got_most_times_slower() -> None:
    def steps(before: float, after: float) -> list[float]:
        return [before] * 4 + [after] * 4

    told = [
        over_time("f.same", [1.0] * 8),
        over_time("f.quicker", steps(9.0, 1.0)),
        over_time("f.larger", [1.0] * 8, [25 * MB] * 4 + [900 * MB]),
        over_time("f.tiny", steps(0.000_1, 0.005)),
        over_time("f.many", steps(0.001, 0.003), attempts=900),
        over_time("f.slow", steps(2.0, 3.0)),
    ]
    names = [one.function.removeprefix("f.") for one in sorted(told, key=worst_first)]
    assert names == ["many", "slow", "tiny", "larger", "same", "quicker"]
