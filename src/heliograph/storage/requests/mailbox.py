"""The mailbox: events that are sent to workflows, and who waits for them.

Sender and listener are in different processes, often on different hosts, and know of each other only what is
stored here. Each of them may be killed at any moment; so an event stays until it is known that the output of
the task that took it is stored, and that task gets it again if it has to run again.

One wait takes one event, in the order in which they were sent.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from heliograph.records.event import EventState, EventWait, Handed, SendOrder, SentEvent
from heliograph.records.status import ACTIVE, TaskStatus, WorkflowStatus
from heliograph.storage import rows
from heliograph.storage.databases.database import Database, patient
from heliograph.storage.databases.news import Notice
from heliograph.storage.liveness import derived_status
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements
from heliograph.storage.statements.statement import listed

_OR_KEPT: Final = "; sent with keep=True, it is kept for whoever will"
"""In Python as over HTTP."""


class Mailbox:
    """Events of one database.

    Args:
        database: where they are.
        clock: gives Unix seconds.
        lease_clock: gives those that leases are measured by.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float], lease_clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease_clock = lease_clock
        self._statements = statements(database.kind, "mailbox")

    # -- for listeners

    @patient
    def listen(self, waiting: Iterable[EventWait]) -> dict[EventWait, Handed | None]:
        """Begin to wait, or look again: give each the event that is there for it, and note who still waits.

        A task that took an event before and was lost gets the same one again.

        Returns:
            An event for each that gets one, None for each that has to wait. Those that are missing wait for
            nothing any more: their workflow is over, or another attempt or run has taken their place.
        """
        answers: dict[EventWait, Handed | None] = {}
        waiting = list(waiting)
        with self._database.write() as connection:
            self._database.lock(connection, keys={one.workflow for one in waiting})
            for one in waiting:
                if self._is_current(connection, one):
                    answers[one] = self._hand_out(connection, one)
                    if answers[one] is None:
                        self._statements.register.tell(connection, _listener_row(one))
        return answers

    @patient
    def leave(self, leaving: Iterable[tuple[EventWait, Handed | None]]) -> None:
        """Wait no more; an event that was handed out and not returned is for others again."""
        leaving = list(leaving)
        self._leave(leaving)
        if any(handed is not None for _, handed in leaving):
            self._database.news.tell(Notice(events=True))

    def _leave(self, leaving: Sequence[tuple[EventWait, Handed | None]]) -> None:
        with self._database.write() as connection:
            self._database.lock(connection, keys={one.workflow for one, _ in leaving})
            for one, handed in leaving:
                of_attempt = {"of_task": one.task_id, "of_attempt": one.attempt}
                self._statements.unregister.tell(connection, of_attempt | {"of_workflow": one.workflow})
                if handed is not None:
                    self._statements.release.tell(
                        connection,
                        of_attempt
                        | {
                            "of_event": handed.event,
                            "state": EventState.SENT.value,
                            "task_id": None,
                            "attempt": None,
                        },
                    )

    @patient
    def sent(self) -> set[tuple[str, str]]:
        """The workflow ids and event keys for which there are events that nobody has seen yet."""
        with self._database.read() as connection:
            return {(row.workflow_id, row.event_key) for row in self._statements.sent.ask(connection)}

    @patient
    def note_checkpointed(self, places: Iterable[tuple[str, str]]) -> None:
        """Of these workflow ids and event keys: whoever took an event and has its output stored is done."""
        places = list(places)
        with self._database.write() as connection:
            self._database.lock(connection, ids={workflow_id for workflow_id, _ in places})
            for workflow_id, event_key in places:
                self._statements.checkpoint.tell(
                    connection,
                    {
                        "of_id": workflow_id,
                        "of_key": event_key,
                        "state": EventState.CHECKPOINTED.value,
                        "payload": None,
                    },
                )
        self._database.news.tell(Notice(events=True))

    # -- for senders

    def send(self, order: SendOrder) -> SentEvent:
        """Store an event for whoever waits for it; where nobody does, only if it is to be kept.

        A server that goes away meanwhile is waited for; the event is stored once.

        Raises:
            ValueError: the sender gave this name to another payload before.
        """
        sent_time, tries = self._clock(), itertools.count()
        sent = self._database.again(lambda: self._send(order, sent_time, is_first=next(tries) == 0))
        if sent.event is not None:
            self._database.news.tell(Notice(events=True))
        return sent

    def _send(self, order: SendOrder, sent_time: float, is_first: bool) -> SentEvent:
        with self._database.write() as connection:
            self._database.lock(connection, ids=[order.workflow_id])
            found = self._statements.workflow.ask(connection, of_id=order.workflow_id).first()
            if found is None:
                return SentEvent(refusal=f"No such workflow_id {order.workflow_id!r}", is_unknown=True)
            if order.sender_key is not None and (known := self._known(connection, found.key, order)):
                return known
            # Of a first try nobody may have heard whether it was committed.
            if not is_first and (mine := self._sent_at(connection, found.key, order, sent_time)):
                return mine
            status = derived_status(
                WorkflowStatus(found.status), rows.owner_record(found), self._lease_clock()
            )
            if status is WorkflowStatus.RUNNING and self._is_awaited(connection, found, order):
                return self._store(connection, found.key, order, EventState.SENT, sent_time)
            if order.keep and status is not WorkflowStatus.SUCCESSFUL:
                return self._store(connection, found.key, order, EventState.KEPT, sent_time)
            return self._refusal(connection, found.key, status, order)

    @patient
    def look(self, events: Sequence[int]) -> dict[int, bool]:
        """Which of these events need no more waiting for: ask `settle` of those.

        Returns:
            Whether each of them does, by its number.
        """
        settled = dict.fromkeys(events, True)  # deleted, unless it is found
        of_events = listed(events, self._database.kind)
        with self._database.read() as connection:
            for row in self._statements.standing.ask(connection, of_events=of_events):
                is_open = WorkflowStatus(row.status) in ACTIVE
                settled[row.event] = row.state == EventState.CHECKPOINTED or not is_open
        return settled

    @patient
    def settle(self, event: int) -> SentEvent:
        """How it ended with an event; one that nobody will take any more is withdrawn, unless it is kept."""
        with self._database.write() as connection:
            found = self._statements.event.ask(connection, of_event=event).first()
            if found is not None:
                self._database.lock(connection, keys=[found.key])
            row = found and self._statements.event.ask(connection, of_event=event).first()
            if row is None:
                return SentEvent(refusal="the workflow was deleted before it took the event")
            state = EventState(row.state)
            if state is EventState.TAKEN and row.task_status == TaskStatus.SUCCESSFUL:
                # Its workflow ended before the listener was told: stored it is all the same.
                state = EventState.CHECKPOINTED
                self._statements.close.tell(
                    connection, {"of_event": event, "state": state.value, "payload": None}
                )
            if state is EventState.CHECKPOINTED or WorkflowStatus(row.status) in ACTIVE:
                return SentEvent(event, state)
            if row.is_kept:
                return SentEvent(event, EventState.KEPT)
            self._statements.withdraw.tell(connection, {"of_event": event})
            return SentEvent(
                refusal=f"workflow {row.workflow_id!r} is {row.status}: it ended before it took the event"
            )

    # -- within a transaction

    def _is_current(self, connection: Connection, one: EventWait) -> bool:
        """Whether the attempt still has a part in its workflow."""
        row = self._statements.current.ask(
            connection, of_workflow=one.workflow, of_run=one.run, of_task=one.task_id
        ).first()
        return row is not None and (row.attempt is None or row.attempt <= one.attempt)

    def _hand_out(self, connection: Connection, one: EventWait) -> Handed | None:
        row = self._statements.next.ask(
            connection, of_workflow=one.workflow, of_key=one.event_key, of_task=one.task_id
        ).first()
        if row is None:
            return None
        self._statements.take.tell(
            connection,
            {
                "of_event": row.event,
                "state": EventState.TAKEN.value,
                "task_id": one.task_id,
                "attempt": one.attempt,
            },
        )
        self._statements.served.tell(connection, {"of_workflow": one.workflow, "of_task": one.task_id})
        return Handed(row.event, row.payload)

    def _known(self, connection: Connection, key: int, order: SendOrder) -> SentEvent | None:
        row = self._statements.known.ask(
            connection, of_workflow=key, of_key=order.event_key, of_sender_key=order.sender_key
        ).first()
        if row is None:
            return None
        if row.payload is not None and row.payload != order.payload:
            raise ValueError("the idempotency key was used for another event_payload before: take a new one")
        return SentEvent(row.event, EventState(row.state))

    def _is_awaited(self, connection: Connection, found: Any, order: SendOrder) -> bool:
        """Whether more wait for it than were sent events already."""
        of_place = {"of_workflow": found.key, "of_key": order.event_key}
        waiting = self._statements.listeners.ask(connection, **of_place, of_run=found.run).scalar_one()
        return bool(waiting and waiting > self._statements.unseen.ask(connection, **of_place).scalar_one())

    def _sent_at(
        self, connection: Connection, key: int, order: SendOrder, sent_time: float
    ) -> SentEvent | None:
        row = self._statements.sent_at.ask(
            connection, of_workflow=key, of_key=order.event_key, of_time=sent_time
        ).first()
        return None if row is None else SentEvent(row.event, EventState(row.state))

    def _store(
        self, connection: Connection, key: int, order: SendOrder, state: EventState, sent_time: float
    ) -> SentEvent:
        stored = self._statements.store.ask(
            connection,
            workflow=key,
            event_key=order.event_key,
            state=state.value,
            payload=order.payload,
            is_kept=order.keep,
            sender_key=order.sender_key,
            sent_time=sent_time,
        )
        return SentEvent(stored.scalar_one(), state)

    def _refusal(
        self, connection: Connection, key: int, status: WorkflowStatus, order: SendOrder
    ) -> SentEvent:
        place = f"workflow {order.workflow_id!r}"
        if status is not WorkflowStatus.RUNNING:
            nobody = f"{place} is {status}: nobody waits for event_key {order.event_key!r}"
            return SentEvent(refusal=nobody if status is WorkflowStatus.SUCCESSFUL else nobody + _OR_KEPT)
        pending = self._statements.pending.ask(connection, of_workflow=key, of_key=order.event_key)
        if pending.scalar_one():
            return SentEvent(
                refusal=f"{place} was sent an event with event_key {order.event_key!r} before, which is not "
                f"checkpointed yet; nobody waits for another one{_OR_KEPT}"
            )
        return SentEvent(refusal=f"no task of {place} waits for event_key {order.event_key!r} now{_OR_KEPT}")


def _listener_row(one: EventWait) -> dict[str, Any]:
    return {
        "workflow": one.workflow,
        "task_id": one.task_id,
        "event_key": one.event_key,
        "run": one.run,
        "attempt": one.attempt,
    }
