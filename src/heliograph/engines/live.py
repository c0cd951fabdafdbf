"""A run as its engine holds it: the machine, and the values that tasks still need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from heliograph.engines.executor import AttemptKey, Payload, Work
from heliograph.engines.outcome import OutputFuture
from heliograph.errors import StorageCorruptError
from heliograph.graph.function import Function
from heliograph.graph.plan import Plan
from heliograph.records.attempt import Phases, StoredValue, Worker
from heliograph.scheduling.actions import Expand
from heliograph.scheduling.events import Submitted, TaskRule
from heliograph.scheduling.machine import Machine
from heliograph.storage.checkpoints import Checkpoints, StoredPlan
from heliograph.storage.entries import Accepted, Claim, Expansion, Submission


class Begun(NamedTuple):
    """What is known of an attempt before its receipt."""

    created: float
    ready: float
    inputs_size: int
    phases: Phases = Phases()
    worker: Worker | None = None
    backoff: float = 0.0


class LiveTask(NamedTuple):
    """What is needed to run a task, besides its inputs."""

    task_id: str
    function: int
    created: float
    """When it, or its next attempt, was planned."""


@dataclass(slots=True)
class LiveRun:
    """One run of one workflow, in memory. What is over leaves it.

    Attributes:
        key: the storage's key of the workflow.
        run: number of the run.
        workflow_id: id of the workflow.
        tasks: by number.
        functions: by number.
        function_numbers: by the function's pickled self.
        future: who waits for the output.
        submitted: given the time, what to tell the machine when the run may begin; None once it was told.
        arguments: of tasks that are not done; those of a resumed run are read when they are needed.
        machine: decides.
        outputs: that tasks still need, as far as they were made or read since the run began.
        begun: attempts that have not ended.
        backoffs: seconds that the next attempts of tasks wait, because of those before.
        damaged: locations of outputs that could not be read, with the tasks that made them.
    """

    key: int
    run: int
    workflow_id: str
    tasks: dict[int, LiveTask]
    functions: list[Payload]
    function_numbers: dict[bytes, int]
    future: OutputFuture
    submitted: Callable[[float], Submitted] | None
    arguments: dict[int, StoredValue] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)
    outputs: dict[int, StoredValue] = field(default_factory=dict)
    begun: dict[int, Begun] = field(default_factory=dict)
    backoffs: dict[int, float] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)

    def attempt_key(self, task: int, attempt: int) -> AttemptKey:
        """The engine-wide name of an attempt."""
        return AttemptKey(self.key, self.run, task, attempt)

    def work(self, key: AttemptKey, ready: float, checkpoints: Checkpoints, values: str) -> Work:
        """An attempt with all that a worker needs.

        Args:
            key: which attempt.
            ready: when its inputs were stored, Unix seconds.
            checkpoints: to read what is not in memory.
            values: URL of the folder for large values.
        """
        task, machine = key.task, self.machine
        live, rule = self.tasks[task], machine.rule_of(task)
        arguments = self.arguments.get(task)
        if arguments is None:
            arguments = self.arguments[task] = self._required(checkpoints.arguments(self.key, task), task)
        inputs, inputs_size = [], arguments.size
        if rule.upstream:
            self._recall([needed for needed in rule.upstream if needed not in self.outputs], checkpoints)
            inputs = [self.outputs[needed] for needed in rule.upstream]
            inputs_size += sum([value.size for value in inputs])
        backoff = self.backoffs.pop(task, 0.0)
        self.begun[task] = Begun(live.created, ready, inputs_size, backoff=backoff)
        return Work(
            key,
            self.workflow_id,
            live.task_id,
            self.functions[live.function],
            arguments,
            tuple(inputs),
            machine.wraps(task),
            self.caught_wraps(task),
            values,
            goes_first=backoff > 0,
            options=rule.options,
        )

    def caught_wraps(self, task: int) -> int | None:
        """How often an exception of the task, once caught, is wrapped further; None: nobody catches it."""
        catcher = self.machine.catcher(task)
        return None if catcher is None else self.machine.wraps(catcher) - 1

    def inherited(self, creator: int, plan: Plan) -> Plan:
        """A continuation's plan, with what its tasks have from the one that returned it: `checkpoint`."""
        if self.machine.keeps(creator):
            return plan
        return replace(
            plan,
            tasks=tuple(
                replace(planned, options=replace(planned.options, checkpoint=False))
                if planned.options.checkpoint is None
                else planned
                for planned in plan.tasks
            ),
        )

    def expansion(
        self,
        plan: Plan,
        arguments: tuple[StoredValue, ...],
        action: Expand,
        tokens: Iterator[int],
        now: float,
    ) -> Expansion:
        """The tasks of a continuation: taken in here, and as they are to be stored."""
        numbers, new = [], set()
        for function in plan.functions:
            number = self.function_numbers.get(function.payload)
            if number is None:
                number = self.function_numbers[function.payload] = len(self.functions)
                self.functions.append(_payload(function, tokens))
                new.add(number)
            numbers.append(number)
        for task, planned in enumerate(plan.tasks, action.first):
            self.tasks[task] = LiveTask(planned.task_id, numbers[planned.function], now)
        self.arguments.update(enumerate(arguments, action.first))
        return Expansion(
            action.creator, action.frame, action.first, plan, arguments, tuple(numbers), frozenset(new)
        )

    def name(self, first: int, task_ids: Iterable[str]) -> None:
        """Tasks of a continuation have their names: now that they are stored."""
        for task, task_id in enumerate(task_ids, first):
            if task in self.tasks:
                self.tasks[task] = self.tasks[task]._replace(task_id=task_id)

    def release(self, task: int) -> None:
        """Nobody needs the task, nor its output, any more."""
        self.tasks.pop(task, None)
        self.arguments.pop(task, None)
        self.outputs.pop(task, None)

    def source_of(self, location: str, task: int) -> int | None:
        """The task whose output is stored there, of those that a task takes; None: none of them."""
        upstream = self.machine.rule_of(task).upstream
        if self.damaged.get(location) in upstream:  # another task could not read it either
            return self.damaged[location]
        return next(
            (one for one in upstream if one in self.outputs and self.outputs[one].location == location), None
        )

    def forget(self, task: int) -> str:
        """A task's output is damaged; where it was."""
        location = self.outputs.pop(task).location
        assert location is not None
        self.damaged[location] = task
        return location

    def recover(self, plan: StoredPlan, source: int, now: float) -> None:
        """Take in again what may have to run again for an output: the tasks whose outputs are not stored."""
        for task in {source, *range(len(plan.task_ids))}.difference(plan.stored - {source}):
            self.tasks.setdefault(task, LiveTask(plan.task_ids[task], plan.functions[task], now))
        self.tasks[source] = self.tasks[source]._replace(created=now)

    def last_output(self, checkpoints: Checkpoints) -> StoredValue:
        """The output of the workflow."""
        last = self.machine.output
        return self.outputs.get(last) or self._required(checkpoints.output(self.key, last), last)

    def _recall(self, tasks: Sequence[int], checkpoints: Checkpoints) -> None:
        """Read outputs that were made before this run began."""
        if tasks:
            for task, value in zip(tasks, checkpoints.outputs(self.key, tasks), strict=True):
                self.outputs[task] = self._required(value, task)

    def _required(self, value: StoredValue | None, task: int) -> StoredValue:
        if value is None:
            raise StorageCorruptError(
                f"a value of task number {task} of workflow {self.workflow_id!r} is gone from the storage"
            )
        return value


