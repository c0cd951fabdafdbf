"""What an engine's executor is: the handful of verbs below the loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from heliograph.graph.frozen import record
from heliograph.graph.options import TaskOptions
from heliograph.graph.plan import Plan
from heliograph.records.attempt import Failure, Phases, Pickled, Resources, StoredValue, Worker
from heliograph.records.report import Report

_ENOUGH: Final = 256  # attempts that keep workers busy while a slow disk takes a commit
_EACH: Final = 16  # for each worker, where there are very many
GRACE_SECONDS: Final = 1.0
"""How long a cancelled coroutine gets to end."""
_NO_OPTIONS: Final = TaskOptions()


class AttemptKey(NamedTuple):
    """Names one attempt within an engine."""

    workflow: int
    """The storage's key of the workflow."""
    run: int
    task: int
    attempt: int


@record
class Payload:
    """A pickled function, with a name for it that workers remember it by.

    Attributes:
        name: what a task of it is called in errors.
        token: unique in this engine for as long as it lives.
        data: the pickled function.
        is_async: calling it gives something to await.
    """

    name: str
    token: int
    data: bytes
    is_async: bool = False


class Work(NamedTuple):
    """One attempt, as an executor gets it.

    Attributes:
        key: which attempt.
        workflow_id: id of its workflow.
        task_id: id of its task.
        function: what to call.
        arguments: pickled, with numbers in place of inputs; or where they are, if they are large.
        inputs: outputs of upstream tasks, likewise, in the order of those numbers.
        wraps: how often the output is wrapped as ``(output, None)``, for those that catch exceptions.
        caught_wraps: how often ``(None, exception)`` is wrapped so; None: nobody catches what it raises.
        values: URL of the folder where large outputs go.
        goes_first: it is a retry whose delay is over, and goes before those that wait for a worker.
        depth: how deep its workflow is nested in tasks of threads, which wait for it; the deepest go first.
        options: the task's.
    """

    key: AttemptKey
    workflow_id: str
    task_id: str
    function: Payload
    arguments: Pickled
    inputs: tuple[Pickled, ...]
    wraps: int
    caught_wraps: int | None
    values: str
    goes_first: bool = False
    options: TaskOptions = _NO_OPTIONS
    depth: int = 0

    @property
    def handles(self) -> dict[int, Any]:
        """Inputs that the engine holds in memory as objects: their handles, by place."""
        return {
            place: value.handle
            for place, value in enumerate(self.inputs)
            if not isinstance(value, bytes) and value.handle is not None
        }


class Receipt(NamedTuple):
    """How one attempt went: all that is known of it, from the one who ran it.

    Attributes:
        key: which attempt.
        worker: who ran it.
        phases: from ``submitted`` to ``serialised``, as far as they were reached.
        resources: what it used.
        output: what it returned; None if it failed, or was continued.
        continuation: the DAG it returned, if it did.
        arguments: of the tasks of that.
        failure: why it failed; None if it did not.
        caught: ``(None, exception)`` as a value, where a failure may be caught.
    """

    key: AttemptKey
    worker: Worker
    phases: Phases
    resources: Resources
    output: StoredValue | None = None
    failure: Failure | None = None
    caught: StoredValue | None = None
    continuation: Plan | None = None
    arguments: tuple[Pickled, ...] = ()


@record
class Said:
    """What an attempt said while it runs.

    Attributes:
        key: which attempt.
        report: what.
    """

    key: AttemptKey
    report: Report


@record
class Running:
    """An attempt that a worker has.

    Attributes:
        key: which attempt.
        worker: who has it.
        submitted: when the executor got it, Unix seconds.
        started: when the worker got it, Unix seconds.
    """

    key: AttemptKey
    worker: Worker
    submitted: float
    started: float


Held = TypeVar("Held")


def those_of(held: Mapping[AttemptKey, Held], keys: Collection[AttemptKey]) -> list[Held]:
    """What is held under these keys; it looks through the smaller of the two.

    Other threads may change what is held meanwhile.
    """
    if len(held) < len(keys):
        return [value for key, value in list(held.items()) if key in keys]
    found = [held.get(key) for key in keys]
    return [value for value in found if value is not None]


Deliver = Callable[[Receipt | Said], None]
"""Takes a receipt, or what an attempt said before its own, from any thread, at once; never raises."""


def most_for(workers: int) -> int:
    """How many attempts an executor with so many workers is to have at once: see `Executor.most`."""
    return max(_ENOUGH, _EACH * workers)


class Executor(Protocol):
    """Runs attempts. The loop calls all of it from one thread, except `close`.

    For every `submit` there is exactly one receipt, unless the attempt is cancelled first: then there may be
    one, which the loop drops.
    """

    @property
    def most(self) -> int:
        """How many attempts it is to have at once, async ones aside; the others wait as numbers."""

    def submit(self, work: Work) -> None:
        """Run the attempt when a worker is free: in the order of submission, but for those that go first."""

    def cancel(self, *keys: AttemptKey) -> None:
        """Drop the attempts, or stop those that a worker has: none begins any more in the place of another.

        Unknown or ended attempts are no error.
        """

    def running(self, of: Collection[AttemptKey]) -> Iterable[Running]:
        """Those of these attempts that workers have now."""

    def close(self) -> None:
        """Stop everything and wait until no worker is left. May be called again."""
