"""Whose workflows are: of which kind that engine is, and whether it is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from heliograph.records.status import WorkflowStatus
from heliograph.storage.connection import Connection
from heliograph.storage.liveness import Presence, derived_status
from heliograph.storage.rendered import statements

_KNOWN: Final = 1_024


class _Engine(NamedTuple):
    """What never changes of an engine."""

    machine: str
    pid: int
    process_start: float
    kind: str


class _Held(NamedTuple):
    """An engine, and its lease: as much as tells whether it is there."""

    machine: str
    pid: int
    process_start: float
    lease_until: float


class KnownEngines:
    """What never changes of the owners of workflows: read once, however often these are looked at.

    Args:
        kind: of database.
        clock: gives Unix seconds; a lease is measured against it.
    """

    def __init__(self, kind: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said = statements(kind, "queries").owner
        self._known: dict[str, _Engine] = {}

    def at_once(self, connection: Connection) -> Engines:
        """They, for one answer."""
        return Engines(self, connection, Presence(self._clock))

    def get(self, owner_id: str, connection: Connection) -> _Engine | None:
        """One of them; None: it is not stored."""
        known = self._known.get(owner_id)
        if known is None:
            row = self._said.row(connection, of_id=owner_id)
            if row is None:
                return None
            if len(self._known) >= _KNOWN:
                self._known.clear()
            known = self._known[owner_id] = _Engine(*row)
        return known


class Engines:
    """The owners of the workflows of one answer.

    Args:
        known: all of them.
        connection: where those are read that are not known yet.
        presence: as of this answer.
    """

    __slots__ = ("_connection", "_known", "_presence")

    def __init__(self, known: KnownEngines, connection: Connection, presence: Presence) -> None:
        self._known = known
        self._connection = connection
        self._presence = presence

    def kind(self, owner_id: str | None) -> str | None:
        """Of which kind an owner is; None: there is none."""
        if owner_id is None:
            return None
        engine = self._known.get(owner_id, self._connection)
        return None if engine is None else engine.kind

    def status(
        self, stored: WorkflowStatus, owner_id: str | None, lease_until: float | None
    ) -> WorkflowStatus:
        """How a workflow reads; see `liveness.derived_status`.

        Args:
            stored: its status.
            owner_id: who has it.
            lease_until: until when.

        Raises:
            LookupError: the owner is not stored.
        """
        if owner_id is None:
            return derived_status(stored, None, 0.0)
        engine = self._known.get(owner_id, self._connection)
        if engine is None or lease_until is None:
            raise LookupError(f"there is no owner {owner_id}")
        held = _Held(engine.machine, engine.pid, engine.process_start, lease_until)
        return self._presence.status(stored, owner_id, held)
