"""The mailbox: events that are sent to workflows, and who waits for them.

Sender and listener are in different processes, often on different hosts, and know of each other only what is
stored here. Each of them may be killed at any moment; so an event stays until it is known that the output of
the task that took it is stored, and that task gets it again if it has to run again.

One wait takes one event, in the order in which they were sent.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, cast

from sqlalchemy import (
    BindParameter,
    Dialect,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ClauseElement

from heliograph.records.event import EventState, Handed, SendOrder, SentEvent, Waiting
from heliograph.records.status import ACTIVE, TASK_OVER, TaskStatus, WorkflowStatus
from heliograph.storage import rows, schema
from heliograph.storage.connection import Connection
from heliograph.storage.database import Database, patient
from heliograph.storage.liveness import derived_status
from heliograph.storage.news import Word
from heliograph.storage.owners import OWNER_COLUMNS, with_owner
from heliograph.storage.statements import Prepared, constant, constants, replacing

_LOOK_AT_ONCE: Final = 500  # databases limit the parameters of a statement


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
        self._made: _Statements | None = None

    # -- for listeners

    @patient
    def listen(self, waiting: Iterable[Waiting]) -> dict[Waiting, Handed | None]:
        """Begin to wait, or look again: give each the event that is there for it, and note who still waits.

        A task that took an event before and was lost gets the same one again.

        Returns:
            An event for each that gets one, None for each that has to wait. Those that are missing wait for
            nothing any more: their workflow is over, or another attempt or run has taken their place.
        """
        answers: dict[Waiting, Handed | None] = {}
        waiting = list(waiting)
        with self._database.write() as connection:
            self._database.lock(connection, ids={one.workflow_id for one in waiting})
            for one in waiting:
                key = self._current(connection, one)
                if key is not None:
                    answers[one] = self._hand_out(connection, key, one)
                    if answers[one] is None:
                        self._statements.register.tell(connection, _listener_row(key, one))
        return answers

    @patient
    def leave(self, leaving: Iterable[tuple[Waiting, Handed | None]]) -> None:
        """Wait no more; an event that was handed out and not returned is for others again."""
        leaving = list(leaving)
        self._leave(leaving)
        if any(handed is not None for _, handed in leaving):
            self._database.news.tell(Word(events=True))

    def _leave(self, leaving: Sequence[tuple[Waiting, Handed | None]]) -> None:
        with self._database.write() as connection:
            self._database.lock(connection, ids={one.workflow_id for one, _ in leaving})
            for one, handed in leaving:
                of_id = {"of_id": one.workflow_id, "of_task": one.task_id, "of_attempt": one.attempt}
                self._statements.unregister.tell(connection, of_id)
                if handed is not None:
                    self._statements.release.tell(
                        connection,
                        of_id
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
        self._database.news.tell(Word(events=True))

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
            self._database.news.tell(Word(events=True))
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
        events_, workflows = schema.http_events, schema.workflows
        settled = dict.fromkeys(events, True)  # deleted, unless it is found
        with self._database.read() as connection:
            for start in range(0, len(events), _LOOK_AT_ONCE):
                part = events[start : start + _LOOK_AT_ONCE]
                found = connection.execute(
                    select(events_.c.event, events_.c.state, workflows.c.status)
                    .join(workflows, workflows.c.key == events_.c.workflow)
                    .where(events_.c.event.in_(part))
                )
                for row in found:
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

    def _current(self, connection: Connection, one: Waiting) -> int | None:
        """The key of its workflow; None: the attempt has no part in that any more."""
        row = self._statements.current.ask(
            connection, of_id=one.workflow_id, of_run=one.run, of_task=one.task_id
        ).first()
        if row is None or (row.attempt is not None and row.attempt > one.attempt):
            return None
        return cast("int", row.key)

    def _hand_out(self, connection: Connection, key: int, one: Waiting) -> Handed | None:
        row = self._statements.next.ask(
            connection, of_workflow=key, of_key=one.event_key, of_task=one.task_id
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
        self._statements.served.tell(connection, {"of_workflow": key, "of_task": one.task_id})
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
        events = schema.http_events
        of_place = (events.c.workflow == key, events.c.event_key == order.event_key)
        sent = select(events.c.event, events.c.state).where(*of_place, events.c.sent_time == sent_time)
        row = connection.execute(sent).first()
        return None if row is None else SentEvent(row.event, EventState(row.state))

    def _store(
        self, connection: Connection, key: int, order: SendOrder, state: EventState, sent_time: float
    ) -> SentEvent:
        result = connection.execute(
            insert(schema.http_events)
            .values(
                workflow=key,
                event_key=order.event_key,
                state=state.value,
                payload=order.payload,
                is_kept=order.keep,
                sender_key=order.sender_key,
                sent_time=sent_time,
            )
            .returning(schema.http_events.c.event)
        )
        return SentEvent(result.scalar_one(), state)

    def _refusal(
        self, connection: Connection, key: int, status: WorkflowStatus, order: SendOrder
    ) -> SentEvent:
        place = f"workflow {order.workflow_id!r}"
        if status is not WorkflowStatus.RUNNING:
            return SentEvent(refusal=f"{place} is {status}: nobody waits for event_key {order.event_key!r}")
        pending = self._statements.pending.ask(connection, of_workflow=key, of_key=order.event_key)
        if pending.scalar_one():
            return SentEvent(
                refusal=f"{place} was sent an event with event_key {order.event_key!r} before, which is not "
                "checkpointed yet; nobody waits for another one"
            )
        return SentEvent(refusal=f"no task of {place} waits for event_key {order.event_key!r} now")

    @property
    def _statements(self) -> _Statements:
        # Few programs use the mailbox: those that don't should not have to prepare its statements.
        if self._made is None:
            self._made = _Statements(self._database.dialect)
        return self._made


class _Statements:
    """What the mailbox says to the database, prepared once."""

    def __init__(self, dialect: Dialect) -> None:
        events, listeners = schema.http_events, schema.http_listeners
        workflows, tasks = schema.workflows, schema.tasks
        of_workflow: BindParameter[int] = bindparam("of_workflow")
        of_key: BindParameter[str] = bindparam("of_key")
        of_task: BindParameter[str] = bindparam("of_task")
        by_event = events.c.event == bindparam("of_event")
        by_id = select(workflows.c.key).where(workflows.c.workflow_id == bindparam("of_id")).scalar_subquery()
        by_place = and_(events.c.workflow == of_workflow, events.c.event_key == of_key)
        count_events = select(func.count()).select_from(events).where(by_place)

        def prepared(statement: ClauseElement, *columns: str) -> Prepared:
            return Prepared(statement, dialect, columns)

        registered = and_(listeners.c.workflow == workflows.c.key, listeners.c.task_id == of_task)
        self.current = prepared(
            select(workflows.c.key, listeners.c.attempt)
            .select_from(workflows.outerjoin(listeners, registered))
            .where(
                workflows.c.workflow_id == bindparam("of_id"),
                workflows.c.run == bindparam("of_run"),
                workflows.c.status.in_(constants(ACTIVE)),
            )
        )
        is_mine = and_(events.c.state == constant(EventState.TAKEN), events.c.task_id == of_task)
        is_free = events.c.state.in_(constants([EventState.KEPT, EventState.SENT]))
        self.next = prepared(
            select(events.c.event, events.c.payload)
            .where(by_place, or_(is_mine, is_free))
            .order_by((events.c.state != constant(EventState.TAKEN)), events.c.event)
            .limit(literal_column("1"))
            .offset(literal_column("0"))  # else SQLite's compiler adds one as a parameter
        )
        self.take = prepared(update(events).where(by_event), "state", "task_id", "attempt")
        self.register = prepared(replacing(listeners, dialect), *listeners.c.keys())
        self.served = prepared(
            delete(listeners).where(listeners.c.workflow == of_workflow, listeners.c.task_id == of_task)
        )
        self.unregister = prepared(
            delete(listeners).where(
                listeners.c.workflow == by_id,
                listeners.c.task_id == of_task,
                listeners.c.attempt == bindparam("of_attempt"),
            )
        )
        self.release = prepared(
            update(events).where(
                by_event,
                events.c.state == constant(EventState.TAKEN),
                events.c.task_id == of_task,
                events.c.attempt == bindparam("of_attempt"),
            ),
            "state",
            "task_id",
            "attempt",
        )
        self.sent = prepared(
            select(workflows.c.workflow_id, events.c.event_key)
            .select_from(events.join(workflows, workflows.c.key == events.c.workflow))
            .where(events.c.state == constant(EventState.SENT))
        )
        took = and_(tasks.c.workflow == events.c.workflow, tasks.c.task_id == events.c.task_id)
        self.checkpoint = prepared(
            update(events).where(
                events.c.workflow == by_id,
                events.c.event_key == of_key,
                events.c.state == constant(EventState.TAKEN),
                exists().where(took, tasks.c.status == constant(TaskStatus.SUCCESSFUL)),
            ),
            "state",
            "payload",
        )
        self.workflow = prepared(
            select(workflows.c.key, workflows.c.status, workflows.c.run, *OWNER_COLUMNS)
            .select_from(with_owner())
            .where(workflows.c.workflow_id == bindparam("of_id"))
        )
        self.known = prepared(
            select(events.c.event, events.c.state, events.c.payload).where(
                by_place, events.c.sender_key == bindparam("of_sender_key")
            )
        )
        listening = and_(tasks.c.workflow == listeners.c.workflow, tasks.c.task_id == listeners.c.task_id)
        self.listeners = prepared(
            select(func.count())
            .select_from(listeners.join(tasks, listening))
            .where(
                listeners.c.workflow == of_workflow,
                listeners.c.event_key == of_key,
                listeners.c.run == bindparam("of_run"),
                # A worker that is killed can't say that it waits no more.
                tasks.c.status.not_in(constants(TASK_OVER)),
            )
        )
        self.unseen = prepared(count_events.where(events.c.state == constant(EventState.SENT)))
        self.pending = prepared(
            count_events.where(events.c.state.in_(constants([EventState.SENT, EventState.TAKEN])))
        )
        self.event = prepared(
            select(
                workflows.c.key,
                events.c.state,
                events.c.is_kept,
                workflows.c.workflow_id,
                workflows.c.status,
                tasks.c.status.label("task_status"),
            )
            .select_from(events.join(workflows, workflows.c.key == events.c.workflow).outerjoin(tasks, took))
            .where(by_event)
        )
        self.close = prepared(update(events).where(by_event), "state", "payload")
        self.withdraw = prepared(delete(events).where(by_event))


def _listener_row(key: int, one: Waiting) -> dict[str, Any]:
    return {
        "workflow": key,
        "task_id": one.task_id,
        "event_key": one.event_key,
        "run": one.run,
        "attempt": one.attempt,
    }
