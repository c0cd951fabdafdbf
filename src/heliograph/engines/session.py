"""What one process has open: a store from the first question on, an engine from the first run on."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from typing import Any

from heliograph.engines import place
from heliograph.engines.engine import Engine, EngineSettings, WorkerKind
from heliograph.engines.event_sender import EventSender
from heliograph.records.context import running
from heliograph.storage.location import Location, locate
from heliograph.storage.store import Store


@dataclass(frozen=True, slots=True)
class Settings:
    """What `workflow.init` was told, complete and checked.

    Attributes:
        location: of the storage.
        engine: ``embedded``.
        workers: what the embedded engine runs tasks in.
    """

    location: Location
    engine: str
    workers: EngineSettings

    def shown(self) -> dict[str, Any]:
        """By the names that `workflow.init` has for them."""
        return {
            "storage": str(self.location.path or self.location.url),
            "engine": self.engine,
            "workers": self.workers.workers,
            "num_workers": self.workers.count,
            "max_running_workflows": self.workers.max_running,
            "max_pending_workflows": self.workers.max_pending,
        }


def settings(
    storage: str | os.PathLike[str] | None,
    engine: str | None,
    workers: str | None,
    num_workers: int | None,
    max_running_workflows: int | None,
    max_pending_workflows: int | None,
) -> Settings:
    """Settings as a user gave them, checked; see `workflow.init`.

    Raises:
        TypeError: a number that is not an int.
        ValueError: a value that can't be.
    """
    if engine not in (None, "embedded"):
        raise ValueError(f"engine must be 'embedded', not {engine!r}")
    kind: WorkerKind
    match workers:
        case None | "processes":
            kind = "processes"
        case "threads":
            kind = "threads"
        case _:
            raise ValueError(f"workers must be 'processes' or 'threads', not {workers!r}")
    return Settings(
        locate(storage),
        engine or "embedded",
        EngineSettings(
            kind,
            _number("num_workers", num_workers, least=1),
            _number("max_running_workflows", max_running_workflows, least=1),
            _number("max_pending_workflows", max_pending_workflows, least=0),
        ),
    )


def _number(name: str, value: int | None, least: int) -> int | None:
    """A limit; None where there is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int or None, not {value!r}")
    if value == -1:
        return None
    if value < least:
        raise ValueError(f"{name} must be at least {least}, or -1 for no limit, not {value}")
    return value


class Session:
    """A store and, once something runs, an engine on it.

    Args:
        given: what to open.

    Attributes:
        settings: what it was opened with.
        store: the open store.
        sender: sends events to workflows.

    Raises:
        StorageError: the storage can't be opened.
    """

    def __init__(self, given: Settings) -> None:
        self.settings = given
        self.store = Store(given.location)
        self.sender = EventSender(given.location)
        self._engine: Engine | None = None
        self._starting = threading.Lock()
        atexit.register(self.close)
        if running.get() is None:  # one that a task opens is not where that task's own workflow is stored
            place.enter(given.location)

    @property
    def engine(self) -> Engine:
        """The engine; started when it is first asked for."""
        with self._starting:
            if self._engine is None:
                self._engine = Engine(self.store, self.settings.workers)
            return self._engine

    @property
    def running_engine(self) -> Engine | None:
        """The engine, if it was started."""
        return self._engine

    @property
    def place(self) -> str:
        """Where the store is, for people."""
        return str(self.settings.location.path or self.settings.location.url)

    def close(self) -> None:
        """Stop the engine and close the store."""
        atexit.unregister(self.close)
        place.leave(self.settings.location)
        self.sender.close()
        with self._starting:
            if self._engine is not None:
                self._engine.close()
            self.store.close()
