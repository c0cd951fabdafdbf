"""Waiting for outputs of workflows that any engine runs, by what is stored."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from heliograph.engines.outcome import OutputFuture, cancellation_error, execution_error
from heliograph.errors import WorkflowNotFoundError
from heliograph.graph.identifiers import check_identifier
from heliograph.records.attempt import StoredValue
from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.records.workflow import WorkflowRecord
from heliograph.storage.store import Store

POLL_SECONDS: Final = 0.05


def found(store: Store, workflow_id: str) -> WorkflowRecord:
    """The workflow of an id.

    Raises:
        WorkflowNotFoundError: there is none.
        TypeError, ValueError: it can't be an id.
    """
    record = store.queries.workflow(check_identifier("workflow_id", workflow_id))
    if record is None:
        raise WorkflowNotFoundError(f"No such workflow_id {workflow_id!r}")
    return record


def workflow_output(store: Store, workflow_id: str, is_handed_in: bool = False) -> StoredValue:
    """The output of a workflow, once it is stored; arguments and errors as of `workflow_output_now`."""
    return _waited(lambda: store.again(lambda: workflow_output_now(store, workflow_id, is_handed_in)))


def workflow_output_now(store: Store, workflow_id: str, is_handed_in: bool = False) -> StoredValue | None:
    """The output of a workflow; None: not yet.

    Args:
        store: where it is.
        workflow_id: its id.
        is_handed_in: another engine will take it over where its own is gone.

    Raises:
        WorkflowNotFoundError: there is no such workflow.
        ValueError: there will be none: it has no engine, or its output is not stored.
        WorkflowExecutionError: it failed.
        WorkflowCancellationError: it was cancelled.
    """
    record = found(store, workflow_id)
    match record.status:
        case WorkflowStatus.SUCCESSFUL:
            output = store.checkpoints.output(record.key, record.output_task)
            if output is None:
                raise ValueError(
                    f"the output of workflow {workflow_id!r} is not stored (checkpoint=False): "
                    "resume it to make it again"
                )
            return output
        case WorkflowStatus.FAILED:
            error = store.checkpoints.error(record.key)
            if error is not None:  # else somebody resumed it just now: look again
                raise execution_error(
                    workflow_id, error.task_id, error.kind, error.message, error.error, error.traceback
                )
        case WorkflowStatus.CANCELED:
            raise cancellation_error(workflow_id)
        case WorkflowStatus.RESUMABLE if not is_handed_in:
            raise ValueError(
                f"workflow {workflow_id!r} has no output: it is {record.status}, "
                "its engine is gone. Resume it."
            )
    return None


def task_output(store: Store, workflow_id: str, task_id: str) -> StoredValue:
    """The output of a task, once it is stored; raises as `task_output_now`."""
    return _waited(lambda: store.again(lambda: task_output_now(store, workflow_id, task_id)))


def task_output_now(store: Store, workflow_id: str, task_id: str) -> StoredValue | None:
    """The output of a task; None: not yet.

    Raises:
        WorkflowNotFoundError: there is no such workflow, or no such task in it.
        ValueError: there will be none: the workflow is over, or no engine has it.
    """
    record = found(store, workflow_id)
    number = store.checkpoints.source_of(record.key, task_id)
    if number is None:
        raise WorkflowNotFoundError(f"No such task_id {task_id!r} in workflow {workflow_id!r}")
    # First how things stand, then the output: what is stored between the two reads is seen.
    is_successful = store.checkpoints.is_successful(record.key, number)
    output = store.checkpoints.output(record.key, number)
    if output is not None:
        return output
    if is_successful:
        raise ValueError(
            f"the output of task {task_id!r} of workflow {workflow_id!r} is not stored (checkpoint=False)"
        )
    if record.status not in ACTIVE:
        raise ValueError(
            f"task {task_id!r} of workflow {workflow_id!r} has no stored output: "
            f"the workflow is {record.status}"
        )
    return None


def _waited(look: Callable[[], StoredValue | None]) -> StoredValue:
    pause = threading.Event()
    while (value := look()) is None:
        pause.wait(POLL_SECONDS)
    return value


def in_background(store: Store, wait: Any, *args: Any) -> OutputFuture:
    """A future for what a waiting function will return or raise."""
    future = OutputFuture(store.values)

    def run() -> None:
        try:
            value = wait(store, *args)
        except BaseException as error:  # whatever it is, it belongs to who asks the future
            future.set_exception(error)
        else:
            future.set_result(value)

    threading.Thread(target=run, name="heliograph-wait", daemon=True).start()
    return future
