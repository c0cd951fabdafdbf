"""What `storage.requests.mailbox` says."""

from __future__ import annotations

from sqlalchemy import (
    BindParameter,
    Dialect,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from heliograph.records.event import EventState
from heliograph.records.status import ACTIVE, TASK_OVER, TaskStatus
from heliograph.storage.statements.composing import Composed, among, constant, constants, no_more, replacing
from heliograph.storage.statements.owners import OWNER_COLUMNS, with_owner
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    events, listeners = schema.http_events, schema.http_listeners
    workflows, tasks = schema.workflows, schema.tasks
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    of_key: BindParameter[str] = bindparam("of_key")
    of_task: BindParameter[str] = bindparam("of_task")
    by_event = events.c.event == bindparam("of_event")
    by_id = select(workflows.c.key).where(workflows.c.workflow_id == bindparam("of_id")).scalar_subquery()
    by_place = and_(events.c.workflow == of_workflow, events.c.event_key == of_key)
    count_events = select(func.count()).select_from(events).where(by_place)
    state_of = select(events.c.event, events.c.state)
    is_taken, is_sent = (events.c.state == constant(state) for state in (EventState.TAKEN, EventState.SENT))
    is_mine = and_(is_taken, events.c.task_id == of_task)
    is_free = events.c.state.in_(constants([EventState.KEPT, EventState.SENT]))
    registered = and_(listeners.c.workflow == workflows.c.key, listeners.c.task_id == of_task)
    later = ("event", "task_id", "attempt")  # known when it is stored, or when it is taken
    sent = [column.name for column in events.c if column.name not in later]
    took = and_(tasks.c.workflow == events.c.workflow, tasks.c.task_id == events.c.task_id)
    listening = and_(tasks.c.workflow == listeners.c.workflow, tasks.c.task_id == listeners.c.task_id)
    return {
        "current": Composed(
            select(listeners.c.attempt)
            .select_from(workflows.outerjoin(listeners, registered))
            .where(
                workflows.c.key == of_workflow,
                workflows.c.run == bindparam("of_run"),
                workflows.c.status.in_(constants(ACTIVE)),
            )
        ),
        "next": Composed(
            no_more(
                select(events.c.event, events.c.payload)
                .where(by_place, or_(is_mine, is_free))
                .order_by((events.c.state != constant(EventState.TAKEN)), events.c.event),
                1,
            )
        ),
        "take": Composed(update(events).where(by_event), ["state", "task_id", "attempt"]),
        "register": Composed(replacing(listeners, dialect), listeners.c.keys()),
        "served": Composed(
            delete(listeners).where(listeners.c.workflow == of_workflow, listeners.c.task_id == of_task)
        ),
        "unregister": Composed(
            delete(listeners).where(
                listeners.c.workflow == of_workflow,
                listeners.c.task_id == of_task,
                listeners.c.attempt == bindparam("of_attempt"),
            )
        ),
        "release": Composed(
            update(events).where(by_event, is_mine, events.c.attempt == bindparam("of_attempt")),
            ["state", "task_id", "attempt"],
        ),
        "sent": Composed(
            select(workflows.c.workflow_id, events.c.event_key)
            .select_from(events.join(workflows, workflows.c.key == events.c.workflow))
            .where(is_sent)
        ),
        "checkpoint": Composed(
            update(events).where(
                events.c.workflow == by_id,
                events.c.event_key == of_key,
                is_taken,
                exists().where(took, tasks.c.status == constant(TaskStatus.SUCCESSFUL)),
            ),
            ["state", "payload"],
        ),
        "workflow": Composed(
            select(workflows.c.key, workflows.c.status, workflows.c.run, *OWNER_COLUMNS)
            .select_from(with_owner())
            .where(workflows.c.workflow_id == bindparam("of_id"))
        ),
        "known": Composed(
            state_of.add_columns(events.c.payload).where(
                by_place, events.c.sender_key == bindparam("of_sender_key")
            )
        ),
        "sent_at": Composed(state_of.where(by_place, events.c.sent_time == bindparam("of_time"))),
        "store": Composed(
            insert(events).returning(events.c.event),
            sent,
        ),
        "listeners": Composed(
            select(func.count())
            .select_from(listeners.join(tasks, listening))
            .where(
                listeners.c.workflow == of_workflow,
                listeners.c.event_key == of_key,
                listeners.c.run == bindparam("of_run"),
                # A worker that is killed can't say that it waits no more.
                tasks.c.status.not_in(constants(TASK_OVER)),
            )
        ),
        "unseen": Composed(count_events.where(is_sent)),
        "pending": Composed(
            count_events.where(events.c.state.in_(constants([EventState.SENT, EventState.TAKEN])))
        ),
        "standing": Composed(
            state_of.add_columns(workflows.c.status)
            .select_from(events.join(workflows, workflows.c.key == events.c.workflow))
            .where(among(events.c.event, "of_events", dialect))
        ),
        "event": Composed(
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
        ),
        "close": Composed(update(events).where(by_event), ["state", "payload"]),
        "withdraw": Composed(delete(events).where(by_event)),
    }
