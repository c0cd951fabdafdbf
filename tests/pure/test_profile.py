"""The profile of a run: against a brute-force longest path, and by hand where a case has a name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.insight.causes import causes, latest_ends
from heliograph.insight.profile import profile
from heliograph.insight.workers import busy, occupied
from heliograph.records.status import AttemptStatus, TaskStatus, WorkflowStatus
from heliograph.records.trace import Trace
from tests.pure.tracing import WAIT, Made, Try, run_of, trace_of, tried

SECONDS = st.floats(0, 10, allow_nan=False).map(lambda value: round(value, 3))
MOMENTS = st.none() | st.floats(-5, 50, allow_nan=False)
BEGIN = 1_000.0


@dataclass(frozen=True)
class Step:
    """An attempt as the test planned it: what lets it begin, and how long each part takes."""

    task: int
    after: tuple[int, ...]
    wait: float
    backoff: float
    queue: float
    load: float
    compute: float
    store: float

    @property
    def length(self) -> float:
        return self.wait + self.backoff + self.queue + self.load + self.compute + self.store


@dataclass(frozen=True)
class Planned:
    """A run with its trace; steps are in order of time, and the last one gives the output."""

    steps: tuple[Step, ...]
    trace: Trace


def longest(steps: Sequence[Step], through: int | None = None) -> float:
    """The longest way to the last step by trying every way there is."""
    return max(
        (sum(steps[at].length for at in way) for way in ways(steps) if through is None or through in way),
        default=0.0,
    )


def ways(steps: Sequence[Step]) -> Iterator[tuple[int, ...]]:
    def back(at: int, way: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if not steps[at].after:
            yield way
        for before in steps[at].after:
            yield from back(before, (before, *way))

    return back(len(steps) - 1, (len(steps) - 1,))


@st.composite
def runs(draw: st.DrawFn) -> Planned:
    """Small runs with all there can be: fan-out, retries with backoff, continuations of continuations."""
    steps: list[Step] = []
    made: list[Made] = []
    tries: dict[int, list[int]] = {}
    output_of: dict[int, int] = {}

    def step(task: int, after: tuple[int, ...], backoff: float = 0.0) -> int:
        wait, queue, load, store = (draw(SECONDS) / 10 for _ in range(4))
        # Most is in the code, and often as much as elsewhere: so that another way is nearly as long.
        compute = draw(SECONDS | st.sampled_from([8.0, 9.0, 10.0]))
        steps.append(Step(task, after, wait, backoff, queue, load, compute, store))
        tries.setdefault(task, []).append(len(steps) - 1)
        return len(steps) - 1

    def attempts(task: int, after: tuple[int, ...]) -> None:
        at = step(task, after)
        for _ in range(draw(st.integers(0, 1))):
            at = step(task, (at,), draw(SECONDS) / 10)
        output_of[task] = at

    def new(upstream: tuple[int, ...], **other: int | None) -> int:
        made.append(Made(f"t{len(made)}", upstream, **other))  # type: ignore[arg-type]
        return len(made) - 1

    def continued(task: int, frame: int, depth: int) -> None:
        """The task handed over to one that feeds another, which gives the frame's output."""
        creator = tries[task][-1]
        feeding = new((), creator=task, frame=frame)
        last = new((feeding,), creator=task, frame=frame, delivers_to=frame)
        attempts(feeding, (creator,))
        attempts(last, (output_of[feeding], creator))
        if depth and draw(st.booleans()):  # if it catches exceptions, it is a frame of its own
            inner = draw(st.sampled_from((frame, last)))
            continued(last, inner, depth - 1)
            output_of[last] = output_of[inner]
        output_of[frame] = output_of[last]

    def settled(task: int) -> None:
        attempts(task, tuple(output_of[need] for need in made[task].upstream))
        if draw(st.integers(0, 3)) == 0:
            continued(task, task, 1)

    plan = draw(st.integers(0, 4))
    numbers: list[int] = []
    for _ in range(plan):
        upstream = draw(st.lists(st.sampled_from(numbers), max_size=2, unique=True)) if numbers else []
        numbers.append(new(tuple(upstream)))
        settled(numbers[-1])
    # All lead to the output, whose single attempt is the last step.
    final = new(tuple(numbers))
    step(final, tuple(output_of[number] for number in numbers))
    return Planned(tuple(steps), traced(steps, made, tries))


