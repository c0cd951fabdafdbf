"""A run as its engine holds it: the machine, and the values that tasks still need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from heliograph.engines.attempts.executor import AttemptKey, Payload, Receipt, Work
from heliograph.engines.outcome import OutputFuture, execution_error, loss_error
from heliograph.errors import StorageCorruptError
from heliograph.graph.function import Function
from heliograph.graph.plan import Plan
from heliograph.records.attempt import Phases, Pickled, StoredValue, Worker
from heliograph.records.status import RunReason
from heliograph.scheduling.actions import Expand
from heliograph.scheduling.events import Submitted, TaskRule
from heliograph.scheduling.machine import Machine
from heliograph.storage.entries import Accepted, Claim, Expansion, Submission
from heliograph.storage.questions.checkpoints import Checkpoints, StoredPlan
from heliograph.storage.values.value_store import WAY_OUT


class Begun(NamedTuple):
    """What is known of an attempt before its receipt."""

    created: float
    ready: float
    inputs_size: int | None
    phases: Phases = Phases()
    worker: Worker | None = None
    backoff: float = 0.0


@dataclass(slots=True)
class LiveRun:
    """One run of one workflow, in memory. What is over leaves it.

    What is known of each task is kept by column: a table of plain numbers and text is one object to Python's
    garbage collector, and none that it has to look into.

    Attributes:
        key: the storage's key of the workflow.
        run: number of the run.
        workflow_id: id of the workflow.
        task_ids: ids of tasks, by number.
        functions_of: numbers of tasks' functions.
        created: when tasks, or their next attempts, were planned.
        functions: by number.
        function_numbers: by the function's pickled self.
        future: who waits for the output.
        submitted: given the time, what to tell the machine when the run may begin; None once it was told.
        arguments: of tasks that are not done, or where they are if they are large; those of a resumed run are
            read when they are needed.
        machine: decides.
        outputs: that tasks still need, as far as they were made or read since the run began; as `arguments`.
        output: of the workflow.
        waiting: attempts that wait to be handed out: since when, by task.
        begun: attempts that were handed out, or sleep, and have not ended.
        backoffs: seconds that the next attempts of tasks wait, because of those before.
        damaged: places of outputs that could not be read, with the tasks that made them.
        depth: how deep it is nested: 0 if no task in a thread of this engine runs it, else one more than the
            workflow of that task.
        is_patient: it may begin a moment later, together with others, as long as nobody waits for its output.
        is_recovered: it was taken unasked: its engine may have died with it. False once it has begun.
    """

    key: int
    run: int
    workflow_id: str
    task_ids: dict[int, str]
    functions_of: dict[int, int]
    created: dict[int, float]
    functions: list[Payload]
    function_numbers: dict[bytes, int]
    future: OutputFuture
    submitted: Callable[[float], Submitted] | None
    arguments: dict[int, Pickled] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)
    outputs: dict[int, Pickled] = field(default_factory=dict)
    output: StoredValue | None = None
    waiting: dict[int, float] = field(default_factory=dict)
    begun: dict[int, Begun] = field(default_factory=dict)
    backoffs: dict[int, float] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)
    depth: int = 0
    is_patient: bool = False
    is_recovered: bool = False

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
        rule = machine.rule_of(task)
        arguments = self.arguments.get(task)
        if arguments is None:
            stored = self._sound(checkpoints.arguments(self.key, task), "arguments", task)
            arguments = self.arguments[task] = _bare(stored)
        inputs: list[Pickled] = []
        inputs_size = _size(arguments)
        if rule.upstream:
            if missing := set(rule.upstream).difference(self.outputs):
                self._recall(sorted(missing), checkpoints)
            inputs += map(self.outputs.__getitem__, rule.upstream)
            inputs_size += sum(map(_size, inputs))
        backoff = self.backoffs.pop(task, 0.0)
        self.begun[task] = Begun(self.created[task], ready, inputs_size, backoff=backoff)
        return Work(
            key,
            self.workflow_id,
            self.task_ids[task],
            self.functions[self.functions_of[task]],
            arguments,
            tuple(inputs),
            machine.wraps(task),
            self.caught_wraps(task),
            values,
            goes_first=backoff > 0,
            options=rule.options,
            depth=self.depth,
        )

    def is_async(self, task: int) -> bool:
        """Whether the task's function is awaited."""
        return self.functions[self.functions_of[task]].is_async

    def never_begun(self, task: int, ready: float) -> None:
        """An attempt is stopped that was still to be handed out: note what its record needs."""
        self.begun[task] = Begun(self.created[task], ready, inputs_size=None)  # nobody looked at its inputs

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
        arguments: tuple[Pickled, ...],
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
            self.task_ids[task] = planned.task_id
            self.functions_of[task] = numbers[planned.function]
            self.created[task] = now
        self.arguments.update(enumerate(arguments, action.first))
        return Expansion(
            action.creator, action.frame, action.first, plan, arguments, tuple(numbers), frozenset(new)
        )

    def name(self, first: int, task_ids: Iterable[str]) -> None:
        """Tasks of a continuation have their names: now that they are stored."""
        for task, task_id in enumerate(task_ids, first):
            if task in self.task_ids:
                self.task_ids[task] = task_id

    def keep(self, task: int, output: StoredValue) -> None:
        """A task gave its output."""
        self.arguments.pop(task, None)
        self.outputs[task] = _bare(output)
        if task == self.machine.output:
            self.output = output

    def release(self, task: int) -> None:
        """Nobody needs the task, nor its output, any more."""
        self.task_ids.pop(task, None)
        self.functions_of.pop(task, None)
        self.created.pop(task, None)
        self.arguments.pop(task, None)
        self.outputs.pop(task, None)

    def source_of(self, place: str, task: int) -> int | None:
        """The task whose output is stored there, of those that a task takes; None: none of them."""
        upstream = self.machine.rule_of(task).upstream
        if self.damaged.get(place) in upstream:  # another task could not read it either
            return self.damaged[place]
        return next((one for one in upstream if _place(one, self.outputs.get(one)) == place), None)

    def forget(self, task: int) -> None:
        """A task's output is damaged."""
        self.damaged[_place(task, self.outputs.pop(task, None))] = task

    def recover(self, plan: StoredPlan, source: int, now: float) -> None:
        """Take in again what may have to run again for an output: the tasks whose outputs are not stored."""
        for task in {source, *range(len(plan.task_ids))}.difference(plan.stored - {source}):
            self.task_ids.setdefault(task, plan.task_ids[task])
            self.functions_of.setdefault(task, plan.functions[task])
            self.created.setdefault(task, now)
        self.created[source] = now

    def telling(self, checkpoints: Checkpoints) -> Callable[[], None]:
        """A function that tells those who wait the output of the workflow, or that it can't be read."""
        last = self.machine.output
        try:
            output = self.output or self._stored(checkpoints.output(self.key, last), "output", last)
        except StorageCorruptError as error:
            return partial(self.future.fail, error)
        return partial(self.future.give, output)

    def telling_failure(self, task: int, receipt: Receipt | None) -> Callable[[], None]:
        """What tells who waits that the workflow failed, by this attempt of a task."""
        assert receipt is not None
        assert receipt.failure is not None
        return partial(
            self.future.fail, execution_error(self.workflow_id, self.task_ids[task], receipt.failure)
        )

    def tell_loss(self, checkpoints: Checkpoints) -> None:
        """Tell those who wait that the run is not this engine's any more."""
        error: BaseException
        try:
            error = loss_error(self.workflow_id, checkpoints.run_status(self.key, self.run))
        except StorageCorruptError as damage:
            error = damage
        self.future.fail(error)

    def _recall(self, tasks: Sequence[int], checkpoints: Checkpoints) -> None:
        """Read outputs that were made before this run began."""
        for task, value in zip(tasks, checkpoints.outputs(self.key, tasks), strict=True):
            self.outputs[task] = _bare(self._sound(value, "output", task))

    def _sound(self, value: StoredValue | None, what: str, task: int) -> StoredValue:
        """As `_stored`, for a task to take: workers compare what is large, and nobody else what is not."""
        value = self._stored(value, what, task)
        if value.data is not None and hashlib.sha256(value.data).hexdigest() != value.sha256:
            raise StorageCorruptError(
                f"{self._called(what, task)}, {value.size} bytes in the database, is not what was stored"
                f"{WAY_OUT}",
                _place(task, value) if what == "output" else None,
            )
        return value

    def _stored(self, value: StoredValue | None, what: str, task: int) -> StoredValue:
        if value is None:
            raise StorageCorruptError(f"{self._called(what, task)} is gone from the storage")
        return value

    def _called(self, what: str, task: int) -> str:
        return f"the stored {what} of task {self.task_ids[task]!r} of workflow {self.workflow_id!r}"


