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
    """Choose where workflows are stored and what runs them.

    Optional: without it, the first call of anything else initialises with the defaults.

    Args:
        storage: a folder, a file whose name ends in ``.db`` or ``.sqlite``, or a database URL. Default: the
            environment variable ``HELIOGRAPH_STORAGE``, else the user's data directory.
        engine: ``"embedded"`` (the default) or ``"ray"``. Functions of ``@ray.remote`` always run on Ray.
        workers: for the embedded engine: ``"processes"`` (the default), where tasks run in parallel and a
            crash hurts one task only; or ``"threads"``, which are lighter, for tasks that mostly wait.
        num_workers: for the embedded engine: the number of workers. None or -1: one that suits the CPUs
            that this program may use (a container may have fewer than the machine).
        max_running_workflows: how many workflows run at once. None or -1: no limit. On the embedded engine,
            workflows that tasks start are not counted: the workflow of the task is.
        max_pending_workflows: how many workflows may wait for their turn. None or -1: no limit.
        recover: for the embedded engine: from now on, take over workflows on this storage whose engine is
            gone, and resume them here. Default: they wait until somebody resumes them.
        coordinators: on Ray, with a storage on PostgreSQL: how many coordinators share the workflows. None
            or -1: one. Each has the limits above for itself. Any of them may die: Ray starts it again, and
            it goes on with its workflows.

    Raises:
        TypeError: a number is not an int.
        ValueError: a value is not valid, or `init` was called before with other values.
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
    """Stop the engine and close the storage.

    Workflows that were running read RESUMABLE. The next call of anything initialises again.
    """
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
        dag: the node whose output is wanted, such as ``task.bind(...)``.
        *args: values for the DAG's `InputNode`.
        workflow_id: the id of the workflow. None: a unique id is made. An id that is stored already is
            resumed, with the DAG that is stored.
        metadata: user metadata of the workflow: a dict that can be written as JSON.
        **kwargs: values for the DAG's `InputNode`, by name.

    Returns:
        The output of the DAG's last task.

    Raises:
        TypeError: `dag` is not a DAG.
        ValueError: the id or the metadata is not valid.
        InputMissingError: an `InputNode` of the DAG stands for a value that was not given.
        RuntimeError: the workflow is running or pending already; or a module calls `run` at its top level,
            and a worker is importing that module.
        NotPicklableError: a function or an argument can't be pickled.
        queue.Full: ``max_pending_workflows`` workflows are waiting already.
        WorkflowExecutionError: a task failed; its error is the ``__cause__``.
        WorkflowCancellationError: the workflow was cancelled.
        WorkflowTakenOverError: this engine stood still for too long, and another one took the workflow over.
        StorageError: the workflow can't be stored.
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

    Arguments and errors are those of `run`; an error of the workflow itself is raised where its output is
    asked for. When many workflows are submitted one after the other and nobody waits for their outputs yet,
    they start together, up to 20 ms later (not on Ray).

    Args:
        dag: as for `run`.
        *args: as for `run`.
        workflow_id: as for `run`; with `detach`, an id that is stored already raises `RuntimeError`.
        metadata: as for `run`.
        detach: store the workflow as PENDING, for ``heliograph worker`` to run, and don't run it here: this
            process may end at once. (On Ray, every workflow outlives its driver.)
        **kwargs: as for `run`.

    Returns:
        The output to come: a `concurrent.futures.Future` on the embedded engine; on Ray an `ObjectRef`, for
        `ray.get` and `ray.wait`.
    """
    checked_flag("detach", detach)
    engine, *given = _planned(dag, args, kwargs, workflow_id, metadata, detach)
    return engine.submit(*given)