def traced(steps: Sequence[Step], made: Sequence[Made], tries: Mapping[int, Sequence[int]]) -> Trace:
    ends: list[float] = []
    recorded: list[Try] = []
    for one in steps:
        ready = max((ends[at] for at in one.after), default=BEGIN) + one.wait + one.backoff
        attempt = tried(ready, queue=one.queue, load=one.load, compute=one.compute, store=one.store)
        recorded.append(replace(attempt, backoff=one.backoff))
        assert attempt.stored is not None
        ends.append(attempt.stored)
    tasks = [
        replace(task, attempts=[replace(recorded[at], attempt=n) for n, at in enumerate(tries[number], 1)])
        for number, task in enumerate(made)
    ]
    return trace_of(tasks, [run_of(begin=BEGIN, end=ends[-1])])


@given(runs())
def test_critical_path_is_the_longest_of_all_ways(planned: Planned) -> None:
    found = profile(planned.trace)
    assert found.parts.total == pytest.approx(longest(planned.steps), abs=1e-6)
    assert found.parts.total + found.tail == pytest.approx(found.wall, abs=1e-6)
    assert found.path[-1].task_id == planned.trace.tasks.task_id[planned.steps[-1].task]
    for before, after in zip(found.path, found.path[1:], strict=False):
        assert after.begin == before.end


@given(runs())
def test_each_link_has_the_parts_that_its_attempt_took(planned: Planned) -> None:
    steps = {
        (planned.trace.tasks.task_id[one.task], number): one
        for task in range(len(planned.trace.tasks))
        for number, one in enumerate((one for one in planned.steps if one.task == task), 1)
    }
    for link in profile(planned.trace).path:
        one = steps[link.task_id, link.attempt]
        for name, seconds in link.parts.to_dict().items():
            assert seconds == pytest.approx(getattr(one, name), abs=1e-6), name


@given(runs())
def test_slack_is_what_the_longest_way_through_a_task_falls_short(planned: Planned) -> None:
    length = longest(planned.steps)
    slack = {task.task_id: task.slack for task in profile(planned.trace).tasks}
    for number in range(len(planned.trace.tasks)):
        mine = [at for at, one in enumerate(planned.steps) if one.task == number]
        through = max(longest(planned.steps, at) for at in mine)
        if through:  # else it does not lead to the output, as a task that nobody waits for
            expected = length - through
            assert slack[planned.trace.tasks.task_id[number]] == pytest.approx(expected, abs=1e-6)


def test_what_takes_no_time_has_its_place_on_the_way_all_the_same() -> None:
    """A continuation's first task waits for who returned it, not for what comes of the continuation."""
    again = [tried(BEGIN), replace(tried(BEGIN), attempt=2)]
    tasks = [
        Made("first", attempts=[tried(BEGIN)]),
        Made("feeding", creator=0, frame=0, attempts=[tried(BEGIN)]),
        Made("last", (1,), creator=0, frame=0, delivers_to=0, attempts=again),
        Made("output", (0,), attempts=[tried(BEGIN, compute=1.0)]),
    ]
    found = profile(trace_of(tasks, [run_of(begin=BEGIN, end=BEGIN + 1.0)]))
    assert [task.slack for task in found.tasks] == [0.0, 0.0, 0.0, 0.0]


@given(runs())
def test_saved_is_what_the_longest_way_loses_when_a_task_is_twice_as_fast(planned: Planned) -> None:
    length = longest(planned.steps)
    for number, task in enumerate(profile(planned.trace).tasks):
        faster = [
            replace(one, compute=one.compute / 2) if one.task == number else one for one in planned.steps
        ]
        assert task.saved == pytest.approx(length - longest(faster), abs=1e-6)