def submitted_run(
    submission: Submission, accepted: Accepted, future: OutputFuture, tokens: Iterator[int]
) -> LiveRun:
    """The run of a workflow that was just submitted: all is in memory."""
    plan = submission.plan
    task_ids, functions_of = {}, {}
    for task, planned in enumerate(plan.tasks):
        task_ids[task], functions_of[task] = planned.task_id, planned.function
    return LiveRun(
        key=accepted.key,
        run=accepted.run,
        workflow_id=submission.workflow_id,
        task_ids=task_ids,
        functions_of=functions_of,
        created=dict.fromkeys(range(len(plan.tasks)), submission.created_time),
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
        task_ids=dict(enumerate(plan.task_ids)),
        functions_of=dict(enumerate(plan.functions)),
        created=dict.fromkeys(range(len(plan.task_ids)), claim.created_time),
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
            failed=plan.failed,
            due=plan.due,
        ),
        is_recovered=claim.reason is RunReason.RECOVERED,
    )


def rules_of(plan: Plan) -> tuple[TaskRule, ...]:
    """What the machine is told of a plan; of tasks that differ in nothing that it looks at, the same."""
    alike: dict[int, TaskRule] = {}  # tasks that need nothing, by their options, which the plan holds
    rules = []
    for planned in plan.tasks:
        rule = None if planned.upstream else alike.get(id(planned.options))
        if rule is None:
            rule = TaskRule(planned.upstream, planned.options)
            if not planned.upstream:
                alike[id(planned.options)] = rule
        rules.append(rule)
    return tuple(rules)


def _bare(value: StoredValue) -> Pickled:
    """The bytes of a value by themselves, where they are kept inline."""
    return value if value.data is None else value.data


def _size(value: Pickled) -> int:
    return len(value) if isinstance(value, bytes) else value.size


def _place(task: int, output: Pickled | None) -> str:
    """What says, to this run, where a task's output is stored."""
    location = None if output is None or isinstance(output, bytes) else output.location
    return location or f"in the database, of task number {task}"


def _payload(function: Function, tokens: Iterator[int]) -> Payload:
    name = f"{function.module}.{function.qualname}"
    return Payload(name, next(tokens), function.payload, function.is_async)
