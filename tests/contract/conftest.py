"""The engines that keep the contract: every test runs on each."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heliograph import workflow
from heliograph.storage.location import locate
from tests import clusters, postgresql, scripts
from tests.conditions import DEADLINE
from tests.gates import Gate, Ledger
from tests.invariants import check_store


@dataclass(frozen=True)
class EngineUnderTest:
    """One engine, on a storage of its own."""

    settings: dict[str, Any]
    storage: Any  # a folder, or the URL of a database on a server

    @property
    def is_ray(self) -> bool:
        """Its workflows outlive the process that began them, and their outputs are ObjectRefs."""
        return self.settings == RAY

    @property
    def name(self) -> str:
        """As records call it."""
        return "ray" if self.is_ray else "embedded"

    @property
    def database(self) -> Path | str:
        """What `tests.invariants` opens."""
        return self.storage / "heliograph.db" if isinstance(self.storage, Path) else str(self.storage)

    @property
    def values(self) -> Path:
        """The folder for large values."""
        return Path(locate(self.storage).values)

    def init(self, **more: Any) -> None:
        workflow.init(storage=self.storage, **{**self.settings, **more})

    def restart(self, **more: Any) -> None:
        """As a new process would find things after the engine is gone; what ran reads RESUMABLE."""
        self.stop()
        self.init(**more)

    def stop(self) -> None:
        """The end of the engine, with this process's hold on it."""
        workflow.shutdown()
        if self.is_ray:
            clusters.kill_coordinators()

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill a program, and the engine that ran its workflows: on Ray that is another process."""
        process.send_signal(signal.SIGKILL)
        if self.is_ray:
            clusters.kill_coordinators()

    def value(self, reference: Any) -> Any:
        """What `run_async` and its like give, once it is there."""
        if isinstance(reference, futures.Future):
            return reference.result(timeout=DEADLINE)
        import ray

        return ray.get(reference, timeout=DEADLINE)

    def value_code(self, name: str) -> str:
        """As `value`, in a program."""
        return f"__import__('ray').get({name}, timeout=60)" if self.is_ray else f"{name}.result(60)"

    def is_done(self, reference: Any) -> bool:
        """Whether what such a call gives is there, or will never be."""
        if isinstance(reference, futures.Future):
            return reference.done()
        import ray

        return bool(ray.wait([reference], timeout=0)[0])

    def script(self, code: str) -> str:
        """A program that initialises with this engine, and goes on with the code."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"from heliograph import workflow\nworkflow.init({given})\n{code}"

    def elsewhere(self, code: str, *arguments: object) -> str:
        """Run the code in another process, on the same storage; what it printed."""
        return scripts.run(self.script(code), self.storage, *arguments)


PROCESSES = {"workers": "processes", "num_workers": 2}
THREADS = {"workers": "threads", "num_workers": 4}
RAY = {"engine": "ray"}


@dataclass(frozen=True)
class OnPostgreSQL:
    """An engine whose storage is a database on a server."""

    settings: dict[str, Any]


def _opened_on_postgresql(settings: dict[str, Any], tmp_path: Path) -> Iterator[EngineUnderTest]:
    server = postgresql.server()
    engine = EngineUnderTest(settings, server.database(tmp_path / "values"))
    engine.init()
    yield engine
    workflow.shutdown()
    check_store(engine.database)
    server.drop(engine.storage)


def _opened(settings: dict[str, Any] | OnPostgreSQL, tmp_path: Path) -> Iterator[EngineUnderTest]:
    if isinstance(settings, OnPostgreSQL):
        yield from _opened_on_postgresql(settings.settings, tmp_path)
        return
    if settings == RAY:
        yield from _opened_on_ray(tmp_path)
        return
    engine = EngineUnderTest(settings, tmp_path / "storage")
    engine.init()
    yield engine
    engine.stop()
    check_store(engine.database)


_emptied: list[Path] = []


def _opened_on_ray(tmp_path: Path) -> Iterator[EngineUnderTest]:
    """As `_opened`; a storage with its coordinator is handed on, emptied, to the next test.

    A coordinator is a process that takes a second or two to start, and most tests need nothing new of it.
    """
    clusters.start()
    engine = EngineUnderTest(RAY, _emptied.pop() if _emptied else tmp_path / "storage")
    engine.init()
    yield engine
    try:
        workflow.shutdown()
        check_store(engine.database)
        engine.init()
        for workflow_id, status in workflow.list_all():
            if status in ("RUNNING", "PENDING"):
                with contextlib.suppress(ValueError):  # it has just ended
                    workflow.cancel(workflow_id)
            workflow.delete(workflow_id)
        _emptied.append(engine.storage)
    finally:
        workflow.shutdown()
        if not _emptied:
            clusters.kill_coordinators()


@pytest.fixture(
    params=[PROCESSES, THREADS, OnPostgreSQL(THREADS), RAY], ids=["processes", "threads", "postgresql", "ray"]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineUnderTest]:
    """Each engine."""
    yield from _opened(request.param, tmp_path)


@pytest.fixture(params=[PROCESSES, THREADS], ids=["processes", "threads"])
def embedded_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineUnderTest]:
    """The embedded engine in each of its forms, for the few promises that are its own."""
    yield from _opened(request.param, tmp_path)


@pytest.fixture(params=[PROCESSES, OnPostgreSQL(PROCESSES), RAY], ids=["processes", "postgresql", "ray"])
def isolating_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineUnderTest]:
    """Each engine whose tasks run in processes that can be killed."""
    yield from _opened(request.param, tmp_path)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """Holds tasks up; opens at the end, so that no thread is left behind it."""
    made = Gate(tmp_path / "gate")
    yield made
    made.open()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")