@pytest.mark.parametrize(("beside", "saved"), [(3.0, [2.0, 2.0]), (13.0, [1.0, 1.0]), (14.0, [0.0, 0.0])])
def test_no_task_saves_more_than_the_next_way_is_shorter(beside: float, saved: list[float]) -> None:
    tasks = [
        Made("a", attempts=[tried(100.0, compute=10.0)]),
        Made("c", (0, 2), [tried(110.0, compute=4.0)]),
        Made("b", attempts=[tried(100.0, compute=8.0)]),
        Made("d", attempts=[tried(100.0, compute=beside)]),
        Made("end", (1, 3), [tried(114.0)]),
    ]
    found = profile(trace_of(tasks, [run_of(begin=100.0, end=114.0)]))
    assert [task.saved for task in found.tasks[:2]] == saved


@given(runs())
def test_saved_by_a_function_is_that_of_all_its_tasks_together(planned: Planned) -> None:
    for bottleneck in profile(planned.trace).bottlenecks:
        if bottleneck.kind == "compute":  # all tasks have the same function here
            faster = [replace(one, compute=one.compute / 2) for one in planned.steps]
            gain = longest(planned.steps) - longest(faster)
            assert bottleneck.saved == pytest.approx(gain, abs=1e-6)


@st.composite
def broken_traces(draw: st.DrawFn) -> Trace:
    """Whatever clocks that differ, kills and crashes may leave: any time may be absent or out of order."""
    count = draw(st.integers(1, 5))
    tasks = []
    for number in range(count):
        tries = [
            Try(
                attempt=attempt,
                run=draw(st.integers(1, 2)),
                status=draw(st.sampled_from(AttemptStatus)),
                **{
                    name: draw(MOMENTS)
                    for name in ("created", "ready", "submitted", "started", "loaded", "finished", "stored")
                },
                backoff=draw(SECONDS),
                worker_id=draw(st.sampled_from(["process-1", "process-2", None])),
            )
            for attempt in range(1, draw(st.integers(0, 3)) + 1)
        ]
        tasks.append(
            Made(
                f"t{number}",
                draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True)),
                tries,
                status=draw(st.sampled_from(TaskStatus)),
                options=draw(st.sampled_from([WAIT, '{"task_type": "FUNCTION"}'])),
                creator=draw(st.none() | st.integers(0, count - 1)),
                frame=draw(st.none() | st.integers(0, count - 1)),
                delivers_to=draw(st.none() | st.integers(0, count - 1)),
            )
        )
    ended = draw(st.none() | st.floats(0, 40))
    status = draw(st.sampled_from(WorkflowStatus))
    failed = draw(st.sampled_from(["t0", "t1", None]))
    return trace_of(
        tasks, [run_of(end=3.0), run_of(2, status, 3.0, ended, error_task=failed)], now=draw(st.floats(3, 60))
    )


@given(broken_traces(), st.sampled_from([1, 2, None]))
def test_whatever_was_recorded_the_parts_add_up(trace: Trace, run: int | None) -> None:
    found = profile(trace, run)
    assert found.parts.total + found.tail == pytest.approx(found.wall, abs=1e-6)
    assert found.tail >= 0
    assert all(seconds >= 0 for link in found.path for seconds in link.parts.to_dict().values())
    assert all(task.slack >= 0 and task.saved >= 0 and task.compute >= 0 for task in found.tasks)
    assert 0 <= found.efficiency <= 1 + 1e-9
    assert found.parallelism.mean <= found.parallelism.peak + 1e-9
    json.dumps(found.to_dict(), allow_nan=False)