def work(
    stop: threading.Event, *, at_once: int | None = None, grace: float = 20.0, max_deaths: int | None = None
) -> int:
    """Be a worker, as ``heliograph worker`` does: run workflows of this storage until told to stop.

    A worker takes the workflows that were submitted with ``run_async(..., detach=True)``, and those whose
    engine is gone. ``init(max_running_workflows=...)`` then holds for all workers on the storage together.

    Args:
        stop: once it is set, the worker takes no more workflows.
        at_once: how many workflows this worker runs at once. None: four for each of `init`'s
            ``num_workers`` (or for each CPU, where that was not given), but at least 16.
        grace: seconds that workflows have to finish after `stop` was set.
        max_deaths: a workflow during which so many engines in a row died, with none of its tasks having
            succeeded in between, is FAILED instead of being taken over again. None: 10.

    Returns:
        The number of workflows that did not finish in time: after `shutdown` they read RESUMABLE, and other
        workers take them.

    Raises:
        ValueError, TypeError: an argument is not valid; or `init` chose Ray, where coordinators do this.
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
    """Continue a stored workflow from its checkpoints, and wait for its output.

    A finished workflow gives its output again.

    Raises:
        NothingToResumeError: there is no such workflow.
        WorkflowNotResumableError: it can't be rebuilt from what is stored.
        RuntimeError: it is running or pending.
        queue.Full, WorkflowExecutionError, WorkflowCancellationError, WorkflowTakenOverError, StorageError:
            as for `run`.
    """
    engine = session().for_workflow(check_identifier("workflow_id", workflow_id))
    return engine.value(engine.resume(workflow_id))


def resume_async(workflow_id: str) -> Any:
    """As `resume`, but returns at once, with an output to come as `run_async` has it."""
    return session().for_workflow(check_identifier("workflow_id", workflow_id)).resume(workflow_id)


def resume_all(include_failed: bool = False) -> list[tuple[str, Any]]:
    """Resume every RESUMABLE workflow: first those that were running, then those that were pending.

    Args:
        include_failed: resume FAILED workflows too.

    Returns:
        Pairs of an id and its output to come. For a workflow that could not be resumed, that is a future (on
        Ray too) that raises the error: `StorageCorruptError` if its rows are damaged (a `DamagedWarning`
        names it as well), or `queue.Full` if ``max_pending_workflows`` are waiting already.

    Raises:
        TypeError: `include_failed` is not a bool.
    """
    checked_flag("include_failed", include_failed)
    resumed, damaged = session().resume_all(include_failed)
    warn_of(damaged)
    return resumed


def get_output(workflow_id: str, *, task_id: str | None = None, name: str | None = None) -> Any:
    """The output of a workflow, or of one of its tasks; waits for it while the workflow runs.

    Args:
        workflow_id: the workflow.
        task_id: the task. None: the workflow itself.
        name: another name for `task_id`.

    Raises:
        WorkflowNotFoundError: there is no such workflow, or it was deleted in the meantime; or it has ended
            and had no such task. (While it runs, a continuation may still add the task: then this waits,
            unless it is called in a task of that workflow and no other task of it can go on.)
        ValueError: there is no output, and there will be none; the message says why.
        WorkflowExecutionError, WorkflowCancellationError: the workflow failed or was cancelled. If it had
            already when this was called, the error is a `ValueError` too.
    """
    task_id = one_task(task_id, name)
    return session().output(workflow_id, task_id)


def get_output_async(workflow_id: str, *, task_id: str | None = None, name: str | None = None) -> Any:
    """As `get_output`, but returns at once.

    Returns:
        A `concurrent.futures.Future`. An `ObjectRef` for a workflow that runs on Ray, if this process is
        connected to Ray; and for every workflow after ``init(engine="ray")``.
    """
    task_id = one_task(task_id, name)
    return session().output_to_come(workflow_id, task_id)


def continuation(dag: Any) -> Any:
    """Continue a task with a DAG: ``return workflow.continuation(dag)``.

    The output of the DAG becomes the output of the task. This is a tail call: the task has ended when the
    DAG begins, so a task may continue with itself any number of times. Outside of a task, the DAG is run at
    once.

    Args:
        dag: the node that gives the output.

    Returns:
        Inside a task: what the task must return. Outside: the output of the DAG.

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
    """A node that waits, and whose output is None. It occupies no worker.

    Args:
        seconds: how long it waits; or a node that gives the number. A sleep that has begun keeps its end
            time across a resume.

    Raises:
        TypeError: not a number.
        ValueError: negative or infinite.

    >>> run(sleep(0.01)) is None
    True
    """
    return sleep_node(seconds)


