"""What `storage.journal.counts` says."""

from __future__ import annotations

from sqlalchemy import Dialect, delete, func, insert, literal_column, null, select, union_all

from heliograph.records.status import ACTIVE
from heliograph.storage.questions.queries import ENDED
from heliograph.storage.statements.composing import Composed, constants, inserting
from heliograph.storage.statements.owners import PRESENCE_COLUMNS, with_owner
from heliograph.storage.tables import schema


def statements(dialect: Dialect) -> dict[str, Composed]:
    """The statements of the room, by name."""
    counts, workflows = schema.workflow_counts, schema.workflows
    add = inserting(counts, dialect)
    counted = (
        select(literal_column("0"), workflows.c.status, func.count())
        .where(workflows.c.status.in_(constants(ENDED)))
        .group_by(workflows.c.status)
    )
    active = (
        select(workflows.c.status, func.count().label("workflows"), *PRESENCE_COLUMNS)
        .select_from(with_owner())
        .where(workflows.c.status.in_(constants(ACTIVE)))
        .group_by(workflows.c.status, *PRESENCE_COLUMNS)
    )
    ended = select(
        counts.c.status, func.sum(counts.c.workflows), *[null() for _ in PRESENCE_COLUMNS]
    ).group_by(counts.c.status)
    return {
        "add": Composed(
            add.on_conflict_do_update(
                index_elements=["shard", "status"],
                set_={"workflows": counts.c.workflows + add.excluded.workflows},
            ),
            counts.c.keys(),
        ),
        "by_status": Composed(union_all(active, ended)),
        "clear": Composed(delete(counts)),
        "recount": Composed(insert(counts).from_select(counts.c.keys(), counted)),
    }