def test_where_clocks_differ_no_task_saves_more_than_it_has_on_the_path() -> None:
    tasks = [
        Made("a", attempts=[tried(0.0, compute=10.0)]),
        Made("b", (0,), [tried(2.0, compute=10.0)], function=1),  # by its worker's clock before a was over
    ]
    found = profile(trace_of(tasks, [run_of(end=12.0)], functions=("f", "g")))
    assert [(task.critical, task.saved) for task in found.tasks] == [(10.0, 5.0), (2.0, 2.0)]
    assert [bottleneck.saved for bottleneck in found.bottlenecks] == [5.0, 2.0]


def test_an_empty_run_has_a_profile() -> None:
    found = profile(trace_of([Made("a")], [run_of(end=2.0)]))
    assert (found.path, found.tail, found.wall, found.bottlenecks[0].kind) == ((), 2.0, 2.0, "tail")


def test_a_pending_workflow_has_taken_no_time() -> None:
    found = profile(trace_of([Made("a")], [run_of(status=WorkflowStatus.PENDING, start_time=None)], now=9.0))
    assert (found.wall, found.path) == (0.0, ())


def test_a_running_one_is_profiled_up_to_now() -> None:
    going = replace(tried(1.0, queue=1.0), status=AttemptStatus.RUNNING, finished=None, stored=None)
    tasks = [Made("a", attempts=[going], status=TaskStatus.RUNNING)]
    found = profile(trace_of(tasks, [run_of(status=WorkflowStatus.RUNNING)], now=10.0))
    assert found.wall == 10.0
    assert (found.parts.wait, found.parts.queue, found.parts.compute) == (1.0, 1.0, 8.0)
    assert "did not succeed" not in found.bottlenecks[0].sentence  # it may yet


def test_a_run_whose_engine_is_gone_ends_with_the_last_that_is_known() -> None:
    lost = replace(tried(1.0, queue=1.0), status=AttemptStatus.LOST, loaded=None, finished=None, stored=500.0)
    tasks = [Made("a", attempts=[lost], status=TaskStatus.RUNNING)]
    found = profile(trace_of(tasks, [run_of(status=WorkflowStatus.RESUMABLE)], now=900.0))
    assert found.wall == 2.0


def test_a_failed_run_ends_with_the_task_that_failed_it() -> None:
    failing = replace(tried(0.0, compute=5.0), status=AttemptStatus.FAILED)
    stopped = replace(tried(0.0, compute=5.5), status=AttemptStatus.CANCELED)
    tasks = [
        Made("bad", attempts=[failing], status=TaskStatus.FAILED),
        Made("other", attempts=[stopped], status=TaskStatus.CANCELED),
    ]
    ended = run_of(status=WorkflowStatus.FAILED, end=5.5, error_task="bad")
    assert [link.task_id for link in profile(trace_of(tasks, [ended])).path] == ["bad"]


def test_of_what_was_stopped_with_the_run_the_longest_is_the_path() -> None:
    tasks = [
        Made(name, attempts=[replace(tried(begin, compute=9.0 - begin), status=AttemptStatus.CANCELED)])
        for name, begin in (("late", 7.0), ("early", 2.0), ("later", 8.0))
    ]
    ended = run_of(status=WorkflowStatus.CANCELED, end=9.0)
    assert [link.task_id for link in profile(trace_of(tasks, [ended])).path] == ["early"]


def test_what_has_no_time_at_which_it_was_ready_was_so_when_it_was_made() -> None:
    attempt = replace(tried(2.0, queue=1.0, compute=1.0), ready=None)
    found = profile(trace_of([Made("a", attempts=[attempt])], [run_of(end=4.0)]))
    assert (found.parts.wait, found.parts.queue, found.parts.compute) == (2.0, 1.0, 1.0)


def test_what_was_reused_is_no_part_of_the_later_run() -> None:
    tasks = [
        Made("a", attempts=[tried(0.0, compute=50.0)], reused_in=2),
        Made("b", (0,), [replace(tried(101.0, compute=2.0), run=2)]),
    ]
    two = [run_of(end=60.0, status=WorkflowStatus.FAILED), run_of(2, begin=100.0, end=103.0)]
    found = profile(trace_of(tasks, two))
    assert [(link.task_id, link.parts.wait, link.parts.compute) for link in found.path] == [("b", 1.0, 2.0)]
    assert [link.task_id for link in profile(trace_of(tasks, two), 1).path] == ["a"]


