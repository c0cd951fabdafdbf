"""The engines that own workflows: of which kind each is, and whether it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from heliograph.records.status import WorkflowStatus
from heliograph.storage.liveness import Presence, derived_status
from heliograph.storage.statements.connection import Connection
from heliograph.storage.statements.rendered import statements

_KNOWN: Final = 1_024


class _Engine(NamedTuple):
    """An engine: what never changes of it, and until when it has its lease."""

    machine: str
    pid: int
    process_start: float
    kind: str
    lease_until: float = 0.0


class KnownEngines:
    """A cache of what never changes about the owners of workflows.

    Args:
        kind: of database.
        clock: gives Unix seconds; a lease is measured against it.

    Attributes:
        kinds: `embedded` or `ray`, by the ids of the owners that are known so far.
    """

    def __init__(self, kind: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._read = statements(kind, "queries").owner
        self._known: dict[str, _Engine] = {}
        self.kinds: dict[str | None, str] = {}

    def at_once(self, connection: Connection) -> Engines:
        """The same, for one answer."""
        return Engines(self, connection)

    def presence(self) -> Presence:
        """Finds out which of them are there."""
        return Presence(self._clock)

    def get(self, owner_id: str, connection: Connection) -> _Engine | None:
        """An owner, read if it is not known yet; None: it is not stored."""
        engine = self._known.get(owner_id)
        if engine is None:
            row = self._read.row(connection, of_owner=owner_id)
            if row is None:
                return None
            engine = _Engine(*row)
            if len(self._known) >= _KNOWN:
                self._known.clear()
                self.kinds.clear()
            self._known[owner_id], self.kinds[owner_id] = engine, engine.kind
        return engine


class Engines:
    """The owners of the workflows of one answer.

    Args:
        known: the cache.
        connection: on which those are read that are not in it yet.

    Attributes:
        kinds: as in `KnownEngines`.
    """

    __slots__ = ("_connection", "_known", "_presence", "kinds")

    def __init__(self, known: KnownEngines, connection: Connection) -> None:
        self._known = known
        self._connection = connection
        self._presence: Presence | None = None
        self.kinds: Mapping[str | None, str] = known.kinds

    def kind(self, owner_id: str | None) -> str | None:
        """Of which kind an owner is; None: there is no owner."""
        engine = None if owner_id is None else self._known.get(owner_id, self._connection)
        return None if engine is None else engine.kind

    def status(
        self, stored: WorkflowStatus, owner_id: str | None, lease_until: float | None
    ) -> WorkflowStatus:
        """How a workflow reads that is active; see `liveness.derived_status`.

        Args:
            stored: its status.
            owner_id: of its owner; None: it has none.
            lease_until: when the owner's lease ends; None: the owner is not stored any more.
        """
        engine = None if owner_id is None else self._known.get(owner_id, self._connection)
        if engine is None or lease_until is None:
            return derived_status(stored, None, 0.0)
        if self._presence is None:
            self._presence = self._known.presence()
        return self._presence.status(stored, owner_id, engine._replace(lease_until=lease_until))
