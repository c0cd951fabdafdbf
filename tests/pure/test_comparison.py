"""What differs between two workflows, and how long one will take yet."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from heliograph.insight.comparison import compare
from heliograph.insight.estimate import estimate
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.records.trace import Trace
from tests.pure.test_profile import broken_traces
from tests.pure.tracing import WAIT, Made, run_of, trace_of, tried

PENDING = TaskStatus.PENDING


def test_tasks_whose_time_differs_most_come_first() -> None:
    def of(first: float, second: float) -> Trace:
        tasks = [
            Made("quick", attempts=[tried(0.0, compute=first, peak_rss=100)]),
            Made("slow", attempts=[tried(0.0, compute=second)]),
        ]
        return trace_of(tasks, [run_of(end=10.0)])

    found = compare(of(1.0, 2.0), of(1.5, 9.0))
    assert [(task.task_id, task.slower) for task in found.tasks] == [("slow", 7.0), ("quick", 0.5)]
    assert compare(of(9.0, 2.0), of(1.0, 2.5)).tasks[0].slower == -8.0


def test_time_counts_before_memory() -> None:
    def of(seconds: float, memory: int) -> Trace:
        tasks = [
            Made("larger", attempts=[tried(0.0, compute=1.0, peak_rss=memory)]),
            Made("slower", attempts=[tried(0.0, compute=seconds, peak_rss=100)]),
            Made("much larger", attempts=[tried(0.0, compute=1.0, peak_rss=2 * memory)]),
        ]
        return trace_of(tasks, [run_of(end=10.0)])

    found = compare(of(1.0, 100), of(2.0, 10_000))
    assert [(task.task_id, task.slower, task.larger) for task in found.tasks] == [
        ("slower", 1.0, 0),
        ("much larger", 0.0, 19_800),
        ("larger", 0.0, 9_900),
    ]


def test_all_that_two_workflows_do_not_share_is_told() -> None:
    a = trace_of(
        [
            Made("same", attempts=[tried(0.0, compute=1.0, peak_rss=100)], user_metadata='{"n": 1}'),
            Made("gone"),
            Made("out", (0, 1), options='{"max_retries": 3}'),
        ],
        [run_of(end=1.0, code={"git": "abc", "python": "3.11"})],
        user_metadata='{"team": "blue", "size": 1}',
    )
    again = [
        replace(tried(0.0, compute=1.0), status=AttemptStatus.FAILED),
        replace(tried(0.0, compute=1.0, peak_rss=500), attempt=2),
    ]
    b = trace_of(
        [
            Made("same", attempts=again, user_metadata='{"n": 2}', reused_in=1),
            Made("new", function=1),
            Made("out", (0,), options='{"max_retries": 5}', status=TaskStatus.FAILED, function=1),
        ],
        [run_of(end=4.0, status=WorkflowStatus.FAILED, code={"git": "def", "python": "3.11"})],
        user_metadata='{"team": "red", "size": 1}',
        functions=("f", "g"),
    )
    found = compare(a, b).to_dict()
    assert found["user_metadata"] == [{"name": "team", "a": "blue", "b": "red"}]
    assert found["code"] == [{"name": "git", "a": "abc", "b": "def"}]
    assert found["functions"] == [{"name": "module.g", "b": "hash of g"}]
    assert (found["only_a"], found["only_b"]) == (["gone"], ["new"])
    assert (found["a"]["status"], found["b"]["status"], found["b"]["reused"]) == ("SUCCESSFUL", "FAILED", 1)
    tasks = {task["task_id"]: task for task in found["tasks"]}
    assert tasks["same"]["larger"] == 400
    assert (tasks["same"]["a"]["attempts"], tasks["same"]["b"]["attempts"]) == (1, 2)
    assert (tasks["same"]["a"]["reused"], tasks["same"]["b"]["reused"]) == (False, True)
    assert tasks["same"]["differences"] == [{"name": "user_metadata.n", "a": 1, "b": 2}]
    assert tasks["out"]["differences"] == [
        {"name": "max_retries", "a": 3, "b": 5},
        {"name": "function", "a": "module.f", "b": "module.g"},
        {"name": "workflow_refs", "a": ["same", "gone"], "b": ["same"]},
    ]


def test_what_failed_in_one_of_them_comes_first() -> None:
    def of(status: TaskStatus, slow: float) -> Trace:
        tasks = [
            Made("slow", attempts=[tried(0.0, compute=slow)]),
            Made("failed", attempts=[tried(0.0, compute=1.0)], status=status),
            Made("both", attempts=[tried(0.0, compute=2.0)], status=TaskStatus.FAILED),
        ]
        return trace_of(tasks, [run_of(end=9.0)])

    good, bad = of(TaskStatus.SUCCESSFUL, 1.0), of(TaskStatus.FAILED, 9.0)
    for found in (compare(good, bad), compare(bad, good)):
        assert [task.task_id for task in found.tasks] == ["failed", "slow", "both"]


def test_tasks_with_other_arguments_are_named_unless_they_take_from_other_tasks() -> None:
    a, b = (
        trace_of(
            [
                Made("same", arguments="1"),
                Made("other", (0,), arguments=other),
                Made("nothing", arguments=None),
                Made("takes", takes, arguments=other),
            ],
            [run_of(end=1.0)],
        )
        for other, takes in (("2", (0,)), ("3", (1,)))
    )
    assert compare(a, b).to_dict()["arguments"] == ["other"]
    assert compare(a, a).arguments == ()


@given(broken_traces())
def test_a_workflow_does_not_differ_from_itself(trace: Trace) -> None:
    found = compare(trace, trace)
    assert not (*found.user_metadata, *found.code, *found.functions, *found.only_a, *found.only_b)
    assert all(not task.differences and task.slower == 0 and task.larger == 0 for task in found.tasks)
    json.dumps(found.to_dict(), allow_nan=False)


# -- estimates


def running(tasks: list[Made], now: float = 0.0) -> Trace:
    return trace_of(
        tasks, [run_of(status=WorkflowStatus.RUNNING)], now=now, functions=("f", "g"), workflow_id="w"
    )


def test_a_chain_takes_as_long_as_all_of_it_and_a_fan_as_the_workers_need() -> None:
    chain = [Made("a", status=PENDING), Made("b", (0,), status=PENDING), Made("c", (1,), status=PENDING)]
    assert estimate(running(chain), {"module.f": [2.0]}).left == 6.0
    done = [
        Made(f"d{n}", attempts=[tried(0.0, compute=2.0, worker_id=f"process-{n}")], function=1)
        for n in range(2)
    ]
    fan = [*done, *(Made(f"t{n}", status=PENDING) for n in range(5))]
    fan[2].attempts = [replace(tried(0.0), worker_id=None, started=None, status=AttemptStatus.LOST)]
    fan += [Made("nap", attempts=[tried(0.0, worker_id="engine")], options=WAIT, function=1)]
    found = estimate(running(fan), {"module.f": [2.0]})
    assert (found.workers, found.left, found.done, found.total) == (2, 6.0, 3, 8)


def test_the_range_is_that_of_what_such_tasks_took() -> None:
    found = estimate(running([Made("a", status=PENDING)]), {"module.f": [float(n) for n in range(1, 12)]})
    assert (found.low, found.left, found.high, found.samples) == (2.0, 6.0, 10.0, 11)


def test_what_runs_already_is_counted_from_what_took_longer_yet() -> None:
    going = replace(tried(10.0), finished=None, stored=None, status=AttemptStatus.RUNNING)
    tasks = [Made("a", attempts=[going], status=TaskStatus.RUNNING)]
    assert estimate(running(tasks, now=15.0), {"module.f": [1.0, 2.0, 8.0]}).left == 3.0
    assert estimate(running(tasks, now=50.0), {"module.f": [1.0, 2.0, 8.0]}).left == 0.0


def test_a_sleep_takes_what_it_was_told_and_no_worker() -> None:
    tasks = [Made(f"s{n}", status=PENDING, options=WAIT) for n in range(4)]
    assert estimate(running([*tasks, Made("a", status=PENDING)]), {"module.f": [0.5]}).left == 1.0


@pytest.mark.parametrize("status", [WorkflowStatus.RUNNING, WorkflowStatus.RESUMABLE])
def test_of_a_sleep_that_has_begun_the_rest_is_left(status: WorkflowStatus) -> None:
    tasks = [Made("s", status=TaskStatus.WAITING, options=WAIT, due=0.75), Made("a", (0,), status=PENDING)]
    trace = trace_of(tasks, [run_of(status=status)], now=0.5)
    assert estimate(trace, {"module.f": [0.5]}).left == 0.75
    assert estimate(replace(trace, now=9.0), {"module.f": [0.5]}).left == 0.5


@pytest.mark.parametrize(
    ("status", "left"), [(WorkflowStatus.RUNNING, 34.0), (WorkflowStatus.RESUMABLE, 6.0)]
)
def test_a_pause_before_an_attempt_is_waited_for_and_occupies_no_worker(
    status: WorkflowStatus, left: float
) -> None:
    failed = replace(tried(0.0, compute=1.0), status=AttemptStatus.FAILED)
    tasks = [
        Made("a", attempts=[failed], status=TaskStatus.WAITING, due=40.0),
        Made("b", status=PENDING),
        Made("c", (0,), status=PENDING),
    ]
    trace = trace_of(tasks, [run_of(status=status)], now=10.0)
    assert estimate(trace, {"module.f": [2.0]}).left == left


def test_what_runs_again_takes_its_time_again() -> None:
    tasks = [Made("a", attempts=[tried(0.0, compute=1.0)], status=TaskStatus.READY)]  # it was not stored
    assert estimate(running(tasks), {"module.f": [1.0]}).left == 1.0


def test_a_continuation_whose_error_was_caught_is_over() -> None:
    failed = replace(tried(0.0, compute=1.0), status=AttemptStatus.FAILED)
    tasks = [
        Made("frame", attempts=[tried(0.0, compute=1.0)]),
        Made("part", attempts=[failed], status=TaskStatus.FAILED, creator=0, frame=0),
        Made("last", (1,), status=TaskStatus.CANCELED, creator=0, frame=0, delivers_to=0),
        Made("inner", (), status=TaskStatus.CANCELED, creator=2, frame=2, delivers_to=2),
        Made("after", (0,), status=PENDING),
    ]
    found = estimate(running(tasks), {"module.f": [1.0]})
    assert (found.left, found.done, found.total) == (1.0, 4, 5)


def test_a_frame_waits_for_no_worker() -> None:
    tasks = [
        Made("long", status=PENDING, function=1),
        Made("frame", attempts=[tried(0.0, compute=1.0)], status=TaskStatus.WAITING),
        Made("rest", attempts=[tried(1.0, compute=1.0)], creator=1, frame=1, delivers_to=1),
        Made("sleep", (1,), status=PENDING, options=WAIT),
    ]
    assert estimate(running(tasks), {"module.f": [1.0], "module.g": [9.0]}).left == 9.0


def test_sleeps_say_nothing_of_a_function_never_seen() -> None:
    slept = [Made("s", attempts=[tried(0.0, compute=50.0)], options=WAIT, function=0)]
    alone = estimate(running([*slept, Made("t", status=PENDING, options=WAIT, function=0)]), {})
    assert (alone.left, alone.samples, alone.unknown) == (1.0, 0, ())
    found = estimate(running([*slept, Made("a", status=PENDING, function=1)]), {})
    assert (found.left, found.unknown) == (None, ("module.g",))


def test_a_continuation_is_waited_for_by_what_its_frame_feeds() -> None:
    tasks = [
        Made("frame", attempts=[tried(0.0, compute=1.0)], status=TaskStatus.WAITING),
        Made("after", (0,), status=PENDING),
        Made("rest", status=PENDING, creator=0, frame=0, delivers_to=0),
    ]
    assert estimate(running(tasks), {"module.f": [1.0]}).left == pytest.approx(2.0)


def test_without_anything_to_go_by_there_is_no_figure() -> None:
    found = estimate(running([Made("a", status=PENDING)]), {})
    assert (found.left, found.low, found.unknown) == (None, None, ("module.f",))
    assert "left" not in found.to_dict()


def test_a_function_never_seen_counts_as_the_others_do() -> None:
    tasks = [Made("a", status=PENDING), Made("b", (0,), status=PENDING, function=1)]
    found = estimate(running(tasks), {"module.f": [3.0]})
    assert (found.left, found.unknown) == (6.0, ("module.g",))


def test_a_function_never_seen_takes_at_least_as_long_as_it_runs_by_now() -> None:
    going = replace(tried(10.0), finished=None, stored=None, status=AttemptStatus.RUNNING)
    tasks = [
        Made("a", attempts=[going], status=TaskStatus.RUNNING, function=1),
        Made("b", status=PENDING, function=1),
        Made("c", status=PENDING, function=1),
        Made("d", (0, 1, 2), status=PENDING),
    ]
    assert estimate(running(tasks, now=15.0), {"module.f": [0.5]}).left == 5.0 + 5.0 + 0.5


def test_what_is_over_takes_no_time() -> None:
    found = estimate(trace_of([Made("a", status=TaskStatus.FAILED), Made("b")], [run_of(end=1.0)]), {})
    assert (found.left, found.low, found.high) == (0.0, 0.0, 0.0)


@given(broken_traces())
def test_an_estimate_is_never_negative(trace: Trace) -> None:
    found = estimate(trace, {"module.f": [1.0, 5.0]})
    assert found.low is not None
    assert found.left is not None
    assert found.high is not None
    assert 0 <= found.low <= found.left <= found.high