def test_an_error_is_the_output_of_the_one_that_caught_it_however_deep_it_was() -> None:
    failed = replace(tried(2.0, compute=4.0), status=AttemptStatus.FAILED)
    tasks = [
        Made("catches", attempts=[tried(0.0, compute=1.0)]),
        Made("within", (), [tried(1.0, compute=1.0)], status=TaskStatus.CANCELED, creator=0, frame=0),
        Made("next", (1,), status=TaskStatus.CANCELED, creator=0, frame=0, delivers_to=0),
        Made("fails", (), [failed], status=TaskStatus.FAILED, creator=1, frame=1, delivers_to=1),
        Made("last", (0,), [tried(6.0, compute=1.0)]),
    ]
    found = profile(trace_of(tasks, [run_of(end=7.0)]))
    assert [link.task_id for link in found.path] == ["catches", "within", "fails", "last"]


def test_who_met_a_damaged_output_let_the_task_that_made_it_go_again() -> None:
    """What had taken it before is no later for it; `needed` had left memory, and is made again first."""
    failed = replace(tried(5.0, load=1.0), status=AttemptStatus.FAILED)
    tasks = [
        Made("needed", attempts=[tried(0.0, compute=1.0), tried(6.0, compute=2.0, attempt=2)]),
        Made(
            "damaged",
            (0,),
            [tried(1.0, compute=1.0), replace(tried(8.0, compute=3.0, attempt=2), created=6.0)],
        ),
        Made("before", (1,), [tried(2.0, compute=3.0)]),
        Made(
            "last",
            (1, 2),
            [failed, replace(tried(11.0, compute=1.0, attempt=2), created=6.0)],
        ),
    ]
    found = profile(trace_of(tasks, [run_of(end=12.0)]))
    path = [(link.task_id, link.attempt, link.parts.total) for link in found.path]
    assert path == [
        ("needed", 1, 1.0),
        ("damaged", 1, 1.0),
        ("before", 1, 3.0),
        ("last", 1, 1.0),
        ("needed", 2, 2.0),
        ("damaged", 2, 3.0),
        ("last", 2, 1.0),
    ]
    assert found.parts.wait == 0.0


def test_the_cpu_time_is_that_of_all_attempts_of_the_run() -> None:
    runs = [run_of(1, status=WorkflowStatus.FAILED, end=10.0), run_of(2, begin=10.0, end=20.0)]
    first = replace(tried(0.0, compute=1.0), status=AttemptStatus.FAILED, cpu_time=8.0)
    tries = [
        replace(tried(11.0 + at, compute=1.0), attempt=2 + at, run=2, cpu_time=used)
        for at, used in enumerate((0.5, 0.25, None))
    ]
    trace = trace_of([Made("a", attempts=[first, *tries])], runs)
    assert (profile(trace, 1).cpu_time, profile(trace).cpu_time) == (8.0, 0.75)


def test_a_sleep_waits_and_occupies_no_worker() -> None:
    tasks = [
        Made("nap", attempts=[replace(tried(0.0, compute=8.0), worker_id="engine")], options=WAIT),
        Made("b", (0,), [tried(8.0, compute=2.0)]),
    ]
    found = profile(trace_of(tasks, [run_of(end=10.0)]))
    assert (found.parts.wait, found.parts.compute) == (8.0, 2.0)
    assert [worker.worker_id for worker in found.workers] == ["process-1"]
    assert found.efficiency == pytest.approx(0.2)
    assert found.cpu_time is None
    assert [bottleneck.kind for bottleneck in found.bottlenecks] == ["sleep", "compute"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (TaskStatus.WAITING, "has passed since the last attempt was over: it waits for a time"),
        (TaskStatus.PENDING, "passed after the last task was over."),
        (TaskStatus.READY, "has passed since the last attempt was over: 1 task could begin, and no worker "),
    ],
)
def test_a_sleep_that_goes_on_is_no_time_after_the_last_task(status: TaskStatus, said: str) -> None:
    tasks = [Made("a", attempts=[tried(0.0, compute=1.0)]), Made("nap", (0,), status=status, options=WAIT)]
    found = profile(trace_of(tasks, [run_of(status=WorkflowStatus.RUNNING)], now=10.0))
    assert f"9.00 s (90% of the run) {said}" in found.bottlenecks[0].sentence


