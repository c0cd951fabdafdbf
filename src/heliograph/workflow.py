"""Durable workflows: the public functions. Thin: what they do is decided below.

>>> from heliograph import workflow
>>> @workflow.task
... def add(left: int, right: int) -> int:
...     return left + right
>>> workflow.run(add.bind(10, 20), workflow_id="add_example")
30
>>> workflow.get_metadata("add_example")["status"] == "SUCCESSFUL"
True
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from heliograph import errors as exceptions
from heliograph.engines import event_listener
from heliograph.engines.dags import DecoratingOptions, checked_dag, plan_of
from heliograph.engines.event_listener import HTTPListener
from heliograph.errors import (
    CancelledBeforeError,
    DamagedWarning,
    EventNotAwaitedError,
    FailedBeforeError,
    InputMissingError,
    MissingExtraError,
    NothingToResumeError,
    NotPicklableError,
    RemoteError,
    SearchError,
    StorageCorruptError,
    StorageError,
    StorageUnreachableError,
    StorageVersionError,
    TaskTimeoutError,
    TelemetryError,
    WorkerDiedError,
    WorkflowCancellationError,
    WorkflowError,
    WorkflowExecutionError,
    WorkflowNotFoundError,
    WorkflowNotResumableError,
    WorkflowStillActiveError,
    WorkflowTakenOverError,
    WorkflowTaskNotRecoverableError,
)
from heliograph.graph.checks import checked_flag, checked_number, checked_seconds
from heliograph.graph.identifiers import check_identifier
from heliograph.graph.listener import EventListener
from heliograph.graph.node import InputNode, Inputs, Node
from heliograph.graph.options import GivenOptions
from heliograph.graph.task import Task, task
from heliograph.graph.user_metadata import metadata_json
from heliograph.graph.waits import event_node, sleep_node
from heliograph.keeping.storages import (
    backup_storage,
    check_values,
    collect_garbage,
    copy_storage,
    upgrade_storage,
)
from heliograph.reading.diagnosis import diagnose
from heliograph.reading.explaining import (
    compare,
    estimate,
    export,
    profile,
    sql,
    sql_views,
    table,
    timeline,
)
from heliograph.reading.functions import functions, trend
from heliograph.reading.history import get_history, history
from heliograph.reading.metadata import (
    get_downstream,
    get_metadata,
    get_status,
    get_tasks,
    list_all,
    list_metadata,
)
from heliograph.reading.opened import one_task, session, warn_of
from heliograph.reading.searching import condition, field, over_time, search, search_fields, summarize
from heliograph.reading.telemetry import live_spans, send_spans
from heliograph.reading.watching import get_logs, get_metrics, watch
from heliograph.records import context
from heliograph.records.context import Current, check_is_not_loading, running
from heliograph.records.status import WorkflowStatus
from heliograph.records.steps import progress

if TYPE_CHECKING:
    import threading
    from concurrent.futures import Future

    from heliograph.graph.plan import Plan

__all__ = [
    "CANCELED",
    "FAILED",
    "PENDING",
    "RESUMABLE",
    "RUNNING",
    "SUCCESSFUL",
    "CancelledBeforeError",
    "Current",
    "DamagedWarning",
    "EventListener",
    "EventNotAwaitedError",
    "FailedBeforeError",
    "HTTPListener",
    "InputMissingError",
    "InputNode",
    "MissingExtraError",
    "Node",
    "NotPicklableError",
    "NothingToResumeError",
    "RemoteError",
    "SearchError",
    "StorageCorruptError",
    "StorageError",
    "StorageUnreachableError",
    "StorageVersionError",
    "Task",
    "TaskTimeoutError",
    "TelemetryError",
    "WorkerDiedError",
    "WorkflowCancellationError",
    "WorkflowError",
    "WorkflowExecutionError",
    "WorkflowNotFoundError",
    "WorkflowNotResumableError",
    "WorkflowStatus",
    "WorkflowStillActiveError",
    "WorkflowTakenOverError",
    "WorkflowTaskNotRecoverableError",
    "backup_storage",
    "cancel",
    "check_values",
    "collect_garbage",
    "compare",
    "condition",
    "continuation",
    "copy_storage",
    "current",
    "delete",
    "diagnose",
    "estimate",
    "event_listener",
    "exceptions",
    "export",
    "field",
    "functions",
    "get_downstream",
    "get_history",
    "get_logs",
    "get_metadata",
    "get_metrics",
    "get_output",
    "get_output_async",
    "get_status",
    "get_tasks",
    "history",
    "init",
    "list_all",
    "list_metadata",
    "live_spans",
    "options",
    "over_time",
    "profile",
    "progress",
    "resume",
    "resume_all",
    "resume_async",
    "run",
    "run_async",
    "search",
    "search_fields",
    "send_event",
    "send_event_async",
    "send_spans",
    "shutdown",
    "sleep",
    "sql",
    "sql_views",
    "summarize",
    "table",
    "task",
    "timeline",
    "trend",
    "upgrade_storage",
    "wait_for_event",
    "watch",
    "work",
]

# Old programs say `from ray.workflow.exceptions import ...` too, though this is no package.
_modules = {
    "common": sys.modules[WorkflowStatus.__module__],
    "event_listener": event_listener,
    "exceptions": exceptions,
    "http_event_provider": event_listener,
}
sys.modules.update({f"{__name__}.{name}": module for name, module in _modules.items()})

if not TYPE_CHECKING:  # else any name would do for who checks types

    def __getattr__(name: str) -> Any:
        if name in _modules:
            return _modules[name]
        from heliograph.engines.former_names import said_of

        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{said_of(name)}")


PENDING = WorkflowStatus.PENDING
RUNNING = WorkflowStatus.RUNNING
FAILED = WorkflowStatus.FAILED
RESUMABLE = WorkflowStatus.RESUMABLE
CANCELED = WorkflowStatus.CANCELED
SUCCESSFUL = WorkflowStatus.SUCCESSFUL


def init(
    *,
    storage: str | os.PathLike[str] | None = None,
    engine: str | None = None,
    workers: str | None = None,
    num_workers: int | None = None,
    max_running_workflows: int | None = None,
    max_pending_workflows: int | None = None,
    recover: bool | None = None,
    coordinators: int | None = None,
) -> None:
    """Say where workflows are stored and who runs them. Optional: the first other call does it with defaults.

    Args:
        storage: a folder, a file ending in ``.db``, or a database URL. Default: ``HELIOGRAPH_STORAGE``, else
            the user's data directory.
        engine: ``"embedded"``, the default; or ``"ray"``. Functions of ``@ray.remote`` run on Ray anyway.
        workers: of the embedded engine: ``"processes"``, the default: tasks run side by side, and a crash
            hurts one of them; or ``"threads"``: lighter, for tasks that mostly wait.
        num_workers: of the embedded engine: how many; None or -1: as suits the CPUs that this program may
            use, of which a container may have fewer than the machine.
        max_running_workflows: how many run at once; None or -1: any number. On the embedded engine, what
            tasks run is not counted: the task's own workflow is.
        max_pending_workflows: how many may wait for their turn; None or -1: any number.
        recover: of the embedded engine: begin now to take over the workflows of engines on this storage that
            are gone, as soon as they are, and resume them here. Default: nobody resumes them unasked.
        coordinators: on Ray, with a storage on PostgreSQL: how many actors share the workflows; None or -1:
            one. Each has the limits above for itself, and any of them may die: it goes on when Ray has
            started it again.

    Raises:
        TypeError: a number that is not an int.
        ValueError: a value that can't be; or `init` was called before, with other values.
        StorageError: the storage can't be opened.
    """
    from heliograph.engines.opening import open_session

    open_session(
        {
            "storage": storage,
            "engine": engine,
            "workers": workers,
            "num_workers": num_workers,
            "max_running_workflows": max_running_workflows,
            "max_pending_workflows": max_pending_workflows,
            "recover": recover,
            "coordinators": coordinators,
        }
    )


def shutdown() -> None:
    """Stop the engine and close the storage. What ran reads RESUMABLE; the next call initialises anew."""
    if "heliograph.engines.opening" in sys.modules:  # else nothing was ever opened: don't import all for that
        from heliograph.engines.opening import close_session

        close_session()


def run(
    dag: Any,
    *args: Any,
    workflow_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """Run a DAG and wait for its output.

    Args:
        dag: the node that gives the output, such as ``task.bind(...)``.
        *args: feed the DAG's `InputNode`.
        workflow_id: names the workflow; None: an id is made. One that is stored already is resumed, with
            the DAG that is stored.
        metadata: user metadata, a dict that JSON can hold.
        **kwargs: feed the DAG's `InputNode` by name.

    Returns:
        The output of the DAG's last task.

    Raises:
        TypeError: `dag` is not a DAG.
        ValueError: the id or the metadata can't be.
        InputMissingError: an `InputNode` of the DAG stands for what was not given.
        RuntimeError: the workflow is running or pending already; or a module runs it while a worker imports
            that module.
        NotPicklableError: a function or an argument can't be stored.
        queue.Full: as many wait for their turn as ``max_pending_workflows`` allows.
        WorkflowExecutionError: a task failed; its error is the ``__cause__``.
        WorkflowCancellationError: somebody cancelled it.
        WorkflowTakenOverError: this engine stood still, and another one goes on with the workflow.
        StorageError: it can't be stored.
    """
    engine, *given = _planned(dag, args, kwargs, workflow_id, metadata)
    wait = engine.begin(*given)
    del dag, args, kwargs, given  # while it runs, what it was made of is in nobody's way
    return wait()


def run_async(
    dag: Any,
    *args: Any,
    workflow_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    detach: bool = False,
    **kwargs: Any,
) -> Any:
    """Run a DAG; returns as soon as the workflow is stored.

    Of many that are brought one after the other, those that nobody waits for yet begin together, up to 20 ms
    later: not on Ray. Args and errors as `run`; those of the workflow itself come with the output.

    Args:
        dag: as `run`.
        *args: as `run`.
        workflow_id: as `run`; but of a detached one, an id that is stored already is a `RuntimeError`.
        metadata: as `run`.
        detach: only store it, PENDING, for an engine that takes such workflows: ``heliograph worker``. This
            process may end at once. On Ray every workflow outlives its driver.
        **kwargs: as `run`.

    Returns:
        The output, once it is there: a `concurrent.futures.Future` on the embedded engine, an `ObjectRef` on
        Ray, which `ray.get` and `ray.wait` take.
    """
    checked_flag("detach", detach)
    engine, *given = _planned(dag, args, kwargs, workflow_id, metadata, detach)
    return engine.submit(*given)


def work(
    stop: threading.Event, *, at_once: int | None = None, grace: float = 20.0, max_deaths: int | None = None
) -> int:
    """Be a worker, as ``heliograph worker`` is one: take workflows of this storage until told to stop.

    It takes those that were handed in by ``run_async(..., detach=True)``, and those whose engine is gone.
    ``init(max_running_workflows=...)`` is then for all workers on the storage together: none takes a workflow
    while so many run.

    Args:
        stop: set it, and no more are taken.
        at_once: how many workflows this worker has at most; None: four for each of `init`'s ``num_workers``,
            or of the CPUs where that was not given; at least 16.
        grace: seconds that those it has then get to come to their end.
        max_deaths: a workflow with which so many engines in a row died, without one of its tasks having
            succeeded meanwhile, is FAILED, and no more taken over; None: 10.

    Returns:
        How many did not: after `shutdown` they read RESUMABLE, and others take them.

    Raises:
        ValueError, TypeError: an argument that can't be; or `init` was told to use Ray, whose coordinators
            are all the workers that there are.
        StorageError: the storage can't be opened.
    """
    from heliograph.engines.working import checked_stop
    from heliograph.engines.working import work as work_with

    checked_stop(stop)
    for name, number in (("at_once", at_once), ("max_deaths", max_deaths)):
        checked_number(name, number, least=1)
        if number == -1:  # elsewhere that is no limit, which a worker always has
            raise ValueError(f"{name} must be at least 1, or None, not -1")
    seconds = checked_seconds("grace", grace)
    opened = session()
    if opened.settings.engine == "ray":
        raise ValueError("a worker is an embedded engine: on Ray, coordinators run what is submitted")
    return work_with(opened.engine, stop, at_once, seconds, max_deaths)


def resume(workflow_id: str) -> Any:
    """Go on with a stored workflow from its checkpoints, and wait for its output.

    A finished workflow gives its output again.

    Raises:
        WorkflowNotFoundError: there is no such workflow; a `WorkflowNotResumableError` too.
        RuntimeError: it is running or pending.
        queue.Full, WorkflowExecutionError, WorkflowCancellationError, WorkflowTakenOverError, StorageError:
            as `run`.
    """
    engine = session().for_workflow(check_identifier("workflow_id", workflow_id))
    return engine.value(engine.resume(workflow_id))


def resume_async(workflow_id: str) -> Any:
    """As `resume`, without waiting for the output; returns as `run_async` does."""
    return session().for_workflow(check_identifier("workflow_id", workflow_id)).resume(workflow_id)


def resume_all(include_failed: bool = False) -> list[tuple[str, Any]]:
    """Resume every RESUMABLE workflow: those that ran before those that waited, each in order of submission.

    Args:
        include_failed: the FAILED ones too.

    Returns:
        Ids and their outputs to come. Of one that could not be resumed that is a future (on Ray too) with
        the error: `StorageCorruptError` where its rows are damaged, of which there is a `DamagedWarning` too;
        `queue.Full` where as many wait as ``max_pending_workflows`` allows: it stays as it was.

    Raises:
        TypeError: `include_failed` is not a bool.
    """
    checked_flag("include_failed", include_failed)
    resumed, damaged = session().resume_all(include_failed)
    warn_of(damaged)
    return resumed


def get_output(workflow_id: str, *, task_id: str | None = None, name: str | None = None) -> Any:
    """The output of a workflow, or of one of its tasks; waits while there is none yet.

    Args:
        workflow_id: the workflow.
        task_id: the task; None: the workflow itself.
        name: the same as `task_id`.

    Raises:
        WorkflowNotFoundError: no such workflow, or it is deleted meanwhile; or it is over and had no such
            task: while it runs, a continuation may bring one. In a task of the workflow itself also: nothing
            of it but this task could go on, and bring one.
        ValueError: there is no output and none will come; the message says why.
        WorkflowExecutionError, WorkflowCancellationError: the workflow has ended so; if it had before, that
            is a `ValueError` too.
    """
    task_id = one_task(task_id, name)
    return session().output(workflow_id, task_id)


def get_output_async(workflow_id: str, *, task_id: str | None = None, name: str | None = None) -> Any:
    """As `get_output`, without waiting.

    Returns:
        A `concurrent.futures.Future`; an `ObjectRef` of a workflow of Ray's, where this process is connected
        to Ray, and of every workflow after ``init(engine="ray")``.
    """
    task_id = one_task(task_id, name)
    return session().output_to_come(workflow_id, task_id)


def continuation(dag: Any) -> Any:
    """Hand the rest of a task over to a DAG: ``return workflow.continuation(dag)``.

    The DAG's output becomes the task's. It is a tail call: the task has ended when the DAG begins, so a task
    may continue with itself as often as it likes. Outside of a task, the DAG is run at once.

    Args:
        dag: the node that gives the output.

    Returns:
        In a task: what the task has to return. Outside: the DAG's output.

    Raises:
        TypeError: `dag` is not a DAG.

    >>> @task
    ... def countdown(n: int):
    ...     return continuation(countdown.bind(n - 1)) if n else "lift-off"
    >>> run(countdown.bind(3))
    'lift-off'
    """
    node = checked_dag(dag, "workflow.continuation")
    return run(node) if running.get() is None else node


def sleep(seconds: float | Node) -> Node:
    """A node whose output is None, some time after its turn has come. It occupies no worker.

    Args:
        seconds: how long; or a node that gives it. The end of a sleep that has begun stays the same across
            a resume.

    Raises:
        TypeError: not a number.
        ValueError: negative or infinite.

    >>> run(sleep(0.01)) is None
    True
    """
    return sleep_node(seconds)


def wait_for_event(listener: type[EventListener], *args: Any, **kwargs: Any) -> Node:
    """A node whose output is an event from outside. While it waits, it occupies no worker.

    The listener's `event_checkpointed` is called once the event is stored, before anything that depends on
    it. After a crash in between it is called again, with the stored event.

    Args:
        listener: a subclass of `EventListener`; with options where it has to have some, such as a timeout:
            ``Listener.options(timeout=3600)``.
        *args: for its `poll_for_event`; nodes among them arrive as their values.
        **kwargs: likewise.

    Raises:
        TypeError: not a listener, or one whose methods are not ``async def``.

    >>> class Greeting(EventListener):
    ...     async def poll_for_event(self, name: str) -> str:
    ...         return f"hello {name}"
    >>> run(wait_for_event(Greeting, "world"))
    'hello world'
    """
    return event_node(listener, args, kwargs)


def send_event(
    workflow_id: str,
    event_key: str,
    event_payload: Any = None,
    *,
    keep: bool = False,
    idempotency_key: str | None = None,
) -> str:
    """Send an event to a workflow that waits for it with an `HTTPListener`, from any process.

    What ``POST /event/send_event/{workflow_id}`` does, without a server: this returns once the event is
    checkpointed, which may take as long as the workflow does. Who stops waiting does not take the event back.

    Args:
        workflow_id: the workflow.
        event_key: which of its events.
        event_payload: what to send; a value that JSON can hold, and it arrives as JSON has it.
        keep: where nobody waits for it yet, keep it for whoever will.
        idempotency_key: the sender's name for the event: sent again under this name, it is the same event.

    Returns:
        ``"checkpointed"``: the task that waited for it has it in its stored output. ``"kept"``: nobody waits
        for it yet, and it is kept.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        EventNotAwaitedError: nobody waits for it, or the workflow ended without it; it is not stored.
        TypeError, ValueError: an argument that can't be; or the idempotency key was used for another payload.
        StorageError: it can't be stored; or, once it was, the storage can't be read.

    >>> @task
    ... def answer(event):
    ...     key, payload = event
    ...     return payload["text"]
    >>> output = run_async(answer.bind(wait_for_event(HTTPListener, "question")), workflow_id="asks")
    >>> send_event("asks", "question", {"text": "yes"}, keep=True) in ("checkpointed", "kept")
    True
    >>> output.result()
    'yes'
    """
    return send_event_async(
        workflow_id, event_key, event_payload, keep=keep, idempotency_key=idempotency_key
    ).result()


def send_event_async(
    workflow_id: str,
    event_key: str,
    event_payload: Any = None,
    *,
    keep: bool = False,
    idempotency_key: str | None = None,
) -> Future[str]:
    """As `send_event`, without waiting: a wrong argument is told here, all else comes from the future."""
    from heliograph.engines.event_sender import send_order

    order = send_order(workflow_id, event_key, event_payload, keep, idempotency_key)
    return session().sender.send(order)


def current() -> Current:
    """The attempt that runs this code: its workflow, task, attempt and run.

    Raises:
        RuntimeError: no task runs this code.

    >>> @task
    ... def who() -> tuple[str, int]:
    ...     return current().workflow_id, current().attempt
    >>> run(who.bind(), workflow_id="who_example")
    ('who_example', 1)
    """
    return context.current()


def cancel(workflow_id: str) -> None:
    """Cancel a workflow; it reads CANCELED when this returns, and its running tasks are being stopped.

    Its checkpoints stay: it can be resumed.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        ValueError: it has ended by itself already.
    """
    session().cancel(workflow_id)


def delete(workflow_id: str) -> None:
    """Delete a workflow and all that was stored of it.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        WorkflowStillActiveError: it is running or pending: cancel it first.
    """
    opened = session()
    opened.store.forget(opened.standing(workflow_id))


def options(**given: Any) -> GivenOptions:
    """Options of a task in a workflow: a decorator, and a mapping for ``f.options(**workflow.options(...))``.

    Args:
        **given: ``name`` (or ``task_id``, the same), ``metadata``, ``catch_exceptions``, ``checkpoint``,
            ``timeout``, ``retry_delay``, ``retry_delay_max``.

    Raises:
        ValueError: an unknown option (the message lists the valid ones), or a value that can't be.
        TypeError: a value of a wrong type.

    >>> @options(metadata={"team": "blue"})
    ... @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    """
    return DecoratingOptions(given)


def _planned(
    dag: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    workflow_id: str | None,
    metadata: dict[str, Any] | None,
    detach: bool = False,
) -> tuple[Any, Plan, str, str]:
    """The engine for a DAG, and what that is given: the plan, the workflow's id, its user metadata."""
    check_is_not_loading()
    node = checked_dag(dag, "workflow.run")
    user_metadata = metadata_json(metadata)
    if workflow_id is not None:
        check_identifier("workflow_id", workflow_id)
    plan = plan_of(node, Inputs(args, kwargs))
    from heliograph.engines.opening import opened  # late: as `session`

    here = opened(None if detach else plan)
    engine = here if detach and not here.settings.is_for_ray(plan) else here.for_plan(plan)
    return engine, plan, workflow_id or _new_id(plan.tasks[-1].task_id), user_metadata


def _new_id(name: str) -> str:
    return f"{name[:80]}-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(4).hex()}"
