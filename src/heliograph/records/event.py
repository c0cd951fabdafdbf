"""Events that are sent to a workflow: where one stands, and who waits for it."""

from __future__ import annotations

from enum import StrEnum

from heliograph.graph.frozen import record


class EventState(StrEnum):
    """Where an event stands.

    An event is SENT or KEPT, then TAKEN, then CHECKPOINTED; it is SENT again if its task gives it up.
    """

    KEPT = "KEPT"
    """Stored for whoever will wait for it; nobody did when it came."""
    SENT = "SENT"
    """Stored for somebody who waits and hasn't seen it yet."""
    TAKEN = "TAKEN"
    """A task has it, whose output is not known to be stored; it gets it again if it has to run again."""
    CHECKPOINTED = "CHECKPOINTED"
    """The task's output is stored, and the event is in it. The payload is dropped here."""


@record
class EventWait:
    """An attempt of a task that waits for an event.

    Attributes:
        workflow_id: its workflow.
        event_key: which of the workflow's events.
        task_id: the task.
        run: the run of the workflow. One that another engine has taken over waits for nothing.
        attempt: the attempt. A later one of the same task takes its place.
        workflow: the storage's key of the workflow: deleted, it leaves its id to another one.
    """

    workflow_id: str
    event_key: str
    task_id: str
    run: int
    attempt: int
    workflow: int


@record
class Handed:
    """An event in the hands of a task.

    Attributes:
        event: its number in the storage.
        payload: what was sent, as JSON.
    """

    event: int
    payload: str


@record
class SendOrder:
    """An event to be sent.

    Attributes:
        workflow_id: the workflow it is for.
        event_key: which of the workflow's events it is.
        payload: what is sent, as JSON in ASCII.
        keep: store it where nobody waits for it.
        sender_key: the sender's own name for it: sent again under this name, it is the same event.
    """

    workflow_id: str
    event_key: str
    payload: str
    keep: bool = False
    sender_key: str | None = None


@record
class SentEvent:
    """What became of an order to send.

    Attributes:
        event: its number in the storage; None: it is not stored.
        state: where it stands; None: it is not stored.
        refusal: why it is not.
        is_unknown: because there is no such workflow.
    """

    event: int | None = None
    state: EventState | None = None
    refusal: str = ""
    is_unknown: bool = False