@pytest.mark.parametrize(
    ("status", "run", "said"),
    [
        (
            (TaskStatus.READY, TaskStatus.READY),
            WorkflowStatus.RUNNING,
            "2 tasks could begin, and no worker has",
        ),
        (
            (TaskStatus.WAITING, TaskStatus.PENDING),
            WorkflowStatus.RUNNING,
            "since the run began: it waits for a",
        ),
        ((TaskStatus.PENDING, TaskStatus.PENDING), WorkflowStatus.CANCELED, "passed, and no task had begun."),
    ],
)
def test_where_nothing_has_begun_nothing_is_over(
    status: tuple[TaskStatus, TaskStatus], run: WorkflowStatus, said: str
) -> None:
    end = None if run is WorkflowStatus.RUNNING else 10.0
    tasks = [Made(f"t{number}", status=one) for number, one in enumerate(status)]
    found = profile(trace_of(tasks, [run_of(status=run, cancel_time=end)], now=10.0))
    assert said in found.bottlenecks[0].sentence
    assert "was over" not in found.bottlenecks[0].sentence


def test_stragglers_are_told_from_tasks_of_the_same_function() -> None:
    tasks = [Made(f"t{n}", attempts=[tried(0.0, compute=1.0 + n / 100)]) for n in range(10)]
    tasks += [Made("slow", attempts=[tried(0.0, compute=9.0)])]
    tasks += [Made("alone", attempts=[tried(0.0, compute=30.0)], function=1)]
    found = profile(trace_of(tasks, [run_of(end=30.0)], functions=("f", "g")))
    assert [(one.task_id, one.median) for one in found.stragglers] == [("slow", 1.05)]


def test_the_worst_straggler_is_the_first_and_only_what_succeeded_at_work_is_one() -> None:
    seconds = [1.0] * 8 + [5.0, 9.0]
    tasks = [Made(f"t{n}", attempts=[tried(0.0, compute=took)]) for n, took in enumerate(seconds)]
    failed = replace(tried(0.0, compute=30.0), status=AttemptStatus.FAILED)
    tasks += [Made("failed", attempts=[failed], status=TaskStatus.FAILED)]
    tasks += [Made("nap", attempts=[tried(0.0, compute=30.0)], options=WAIT)]
    found = profile(trace_of(tasks, [run_of(end=30.0)]))
    assert [one.task_id for one in found.stragglers] == ["t9", "t8"]


@pytest.mark.parametrize(("count", "is_told"), [(4, False), (5, True)])
def test_five_tasks_say_what_is_usual(count: int, is_told: bool) -> None:
    tasks = [Made(f"t{n}", attempts=[tried(0.0, compute=1.0)]) for n in range(count - 1)]
    found = profile(trace_of([*tasks, Made("slow", attempts=[tried(0.0, compute=9.0)])], [run_of(end=9.0)]))
    assert bool(found.stragglers) is is_told


@pytest.mark.parametrize(("took", "is_told"), [(0.005, False), (0.02, True)])
def test_a_task_that_lost_its_cpu_once_is_no_straggler(took: float, is_told: bool) -> None:
    tasks = [Made(f"t{n}", attempts=[tried(0.0, compute=0.000_1)]) for n in range(9)]
    found = profile(trace_of([*tasks, Made("slow", attempts=[tried(0.0, compute=took)])], [run_of(end=1.0)]))
    assert bool(found.stragglers) is is_told


