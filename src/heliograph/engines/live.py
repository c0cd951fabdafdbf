"""A run as its engine holds it: the machine, and the values that tasks still need."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from heliograph.engines.executor import AttemptKey, Payload, Receipt, Work
from heliograph.engines.outcome import OutputFuture
from heliograph.errors import StorageCorruptError
from heliograph.graph.pickling import dumps
from heliograph.records.attempt import Failure, Phases, Resources, StoredValue, Worker
from heliograph.scheduling.events import Submitted, TaskRule
from heliograph.scheduling.machine import Machine
from heliograph.storage.checkpoints import Checkpoints, StoredPlan
from heliograph.storage.entries import Accepted, Claim, Submission
from heliograph.storage.submissions import argument_value


class Begun(NamedTuple):
    """What is known of an attempt before its receipt."""

    ready: float
    inputs_size: int
    phases: Phases = Phases()
    worker: Worker | None = None


@dataclass(slots=True)
class LiveRun:
    """One run of one workflow, in memory.

    Attributes:
        key: the storage's key of the workflow.
        run: number of the run.
        workflow_id: id of the workflow.
        created_time: when the run was asked for.
        task_ids: of all tasks, by number.
        function_of: which of `payloads` each task calls.
        payloads: the functions.
        submitted: what to tell the machine when the run may begin, but for the time.
        future: who waits for the output.
        arguments: of tasks that are not done; those of a resumed run are read when they are needed.
        machine: decides.
        outputs: that tasks still need, as far as they were made or read since the run began.
        begun: attempts that the executor has.
    """

    key: int
    run: int
    workflow_id: str
    created_time: float
    task_ids: tuple[str, ...]
    function_of: tuple[int, ...]
    payloads: tuple[Payload, ...]
    submitted: Submitted
    future: OutputFuture
    arguments: dict[int, StoredValue] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)
    outputs: dict[int, StoredValue] = field(default_factory=dict)
    begun: dict[int, Begun] = field(default_factory=dict)

    def attempt_key(self, task: int, attempt: int) -> AttemptKey:
        """The engine-wide name of an attempt."""
        return AttemptKey(self.key, self.run, task, attempt)

    def work(self, task: int, attempt: int, ready: float, checkpoints: Checkpoints, values: str) -> Work:
        """An attempt with all that a worker needs.

        Args:
            task: its task.
            attempt: its number.
            ready: when its inputs were stored, Unix seconds.
            checkpoints: to read what is not in memory.
            values: URL of the folder for large values.
        """
        rule = self.machine.rule_of(task)
        arguments = self.arguments.get(task)
        if arguments is None:
            arguments = self.arguments[task] = self._required(checkpoints.arguments(self.key, task), task)
        inputs = []
        for upstream in rule.upstream:
            value = self.outputs.get(upstream)
            if value is None:
                value = self.outputs[upstream] = self._required(
                    checkpoints.output(self.key, upstream), upstream
                )
            inputs.append(value)
        self.begun[task] = Begun(ready, arguments.size + sum([value.size for value in inputs]))
        return Work(
            key=self.attempt_key(task, attempt),
            workflow_id=self.workflow_id,
            task_id=self.task_ids[task],
            function=self.payloads[self.function_of[task]],
            arguments=arguments,
            inputs=tuple(inputs),
            catch_exceptions=rule.options.catch_exceptions,
            values=values,
        )

    def last_output(self, checkpoints: Checkpoints) -> StoredValue:
        """The output of the workflow."""
        last = len(self.task_ids) - 1
        return self.outputs.get(last) or self._required(checkpoints.output(self.key, last), last)

    def _required(self, value: StoredValue | None, task: int) -> StoredValue:
        if value is None:
            raise StorageCorruptError(
                f"a value of task {self.task_ids[task]!r} of workflow {self.workflow_id!r} "
                "is gone from the storage"
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
        created_time=submission.created_time,
        task_ids=tuple([planned.task_id for planned in plan.tasks]),
        function_of=tuple([planned.function for planned in plan.tasks]),
        payloads=tuple(
            Payload(f"{function.module}.{function.qualname}", next(tokens), function.payload)
            for function in plan.functions
        ),
        submitted=Submitted(
            submission.created_time,
            tuple([TaskRule(planned.upstream, planned.options) for planned in plan.tasks]),
        ),
        future=future,
        arguments={task: argument_value(planned.arguments) for task, planned in enumerate(plan.tasks)},
    )


def resumed_run(
    claim: Claim, accepted: Accepted, plan: StoredPlan, future: OutputFuture, tokens: Iterator[int]
) -> LiveRun:
    """The run of a workflow that was stored before: values are read when tasks need them."""
    return LiveRun(
        key=accepted.key,
        run=accepted.run,
        workflow_id=claim.workflow_id,
        created_time=claim.created_time,
        task_ids=plan.task_ids,
        function_of=plan.functions,
        payloads=tuple(Payload(name, next(tokens), payload) for name, payload in plan.payloads),
        submitted=Submitted(
            claim.created_time, plan.rules, plan.stored, plan.attempts, resumed=True, unkept=plan.unkept
        ),
        future=future,
    )


def unread(key: AttemptKey, error: StorageCorruptError) -> Receipt:
    """The receipt of an attempt that could not begin, for a value it needs can't be read."""
    kind = type(error)
    failure = Failure(
        f"{kind.__module__}.{kind.__qualname__}",
        str(error),
        lineage=tuple(f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__[:-1]),
        error=dumps(error, "the error"),
    )
    return Receipt(
        key, Worker(socket.gethostname(), os.getpid(), "engine"), Phases(), Resources(), failure=failure
    )
