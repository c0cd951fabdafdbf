"""Names for tasks that join a workflow later: one that is taken already gets a number."""

from __future__ import annotations

from typing import Final

from heliograph.graph.identifiers import numbered
from heliograph.graph.plan import Plan
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements

_REMEMBERED: Final = 10_000


class Names:
    """Finds free names, without holding all that are taken in memory."""

    def __init__(self, kind: str) -> None:
        self._statements = statements(kind, "names")
        self._next: dict[tuple[int, str], int] = {}

    def unique(self, connection: Connection, key: int, plan: Plan) -> tuple[str, ...]:
        """A name for each task of the plan that no task of the workflow has.

        Args:
            connection: of the transaction that will store the tasks.
            key: of the workflow.
            plan: the tasks.
        """
        names: list[str] = []
        new: set[str] = set()
        for planned in plan.tasks:
            base = planned.options.name or plan.functions[planned.function].default_name
            name = base
            while name in new or self._is_taken(connection, key, name):
                name = numbered(base, self._number(connection, key, base))
            new.add(name)
            names.append(name)
        return tuple(names)

    def _is_taken(self, connection: Connection, key: int, name: str) -> bool:
        if (key, name) in self._next:
            return True  # numbers have been given to it: so it was taken itself
        return self._statements.taken.ask(connection, of_workflow=key, of_task_id=name).first() is not None

    def _number(self, connection: Connection, key: int, base: str) -> int:
        number = self._next.get((key, base))
        if number is None:
            counted = self._statements.count.ask(
                connection, of_workflow=key, base=base, low=f"{base}_", high=f"{base}`"
            ).scalar_one()
            number = max(counted, 1)
            if len(self._next) >= _REMEMBERED:
                self._next.clear()
        self._next[key, base] = number + 1
        return number