def test_where_tasks_of_a_function_differ_much_anyhow_a_straggler_lies_far_beyond_them() -> None:
    seconds = [1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0]
    for outermost, is_found in ((9.0, False), (12.0, True)):  # the quartiles are 2.0 and 4.25
        tasks = [Made(f"t{n}", attempts=[tried(0.0, compute=took)]) for n, took in enumerate(seconds)]
        tasks += [Made("slow", attempts=[tried(0.0, compute=outermost)])]
        found = profile(trace_of(tasks, [run_of(end=12.0)]))
        assert [one.task_id for one in found.stragglers] == ["slow"] * is_found


def test_parallelism_counts_what_runs_at_once() -> None:
    tasks = [Made("first", attempts=[tried(100.0, compute=60.0, worker_id="process-9")])]
    for number in (11, 10, 9):
        attempt = tried(160.0, compute=60.0, worker_id=f"process-{number}")
        tasks.append(Made(f"t{number}", (0,), [attempt]))
    found = profile(trace_of(tasks, [run_of(begin=100.0, end=220.0)]))
    assert (found.parallelism.peak, found.parallelism.mean, found.parallelism.bucket) == (3, 2.0, 2.0)
    assert found.parallelism.over_time == pytest.approx((1.0,) * 30 + (3.0,) * 30)
    assert [(use.worker_id, use.busy, use.share) for use in found.workers] == [
        ("process-9", 120.0, 1.0),
        ("process-10", 60.0, 0.5),
        ("process-11", 60.0, 0.5),
    ]
    assert found.efficiency == pytest.approx(240 / 360)


def test_what_begins_and_ends_within_a_part_of_the_time_counts_for_that_part() -> None:
    tasks = [
        Made("a", attempts=[tried(100.5, compute=1.0)]),
        Made("b", attempts=[tried(103.0, compute=57.0)]),
    ]
    found = profile(trace_of(tasks, [run_of(begin=100.0, end=220.0)]))
    assert found.parallelism.over_time == pytest.approx((0.5, 0.5) + (1.0,) * 28 + (0.0,) * 30)


def test_bottlenecks_are_sentences_with_their_figures() -> None:
    tasks = [
        Made("load", attempts=[tried(50.0, queue=10.0, compute=60.0)]),
        Made("b", (0,), [tried(125.0, compute=20.0, store=5.0)], function=1),
        Made("before", attempts=[tried(50.0, compute=10.0)], function=1),
    ]
    trace = trace_of(tasks, [run_of(begin=50.0, end=150.0)], functions=("parse", "merge"), output_task=1)
    found = profile(trace)
    assert [bottleneck.share for bottleneck in found.bottlenecks] == [0.6, 0.2, 0.1]
    assert [bottleneck.sentence for bottleneck in found.bottlenecks] == [
        "1 min 00 s (60% of the run) went into the code of module.parse, in task load; twice as fast, it "
        "would have saved 30.0 s.",
        "20.0 s (20% of the run) went into the code of module.merge, in task b; twice as fast, it would have "
        "saved 10.0 s.",
        "10.0 s (10% of the run) went into waiting for a worker: 1 worker ran at most 1 attempt of it at "
        "once.",
    ]


def test_where_no_worker_ever_was_no_figures_of_workers_are_told() -> None:
    lost = replace(
        tried(0.0, queue=9.0), status=AttemptStatus.LOST, started=None, loaded=None, finished=None, stored=9.0
    )
    found = profile(trace_of([Made("a", attempts=[lost])], [run_of(end=9.0)]))
    assert [bottleneck.sentence for bottleneck in found.bottlenecks] == [
        "9.00 s (100% of the run) went into waiting for a worker: there was none yet."
    ]


def test_a_run_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="workflow 'w' has no run 7: its only run is 1"):
        profile(trace_of([Made("a")], [run_of(end=1.0)]), 7)


@given(broken_traces())
def test_no_latest_end_is_later_than_the_run(trace: Trace) -> None:
    graph = causes(trace, trace.runs[-1])
    latest = latest_ends(graph)
    assert all(end <= graph.end + 1e-9 for end in latest)