def submitted_run(
    submission: Submission, accepted: Accepted, future: OutputFuture, tokens: Iterator[int]
) -> LiveRun:
    """The run of a workflow that was just submitted: all is in memory."""
    plan = submission.plan
    return LiveRun(
        key=accepted.key,
        run=accepted.run,
        workflow_id=submission.workflow_id,
        tasks={
            task: LiveTask(planned.task_id, planned.function, submission.created_time)
            for task, planned in enumerate(plan.tasks)
        },
        functions=[_payload(function, tokens) for function in plan.functions],
        function_numbers={function.payload: number for number, function in enumerate(plan.functions)},
        future=future,
        submitted=lambda now: Submitted(now, rules_of(plan)),
        arguments=dict(enumerate(submission.arguments)),
    )


def resumed_run(
    claim: Claim, accepted: Accepted, plan: StoredPlan, future: OutputFuture, tokens: Iterator[int]
) -> LiveRun:
    """The run of a workflow that was stored before: values are read when tasks need them."""
    return LiveRun(
        key=accepted.key,
        run=accepted.run,
        workflow_id=claim.workflow_id,
        tasks={
            task: LiveTask(*described, claim.created_time)
            for task, described in enumerate(zip(plan.task_ids, plan.functions, strict=True))
        },
        functions=[Payload(name, next(tokens), data, is_async) for name, data, is_async in plan.payloads],
        function_numbers={data: number for number, (_, data, _) in enumerate(plan.payloads)},
        future=future,
        submitted=lambda now: Submitted(
            now,
            plan.rules,
            plan.stored,
            plan.attempts,
            resumed=True,
            output=plan.output,
            unkept=plan.unkept,
            due=plan.due,
        ),
    )


def rules_of(plan: Plan) -> tuple[TaskRule, ...]:
    """What the machine is told of a plan."""
    return tuple([TaskRule(planned.upstream, planned.options) for planned in plan.tasks])


def _payload(function: Function, tokens: Iterator[int]) -> Payload:
    name = f"{function.module}.{function.qualname}"
    return Payload(name, next(tokens), function.payload, function.is_async)
