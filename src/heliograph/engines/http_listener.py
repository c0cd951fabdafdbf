"""The listener for events that come over HTTP."""

from __future__ import annotations

from typing import Any

from heliograph.graph.identifiers import check_identifier
from heliograph.graph.listener import EventListener
from heliograph.records.context import Current, running


class HTTPListener(EventListener):
    """Waits for an event that is sent over HTTP to its workflow: see `heliograph.web`.

    The event is ``(event_key, event_payload)``. It is not lost when the process that waits is killed: the
    task gets it again. Its sender is answered once the event is stored as the task's output.

    A workflow may wait for the same key again, or twice at the same time: each wait takes one event, in the
    order in which they were sent.
    """

    async def poll_for_event(self, event_key: str | None = None) -> tuple[str, Any]:
        """Wait for the event.

        Args:
            event_key: which of the workflow's events; None: the one named as the task that waits.

        Returns:
            The key, and what the sender gave as ``event_payload``.

        Raises:
            RuntimeError: no task runs this.
            StorageError: the storage can't be read any more.
        """
        import json

        from heliograph.engines.http_desk import desk
        from heliograph.records.event import EventWait

        task = _task()
        key = task.task_id if event_key is None else check_identifier("event_key", event_key)
        handed = await desk().wait(
            EventWait(task.workflow_id, key, task.task_id, task.run, task.attempt, task._workflow)
        )
        return key, json.loads(handed.payload)

    async def event_checkpointed(self, event: Any) -> None:
        """The event is stored: its sender is answered.

        Args:
            event: what `poll_for_event` returned.
        """
        from heliograph.engines.http_desk import desk

        event_key, _payload = event
        await desk().note_checkpointed(_task().workflow_id, event_key)


def _task() -> Current:
    task = running.get()
    if task is None:
        raise RuntimeError("an HTTPListener waits for its workflow, and no task runs this code")
    return task