def test_workers_that_were_not_there_at_once_are_not_too_few() -> None:
    from heliograph.insight.bottlenecks import _queueing

    assert "though 12 workers took part" in _queueing(6, 12, 0.4)
    assert "though 12 workers had tasks of this workflow for 20% of that" in _queueing(6, 12, 0.2)
    assert "6 workers ran at most 6 attempts of it at once" in _queueing(6, 6, 0.9)


def test_workers_that_had_little_to_do_were_not_too_few() -> None:
    """They were starting, or the tasks were short: more of them would not have helped."""
    queued = Made("b", attempts=[tried(0.0, queue=8.0, compute=2.0)])

    def told(before: Try) -> str:
        tasks = [Made("a", attempts=[before]), queued]
        return profile(trace_of(tasks, [run_of(end=10.0)])).bottlenecks[0].sentence

    assert told(tried(0.0, compute=1.0)) == (
        "8.00 s (80% of the run) went into waiting for a worker, though 1 worker had tasks of this workflow "
        "for 12% of that: it was starting, had other workflows, or tasks so short that to hand them out took "
        "longer."
    )
    assert told(tried(0.0, compute=7.0)).endswith("a worker: 1 worker ran at most 1 attempt of it at once.")
    pickling = replace(tried(0.0, compute=1.0, store=7.0), serialised=7.5)
    assert told(pickling).endswith("a worker: 1 worker ran at most 1 attempt of it at once.")


def test_workers_are_at_work_side_by_side() -> None:
    tasks = [
        Made("a", attempts=[tried(0.0, compute=4.0)]),
        Made("b", attempts=[tried(0.0, compute=2.0, worker_id="process-2")]),
        Made("c", attempts=[tried(0.0, queue=4.0, compute=1.0)]),
    ]
    trace = trace_of(tasks, [run_of(end=5.0)])
    graph = causes(trace, trace.runs[-1])
    had = busy(trace, graph)
    assert occupied(trace, graph, had, [(0.0, 4.0)]) == pytest.approx(0.75)
    assert occupied(trace, graph, had, [(1.0, 2.0), (3.0, 4.0)]) == pytest.approx(0.75)
    assert occupied(trace, graph, had, []) == 0.0


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (
            {"cpu_time": 2.0, "peak_rss": 9, "voluntary_switches": 3, "involuntary_switches": 900},
            " It had a CPU for 2.00 s of that; the rest it waited for one: the machine was busy.",
        ),
        (  # in a thread
            {"cpu_time": 2.0, "voluntary_switches": 3, "involuntary_switches": 900},
            " It had a CPU for 2.00 s of that; the rest it waited for one: the machine was busy, or threads "
            "beside it were.",
        ),
        (
            {"cpu_time": 0.05, "voluntary_switches": 90, "involuntary_switches": 9},
            " It had a CPU for 50 ms of that; the rest it waited for something else: the network, a disk, "
            "another process, a pause.",
        ),
        (  # one long wait, in which its CPU was taken away a few times
            {"cpu_time": 0.05, "voluntary_switches": 1, "involuntary_switches": 9},
            " It had a CPU for 50 ms of that; the rest it waited for something else: the network, a disk, "
            "another process, a pause.",
        ),
        ({"cpu_time": 6.0, "voluntary_switches": 3, "involuntary_switches": 900}, ""),
        ({}, ""),  # a coroutine's, or that of a worker that died
    ],
)
def test_code_that_waited_is_told_from_code_that_computed(used: dict[str, Any], told: str) -> None:
    tasks = [Made("a", attempts=[tried(0.0, compute=10.0, **used)])]
    (found,) = profile(trace_of(tasks, [run_of(end=10.0)])).bottlenecks
    assert found.sentence == (
        "10.0 s (100% of the run) went into the code of module.f, in task a; twice as fast, it would have "
        f"saved 5.00 s.{told}"
    )
