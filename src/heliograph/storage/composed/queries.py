"""What `storage.questions.queries` says."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Dialect,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)

from heliograph.records.status import ACTIVE, WorkflowStatus
from heliograph.storage.questions.queries import ENDED
from heliograph.storage.statements.composing import Composed, among, constant, constants, no_more
from heliograph.storage.statements.owners import OWNER_COLUMNS, lease
from heliograph.storage.tables import schema

_FAILED: Final = schema.tasks.alias("failed")


def recorded() -> list[ColumnElement[Any]]:
    """What `rows.workflow_record` makes a record of, in its order."""
    workflows, runs = schema.workflows, schema.runs
    return [
        workflows.c.key,
        workflows.c.workflow_id,
        workflows.c.name,
        workflows.c.status,
        workflows.c.user_metadata,
        workflows.c.output_task,
        workflows.c.output_options,
        workflows.c.progress,
        workflows.c.parent,
        workflows.c.run,
        workflows.c.start_time,
        workflows.c.end_time,
        runs.c.error_type,
        runs.c.error_message,
        _FAILED.c.task_id.label("error_task_id"),
        workflows.c.owner,
        lease().label("lease_until"),
    ]


def with_error(joined: Any) -> Any:
    """Workflows, each with the run that failed, if it did, and the task that failed that."""
    workflows, runs = schema.workflows, schema.runs
    # Not as a condition beside the key: SQLite would look the run up before it looks at that.
    failed = case((workflows.c.status == constant(WorkflowStatus.FAILED), workflows.c.key))
    its = and_(runs.c.workflow == failed, runs.c.run == workflows.c.run)
    return _with_failed(joined.outerjoin(runs, its))


def _with_failed(joined: Any) -> Any:
    """Runs, each with the task that failed it, if one did."""
    runs = schema.runs
    its = and_(_FAILED.c.workflow == runs.c.workflow, _FAILED.c.task == runs.c.error_task)
    return joined.outerjoin(_FAILED, its)


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    workflows, runs, owners, changes = schema.workflows, schema.runs, schema.owners, schema.changes
    of_workflow: BindParameter[int] = bindparam("of_workflow")
    workflow = select(*recorded()).select_from(with_error(workflows))
    run_columns = (
        runs.c.run,
        runs.c.reason,
        runs.c.status.label("run_status"),
        runs.c.created_time.label("run_created_time"),
        runs.c.start_time,
        runs.c.end_time,
        runs.c.cancel_time,
        runs.c.reused,
        runs.c.code,
        runs.c.login,
        runs.c.argv,
        runs.c.hostname,
        runs.c.error_type,
        runs.c.error_message,
    )
    oldest, newest = workflows.c.key.asc(), workflows.c.key.desc()  # keys count up
    return {
        "workflow": Composed(workflow.where(workflows.c.workflow_id == bindparam("of_id"))),
        "of_keys": Composed(workflow.where(among(workflows.c.key, "of_keys", dialect))),
        "oldest": Composed(limited(workflow.order_by(oldest))),
        "newest": Composed(limited(workflow.order_by(newest))),
        "oldest_of": Composed(_of_statuses(workflow, oldest)),
        "newest_of": Composed(_of_statuses(workflow, newest)),
        "runs": Composed(
            select(*run_columns, _FAILED.c.task_id.label("error_task_id"), *OWNER_COLUMNS)
            .select_from(_with_failed(runs.outerjoin(owners, owners.c.owner_id == runs.c.owner)))
            .where(runs.c.workflow == of_workflow)
            .order_by(runs.c.run)
        ),
        "owner": Composed(
            select(owners.c.machine, owners.c.pid, owners.c.process_start, owners.c.engine).where(
                owners.c.owner_id == bindparam("of_owner")
            )
        ),
        "holding": Composed(select(owners).where(owners.c.lease_until >= bindparam("of_now"))),
        "last_change": Composed(select(func.max(changes.c.number)).where(changes.c.workflow == of_workflow)),
    }


def limited(statement: Any) -> Any:
    """No more than ``most`` of its rows."""
    return no_more(statement, bindparam("most", type_=BigInteger))


def _of_statuses(workflow: Any, order: Any) -> Any:
    """Workflows of some statuses in order.

    Of those that have ended, no more than ``most`` of each of the statuses ``ended_0`` and so on; null stands
    for one that is not wanted. All that are active, if ``active`` is 1: which of these are RUNNING, PENDING
    or RESUMABLE is known only when they are looked at.
    """
    key, status = schema.workflows.c.key, schema.workflows.c.status
    # One after the other: along its index, each has its own in order. All together would be sorted.
    each = [
        select(limited(select(key).where(status == bindparam(f"ended_{place}")).order_by(order)).subquery())
        for place in range(len(ENDED))
    ]
    active: BindParameter[int] = bindparam("active", type_=BigInteger)
    each.append(select(key).where(status.in_(constants(ACTIVE)), active == literal_column("1")))
    return workflow.order_by(order).where(key.in_(union_all(*each)))