def wait_for_event(listener: type[EventListener], *args: Any, **kwargs: Any) -> Node:
    """A node whose output is an event from outside. While it waits, it occupies no worker.

    The listener's `event_checkpointed` is called once the event is stored, before any task that depends on
    it. After a crash between the two it is called again, with the stored event.

    Args:
        listener: a subclass of `EventListener`. It can carry options, such as a timeout:
            ``Listener.options(timeout=3600)``.
        *args: arguments for its `poll_for_event`; nodes among them arrive as their values.
        **kwargs: keyword arguments, likewise.

    Raises:
        TypeError: `listener` is not such a class, or its methods are not ``async def``.

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

    This does what ``POST /event/send_event/{workflow_id}`` does, without a server. It returns once the event
    is checkpointed, which may take as long as the workflow does. To stop waiting does not take the event
    back.

    Args:
        workflow_id: the workflow.
        event_key: which of its events this is.
        event_payload: any value that can be written as JSON; it arrives as JSON gives it back.
        keep: if no task waits for the event yet, keep it for the first one that does.
        idempotency_key: the sender's name for this event: sent again with the same key, it is the same event.

    Returns:
        ``"checkpointed"``: the event is in the stored output of the task that waited for it. ``"kept"``: no
        task waits for it yet, and it is kept.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        EventNotAwaitedError: no task waits for the event, or the workflow ended without taking it; it is not
            stored.
        TypeError, ValueError: an argument is not valid; or the key was used for another payload before.
        StorageError: the event can't be stored; or it was stored, and then the storage could not be read.

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
    """As `send_event`, but returns at once. A wrong argument raises here; all else comes from the future."""
    from heliograph.engines.event_sender import send_order

    order = send_order(workflow_id, event_key, event_payload, keep, idempotency_key)
    return session().sender.send(order)


def current() -> Current:
    """The attempt that runs this code: its workflow, task, attempt and run.

    Raises:
        RuntimeError: this code is not run by a task.

    >>> @task
    ... def who() -> tuple[str, int]:
    ...     return current().workflow_id, current().attempt
    >>> run(who.bind(), workflow_id="who_example")
    ('who_example', 1)
    """
    return context.current()


def cancel(workflow_id: str) -> None:
    """Cancel a workflow: when this returns its status is CANCELED, and its running tasks are being stopped.

    Its checkpoints are kept, so it can be resumed.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        ValueError: it has succeeded or failed already.
    """
    session().cancel(workflow_id)


def delete(workflow_id: str) -> None:
    """Delete a workflow and everything that is stored of it.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        WorkflowStillActiveError: it is running or pending: cancel it first.
    """
    opened = session()
    opened.store.forget(opened.standing(workflow_id))


def options(**given: Any) -> GivenOptions:
    """Options of a task: a decorator, and a mapping for ``f.options(**workflow.options(...))``.

    - ``name`` or ``task_id`` (``str``): the task's id within its workflow.
    - ``metadata`` (``dict``): user metadata of the task, which can be written as JSON.
    - ``catch_exceptions`` (``bool``): the output becomes ``(value, None)`` or ``(None, exception)``.
    - ``checkpoint`` (``bool``): False: the output is not stored, and a resume runs the task again.
    - ``timeout`` (seconds): an attempt that runs longer is stopped, and retried.
    - ``retry_delay`` (seconds): the pause before the first retry; it doubles before each further one.
    - ``retry_delay_max`` (seconds): the longest such pause.

    Args:
        **given: options by name.

    Raises:
        ValueError: there is no such option (the message lists all), or its value is not valid.
        TypeError: a value has a wrong type.

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
